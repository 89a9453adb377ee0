// The spectrum of a galaxy and its zooms (uPlot), the twelve bands, painted lines.
import uPlot from "uplot";
import { lineTitles, lineWave, zooms } from "./lines.js";
import {
  along,
  continuumAlong,
  continuumOf,
  gaps,
  limits,
  mainGrid,
  maskedRuns,
  paint,
  peakOf,
  peaks,
  place,
  reduce,
  robust,
  zoomGrid,
} from "./light.js";
import { LiveSpectrum } from "./live.js";
import { plotsOf, seriesCount } from "./spectrum_plot.js";
import { plain, short } from "./colour.js";

const zoomHeight = 96;

export class SpectrumPanel {
  /** main: the whole spectrum's element; zoomBox: that of the zooms; readout: where the numbers under the pointer
   * stand. */
  constructor(main, zoomBox, readout, colours) {
    this.main = main;
    this.zoomBox = zoomBox;
    this.rest = true;
    this.slip = 1; // of the marks, (1 + z tried) / (1 + z)
    this.window = null; // [low, high] at rest (A) that is looked at; null: all
    this.boxes = zooms.map((zoom, k) => {
      const figure = document.createElement("figure"),
        caption = document.createElement("figcaption"),
        title = document.createElement("button"),
        value = document.createElement("span"),
        plot = document.createElement("div");
      title.textContent = zoom.label;
      title.type = "button";
      title.className = "goto";
      title.title = "Shows this line in the large plot";
      title.addEventListener("click", () => this.look([zoom.centre - 4 * zoom.half, zoom.centre + 4 * zoom.half]));
      caption.append(title, value);
      figure.append(caption, plot);
      zoomBox.append(figure);
      return { figure, value, plot };
    });
    this.live = new LiveSpectrum(this, readout);
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
  /** The large plot is as high as its width asks for, within what the window has. */
  size() {
    const width = Math.max(this.main.clientWidth, 240);
    return { width, height: Math.max(this.main.clientHeight || 216, 120) };
  }
  build() {
    const { width, height } = this.size(),
      zoomWidth = Math.max(Math.floor(this.boxes[0].plot.clientWidth) || 140, 90),
      { axis, options } = plotsOf(this);
    const small = (v) => v.map((x) => String(Number(x.toPrecision(6))));
    const nothing = /** @type {any} */ (
      Array.from({ length: seriesCount }, (_, k) => (k ? [null, null] : [3400, 7000]))
    );
    Object.assign(this, { width, height });
    this.plots = /** @type {any[]} */ ([
      new uPlot(
        options(
          width,
          height,
          [axis({ size: 24, values: (_, v) => small(v) }), axis({ size: 40, values: (_, v) => small(v) })],
          (u) => u.shown ?? [3400, 7000],
          true,
        ),
        nothing,
        this.main,
      ),
    ]);
    this.live.attach(this.plots[0]);
    zooms.forEach((zoom, k) => {
      const range = (u) => u.shown ?? [zoom.centre - zoom.half, zoom.centre + zoom.half];
      this.plots.push(
        new uPlot(
          options(
            zoomWidth,
            zoomHeight,
            [
              axis({ size: 20, space: 44, values: (_, v) => small(v) }),
              axis({ size: 30, space: 24, values: (_, v) => small(v) }),
            ],
            range,
            false,
          ),
          nothing,
          this.boxes[k].plot,
        ),
      );
    });
  }
  resize() {
    const { width, height } = this.size();
    if (width === this.width && height === this.height) return;
    Object.assign(this, { width, height });
    this.plots[0].setSize({ width, height });
    this.boxes.forEach(({ plot }, k) =>
      this.plots[k + 1].setSize({ width: Math.max(plot.clientWidth, 90), height: zoomHeight }),
    );
    if (this.last) this.show(...this.last);
  }

  /** row: of Galaxies.row; prediction: {ew, p16, p84}; extra: {spectrum: measured, at rest, or null; play: {bands,
   * prediction} or null; fixed: limits of y that stay; many: bands of others, drawn behind; compared: [{row,
   * spectrum, colour}]; noisy: ten EWs of one realisation with noise}. */
  show(row, prediction, extra = {}) {
    this.last = [row, prediction, extra];
    const { play = null, fixed = null, noisy = null } = extra,
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
        noisy: painted(play ? null : noisy),
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
      l.noisy?.map((v, i) => (Math.abs(v - base[i]) > 1e-3 * Math.abs(base[i]) ? v : NaN)), // the lines alone
    ];
    const wave = spectrum ? spectrum.wave : mainGrid(),
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
    this.shown = { wave, stretch, measured, all, range };
    const looked = this.window ?? range,
      [from, to] = this.window
        ? [Math.max(place(wave, looked[0]) - 1, 0), Math.min(place(wave, looked[1]) + 1, wave.length)]
        : [0, wave.length];
    const cut = (values) => (values && this.window ? values.subarray(from, to) : values),
      part = this.window ? all.map(cut) : all,
      grid = cut(wave);
    const data = reduce(grid, part, Math.max(200, Math.min(this.width - 52, 1800)));
    const flux = spectrum ? cut(spectrum.flux) : null,
      seen = (values) => (this.window ? values?.filter((_, line) => inside(lineWave[line], looked)) : values);
    const level = (line) => continuum(lineWave[line]);
    const y =
      fixed ??
      limits(
        spectrum
          ? [
              this.window && flux.length < 3000 ? flux : robust(flux),
              seen((spectrum.peaks ??= peaks(spectrum))),
              cut(base),
            ]
          : [cut(l.observed), cut(base), this.window ? null : bands],
        [cut(l.predicted), cut(l.noisy), cut(l.was)],
        !this.window,
      );
    const main = this.plots[0];
    main.many = extra.many ?? null;
    main.compared = this.compare(extra.compared, row, stretch);
    main.beyond = beyond(shown, level, y, looked);
    this.push(0, data, stretch, y, looked, spectrum);
    zooms.forEach((zoom, k) => {
      const [low, high] = [zoom.centre - zoom.half, zoom.centre + zoom.half];
      const first = spectrum ? place(spectrum.wave, low) : 0,
        last = spectrum ? place(spectrum.wave, high) : 0,
        here = last - first > 3;
      const piece = (values) => values.subarray(first, last),
        zoomed = here ? piece(spectrum.wave) : zoomGrid(k);
      const under = here
        ? spectrum.continuum
          ? piece(spectrum.continuum)
          : along(zoomed, continuum)
        : along(zoomed, spectrum ? before : continuum);
      const z = levels(zoomed, under),
        own = here ? { flux: piece(spectrum.flux), high: piece(spectrum.high), low: piece(spectrum.low) } : null,
        ends = limits(
          [own?.flux ?? z.observed ?? z.predicted, extra.many && own?.high, under],
          [z.predicted, z.high, z.noisy, z.was],
          false,
        );
      // the number stands over the zoom
      this.plots[k + 1].beyond = beyond(shown, level, ends, [low, high]).map((b) => ({ ...b, text: "" }));
      this.push(k + 1, [zoomed, ...columns(zoomed, under, z, own)], stretch, ends, [low, high], here ? spectrum : null);
    });
    this.live.refresh();
  }
  /** Galaxies that are compared, each at the level of the one that is shown. */
  compare(others, row, stretch) {
    return (others ?? []).map(({ row: other, spectrum, colour }) => {
      const level = ({ bands }) => {
        const known = Array.from(bands).filter((f) => f > 0);
        return known.reduce((a, b) => a + b, 0) / known.length;
      };
      const factor = level(row) / level(other);
      if (!spectrum) {
        const f = continuumOf(other.bands),
          grid = mainGrid(),
          y = paint(grid, along(grid, f), f, other.ew.some(Number.isFinite) ? other.ew : other.predicted);
        return { x: grid.map((w) => w * stretch), y: y.map((v) => v * factor), colour };
      }
      const [x, y] = reduce(spectrum.wave, [spectrum.flux], 700);
      return { x: x.map((w) => w * stretch), y: y.map((v) => v * factor), colour };
    });
  }
  /** What the whole spectrum shows, pixel by pixel, for a file; `many`: a stack, which has the galaxies' spread in
   * place of noise. */
  columns(many) {
    const {
        wave,
        stretch,
        measured,
        all: [flux, high, low, continuum, predicted, p84, p16, was, painted, , noisy],
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
      ["PREDICTED_NOISY", noisy],
    ])
      add(name, values);
    return out;
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
  /** Shows a part of the spectrum, [low, high] at rest in A; null: all of it. Never narrower than 8 A, never off the
   * data. */
  look(window) {
    const [first, last] = this.shown?.range ?? [3400, 7000];
    if (window) {
      const width = Math.min(Math.max(window[1] - window[0], 8), last - first),
        middle = Math.min(Math.max((window[0] + window[1]) / 2, first + width / 2), last - width / 2);
      window = width >= (last - first) * 0.999 ? null : [middle - width / 2, middle + width / 2];
    }
    this.window = window;
    if (this.last) this.show(...this.last);
    this.on?.();
  }
  /** The numbers at a wavelength at rest, as one line of words. */
  at(rest) {
    const { wave, stretch, measured, all } = this.shown,
      i = Math.min(place(wave, rest), wave.length - 1),
      k = i > 0 && rest - wave[i - 1] < wave[i] - rest ? i - 1 : i,
      [flux, , , continuum, predicted] = all;
    const words = [`${(wave[k] * stretch).toFixed(1)} Å`];
    if (this.last[0].z > 0)
      words.push(
        this.rest ? `observed ${(wave[k] * (1 + this.last[0].z)).toFixed(1)} Å` : `at rest ${wave[k].toFixed(1)} Å`,
      );
    if (measured)
      words.push(
        Number.isFinite(measured.sigma[k])
          ? `flux ${short(flux[k])}${measured.sigma[k] > 0 ? ` ± ${plain(measured.sigma[k])}` : ""}`
          : "no information here",
      );
    if (continuum) words.push(`starlight ${short(continuum[k])}`);
    if (predicted) words.push(`predicted ${short(predicted[k])}`);
    return {
      k,
      wave: wave[k],
      flux: measured ? flux[k] : (predicted?.[k] ?? continuum?.[k]),
      words: words.join(" · "),
    };
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

const inside = (wave, [low, high]) => wave >= low && wave <= high;
/** Lines whose predicted peak lies above the axis: where, and how strong. */
function beyond(shown, level, /** @type {any} */ [, top], window) {
  const out = [];
  lineWave.forEach((wave, line) => {
    const ew = shown?.ew[line],
      base = level(line);
    if (!(ew > 0) || !inside(wave, window) || !Number.isFinite(base)) return;
    if (base + peakOf(line, ew, base) > top * 1.02) out.push({ wave, text: `${lineTitles[line]}: ${short(ew)} Å` });
  });
  return out;
}
