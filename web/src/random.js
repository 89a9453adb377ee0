// Threefry2x32-20 as in include/starglow/base/random.hpp: the keys of objects. The numbers themselves come from the
// kernel.

export const streams = { intrinsic: 0, label_noise: 1 };

export function threefry(k0, k1, c0, c1) {
  const keys = [k0 | 0, k1 | 0, 0x1bd11bda ^ k0 ^ k1];
  let x0 = (c0 + keys[0]) | 0,
    x1 = (c1 + keys[1]) | 0;
  const rotations = [
    [13, 15, 26, 6],
    [17, 29, 16, 24],
  ];
  for (let group = 0; group < 5; ++group) {
    for (const r of rotations[group & 1]) {
      x0 = (x0 + x1) | 0;
      x1 = ((x1 << r) | (x1 >>> (32 - r))) ^ x0;
    }
    x0 = (x0 + keys[(group + 1) % 3]) | 0;
    x1 = (x1 + keys[(group + 2) % 3] + group + 1) | 0;
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** Key of one object in one stream; seed a number below 2^53, id a BigInt (int64). */
export function objectKey(seed, stream, id) {
  const [s0, s1] = threefry(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, stream, 0);
  const bits = BigInt.asUintN(64, id);
  return threefry(s0, s1, Number(bits >> 32n), Number(bits & 0xffffffffn));
}
