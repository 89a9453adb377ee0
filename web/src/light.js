// What a spectrum is drawn from: continua, painted lines, grids, and the limits of the axes.
import { components, marks, zooms } from "./lines.js";
import { nBands } from "./model.js";

const lineSigma = 150 / 299792.458; // drawn width of a line: sigma / wavelength
export const bandLow = (b) => 3400 + 300 * b;

/** Continuum of twelve bands at a rest wavelength: straight lines between the middles of the bands that exist. */
export function continuumOf(bands) {
  const xs = [],
    ys = [];
  for (let b = 0; b < nBands; ++b)
    if (bands[b] > 0 && Number.isFinite(bands[b])) {
      xs.push(bandLow(b) + 150);
      ys.push(bands[b]);
    }
  return (wave) => {
    if (!xs.length) return NaN;
    let k = 0;
    while (k + 2 < xs.length && wave > xs[k + 1]) ++k;
    if (xs.length === 1) return ys[0];
    const y = ys[k] + ((wave - xs[k]) / (xs[k + 1] - xs[k])) * (ys[k + 1] - ys[k]);
    return Math.max(y, 0.2 * Math.min(ys[k], ys[k + 1]));
  };
}

/** Adds lines of the given EWs (A) to out, the continuum at the grid `wave` (rest). */
export function paint(wave, out, continuum, ews) {
  components.forEach((parts, line) => {
    const ew = ews[line];
    if (!Number.isFinite(ew) || ew === 0) return;
    for (const [centre, share] of parts) {
      const sigma = centre * lineSigma,
        peak = (share * ew * continuum(centre)) / (sigma * Math.sqrt(2 * Math.PI));
      // first grid point within 5 sigma
      let low = 0,
        high = wave.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (wave[middle] < centre - 5 * sigma) low = middle + 1;
        else high = middle;
      }
      for (let i = low; i < wave.length && wave[i] < centre + 5 * sigma; ++i)
        out[i] += peak * Math.exp(-0.5 * ((wave[i] - centre) / sigma) ** 2);
    }
  });
  return out;
}

const grids = {};
function gridWithLines() {
  const all = new Set();
  for (let w = 3400; w <= 7000; w += 4) all.add(w);
  for (const parts of components)
    for (const [centre] of parts) for (let d = -14; d <= 14; d += 0.7) all.add(centre + d);
  return Float64Array.from([...all].filter((w) => w >= 3400 && w <= 7000).sort((a, b) => a - b));
}
/** Of the twelve bands, finer at the lines. */
export const mainGrid = () => (grids.main ??= gridWithLines());
/** Of zoom k. */
export const zoomGrid = (k) =>
  ((grids.zooms ??= [])[k] ??= Float64Array.from(
    { length: 161 },
    (_, i) => zooms[k].centre + zooms[k].half * (i / 80 - 1),
  ));

/** Values of a function along a grid. A plain loop: from() with a function takes ten times as long. */
export function along(wave, f) {
  const out = new Float64Array(wave.length);
  for (let i = 0; i < wave.length; ++i) out[i] = f(wave[i]);
  return out;
}

/** Least and greatest of each pixel column, in the order in which they come: what a line of `columns` pixels can show.
 *  series share their columns, so that all stay on one x axis; null stays null. */
export function reduce(x, series, columns) {
  const n = x.length;
  if (n <= 2 * columns) return [x, ...series];
  const edges = new Int32Array(columns + 1),
    reduced = new Float64Array(2 * columns);
  for (let c = 0; c <= columns; ++c) edges[c] = Math.floor((c * n) / columns);
  for (let c = 0; c < columns; ++c) {
    reduced[2 * c] = x[edges[c]];
    reduced[2 * c + 1] = x[edges[c + 1] - 1];
  }
  return [
    reduced,
    ...series.map((values) => {
      if (!values) return null;
      const out = new Float64Array(2 * columns);
      for (let c = 0; c < columns; ++c) {
        let low = Infinity,
          high = -Infinity,
          lowAt = 0,
          highAt = 0;
        for (let i = edges[c]; i < edges[c + 1]; ++i) {
          const v = values[i];
          if (v < low) {
            low = v;
            lowAt = i;
          }
          if (v > high) {
            high = v;
            highAt = i;
          }
        }
        const none = low === Infinity;
        out[2 * c] = none ? NaN : lowAt <= highAt ? low : high;
        out[2 * c + 1] = none ? NaN : lowAt <= highAt ? high : low;
      }
      return out;
    }),
  ];
}

/** First index whose wavelength is not below w. */
export function place(wave, w) {
  let low = 0,
    high = wave.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (wave[middle] < w) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Limits that a few wild pixels do not set: the middle 99.4 % of every eighth pixel, as two numbers. */
export function robust(flux) {
  const kept = [];
  for (let i = 0; i < flux.length; i += 8) if (Number.isFinite(flux[i])) kept.push(flux[i]);
  kept.sort((a, b) => a - b);
  return kept.length
    ? [kept[Math.floor(0.003 * kept.length)], kept[Math.min(kept.length - 1, Math.floor(0.997 * kept.length))]]
    : [];
}

/** The brightest of each line where it stands out of the noise: a line may be narrower than the share that `robust`
 * leaves out. */
export function peaks({ wave, flux, sigma }) {
  return marks.map(([centre]) => {
    let most = NaN;
    for (let i = place(wave, centre - 8); i < wave.length && wave[i] < centre + 8; ++i)
      if (flux[i] > 5 * sigma[i] && !(flux[i] <= most)) most = flux[i];
    return most;
  });
}

/** For uPlot: null where there is no number; one shared empty series for what is not there at all. */
const absent = new Map();
export function gaps(values, n) {
  if (!values) {
    if (!absent.has(n)) absent.set(n, new Array(n).fill(null));
    return absent.get(n);
  }
  const out = new Array(n);
  for (let i = 0; i < n; ++i) out[i] = Number.isNaN(values[i]) ? null : values[i];
  return out;
}

/** Runs of pixels without information, as [first, last] wavelengths. */
export function maskedRuns({ wave, sigma }) {
  const runs = [];
  for (let i = 0; i < wave.length; ++i)
    if (Number.isNaN(sigma[i])) {
      const from = i;
      while (i + 1 < wave.length && Number.isNaN(sigma[i + 1])) ++i;
      runs.push([wave[Math.max(from - 1, 0)], wave[Math.min(i + 1, wave.length - 1)]]);
    }
  return runs;
}

/** Straight lines between the points of a measured continuum. */
export function continuumAlong({ wave, continuum }) {
  return (w) => {
    let low = 0,
      high = wave.length - 1;
    if (w <= wave[0] || w >= wave[high]) return NaN;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (wave[middle] <= w) low = middle;
      else high = middle;
    }
    return continuum[low] + ((w - wave[low]) / (wave[high] - wave[low])) * (continuum[high] - continuum[low]);
  };
}

/** Height of a line over the continuum, as it is painted: two near components are one peak. */
export const peakOf = (line, ew, level) => {
  const parts = components[line],
    middle = parts.reduce((sum, [centre, share]) => sum + share * centre, 0),
    at = (wave) =>
      parts.reduce((sum, [centre, share]) => {
        const sigma = centre * lineSigma;
        return sum + (share * Math.exp(-0.5 * ((wave - centre) / sigma) ** 2)) / (sigma * Math.sqrt(2 * Math.PI));
      }, 0);
  return ew * level * Math.max(...[middle, ...parts.map(([centre]) => centre)].map(at));
};

const span = (lists) => {
  let low = Infinity,
    high = -Infinity;
  for (const values of lists)
    for (const v of values ?? [])
      if (Number.isFinite(v)) {
        if (v < low) low = v;
        if (v > high) high = v;
      }
  return [low, high];
};
// How far a prediction may stretch an axis, times what the data reach: of a whole spectrum, and of a part of it, where
// the data may be flat.
const mostOfData = 3,
  mostOfPart = 8;
/** Ends of y. data: what was measured (and the bands); predicted: what the model says of it, which counts as far as it
 * may stretch the axis. A whole spectrum stands on zero. */
export function limits(data, predicted, whole) {
  let [low, high] = span(data);
  const [least, most] = span(predicted);
  if (!(high >= low)) [low, high] = [least, most];
  else {
    const by = whole ? mostOfData : mostOfPart,
      reach = Math.max(high, 0) * by || high + by * (high - low);
    if (most <= reach) high = Math.max(high, most);
    else high += 0.25 * (high - Math.min(low, 0)); // room for an arrow with the number
    if (least >= low - mostOfData * Math.max(high - low, 1e-30)) low = Math.min(low, least);
  }
  if (!(high >= low)) return [0, 1];
  const pad = 0.08 * (high - low) || 0.1 * Math.abs(high) || 1;
  return [whole ? Math.min(low - pad, Math.max(0, low - 3 * pad)) : low - pad, high + pad];
}
