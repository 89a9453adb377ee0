// @ts-nocheck The members of App are taken by others of the same use, which have fewer methods.
// The page of tiles: the same words, colours and panel as the page of fewer galaxies; numbers are exact, of all
// galaxies.
import { App, modes } from "./app.js";
import { RatioDiagram, bptClass, bptLines } from "./charts.js";
import { GalaxyPanel } from "./galaxy_panel.js";
import { Pins } from "./pins.js";
import { Story } from "./story.js";
import { TileView } from "./tile_view.js";
import { Tiles } from "./tiles.js";
import { css, galaxiesOf, ownPalette, palette, paletteNames, scales } from "./colour.js";
import { drawLegend } from "./legend.js";
import { fromHash, toHash } from "./address.js";
import { histogramMargins, named, prepare } from "./charts.js";
import { lineAt, lineNames, lineTitles } from "./lines.js";
import { listen } from "./controls.js";
import { openSource } from "./source.js";

const $ = (id) => document.getElementById(id);
const bins = 48;

/** Share p of a histogram's galaxies lie below this place of its axis. */
export function quantileOf({ low, high, counts, below, above }, p) {
  const all = counts.reduce((a, b) => a + b, below + above);
  let sum = below;
  for (let k = 0; k < counts.length; ++k) {
    sum += counts[k];
    if (sum >= p * all) return low + ((k + 1) / counts.length) * (high - low);
  }
  return high;
}

export class TiledApp extends App {
  async start() {
    document.documentElement.dataset.tiled = "true";
    const source = openSource();
    this.theme(this.stored("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
    this.galaxies = this.tiles = await Tiles.open(source);
    const { about } = this.tiles,
      wanted = fromHash(location.hash);
    this.state = { mode: "observed", seed: about.tiles.seed, palette: "viridis" };
    this.selection = { clear() {}, text: () => "", marks: null, count: 0, describe: () => [] };
    this.quantities = [
      ...lineNames.map((key, line) => ({
        key,
        line,
        group: "Equivalent width",
        label: `EW ${lineTitles[line]} (Å)`,
        scale: "asinh",
      })),
      { key: "Z", group: "Galaxy", label: "redshift z", scale: "linear" },
      {
        key: "COLOUR",
        group: "Galaxy",
        label: "continuum colour log F(6700–7000 Å) / F(3400–3700 Å) (dex)",
        scale: "linear",
      },
    ];
    const box = new RatioDiagram($("bpt"));
    this.ratios = {
      draw: (now) => {
        this.ratios.now = now;
        if (this.table) this.drawRatios();
      },
      setPoints() {},
      span: (x, y) => {
        box.top = 32;
        return box.span(x, y);
      },
    };
    this.map = new TileView($("map"), this.tiles, {
      hover: (i) => this.map.locked < 0 && i >= 0 && this.panel.show(i),
      lock: (i, spot) => this.lock(i === this.map.locked ? -1 : i, true, spot),
      lasso: (outline, how) => this.choose({ outline, how }),
      view: () => this.remember(),
      dense: (is) => ($("dense").hidden = !is),
    });
    this.map.colours = this.colours;
    this.pins = new Pins(this);
    this.panel = new GalaxyPanel(this);
    this.panel.near = () => {};
    this.fillControls();
    this.story = new Story(this);
    this.modelReady = new Promise((resolve) => (this.modelCame = resolve));
    listen(this);
    document.documentElement.dataset.alive = "true";
    this.map.home = about.story?.example ?? -1;
    this.map.drawOverlay();
    await this.apply(wanted);
    this.ready = performance.now();
    this.picture_bytes = source.transferred;
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    await this.loadModel(source);
    this.modelCame();
    if (this.map.home >= 0) {
      this.homeSpot = await this.map.spotOf(this.map.home);
      if (this.map.locked < 0) this.map.spot = this.homeSpot;
      this.map.drawOverlay();
    }
    if (this.panel.row) await this.panel.show(this.panel.row.i);
    this.loading(1);
    this.written = location.hash;
    document.documentElement.dataset.ready = "true";
  }
  fillControls() {
    super.fillLists();
    $("count").textContent = galaxiesOf(this.tiles.n);
    $("second").replaceChildren(...[...$("colour").children].map((g) => g.cloneNode(true)));
  }
  async apply(wanted) {
    this.applying = true;
    const { about } = this.tiles,
      camera = [wanted.x, wanted.y, wanted.k].map(Number),
      find = (key) => this.quantities.find((q) => q.key === key);
    this.state.mode = modes.includes(wanted.state) ? wanted.state : "observed";
    if (!about.measured && this.state.mode === "observed") this.state.mode = "predicted";
    this.setPalette(paletteNames.includes(wanted.palette) ? wanted.palette : (ownPalette(wanted.palette) ?? "viridis"));
    this.quantity = find(wanted.colour) ?? find("HALPHA");
    this.state.scale = ["asinh", "linear", "log"].includes(wanted.scale) ? wanted.scale : this.quantity.scale;
    $("colour").value = this.quantity.key;
    this.second = { quantity: find(wanted.second) ?? find("Z") };
    $("second").value = this.second.quantity.key;
    this.givenLimits = wanted.low !== undefined;
    if (camera[2] > 0 && camera.every(Number.isFinite)) this.map.camera = { x: camera[0], y: camera[1], k: camera[2] };
    else this.map.camera = { x: 0.5, y: 0.5, k: 1 };
    await this.recolour({ low: wanted.low, high: wanted.high });
    const i = wanted.id ? await this.tiles.find(wanted.id) : -1;
    if (wanted.id && i < 0) this.say(`No galaxy ${wanted.id.slice(0, 40)} here.`);
    await this.lock(i, false);
    this.written = location.hash;
    this.applying = false;
  }
  /** The exact histogram of a quantity in the state that is seen. */
  histogramOf(quantity) {
    const { name, factor } = this.tiles.channel(quantity, this.state.mode);
    return { ...this.tiles.statistics.histograms[name], name, factor };
  }
  async recolour({ low, high } = {}) {
    const { tiles, quantity } = this,
      { name, factor } = tiles.channel(quantity, this.state.mode),
      // one bar for the three states
      basis =
        tiles.statistics.histograms[tiles.channel(quantity, tiles.about.measured ? "observed" : "predicted").name],
      back = basis.asinh ? Math.sinh : (v) => v,
      number = (text, fallback) =>
        text !== undefined && text !== "" && Number.isFinite(Number(text)) ? Number(text) : fallback;
    this.low = number(low, basis.asinh ? 0 : back(quantileOf(basis, 0.01)));
    this.high = number(high, back(quantileOf(basis, 0.98)));
    if (!(this.high > this.low)) this.high = this.low + 1;
    if (this.state.scale === "log" && !(this.low > 0)) this.low = this.high / 1000;
    this.table = palette(this.state.palette, this.colours.surface);
    const { f } = scales[this.state.scale],
      a = f(this.low),
      span = f(this.high) - a || 1;
    this.showControls();
    this.drawLinked();
    await this.map.show(name, (v) => (f(v * factor) - a) / span, this.table);
    if (this.panel.row) {
      this.panel.named = -1;
      await this.panel.show(this.panel.row.i);
    }
    this.remember();
  }
  get bar() {
    const h = this.shownHistogram ?? {};
    return {
      table: this.table,
      scale: this.state.scale,
      low: this.low,
      high: this.high,
      label: this.label,
      below: h.less,
      above: h.more,
    };
  }
  mark() {}
  near() {}
  async setMode(mode, step = true) {
    if (mode === "observed" && !this.tiles.about.measured) return;
    this.state.mode = mode;
    await this.recolour(this.keptLimits());
    this.remember(step);
  }
  /** Counts of a histogram in so many equal steps of an axis; what lies beyond its ends. */
  rebinned(h, scale, low, high) {
    const { f } = scales[scale],
      out = new Float64Array(bins),
      back = h.asinh ? Math.sinh : (v) => v,
      a = f(low),
      span = f(high) - a;
    let less = h.below,
      more = h.above;
    const edge = (k) => (f(back(h.low + (k / h.counts.length) * (h.high - h.low)) * h.factor) - a) / span;
    h.counts.forEach((count, k) => {
      if (!count) return;
      // the galaxies of a narrow step, evenly over the steps of the axis that it lies on
      const from = edge(k),
        to = Math.max(edge(k + 1), from + 1e-12);
      if (!(from > -Infinity)) {
        less += count;
        return;
      }
      const share = (u, v) => (count * Math.max(0, Math.min(v, to) - Math.max(u, from))) / (to - from);
      less += share(-Infinity, 0);
      more += share(1, Infinity);
      for (let b = Math.max(0, Math.floor(from * bins)); b < bins && b < to * bins; ++b)
        out[b] += share(b / bins, (b + 1) / bins);
    });
    [less, more] = [Math.round(less), Math.round(more)];
    return { counts: out, less, more, without: h.without };
  }
  drawCounts(canvas, quantity, scale, low, high, label, table) {
    const { g, width, height } = prepare(canvas),
      { left, right } = histogramMargins,
      top = 18,
      bottom = 34,
      { colours } = this,
      chosen = this.chosen?.histograms?.get(quantity.key),
      whole = this.rebinned(this.histogramOf(quantity), scale, low, high),
      part = chosen && this.rebinned({ ...this.histogramOf(quantity), ...chosen }, scale, low, high),
      w = (width - left - right) / bins,
      h = height - top - bottom,
      draw = (counts, colour, inset) => {
        const peak = counts.reduce((a, b) => Math.max(a, b), 1);
        counts.forEach((count, k) => {
          g.fillStyle = colour(k);
          const y = (h * count) / peak;
          g.fillRect(left + k * w + inset * w + 0.5, top + h - y, w * (1 - 2 * inset) - 1, y);
        });
      },
      colour = (k) => (table ? css(table, (k + 0.5) / bins) : colours.accent);
    draw(whole.counts, part ? () => colours.faint : colour, 0);
    if (part) draw(part.counts, colour, 0.2);
    const { f } = scales[scale];
    g.fillStyle = colours.soft;
    g.textBaseline = "top";
    g.textAlign = "left";
    g.fillText(part ? this.counted : galaxiesOf(Math.round(whole.counts.reduce((a, b) => a + b, 0))), left, 2);
    g.textAlign = "right";
    g.fillText(
      [whole.less && `${whole.less} below`, whole.more && `${whole.more} above`].filter(Boolean).join(", "),
      width - right,
      2,
    );
    g.textAlign = "center";
    for (const [v, text] of named(undefined, scale, low, high))
      g.fillText(
        text,
        Math.min(Math.max(left + ((f(v) - f(low)) / (f(high) - f(low))) * (width - left - right), 12), width - 12),
        top + h + 4,
      );
    g.fillText(label, width / 2, height - 15, width - 4);
    return whole;
  }
  drawLinked() {
    if (!this.table) return;
    const { second } = this,
      h = this.histogramOf(second.quantity),
      back = h.asinh ? Math.sinh : (v) => v;
    this.shownHistogram = this.drawCounts(
      $("histogram"),
      this.quantity,
      this.state.scale,
      this.low,
      this.high,
      this.label,
      this.table,
    );
    this.drawCounts(
      $("histogram2"),
      second.quantity,
      second.quantity.scale,
      back(quantileOf(h, 0.005)) * h.factor,
      back(quantileOf(h, 0.995)) * h.factor,
      this.labelOf(second.quantity),
      null,
    );
    drawLegend($("colourbar"), this.bar, this.colours);
    this.drawRatios();
    this.titleRatios();
  }
  drawRatios() {
    const canvas = $("bpt"),
      { g, width, height } = prepare(canvas),
      { side, range, cells, outside, classes } =
        this.chosen?.ratios?.[this.state.mode] ?? this.tiles.statistics.ratios[this.state.mode],
      [x0, x1, y0, y1] = range,
      [left, right, top, bottom] = [46, 8, 32, 34],
      px = (x) => left + ((x - x0) / (x1 - x0)) * (width - left - right),
      py = (y) => height - bottom - ((y - y0) / (y1 - y0)) * (height - top - bottom),
      { colours } = this;
    let most = 1;
    for (let k = 1; k < cells.length; k += 2) most = Math.max(most, cells[k]);
    const cell = (px(x1) - px(x0)) / side,
      tall = (py(y0) - py(y1)) / side;
    g.fillStyle = colours.soft;
    for (let k = 0; k < cells.length; k += 2) {
      const share = 0.3 + (0.7 * Math.log1p(cells[k + 1])) / Math.log1p(most);
      g.fillRect(
        px(x0) + (cells[k] % side) * cell,
        py(y0) - (Math.floor(cells[k] / side) + 1) * tall,
        cell * share,
        tall * share,
      );
    }
    g.save();
    g.beginPath();
    g.rect(left, top, width - left - right, height - top - bottom);
    g.clip();
    g.strokeStyle = colours.ink;
    for (const [a, b, dash] of [
      [0.05, 1.3, [5, 3]],
      [0.47, 1.19, []],
    ]) {
      g.setLineDash(dash);
      g.beginPath();
      for (let k = 0; k <= 120; ++k) {
        const at = x0 + ((a - 0.02 - x0) * k) / 120;
        g[k ? "lineTo" : "moveTo"](px(at), py(0.61 / (at - a) + b));
      }
      g.stroke();
    }
    g.restore();
    g.strokeStyle = colours.rule;
    g.strokeRect(left + 0.5, top + 0.5, width - left - right, height - top - bottom);
    g.fillStyle = colours.soft;
    g.textBaseline = "top";
    g.textAlign = "left";
    g.fillText(`${classes[0]} SF · ${classes[1]} composite · ${classes[2]} active`, left - 20, 2, width - left + 12);
    if (outside) g.fillText(`${outside} beyond the frame`, left - 20, 16);
    g.textAlign = "center";
    for (const v of [-1.5, -1, -0.5, 0, 0.5]) g.fillText(String(v).replace("-", "−"), px(v), height - bottom + 4);
    g.fillText("log EW([N II] 6584) / EW(Hα)", width / 2, height - 15, width - 4);
    g.textAlign = "right";
    g.textBaseline = "middle";
    for (const v of [-1, 0, 1]) g.fillText(String(v).replace("-", "−"), left - 5, py(v));
    for (const [point, colour] of [
      [this.ratios.now?.predicted, colours.predicted],
      [this.ratios.now?.observed, colours.flux],
    ]) {
      if (!point?.every(Number.isFinite)) continue;
      g.beginPath();
      g.arc(px(point[0]), py(point[1]), 4.5, 0, 7);
      g.fillStyle = colour;
      g.fill();
    }
  }
  // --- selections: exact, of all galaxies
  get counted() {
    return this.chosen ? `${this.chosen.count} of ${this.tiles.placed} selected` : galaxiesOf(this.tiles.n);
  }
  async select(step, how = "new") {
    const { statistics } = this.tiles,
      between = (name, low, high) =>
        [low > -Infinity ? `${name} >= ${low}` : "", high < Infinity ? `${name} <= ${high}` : ""]
          .filter(Boolean)
          .join(" and ") || `not isnan(${name})`;
    if (step.kind === "filter") return this.choose({ filter: step.text, how });
    if (step.kind === "blue")
      return this.choose({
        filter: between("COLOUR", -Infinity, quantileOf(statistics.histograms.COLOUR, 1 / 3)),
        how,
      });
    if (step.kind === "red")
      return this.choose({ filter: between("COLOUR", quantileOf(statistics.histograms.COLOUR, 2 / 3), Infinity), how });
    if (step.kind === "range") {
      const { name, factor } = this.tiles.channel(
        this.quantities.find((q) => q.key === step.key),
        step.mode,
      );
      return this.choose({ filter: between(name, ...step.span.map((v) => v / factor)), how });
    }
    const [nii, ha, oiii, hb] = bptLines.map((name) => this.tiles.channel({ line: lineAt[name] }, step.mode).name),
      [x0, x1, y0, y1] = step.span;
    return this.choose({
      filter: `${between(`log10(${nii}/${ha})`, x0, x1)} and ${between(`log10(${oiii}/${hb})`, y0, y1)}`,
      how,
    });
  }
  /** {outline or filter, how}: marks of all galaxies, their number, histograms and ratios. */
  async choose({ outline, filter, how = "new" }) {
    const { tiles } = this,
      busy = $("busy"),
      progress = (share) => {
        busy.hidden = share >= 1;
        busy.textContent = `counting: ${Math.round(100 * share)} %`;
      };
    let marks;
    try {
      marks = outline ? await tiles.inside(outline) : await tiles.filtered(filter, progress);
    } catch (e) {
      this.say(e.message);
      $("filter").setAttribute("aria-invalid", "true");
      return;
    } finally {
      busy.hidden = true;
    }
    $("filter").removeAttribute("aria-invalid");
    this.hush();
    const before = this.chosen?.marks;
    if (before && how !== "new")
      for (let i = 0; i < marks.length; ++i)
        marks[i] =
          how === "add" ? before[i] | marks[i] : how === "remove" ? before[i] & ~marks[i] & 1 : before[i] & marks[i];
    let count = 0;
    for (let i = 0; i < marks.length; ++i) count += marks[i];
    this.chosen = { marks, count };
    this.map.marks = marks;
    this.map.chosen = outline ?? null;
    $("count").textContent = this.counted;
    $("live").textContent = `${this.counted}.`;
    this.map.draw();
    await this.describe(progress);
    this.drawLinked();
  }
  /** Histograms of the selection in the two quantities that are shown, and its ratios: by its columns. */
  async describe(progress) {
    const { tiles, chosen } = this,
      shown = [this.quantity, this.second.quantity],
      four = bptLines.map((name) => tiles.channel({ line: lineAt[name] }, this.state.mode).name),
      names = [...new Set([...shown.map((q) => tiles.channel(q, this.state.mode).name), ...four])],
      histograms = new Map(
        shown.map((q) => {
          const { low, high, asinh, counts } = this.histogramOf(q);
          return [
            q.key,
            {
              name: tiles.channel(q, this.state.mode).name,
              low,
              high,
              asinh,
              counts: new Array(counts.length).fill(0),
              below: 0,
              above: 0,
              without: 0,
            },
          ];
        }),
      ),
      whole = tiles.statistics.ratios[this.state.mode],
      grid = new Map(),
      classes = [0, 0, 0],
      [x0, x1, y0, y1] = whole.range;
    let outside = 0;
    await tiles.stream(
      names,
      (first, parts, n) => {
        for (let i = 0; i < n; ++i) {
          if (!chosen.marks[first + i]) continue;
          for (const h of histograms.values()) {
            const raw = parts[h.name][i],
              v = h.asinh ? Math.asinh(raw) : raw;
            if (Number.isNaN(v)) ++h.without;
            else if (v < h.low) ++h.below;
            else if (v >= h.high) ++h.above;
            else
              ++h.counts[Math.min(h.counts.length - 1, Math.floor(((v - h.low) / (h.high - h.low)) * h.counts.length))];
          }
          const [nii, ha, oiii, hb] = four.map((name) => parts[name][i]);
          if (!(nii > 0 && ha > 0 && oiii > 0 && hb > 0)) continue;
          const x = Math.log10(nii / ha),
            y = Math.log10(oiii / hb);
          ++classes[bptClass(x, y) - 1];
          if (!(x >= x0 && x < x1 && y >= y0 && y < y1)) {
            ++outside;
            continue;
          }
          const at =
            Math.floor(((y - y0) / (y1 - y0)) * whole.side) * whole.side +
            Math.floor(((x - x0) / (x1 - x0)) * whole.side);
          grid.set(at, (grid.get(at) ?? 0) + 1);
        }
      },
      progress,
    );
    if (this.chosen !== chosen) return;
    chosen.histograms = histograms;
    chosen.ratios = {
      [this.state.mode]: { side: whole.side, range: whole.range, cells: [...grid].flat(), outside, classes },
    };
  }
  async clear() {
    this.hush();
    this.chosen = this.map.marks = this.map.chosen = null;
    $("filter").value = "";
    $("count").textContent = this.counted;
    this.map.draw();
    this.drawLinked();
  }
  async lock(i, step = true, spot = null) {
    const { map } = this;
    map.locked = i;
    $("lock").setAttribute("aria-pressed", String(i >= 0));
    $("lock").textContent = i >= 0 ? "Let go" : "Keep";
    $("lockmark").hidden = i < 0;
    this.panel.named = -1;
    if (i >= 0) {
      this.hush();
      this.tab?.("galaxy");
      if (spot) map.spot = spot;
      else await map.goTo(i);
    } else map.spot = this.homeSpot ?? null;
    map.drawOverlay();
    await this.panel.show(i);
    this.remember(step);
  }
  async setColour(key) {
    this.quantity = this.quantities.find((q) => q.key === key) ?? this.quantity;
    $("colour").value = this.quantity.key;
    this.state.scale = this.quantity.scale;
    this.givenLimits = false;
    if (this.chosen) this.chosen.histograms = undefined;
    await this.recolour();
    this.remember(true);
  }
  async fillSecond() {}
  rememberNow() {
    clearTimeout(this.later);
    const { camera: c, locked } = this.map,
      moved = c.x !== 0.5 || c.y !== 0.5 || c.k !== 1,
      hash = toHash({
        state: this.state.mode,
        colour: this.quantity.key,
        scale: this.state.scale === this.quantity.scale ? null : this.state.scale,
        low: this.givenLimits ? this.low : null,
        high: this.givenLimits ? this.high : null,
        palette: this.state.palette === "viridis" ? null : this.state.palette,
        second: this.second.quantity.key === "Z" ? null : this.second.quantity.key,
        x: moved ? c.x : null,
        y: moved ? c.y : null,
        k: moved ? c.k : null,
        id: locked >= 0 ? this.tiles.id(locked) : null,
        frame: this.panel.spectrum.rest ? null : "observed",
      });
    this.write(hash);
  }
  stack() {}
  async newNoise() {}
  theme(name) {
    super.theme(name);
    if (!this.table) return;
    this.map.colours = this.colours;
    this.recolour(this.keptLimits());
  }
  async setThree() {}
}
