// Where a galaxy with other bands would lie on the map: the mean place of the galaxies whose starlight is most alike.
import { nBands } from "./model.js";

const nearest = 8;

/** log10 of twelve bands less its own mean: the shape; null where a band is missing. */
function shape(bands, out, at) {
  let mean = 0;
  for (let b = 0; b < nBands; ++b) {
    const v = Math.log10(bands[b]);
    if (!Number.isFinite(v)) return false;
    out[at + b] = v;
    mean += v / nBands;
  }
  for (let b = 0; b < nBands; ++b) out[at + b] -= mean;
  return true;
}

/** Of galaxies in memory; map: {x, y}. find(bands): [x, y] or null. */
export function placeFinder(columns, map) {
  const bands = Array.from({ length: nBands }, (_, b) => columns.now(`BAND_FLUX.${b}`)),
    shapes = new Float32Array(map.n * nBands),
    known = new Uint8Array(map.n),
    one = new Float64Array(nBands);
  for (let i = 0; i < map.n; ++i) {
    for (let b = 0; b < nBands; ++b) one[b] = bands[b][i];
    known[i] = Number.isFinite(map.x[i]) && shape(one, shapes, i * nBands) ? 1 : 0;
  }
  const wanted = new Float32Array(nBands);
  return (asked) => {
    if (!shape(asked, wanted, 0)) return null;
    const best = []; // [distance squared, row], ascending
    for (let i = 0; i < map.n; ++i) {
      if (!known[i]) continue;
      const worst = best.length < nearest ? Infinity : best[nearest - 1][0];
      let d = 0;
      for (let b = 0; b < nBands && d < worst; ++b) d += (shapes[i * nBands + b] - wanted[b]) ** 2;
      if (d >= worst) continue;
      let at = best.length;
      while (at > 0 && best[at - 1][0] > d) --at;
      best.splice(at, 0, [d, i]);
      best.length = Math.min(best.length, nearest);
    }
    if (!best.length) return null;
    // Nearer galaxies count more; the very same starlight is its own place.
    let [x, y, sum] = [0, 0, 0];
    for (const [d, i] of best) {
      const w = 1 / (d + 1e-9);
      x += w * map.x[i];
      y += w * map.y[i];
      sum += w;
    }
    return [x / sum, y / sum];
  };
}
