// The page: state, controls, keys, address.
import { drawHistogram, markHistogram } from "./charts.js";
import { galaxiesOf, ownPalette, palette, paletteNames, places, plain } from "./colour.js";
import { picture } from "./figure.js";
import { drawLegend } from "./legend.js";
import { fromHash } from "./address.js";
import { listen } from "./controls.js";
import { GalaxyTable } from "./table.js";
import { GalaxyPanel } from "./galaxy_panel.js";
import { Galaxies } from "./galaxies.js";
import { lead, lineNames } from "./lines.js";
import { MapView } from "./view.js";
import { pause } from "./noise.js";
import { Page, modes, titles } from "./page_base.js";
import { Pins } from "./pins.js";
import { RatioDiagram } from "./ratio_diagram.js";
import { Selection } from "./selection.js";
import { Story } from "./story.js";
import { openSource } from "./source.js";
import { quantities, ratios } from "./quantities.js";

const $ = (id) => document.getElementById(id);
const many = 20000; // galaxies: above, long work stops to let the page breathe

export class App extends Page {
  async start() {
    const source = openSource();
    this.theme(this.stored("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
    source.progress = (share) => $("loading").hidden || this.loading(Math.min(share, 0.95));
    this.galaxies = await Galaxies.open(source);
    const { about, n } = this.galaxies;
    const wanted = fromHash(location.hash);
    this.state = { mode: "observed", seed: 1, palette: "viridis" };
    this.selection = new Selection(this);
    this.ratios = new RatioDiagram($("bpt"));
    this.map = new MapView($("map"), this.galaxies.xy, n, about.map.x.startsWith("UMAP"), {
      hover: (i) => {
        if (this.map.locked < 0 && !this.stacking) this.panel.show(i);
      },
      lock: (i) => this.lock(i === this.map.locked ? -1 : i),
      lasso: (outline, how) => this.select({ kind: "outline", outline }, how),
      view: () => this.remember(),
      dense: (is) => {
        $("dense").hidden = !is;
      },
      home: (is) => {
        $("beyond").hidden = !is || this.map.beyond === 0;
      },
    });
    this.map.home = about.story?.example ?? -1;
    $("beyond").textContent = `${this.map.beyond} beyond the edges: zoom out`;
    this.map.colours = this.colours;
    Object.assign(this.map.look, this.greys);
    this.pins = new Pins(this);
    this.panel = new GalaxyPanel(this);
    this.galaxyTable = new GalaxyTable(this);
    this.fillControls();
    this.story = new Story(this);
    // Controls first: what needs the model waits for it.
    this.modelReady = new Promise((resolve) => (this.modelCame = () => resolve(undefined)));
    listen(this);
    document.documentElement.dataset.alive = "true";
    await this.apply(wanted);
    this.ready = performance.now();
    this.panel.show(this.map.locked);
    // The kernel and the model are not needed to see the map: they come after the first picture.
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    await this.loadModel(source);
    this.modelCame();
    this.loading(1);
    if (wanted.state === "noisy" && this.model && this.state.mode === "predicted") await this.setMode("noisy", false);
    if (this.panel.row) await this.panel.show(this.panel.row.i);
    this.written = location.hash;
    document.documentElement.dataset.ready = "true";
  }
  /** Everything that an address says; what it does not say is as at the beginning. */
  async apply(wanted) {
    this.applying = true;
    const { about } = this.galaxies,
      named = (key) => this.quantities.find((q) => q.key === key),
      camera = [wanted.x, wanted.y, wanted.k].map(Number);
    let mode = modes.includes(wanted.state) ? wanted.state : "observed";
    if (mode === "noisy" && !this.model) mode = "predicted"; // until the model is there
    if (!about.measured && mode === "observed") mode = "predicted";
    this.state.mode = mode;
    this.state.seed = Number(wanted.seed) > 0 ? Math.floor(Number(wanted.seed)) : 1;
    this.setPalette(paletteNames.includes(wanted.palette) ? wanted.palette : (ownPalette(wanted.palette) ?? "viridis"));
    this.quantity = named(wanted.colour) ?? named(lineNames[lead()]);
    this.state.scale = ["asinh", "linear", "log"].includes(wanted.scale) ? wanted.scale : this.quantity.scale;
    $("colour").value = this.quantity.key;
    this.second = { quantity: named(wanted.second) ?? named("Z") ?? named("colour") };
    $("second").value = this.second.quantity.key;
    this.givenLimits = wanted.low !== undefined;
    this.map.camera =
      camera[2] > 0 && camera.every(Number.isFinite)
        ? { x: camera[0], y: camera[1], k: camera[2] }
        : { x: 0, y: 0, k: 1 };
    this.stacking = this.map.stacking = wanted.stack === "true";
    $("stack").setAttribute("aria-pressed", String(this.stacking));
    $("rest").checked = wanted.frame !== "observed";
    this.panel.setRest($("rest").checked);
    this.selection.clear();
    if (wanted.select) await this.selection.restore(wanted.select).catch((e) => this.say(e.message));
    const i = wanted.id ? this.galaxies.find(wanted.id) : -1;
    if (wanted.id && i < 0) this.say(`No galaxy ${wanted.id.slice(0, 40)} here.`);
    this.three = wanted.maps === "3";
    this.lock(i, false);
    await this.pins.set(
      (wanted.pins ?? "")
        .split(",")
        .map((id) => this.galaxies.find(id))
        .filter((k) => k >= 0),
    );
    await this.changed();
    await this.recolour({ low: wanted.low, high: wanted.high, animate: false });
    this.written = location.hash;
    this.applying = false;
  }
  fillControls() {
    this.quantities = quantities(this);
    this.fillLists();
  }
  /** One realisation with noise of all galaxies; the model is waited for. */
  async noise(seed) {
    await this.modelReady;
    if (!this.model) throw new Error("without the model there is no noise");
    this.running ??= new Map();
    if (!this.running.has(seed)) {
      const busy = $("busy");
      const slow = setTimeout(() => {
        busy.hidden = false;
      }, 150);
      const done = () => {
        clearTimeout(slow);
        busy.hidden = true;
        this.running.delete(seed);
      };
      this.running.set(
        seed,
        this.galaxies
          .noisy(seed, this.model, this.workerBytes, (share) => {
            busy.textContent = `drawing lines and noise: ${Math.round(100 * share)} %`;
          })
          .finally(done),
      );
    }
    return this.running.get(seed);
  }
  /** Where much is to be done, the page answers in between. */
  breathe() {
    return this.galaxies.n > many ? pause() : null;
  }
  /** Values, limits, palette and everything that shows them. */
  async recolour(/** @type {{ low?: number, high?: number, animate?: boolean }} */ { low, high, animate = true } = {}) {
    const q = this.quantity,
      { mode, seed } = this.state,
      turn = (this.turn = (this.turn ?? 0) + 1);
    const values = await q.get(mode, seed),
      limits = await q.limits();
    await this.breathe();
    if (turn !== this.turn) return;
    const number = (text, fallback) =>
      text !== undefined && text !== "" && Number.isFinite(Number(text)) ? Number(text) : fallback;
    // Zero stays in the middle of a diverging bar; classes have no other ends than theirs.
    const size = Math.max(Math.abs(number(low, limits[0])), Math.abs(number(high, limits[1])));
    [this.low, this.high] = q.classes
      ? limits
      : q.diverging
        ? [-size, size]
        : [number(low, limits[0]), number(high, limits[1])];
    if (q.classes || q.diverging) this.state.scale = q.scale;
    for (const id of ["low", "high", "scale"]) $(id).disabled = q.classes !== undefined;
    // Differences stay linear: on a scale that is stretched about zero one peak reads as two.
    $("scale").options[0].disabled = $("scale").options[2].disabled = q.diverging ?? false;
    if (!Number.isFinite(this.low)) this.low = 0; // a column without a number
    if (!(this.high > this.low)) this.high = this.low + 1;
    if (this.state.scale === "log" && !(this.low > 0)) this.low = this.high / 1000;
    this.values = values;
    this.table = palette(q.diverging ? "diverging" : this.state.palette, this.colours.surface);
    this.map.look.classes = q.classes !== undefined;
    this.map.setPalette(this.table);
    const scaled = (v) => places(v, this.state.scale, this.low, this.high),
      u = scaled(values);
    this.below = this.above = 0;
    for (const v of u) {
      if (v < 0) ++this.below;
      if (v > 1) ++this.above;
    }
    await this.breathe();
    if (this.three) {
      const all = [];
      for (const m of this.threeModes) {
        all.push(m === mode ? u : scaled(await q.get(m, seed)));
        await this.breathe();
      }
      if (turn !== this.turn) return;
      this.map.setTitles(this.threeModes.map((m) => titles[m]));
      this.map.show(all[0], false, all.slice(1));
    } else {
      if (this.map.titles) this.map.setTitles(null);
      this.map.show(u, animate);
    }
    $("three").setAttribute("aria-pressed", String(this.three ?? false));
    this.u = u;
    await this.breathe();
    this.showControls();
    await this.fillSecond();
    await this.breathe();
    const r = await ratios(this, mode, seed);
    await this.breathe();
    if (turn !== this.turn) return;
    this.ratios.setPoints({ ...r, marks: this.selection.marks, places: this.u, table: this.table }, this.colours);
    await this.breathe();
    this.drawLinked();
    if (this.panel.row) {
      this.panel.named = -1;
      await this.panel.show(this.panel.row.i);
    } else if (this.stacking) this.panel.showStack();
    this.remember();
  }
  /** The three states side by side, or one. */
  async setThree(is) {
    if (is) await this.modelReady;
    this.three = is;
    await this.recolour({ ...this.keptLimits(), animate: false });
    this.remember(true);
  }
  /** The colour bar: palette, scale, ends, words, how many lie beyond. */
  get bar() {
    const { table, low, high, below, above } = this,
      label = this.three ? this.quantity.label : this.label;
    return { table, scale: this.state.scale, low, high, label, below, above, classes: this.quantity.classes };
  }
  /** The second histogram: values of its quantity in the state that is seen. */
  async fillSecond() {
    const { quantity: q } = this.second,
      { mode, seed } = this.state,
      [values, [low, high]] = await Promise.all([q.get(mode, seed), q.limits()]);
    if (this.second.quantity === q)
      Object.assign(this.second, { values, low, high: high > low ? high : low + 1, scale: q.scale });
  }
  /** Where the galaxy of the panel lies in the histograms. */
  mark() {
    const { row } = this.panel,
      { values, second, low, high } = this;
    if (values) markHistogram($("at"), row ? values[row.i] : NaN, { scale: this.state.scale, low, high });
    if (second.values) markHistogram($("at2"), row ? second.values[row.i] : NaN, second);
  }
  drawLinked() {
    if (!this.values) return;
    const { colours, table, low, high, values } = this,
      scale = this.state.scale;
    drawLegend($("colourbar"), this.bar, colours);
    drawHistogram(
      $("histogram"),
      {
        values,
        marks: this.selection.marks,
        scale,
        low,
        high,
        label: this.label,
        table,
        classes: this.quantity.classes,
      },
      colours,
    );
    const { second } = this;
    if (second.values)
      drawHistogram(
        $("histogram2"),
        {
          ...second,
          classes: second.quantity.classes,
          marks: this.selection.marks,
          label: this.labelOf(second.quantity),
        },
        colours,
      );
    this.mark();
    this.titleRatios();
  }
  async select(step, how) {
    try {
      await this.selection.apply(step, how);
    } catch (e) {
      this.say(e.message);
      $("filter").setAttribute("aria-invalid", "true");
      return;
    }
    $("filter").removeAttribute("aria-invalid");
    await this.changed(true);
    $("live").textContent = `${this.counted}.`;
  }
  async changed(step = false) {
    this.hush();
    const { marks } = this.selection;
    this.map.setSelection(marks);
    $("count").textContent = this.counted;
    if (this.ratios.points) this.ratios.setPoints({ ...this.ratios.points, marks }, this.colours);
    if (this.values) this.drawLinked();
    if (this.stacking && !this.panel.row) this.panel.showStack();
    this.tell();
    this.remember(step);
  }
  /** In a notebook's cell: the rows that are selected, and the one that is kept, to the widget around the page. */
  tell() {
    if (parent === window || document.documentElement.dataset.ready !== "true") return;
    const { marks } = this.selection,
      selected = [];
    if (marks) for (let i = 0; i < marks.length; ++i) if (marks[i]) selected.push(i);
    parent.postMessage({ starglow: { selected, kept: this.map.locked } }, "*");
  }
  get counted() {
    const {
      selection: { marks, count },
      galaxies: { n },
    } = this;
    return marks ? `${count} of ${n} selected` : galaxiesOf(n);
  }
  clear() {
    this.selection.clear();
    $("filter").value = "";
    $("filter").removeAttribute("aria-invalid");
    return this.changed(true);
  }
  /** The selected galaxies as one, in place of a galaxy; what the pointer passes does not take its place. */
  stack(is) {
    this.stacking = this.map.stacking = is;
    $("stack").setAttribute("aria-pressed", String(is));
    if (is && this.map.locked >= 0) this.lock(-1);
    else this.panel.show(this.map.locked >= 0 ? this.map.locked : is ? -1 : this.map.hovered);
    this.map.drawOverlay();
    this.remember(true);
  }
  lock(i, step = true) {
    const { map } = this;
    map.locked = i;
    $("lock").setAttribute("aria-pressed", String(i >= 0));
    $("lock").textContent = i >= 0 ? "Let go" : "Keep";
    $("lockmark").hidden = i < 0;
    if (i >= 0) {
      map.centre(i);
      this.hush();
      this.tab?.("galaxy"); // a phone shows it at once
    }
    map.drawOverlay();
    this.panel.named = -1;
    this.panel.show(i >= 0 ? i : this.stacking ? -1 : map.hovered).then(() => {
      this.panel.near(i);
      this.mark();
    });
    this.tell();
    this.remember(step);
  }
  /** What the address of a page of galaxies holds beside that of every page. */
  get furtherState() {
    return {
      seed: this.state.seed > 1 ? this.state.seed : null,
      pins: this.pins.list.map(({ row }) => row.id).join(","),
      maps: this.three ? "3" : null,
      stack: this.stacking,
      select: this.selection.text(),
    };
  }
  theme(name) {
    super.theme(name);
    if (!this.values) return;
    this.ratios.setPoints({ ...this.ratios.points, table: this.table }, this.colours);
    this.drawLinked();
    if (this.panel.row) this.panel.draw();
    else if (this.stacking) this.panel.showStack();
  }
  async setMode(mode, step = true) {
    if (mode === "observed" && !this.galaxies.about.measured) return;
    if (mode === "noisy") {
      await this.modelReady;
      if (!this.model) return;
    }
    this.state.mode = mode;
    await this.recolour(this.keptLimits());
    this.remember(step);
  }
  newNoise() {
    this.state.seed += 1;
    return this.setMode("noisy");
  }
  async setColour(key) {
    this.quantity = this.quantities.find((q) => q.key === key) ?? this.quantity;
    $("colour").value = this.quantity.key;
    this.state.scale = this.quantity.scale;
    this.givenLimits = false;
    await this.recolour();
    if (this.map.locked >= 0) this.panel.near(this.map.locked);
    this.remember(true);
  }
  /** The map bare, as it is seen. */
  picture(ratio) {
    return picture(this, ratio);
  }
}
