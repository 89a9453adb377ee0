// The spectrum of a galaxy and its zooms (uPlot), the twelve bands, painted lines.
import uPlot from "uplot";
import { nBands } from "./model.js";

const lineSigma = 150 / 299792.458; // drawn width of a line: sigma / wavelength
const bandLow = (b) => 3400 + 300 * b;
// Components of a line: [wavelength (vacuum, A), share of its flux]. The doublet is drawn with equal shares.
const components = [
  [
    [3727.1, 0.5],
    [3729.86, 0.5],
  ],
  [[4341.692, 1]],
  [[4862.71, 1]],
  [[4960.295, 1]],
  [[5008.24, 1]],
  [[6549.861, 1]],
  [[6564.6, 1]],
  [[6585.273, 1]],
  [[6718.294, 1]],
  [[6732.674, 1]],
];
/** Marks of the lines: [wavelength, what stands over it in the whole spectrum, on which side]. Between their centres for the doublet. */
const marks = [
  [3728.48, "[OII]", "center"],
  [4341.692, "Hγ", "center"],
  [4862.71, "Hβ", "right"],
  [4960.295],
  [5008.24, "[OIII]", "left"],
  [6549.861],
  [6564.6, "Hα", "right"],
  [6585.273],
  [6718.294],
  [6732.674, "[SII]", "left"],
];
export const zooms = [
  { label: "[OII] 3728", line: 0, centre: 3728.5, half: 15 },
  { label: "Hβ 4863", line: 2, centre: 4862.7, half: 15 },
  { label: "[OIII] 5008", line: 4, centre: 5008.2, half: 15 },
  { label: "Hα 6565", line: 6, centre: 6564.6, half: 15 },
  { label: "[NII] 6585", line: 7, centre: 6585.3, half: 15 },
  { label: "[SII] 6718, 6733", line: 8, centre: 6725.5, half: 20 },
];

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
function paint(wave, out, continuum, ews) {
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

function gridWithLines() {
  const all = new Set();
  for (let w = 3400; w <= 7000; w += 4) all.add(w);
  for (const parts of components)
    for (const [centre] of parts) for (let d = -14; d <= 14; d += 0.7) all.add(centre + d);
  return Float64Array.from([...all].filter((w) => w >= 3400 && w <= 7000).sort((a, b) => a - b));
}
const mainGrid = gridWithLines();
const zoomGrids = zooms.map(({ centre, half }) =>
  Float64Array.from({ length: 161 }, (_, k) => centre + half * (k / 80 - 1)),
);

/** Values of a function along a grid. A plain loop: from() with a function takes ten times as long. */
function along(wave, f) {
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
function place(wave, w) {
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
function robust(flux) {
  const kept = [];
  for (let i = 0; i < flux.length; i += 8) if (Number.isFinite(flux[i])) kept.push(flux[i]);
  kept.sort((a, b) => a - b);
  return kept.length
    ? [kept[Math.floor(0.003 * kept.length)], kept[Math.min(kept.length - 1, Math.floor(0.997 * kept.length))]]
    : [];
}

/** The brightest of each line where it stands out of the noise: a line may be narrower than the share that `robust` leaves out. */
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
function gaps(values, n) {
  if (!values) {
    if (!absent.has(n)) absent.set(n, new Array(n).fill(null));
    return absent.get(n);
  }
  const out = new Array(n);
  for (let i = 0; i < n; ++i) out[i] = Number.isNaN(values[i]) ? null : values[i];
  return out;
}

/** Runs of pixels without information, as [first, last] wavelengths. */
function maskedRuns({ wave, sigma }) {
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
function continuumAlong({ wave, continuum }) {
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

export class SpectrumPanel {
  constructor(main, zoomBox, colours) {
    this.main = main;
    this.zoomBox = zoomBox;
    this.rest = true;
    this.slip = 1; // of the marks, (1 + z tried) / (1 + z)
    this.boxes = zooms.map((zoom) => {
      const figure = document.createElement("figure"),
        caption = document.createElement("figcaption"),
        title = document.createElement("b"),
        value = document.createElement("span"),
        plot = document.createElement("div");
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
    const c = this.colours,
      width = Math.max(this.main.clientWidth, 240),
      zoomWidth = Math.max(Math.floor(this.boxes[0].plot.clientWidth) || 140, 90);
    const font = "11px system-ui, sans-serif";
    const axis = (extra) => ({
      stroke: c.soft,
      font,
      grid: { stroke: c.rule, width: 1 },
      ticks: { show: false },
      ...extra,
    });
    const line = (stroke, w, extra = {}) => ({ stroke, width: w, points: { show: false }, spanGaps: false, ...extra });
    const shade = (u) => {
      // pixels without information
      const { ctx, bbox } = u;
      ctx.fillStyle = c.masked;
      for (const [a, b] of u.masked ?? []) {
        const x0 = Math.max(u.valToPos(a, "x", true), bbox.left),
          x1 = Math.min(u.valToPos(b, "x", true), bbox.left + bbox.width);
        if (x1 > x0) ctx.fillRect(x0, bbox.top, Math.max(x1 - x0, 1), bbox.height);
      }
    };
    const overplot = (u) => {
      // the bands of many galaxies, behind
      const { ctx, bbox } = u;
      if (!u.many) return;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      ctx.strokeStyle = c.continuum;
      ctx.globalAlpha = 0.22;
      ctx.lineWidth = devicePixelRatio;
      for (const bands of u.many) {
        ctx.beginPath();
        let drawn = false;
        for (let b = 0; b < nBands; ++b) {
          if (!(bands[b] > 0)) continue;
          ctx[drawn ? "lineTo" : "moveTo"](u.valToPos(bandLow(b) + 150, "x", true), u.valToPos(bands[b], "y", true));
          drawn = true;
        }
        ctx.stroke();
      }
      ctx.restore();
    };
    const markLines = (u) => {
      const { ctx, bbox } = u,
        whole = u.bbox.height > 150 * devicePixelRatio,
        r = devicePixelRatio;
      ctx.save();
      ctx.fillStyle = ctx.strokeStyle = this.slip === 1 ? c.soft : c.accent;
      ctx.globalAlpha = this.slip === 1 ? 0.55 : 1;
      ctx.font = `${10 * r}px system-ui, sans-serif`;
      ctx.lineWidth = r;
      ctx.setLineDash([r, 3 * r]);
      for (const [wave, label, side] of marks) {
        const x = Math.round(u.valToPos(wave * this.slip * (u.stretch ?? 1), "x", true));
        if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        if (!whole || !label) continue;
        ctx.globalAlpha = 1;
        ctx.textAlign = side;
        ctx.fillText(label, x + (side === "left" ? -4 : side === "right" ? 4 : 0) * r, bbox.top - 4 * r);
        ctx.globalAlpha = this.slip === 1 ? 0.55 : 1;
      }
      ctx.restore();
    };
    // A whole spectrum is a band of noise: its flux is drawn quietly. x, flux, upper and lower noise, continuum, predicted, its interval, was (before play), observed lines
    const series = (whole) => [
      {},
      line(whole ? c.soft : c.flux, 1),
      line("transparent", 0),
      line("transparent", 0),
      line(c.continuum, 1.6),
      line(c.predicted, 1.8),
      line("transparent", 0),
      line("transparent", 0),
      line(c.soft, 1.2, { dash: [4, 3] }),
      line(c.flux, 1.3, { dash: [5, 3] }),
      line(c.band, 3),
    ];
    const bands = [
      { series: [2, 3], fill: c.noise },
      { series: [6, 7], fill: c.interval },
    ];
    const options = (w, h, axes, scaleX) => ({
      width: w,
      height: h,
      legend: { show: false },
      cursor: { show: false },
      select: { show: false },
      padding: [h > 150 ? 16 : 8, 16, 0, 0],
      scales: { x: { time: false, range: scaleX }, y: { range: (u) => u.wanted ?? [0, 1] } },
      axes,
      series: series(h > 150),
      bands,
      hooks: { drawClear: [shade], drawAxes: [overplot, markLines] },
    });
    const small = (v) => v.map((x) => String(Number(x.toPrecision(6))));
    const nothing = series().map((_, k) => (k ? [null, null] : [3400, 7000]));
    this.width = width;
    const height = 216;
    this.plots = [
      new uPlot(
        options(
          width,
          height,
          [axis({ size: 24, values: (_, v) => small(v) }), axis({ size: 40, values: (_, v) => small(v) })],
          (u) => u.shown ?? [3400, 7000],
        ),
        nothing,
        this.main,
      ),
    ];
    zooms.forEach((zoom, k) => {
      const range = (u) => u.shown ?? [zoom.centre - zoom.half, zoom.centre + zoom.half];
      this.plots.push(
        new uPlot(
          options(
            zoomWidth,
            96,
            [
              axis({ size: 20, space: 44, values: (_, v) => small(v) }),
              axis({ size: 30, space: 24, values: (_, v) => small(v) }),
            ],
            range,
          ),
          nothing,
          this.boxes[k].plot,
        ),
      );
    });
  }
  resize() {
    const width = Math.max(this.main.clientWidth, 240);
    if (width === this.width) return;
    this.width = width;
    this.plots[0].setSize({ width, height: 216 });
    this.boxes.forEach(({ plot }, k) =>
      this.plots[k + 1].setSize({ width: Math.max(plot.clientWidth, 90), height: 96 }),
    );
    if (this.last) this.show(...this.last);
  }

  /** row: of Galaxies.row; prediction: {ew, p16, p84}; spectrum: measured, at rest, or null;
   *  play: {bands, prediction} or null; fixed: limits of y that stay; many: bands of others, drawn behind. */
  show(row, prediction, extra = {}) {
    this.last = [row, prediction, extra];
    const { play = null, fixed = null } = extra,
      spectrum = play ? null : (extra.spectrum ?? null);
    const bands = play?.bands ?? row.bands,
      shown = play?.prediction ?? prediction;
    const continuum = spectrum?.continuum ? continuumAlong(spectrum) : continuumOf(bands);
    const stretch = this.rest ? 1 : 1 + (row.z || 0),
      before = continuumOf(row.bands);
    const levels = (wave, base) => {
      const painted = (ews) => (ews ? paint(wave, base.slice(), continuum, ews) : null);
      return {
        predicted: painted(shown?.ew),
        high: painted(shown?.p84),
        low: painted(shown?.p16),
        was: play && prediction ? paint(wave, along(wave, before), before, prediction.ew) : null,
        observed: !spectrum && !play && row.ew.some(Number.isFinite) ? paint(wave, base.slice(), before, row.ew) : null,
      };
    };
    const steps = (wave) => along(wave, (w) => (w < 3400 || w >= 7000 ? NaN : bands[Math.floor((w - 3400) / 300)]));
    const columns = (wave, base, l, measured) => [
      measured?.flux,
      measured?.high,
      measured?.low,
      base,
      l.predicted,
      l.high,
      l.low,
      l.was,
      l.observed,
      steps(wave),
    ];
    const wave = spectrum ? spectrum.wave : mainGrid,
      base = spectrum?.continuum ?? along(wave, continuum),
      l = levels(wave, base);
    let measured = null;
    if (spectrum) {
      if (!spectrum.high) {
        const { flux, sigma } = spectrum;
        spectrum.high = flux.slice();
        spectrum.low = flux.slice();
        for (let i = 0; i < flux.length; ++i) {
          spectrum.high[i] += sigma[i];
          spectrum.low[i] -= sigma[i];
        }
      }
      spectrum.masked ??= maskedRuns(spectrum);
      measured = spectrum;
    }
    const all = columns(wave, base, l, measured),
      range = spectrum ? [wave[0], wave.at(-1)] : [3400, 7000];
    this.shown = { wave, stretch, measured, all };
    const data = reduce(wave, all, Math.max(200, Math.min(this.width - 52, 900)));
    this.plots[0].many = extra.many ?? null;
    this.push(
      0,
      data,
      stretch,
      fixed ??
        this.limits(
          [
            spectrum ? robust(spectrum.flux) : l.observed,
            spectrum && (spectrum.peaks ??= peaks(spectrum)),
            l.predicted,
          ],
          bands,
        ),
      range,
      spectrum,
    );
    zooms.forEach((zoom, k) => {
      const [low, high] = [zoom.centre - zoom.half, zoom.centre + zoom.half];
      const from = spectrum ? place(spectrum.wave, low) : 0,
        to = spectrum ? place(spectrum.wave, high) : 0,
        here = to - from > 3;
      const cut = (values) => values.subarray(from, to),
        grid = here ? cut(spectrum.wave) : zoomGrids[k];
      const part = here
        ? spectrum.continuum
          ? cut(spectrum.continuum)
          : along(grid, continuum)
        : along(grid, spectrum ? before : continuum);
      const z = levels(grid, part),
        flux = here ? { flux: cut(spectrum.flux), high: cut(spectrum.high), low: cut(spectrum.low) } : null;
      this.push(
        k + 1,
        [grid, ...columns(grid, part, z, flux)],
        stretch,
        this.limits([flux?.flux ?? z.observed, extra.many && flux?.high, z.predicted, z.high, part]),
        [low, high],
        here ? spectrum : null,
      );
    });
  }
  /** What the whole spectrum shows, pixel by pixel, for a file; `many`: a stack, which has the galaxies' spread in place of noise. */
  columns(many) {
    const {
        wave,
        stretch,
        measured,
        all: [flux, high, low, continuum, predicted, p84, p16, was, painted],
      } = this.shown,
      unit = many ? undefined : "1e-17 erg / (Angstrom s cm2)";
    const out = [
      { name: this.rest ? "WAVE_REST" : "WAVE_OBSERVED", unit: "Angstrom", values: wave.map((w) => w * stretch) },
    ];
    const add = (name, values) => {
      if (values) out.push({ name, unit, values });
    };
    add("FLUX", flux);
    add(many ? "FLUX_P16" : "SIGMA", many ? low : measured?.sigma);
    if (many) add("FLUX_P84", high);
    add("CONTINUUM", continuum);
    for (const [name, values] of [
      ["PREDICTED", predicted],
      ["PREDICTED_P16", p16],
      ["PREDICTED_P84", p84],
      ["PREDICTED_BEFORE", was],
      ["MEASURED_LINES", painted],
    ])
      add(name, values);
    return out;
  }
  limits(series, bands) {
    let low = Infinity,
      high = -Infinity;
    for (const values of series)
      for (const v of values ?? [])
        if (Number.isFinite(v)) {
          if (v < low) low = v;
          if (v > high) high = v;
        }
    for (const v of bands ?? [])
      if (Number.isFinite(v)) {
        if (v < low) low = v;
        if (v > high) high = v;
      }
    if (!(high >= low)) return [0, 1];
    const pad = 0.08 * (high - low) || 0.1 * Math.abs(high) || 1;
    return [bands ? Math.min(low - pad, Math.max(0, low - 3 * pad)) : low - pad, high + pad];
  }
  push(k, columns, stretch, y, x, spectrum = null) {
    const plot = this.plots[k];
    plot.masked = spectrum?.masked.map((run) => run.map((w) => w * stretch));
    plot.wanted = y;
    plot.shown = x.map((v) => v * stretch);
    plot.stretch = stretch;
    let x0 = columns[0];
    if (stretch !== 1) {
      x0 = x0.slice();
      for (let i = 0; i < x0.length; ++i) x0[i] *= stretch;
    }
    plot.setData([x0, ...columns.slice(1).map((values) => gaps(values, x0.length))]);
  }
  /** Where the lines would be at another redshift: moves their marks, not the light. */
  setSlip(slip) {
    if (slip === this.slip) return;
    this.slip = slip;
    for (const plot of this.plots) plot.redraw(false);
  }
  setRest(rest) {
    this.rest = rest;
    if (this.last) this.show(...this.last);
  }
}
