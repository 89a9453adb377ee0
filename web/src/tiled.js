// The page of tiles: the same words, colours and panel as the page of fewer galaxies; numbers are exact, of all
// galaxies.
import { RatioDiagram, bptClass, bptLines } from "./ratio_diagram.js";
import { GalaxyPanel } from "./galaxy_panel.js";
import { Page, modes } from "./page_base.js";
import { Pins } from "./pins.js";
import { Story } from "./story.js";
import { TileView } from "./tile_view.js";
import { Tiles } from "./tiles.js";
import { describe } from "./tiled_selection.js";
import { drawCounts, drawRatios, rebinned } from "./tiled_charts.js";
import { galaxiesOf, ownPalette, palette, paletteNames, scales } from "./colour.js";
import { drawLegend } from "./legend.js";
import { fromHash } from "./address.js";
import { lineAt, lineNames, lineTitles } from "./lines.js";
import { listen } from "./controls.js";
import { openSource } from "./source.js";

const $ = (id) => document.getElementById(id);

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

export class TiledApp extends Page {
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
    this.panel.near = async () => {};
    this.fillControls();
    this.story = new Story(this);
    this.modelReady = new Promise((resolve) => (this.modelCame = () => resolve(undefined)));
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
  async recolour(/** @type {{ low?: any, high?: any }} */ { low, high } = {}) {
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
    /** @type {any} */
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
  drawCounts(canvas, quantity, scale, low, high, label, table) {
    const h = this.histogramOf(quantity),
      chosen = this.chosen?.histograms?.get(quantity.key),
      whole = rebinned(h, scale, low, high),
      part = chosen && rebinned({ ...h, ...chosen }, scale, low, high);
    drawCounts(canvas, { whole, part, words: this.counted, scale, low, high, label, table }, this.colours);
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
    drawRatios(
      $("bpt"),
      this.chosen?.ratios?.[this.state.mode] ?? this.tiles.statistics.ratios[this.state.mode],
      this.ratios.now,
      this.colours,
    );
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
  async choose(/** @type {{ outline?: any, filter?: string, how?: string }} */ { outline, filter, how = "new" }) {
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
  describe(progress) {
    return describe(this, progress);
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
