// The compiled kernel (src/kernels/wasm.cpp) with arrays in place of addresses.

export class Kernel {
  static async load(bytes) {
    const { instance } = await WebAssembly.instantiate(bytes, {});
    return new Kernel(instance.exports);
  }
  constructor(exports) {
    this.x = exports;
    this.kept = new Map();
  }
  /** Bytes that stay; the memory has no free. */
  allocate(bytes) {
    const at = this.x.starglow_allocate(bytes);
    if (!at) throw new Error("the kernel is out of memory");
    return at;
  }
  put(Type, values) {
    const at = this.allocate(values.length * Type.BYTES_PER_ELEMENT);
    new Type(this.x.memory.buffer, at, values.length).set(values);
    return at;
  }
  /** Work space of a name, as large as it ever was asked for. */
  scratch(name, Type, length) {
    let kept = this.kept.get(name);
    if (!kept || kept.length < length) {
      kept = { at: this.allocate(length * Type.BYTES_PER_ELEMENT), length };
      this.kept.set(name, kept);
    }
    return { at: kept.at, array: () => new Type(this.x.memory.buffer, kept.at, length) };
  }

  network(sizes, activation, params) {
    return { sizes, activation, shape: this.put(Int32Array, sizes), params: this.put(Float32Array, params) };
  }
  /** y (n, outputs) of x (n, inputs); a view that the next call overwrites. */
  forward(net, x, n) {
    const inputs = net.sizes[0],
      outputs = net.sizes.at(-1);
    const from = this.scratch("x", Float32Array, n * inputs),
      to = this.scratch("y", Float32Array, n * outputs);
    from.array().set(x);
    this.x.starglow_forward(net.sizes.length - 1, net.shape, net.activation, net.params, from.at, n, to.at);
    return to.array();
  }
  /** t (n): weight, mean, sd are (components, n), z (n), all Float64Array. */
  quantiles(components, weight, mean, sd, z, n) {
    const put = (name, values) => {
      const s = this.scratch(name, Float64Array, values.length);
      s.array().set(values);
      return s.at;
    };
    const [w, m, s, zs] = [put("weight", weight), put("mean", mean), put("sd", sd), put("z", z)];
    const t = this.scratch("t", Float64Array, n);
    this.x.starglow_quantiles(components, w, m, s, n, zs, n, t.at);
    return t.array().slice();
  }
  intrinsicEw(t) {
    const from = this.scratch("t_in", Float64Array, t.length),
      to = this.scratch("ew_out", Float64Array, t.length);
    from.array().set(t);
    this.x.starglow_intrinsic_ew(from.at, to.at, t.length);
    return to.array().slice();
  }
  /** Draws 0..n-1: (N, n) EWs. d: {components, weight (c), mean (c, N), sd (c, N)}; factor (c, N, N); sii: place of
   * [SII] 6716 where 6731 follows it, else -1. */
  sample(d, factor, sii, key, n) {
    const c = d.components,
      N = d.mean.length / c,
      places = this.x.starglow_places(N); // of the kernel's loops: those behind the last line are drawn and left
    const limit = this.scratch("limit", Uint32Array, c),
      mean = this.scratch("mean32", Float32Array, c * places);
    const sd = this.scratch("sd32", Float32Array, c * places),
      ew = this.scratch("ew32", Float32Array, places * n);
    const at = this.factor(factor, c, N, places);
    let below = 0;
    const limits = limit.array(),
      means = mean.array().fill(0),
      sds = sd.array().fill(1);
    for (let k = 0; k < c; ++k) {
      below += d.weight[k];
      limits[k] = Math.min(Math.max(Math.floor(below * 2 ** 32 - 0.5), 0), 2 ** 32 - 1);
      means.set(d.mean.subarray(k * N, (k + 1) * N), k * places);
      sds.set(d.sd.subarray(k * N, (k + 1) * N), k * places);
    }
    this.x.starglow_sample(places, c, sii, limit.at, mean.at, sd.at, at, key[0], key[1], n, ew.at);
    return ew.array().subarray(0, N * n);
  }
  /** Address of factors (c, N, N) on (places, places), those that were asked for last. */
  factor(factor, c, N, places) {
    const room = this.scratch("factor", Float32Array, c * places * places);
    if (this.lastFactor === factor) return room.at;
    this.lastFactor = factor;
    const to = room.array().fill(0);
    for (let k = 0; k < c; ++k)
      for (let i = 0; i < places; ++i) {
        const row = (k * places + i) * places;
        if (i < N) to.set(factor.subarray((k * N + i) * N, (k * N + i + 1) * N), row);
        else to[row + i] = 1;
      }
    return room.at;
  }
  /** Normal of (draw, lane). */
  normal(key, draw, lane) {
    const z = this.scratch("normals", Float32Array, 4);
    this.x.starglow_normals(key[0], key[1], draw, lane, z.at);
    return z.array()[0];
  }
}
