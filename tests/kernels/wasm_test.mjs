// The kernel as WebAssembly against the same network in JavaScript's doubles.
import fs from "node:fs";
import assert from "node:assert";

const { instance } = await WebAssembly.instantiate(fs.readFileSync(process.argv[2]), {});
const { memory, starglow_allocate, starglow_forward, starglow_jacobian } = instance.exports;
const floats = (values) => {
  const at = starglow_allocate(values.length * 4);
  new Float32Array(memory.buffer, at, values.length).set(values);
  return at;
};
let state = 12345;
const random = () => ((state = (state * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff - 0.5) * 2;

const activations = [
  (x) => (x > 0 ? 1.0507009873554805 * x : 1.0507009873554805 * 1.6732632423543772 * Math.expm1(x)),
  (x) => {
    const t = Math.min(1, Math.max(0, (x + 4) / 8));
    return x * t ** 3 * (10 - 15 * t + 6 * t * t);
  },
  (x) => x / (1 + Math.exp(-x)),
];
function slow(sizes, activation, params, x) {
  let at = 0;
  for (let l = 0; l + 1 < sizes.length; ++l) {
    const [n, m] = [sizes[l], sizes[l + 1]];
    const next = [];
    for (let o = 0; o < m; ++o) {
      let sum = params[at + n * m + o];
      for (let i = 0; i < n; ++i) sum += params[at + o * n + i] * x[i];
      next.push(l + 2 < sizes.length ? activations[activation](sum) : sum);
    }
    at += (n + 1) * m;
    x = next;
  }
  return x;
}

let compared = 0;
for (const sizes of [
  [12, 64, 128, 64, 1],
  [13, 48, 96, 48, 8],
  [3, 5, 2],
])
  for (let activation = 0; activation < 3; ++activation) {
    const n = 37,
      [n_in, n_out] = [sizes[0], sizes[sizes.length - 1]];
    let count = 0;
    for (let l = 0; l + 1 < sizes.length; ++l) count += (sizes[l] + 1) * sizes[l + 1];
    const params = Float32Array.from({ length: count }, () => 0.2 * random());
    const x = Float32Array.from({ length: n * n_in }, () => 2 * random());
    const shape = starglow_allocate(sizes.length * 4);
    new Int32Array(memory.buffer, shape, sizes.length).set(sizes);
    const [p, xs] = [floats(params), floats(x)];
    const [y, y2, jac] = [n * n_out, n * n_out, n * n_out * n_in].map((k) => starglow_allocate(k * 4));
    starglow_forward(sizes.length - 1, shape, activation, p, xs, n, y);
    starglow_jacobian(sizes.length - 1, shape, activation, p, xs, n, y2, jac);
    const got = new Float32Array(memory.buffer, y, n * n_out),
      again = new Float32Array(memory.buffer, y2, n * n_out);
    const slopes = new Float32Array(memory.buffer, jac, n * n_out * n_in);
    for (let g = 0; g < n; ++g) {
      const row = Array.from(x.slice(g * n_in, (g + 1) * n_in));
      const want = slow(sizes, activation, params, row);
      const up = slow(
        sizes,
        activation,
        params,
        row.map((v, i) => (i === 1 ? v + 1e-5 : v)),
      );
      const down = slow(
        sizes,
        activation,
        params,
        row.map((v, i) => (i === 1 ? v - 1e-5 : v)),
      );
      for (let o = 0; o < n_out; ++o) {
        assert(Math.abs(got[g * n_out + o] - want[o]) <= 4e-6 * (1 + Math.abs(want[o])));
        assert.strictEqual(got[g * n_out + o], again[g * n_out + o]);
        const slope = (up[o] - down[o]) / 2e-5;
        assert(Math.abs(slopes[(g * n_out + o) * n_in + 1] - slope) <= 1e-4 * (1 + Math.abs(slope)));
        ++compared;
      }
    }
  }
console.log(`${compared} outputs and slopes agree`);
