// Reader of safetensors (docs/model-format.md): 8 bytes length, JSON header, data; little-endian.

const decoded = new Float32Array(65536).map((_, bits) => {
  const sign = bits & 0x8000 ? -1 : 1,
    exponent = (bits >> 10) & 31,
    mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + mantissa / 1024) * 2 ** (exponent - 15) : mantissa * 2 ** -24);
});

/** Float32Array of an array of half-precision bits. */
export const fromHalf = (bits) => Float32Array.from(bits, (b) => decoded[b]);

const kinds = {
  F64: [8, (b, o, n) => new Float64Array(b, o, n)],
  F32: [4, (b, o, n) => new Float32Array(b, o, n)],
  F16: [2, (b, o, n) => fromHalf(new Uint16Array(b, o, n))],
  I64: [8, (b, o, n) => new BigInt64Array(b, o, n)],
  I32: [4, (b, o, n) => new Int32Array(b, o, n)],
  U8: [1, (b, o, n) => new Uint8Array(b, o, n)],
};

/** Header of a file whose first bytes are `buffer`: {metadata, tensors: {name: {dtype, shape, from, to}}}, offsets
 * in the file. */
export function parseHeader(buffer) {
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const { __metadata__: metadata = {}, ...items } = header;
  const tensors = new Map();
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of Object.entries(items))
    tensors.set(name, { dtype, shape, from: from + 8 + length, to: to + 8 + length });
  return { metadata, tensors, end: 8 + length };
}

/** The numbers of one tensor from its own bytes. */
export function decode({ dtype, from, to }, buffer, offset = from) {
  const [width, make] = kinds[dtype];
  const n = (to - from) / width;
  // Headers are padded to 8 bytes and wide numbers come first, but a range starts where it likes.
  return offset % width === 0 ? make(buffer, offset, n) : make(buffer.slice(offset, offset + n * width), 0, n);
}

/** A whole file in memory. */
export class SafeTensors {
  constructor(buffer) {
    this.buffer = buffer;
    Object.assign(this, parseHeader(buffer));
  }
  has(name) {
    return this.tensors.has(name);
  }
  get(name) {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`no tensor '${name}'`);
    return decode(tensor, this.buffer);
  }
  shape(name) {
    return this.tensors.get(name).shape;
  }
}
