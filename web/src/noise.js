// Predicted + noise of many galaxies: in workers where the page's script is a file of its own, else in short slices
// that leave the page alive. The policy of a page of one file allows no worker: it has at most 20,000 galaxies.
import { Kernel } from "./kernel.js";
import { Model, nBands } from "./model.js";
import { lineNames, setLines } from "./lines.js";
import { SafeTensors } from "./safetensors.js";

const sliceTime = 10; // ms
const block = 256; // galaxies computed at once
const job = 16384; // galaxies a message
const workersFrom = 20000;

/** Lets the browser draw and answer before what follows. */
export function pause() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(null);
  });
}

/** One realisation of rows [first, last) of a part: {flux: 12 arrays, z, sigmas: one array a line or null, ids,
 * points: one a line, or null} into out (an array a line). */
export function noisyRows(model, part, seed, first, last, out) {
  const n = last - first,
    flux = new Float64Array(n * nBands);
  for (let r = 0; r < n; ++r) for (let b = 0; b < nBands; ++b) flux[r * nBands + b] = part.flux[b][first + r];
  const z = Float64Array.from(part.z.subarray(first, last));
  const finish = (r, ew) => {
    const i = first + r,
      noisy = model.addNoise(
        ew,
        flux.subarray(r * nBands, (r + 1) * nBands),
        z[r],
        (line) => part.sigmas[line]?.[i],
        seed,
        part.ids[i],
      );
    for (let line = 0; line < lineNames.length; ++line) out[line][i] = noisy[line];
  };
  if (model.joint)
    model.distributions(
      flux,
      z,
      n,
      (r, d) => {
        if (d) finish(r, model.spread(model.draws(d, 1, seed, part.ids[first + r])));
      },
      [0],
    );
  else
    for (let r = 0; r < n; ++r)
      finish(
        r,
        part.points.map((values) => values[first + r]),
      );
}

const empty = (n) => lineNames.map(() => new Float32Array(n).fill(NaN));

async function inSlices(model, all, n, seed, progress) {
  const out = empty(n);
  let start = performance.now();
  for (let first = 0; first < n; first += block) {
    noisyRows(model, all, seed, first, Math.min(first + block, n), out);
    if (performance.now() - start < sliceTime) continue;
    progress(Math.min(1, (first + block) / n));
    await pause();
    start = performance.now();
  }
  return out;
}

const cut = (array, first, last) => (array ? array.slice(first, last) : null);

let pool = null;
/** Workers that hold the model: {script, kernel, file, table, lines}. */
function workersOf({ script, kernel, file, table, lines }) {
  pool ??= Array.from({ length: Math.min(Math.max(navigator.hardwareConcurrency || 2, 1), 4) }, () => {
    const worker = new Worker(script);
    worker.postMessage({ kernel, file, table, lines });
    return worker;
  });
  return pool;
}

function inWorkers(bytes, all, n, seed, progress) {
  const out = empty(n),
    workers = workersOf(bytes);
  let next = 0,
    done = 0;
  return new Promise((resolve, reject) => {
    const feed = (worker) => {
      if (next >= n) return;
      const first = next,
        last = Math.min(first + job, n);
      next = last;
      const part = {
        flux: all.flux.map((c) => cut(c, first, last)),
        z: cut(all.z, first, last),
        sigmas: all.sigmas.map((c) => cut(c, first, last)),
        ids: cut(all.ids, first, last),
        points: all.points?.map((c) => cut(c, first, last)) ?? null,
      };
      worker.postMessage(
        { part, seed, first, n: last - first },
        [...part.flux, part.z, ...part.sigmas, part.ids, ...(part.points ?? [])].filter(Boolean).map((a) => a.buffer),
      );
    };
    for (const worker of workers) {
      worker.onerror = (e) => reject(new Error(`a worker failed: ${e.message}`));
      worker.onmessage = ({ data }) => {
        data.out.forEach((values, line) => out[line].set(values, data.first));
        done += data.n;
        progress(done / n);
        feed(worker);
        if (done === n) resolve(out);
      };
      feed(worker);
    }
  });
}

/** bytes: of workersOf, or null where there can be none. */
export const noisyOfAll = (model, bytes, all, n, seed, progress) =>
  bytes && n > workersFrom ? inWorkers(bytes, all, n, seed, progress) : inSlices(model, all, n, seed, progress);

/** What the page's script does in a worker. */
export function work() {
  let model;
  onmessage = async ({ data }) => {
    if (data.kernel) {
      setLines(data.lines);
      model = Kernel.load(data.kernel).then((kernel) => new Model(kernel, new SafeTensors(data.file), data.table));
      return;
    }
    const { part, seed, first, n } = data,
      out = empty(n),
      ready = await model;
    for (let at = 0; at < n; at += block) noisyRows(ready, part, seed, at, Math.min(at + block, n), out);
    /** @type {any} */ (globalThis).postMessage(
      { first, n, out },
      out.map((a) => a.buffer),
    );
  };
}
