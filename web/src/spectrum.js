// The spectrum of a galaxy and its zooms (uPlot), the twelve bands, painted lines.
import uPlot from 'uplot';
import { nBands } from './model.js';

const lineSigma = 150 / 299792.458; // drawn width of a line: sigma / wavelength
const bandLow = (b) => 3400 + 300 * b;
// Components of a line: [wavelength (vacuum, A), share of its flux]. The doublet is drawn with equal shares.
const components = [[[3727.1, 0.5], [3729.86, 0.5]], [[4341.692, 1]], [[4862.71, 1]], [[4960.295, 1]], [[5008.24, 1]], [[6549.861, 1]], [[6564.6, 1]], [[6585.273, 1]], [[6718.294, 1]], [[6732.674, 1]]];
export const zooms = [
  { label: '[OII] 3728', line: 0, centre: 3728.5, half: 15 }, { label: 'Hβ 4863', line: 2, centre: 4862.7, half: 15 },
  { label: '[OIII] 5008', line: 4, centre: 5008.2, half: 15 }, { label: 'Hα 6565', line: 6, centre: 6564.6, half: 15 },
  { label: '[NII] 6585', line: 7, centre: 6585.3, half: 15 }, { label: '[SII] 6718, 6733', line: 8, centre: 6725.5, half: 20 },
];

/** Continuum of twelve bands at a rest wavelength: straight lines between the middles of the bands that exist. */
export function continuumOf(bands) {
  const xs = [], ys = [];
  for (let b = 0; b < nBands; ++b) if (bands[b] > 0 && Number.isFinite(bands[b])) { xs.push(bandLow(b) + 150); ys.push(bands[b]); }
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
function paint(wave, out, continuum, ews) {
  components.forEach((parts, line) => {
    const ew = ews[line];
    if (!Number.isFinite(ew) || ew === 0) return;
    for (const [centre, share] of parts) {
      const sigma = centre * lineSigma, peak = (share * ew * continuum(centre)) / (sigma * Math.sqrt(2 * Math.PI));
      // first grid point within 5 sigma
      let low = 0, high = wave.length;
      while (low < high) { const middle = (low + high) >> 1; if (wave[middle] < centre - 5 * sigma) low = middle + 1; else high = middle; }
      for (let i = low; i < wave.length && wave[i] < centre + 5 * sigma; ++i) out[i] += peak * Math.exp(-0.5 * ((wave[i] - centre) / sigma) ** 2);
    }
  });
  return out;
}

function gridWithLines() {
  const all = new Set();
  for (let w = 3400; w <= 7000; w += 4) all.add(w);
  for (const parts of components) for (const [centre] of parts) for (let d = -14; d <= 14; d += 0.7) all.add(centre + d);
  return Float64Array.from([...all].filter((w) => w >= 3400 && w <= 7000).sort((a, b) => a - b));
}
const mainGrid = gridWithLines();
const zoomGrids = zooms.map(({ centre, half }) => Float64Array.from({ length: 161 }, (_, k) => centre + half * (k / 80 - 1)));

/** Least and greatest of each pixel column, in the order in which they come: what a line of `columns` pixels can show.
 *  series share their columns, so that all stay on one x axis. */
export function reduce(x, series, columns) {
  const n = x.length;
  if (n <= 2 * columns) return [x, ...series];
  const out = [new Float64Array(2 * columns), ...series.map(() => new Float64Array(2 * columns))];
  for (let c = 0; c < columns; ++c) {
    const from = Math.floor((c * n) / columns), to = Math.max(from + 1, Math.floor(((c + 1) * n) / columns));
    out[0][2 * c] = x[from];
    out[0][2 * c + 1] = x[Math.min(to, n) - 1];
    series.forEach((values, s) => {
      let low = Infinity, high = -Infinity, lowAt = from, highAt = from;
      for (let i = from; i < to; ++i) {
        const v = values[i];
        if (v < low) { low = v; lowAt = i; }
        if (v > high) { high = v; highAt = i; }
      }
      const first = lowAt <= highAt ? low : high, second = lowAt <= highAt ? high : low;
      out[s + 1][2 * c] = Number.isFinite(first) ? first : NaN;
      out[s + 1][2 * c + 1] = Number.isFinite(second) ? second : NaN;
    });
  }
  return out;
}

const gaps = (values) => Array.from(values, (v) => (Number.isNaN(v) ? null : v));

export class SpectrumPanel {
  constructor(main, zoomBox, colours) {
    this.main = main;
    this.zoomBox = zoomBox;
    this.rest = true;
    this.boxes = zooms.map((zoom) => {
      const figure = document.createElement('figure'), caption = document.createElement('figcaption'), title = document.createElement('b'), value = document.createElement('span'), plot = document.createElement('div');
      title.textContent = zoom.label;
      caption.append(title, value);
      figure.append(caption, plot);
      zoomBox.append(figure);
      return { figure, value, plot };
    });
    this.setColours(colours);
    new ResizeObserver(() => this.resize()).observe(main);
  }
  setColours(colours) {
    this.colours = colours;
    this.plots?.forEach((plot) => plot.destroy());
    this.plots = null;
    this.build();
    if (this.last) this.show(...this.last);
  }
  build() {
    const c = this.colours, width = Math.max(this.main.clientWidth, 240), zoomWidth = Math.max(Math.floor(this.boxes[0].plot.clientWidth) || 140, 90);
    const font = '11px system-ui, sans-serif';
    const axis = (extra) => ({ stroke: c.soft, font, grid: { stroke: c.rule, width: 1 }, ticks: { show: false }, ...extra });
    const line = (stroke, w, extra = {}) => ({ stroke, width: w, points: { show: false }, spanGaps: false, ...extra });
    // x, flux, upper and lower noise, continuum, predicted, its interval, was (before play), observed lines
    const series = (thin) => [
      {}, line(c.flux, thin ? 1 : 1), line('transparent', 0), line('transparent', 0), line(c.continuum, 1.6),
      line(c.predicted, 1.8), line('transparent', 0), line('transparent', 0), line(c.soft, 1.2, { dash: [4, 3] }), line(c.flux, 1.3, { dash: [5, 3] }),
    ];
    const bands = [{ series: [2, 3], fill: c.noise }, { series: [6, 7], fill: c.interval }];
    const options = (w, h, axes, scaleX) => ({ width: w, height: h, legend: { show: false }, cursor: { show: false }, select: { show: false }, padding: [8, 16, 0, 0], scales: { x: { time: false, range: scaleX }, y: { range: (u) => u.wanted ?? [0, 1] } }, axes, series: series(), bands });
    const small = (v) => v.map((x) => String(Number(x.toPrecision(6))));
    const nothing = series().map((_, k) => (k ? [null, null] : [3400, 7000]));
    this.width = width;
    const height = 216;
    this.plots = [new uPlot(options(width, height, [axis({ size: 24, values: (_, v) => small(v) }), axis({ size: 40, values: (_, v) => small(v) })], (u) => u.shown ?? [3400, 7000]), nothing, this.main)];
    zooms.forEach((zoom, k) => {
      const range = (u) => u.shown ?? [zoom.centre - zoom.half, zoom.centre + zoom.half];
      this.plots.push(new uPlot(options(zoomWidth, 96, [axis({ size: 20, space: 44, values: (_, v) => small(v) }), axis({ size: 30, space: 24, values: (_, v) => small(v) })], range), nothing, this.boxes[k].plot));
    });
  }
  resize() {
    const width = Math.max(this.main.clientWidth, 240);
    if (width === this.width) return;
    this.width = width;
    this.plots[0].setSize({ width, height: 216 });
    this.boxes.forEach(({ plot }, k) => this.plots[k + 1].setSize({ width: Math.max(plot.clientWidth, 90), height: 96 }));
    if (this.last) this.show(...this.last);
  }

  /** row: of Galaxies.row; prediction: {ew, p16, p84}; state: which EWs stand beside it; spectrum: measured, or null;
   *  play: {bands, prediction} or null. */
  show(row, prediction, extra = {}) {
    this.last = [row, prediction, extra];
    const { spectrum = null, play = null, fixed = null } = extra;
    const bands = play?.bands ?? row.bands, continuum = continuumOf(bands), shown = play?.prediction ?? prediction;
    const stretch = this.rest ? 1 : 1 + (row.z || 0);
    const levels = (wave) => {
      const base = Float64Array.from(wave, continuum), none = () => new Float64Array(wave.length).fill(NaN);
      const painted = (ews) => (ews ? paint(wave, base.slice(), continuum, ews) : none());
      const before = continuumOf(row.bands);
      return {
        predicted: painted(shown?.ew), high: painted(shown?.p84), low: painted(shown?.p16),
        was: play && prediction ? paint(wave, Float64Array.from(wave, before), before, prediction.ew) : none(),
        observed: !spectrum && row.ew.some(Number.isFinite) && !play ? paint(wave, Float64Array.from(wave, before), before, row.ew) : none(),
      };
    };
    const steps = (wave, smooth) => Float64Array.from(wave, (w) => (smooth ? smooth(w) : bands[Math.min(nBands - 1, Math.max(0, Math.floor((w - 3400) / 300)))]));
    const empty = (n) => new Float64Array(n).fill(NaN);
    const wave = spectrum ? spectrum.wave : mainGrid, l = levels(wave);
    const noise = spectrum ? [spectrum.flux.map((f, i) => f + spectrum.sigma[i]), spectrum.flux.map((f, i) => f - spectrum.sigma[i])] : [empty(wave.length), empty(wave.length)];
    const flux = spectrum ? spectrum.flux : empty(wave.length);
    const bandSeries = spectrum?.continuum ?? steps(wave);
    const data = reduce(wave, [flux, ...noise, bandSeries, l.predicted, l.high, l.low, l.was, l.observed], Math.max(200, Math.min(this.width - 52, 900)));
    this.push(0, data, stretch, fixed ?? this.limits([spectrum ? flux : l.observed, l.predicted], bands), [3400, 7000]);
    zooms.forEach((zoom, k) => {
      let grid = zoomGrids[k], from = 0, to = 0;
      if (spectrum) {
        from = spectrum.wave.findIndex((w) => w >= zoom.centre - zoom.half);
        to = spectrum.wave.findIndex((w) => w > zoom.centre + zoom.half);
        if (to < 0) to = spectrum.wave.length;
        if (from >= 0 && to - from > 3) grid = spectrum.wave.subarray(from, to); else from = to = 0;
      }
      const z = levels(grid), measured = to > from, cut = (a) => (measured ? a.subarray(from, to) : empty(grid.length));
      const columns = [grid, spectrum ? cut(flux) : empty(grid.length), cut(noise[0]), cut(noise[1]), steps(grid, continuum), z.predicted, z.high, z.low, z.was, z.observed];
      const all = [spectrum ? cut(flux) : z.observed, z.predicted, z.high, steps(grid, continuum)];
      this.push(k + 1, columns, stretch, this.limits(all), [zoom.centre - zoom.half, zoom.centre + zoom.half]);
    });
  }
  limits(series, bands) {
    let low = Infinity, high = -Infinity;
    for (const values of series) for (const v of values) if (Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v; }
    for (const v of bands ?? []) if (Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v; }
    if (!(high >= low)) return [0, 1];
    const pad = 0.08 * (high - low) || 0.1 * Math.abs(high) || 1;
    return [bands ? Math.min(low - pad, Math.max(0, low - 3 * pad)) : low - pad, high + pad];
  }
  push(k, columns, stretch, y, x) {
    const plot = this.plots[k];
    plot.wanted = y;
    plot.shown = x.map((v) => v * stretch);
    plot.setData([stretch === 1 ? columns[0] : columns[0].map((v) => v * stretch), ...columns.slice(1).map(gaps)]);
  }
  setRest(rest) {
    this.rest = rest;
    if (this.last) this.show(...this.last);
  }
}
