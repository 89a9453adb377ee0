// The page: state, controls, keys, address.
import { RatioDiagram, drawHistogram, markHistogram } from "./charts.js";
import { galaxiesOf, ownPalette, palette, paletteNames, places, plain } from "./colour.js";
import { drawLegend, pictureOf, svgOf } from "./legend.js";
import { fromHash, toHash } from "./address.js";
import { listen } from "./controls.js";
import { GalaxyTable } from "./table.js";
import { GalaxyPanel } from "./galaxy_panel.js";
import { Galaxies } from "./galaxies.js";
import { Kernel } from "./kernel.js";
import { MapView } from "./view.js";
import { Model } from "./model.js";
import { pause } from "./noise.js";
import { Pins } from "./pins.js";
import { SafeTensors } from "./safetensors.js";
import { Selection } from "./selection.js";
import { Story } from "./story.js";
import { openSource } from "./source.js";
import { quantities, ratios } from "./quantities.js";

// The address of the script in a folder's page; "" in one file.
const script = typeof document === "undefined" ? null : document.currentScript?.src;
const $ = (id) => document.getElementById(id);
export const modes = ["observed", "predicted", "noisy"];
export const titles = { observed: "measured", predicted: "predicted", noisy: "predicted + noise" };
const many = 20000; // galaxies: above, long work stops to let the page breathe

export class App {
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
  /** The bar under the header: how much of what the page needs is there. */
  loading(share) {
    const bar = $("loading");
    bar.hidden = share >= 1;
    if (share < 1) bar.value = share;
  }
  async loadModel(source) {
    const [kernel, file, random] = await Promise.all([
      source.whole("kernel.wasm"),
      source.whole("model.safetensors"),
      this.galaxies.columns.get("RANDOM_ID"),
    ]);
    this.galaxies.random = random;
    if (file) {
      const { model: table, lines } = this.galaxies.about;
      this.model = new Model(await Kernel.load(kernel), new SafeTensors(file), table);
      this.galaxies.model_ratio = this.model.ratio;
      this.workerBytes = script && typeof Worker === "function" ? { script, kernel, file, table, lines } : null;
    }
    const without = !this.model;
    for (const button of [$("play"), $("new-noise"), document.querySelector("[data-state=noisy]")]) {
      button.disabled = without;
      if (without) button.title = "This kind of model stays at home: no play, no noise";
    }
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
    this.quantity = named(wanted.colour) ?? named("HALPHA");
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
  fillLists() {
    const { about } = this.galaxies;
    const groups = new Map();
    for (const q of this.quantities) {
      if (!groups.has(q.group)) {
        const g = document.createElement("optgroup");
        g.label = q.group;
        groups.set(q.group, g);
        $("colour").append(g);
      }
      groups.get(q.group).append(new Option(q.label, q.key));
    }
    $("second").append(...[...groups.values()].map((g) => g.cloneNode(true)));
    for (const name of paletteNames) $("palette").append(new Option(name, name));
    $("palette").append(new Option("own…", "own"));
    const unitless = (label) => label.replace(" (no unit)", "");
    $("axis-x").textContent = `${unitless(about.map.x)} · near: alike in starlight`;
    $("axis-y").textContent = unitless(about.map.y);
    for (const axis of ["axis-x", "axis-y"]) $(axis).title = about.map.note;
    $("count").textContent = galaxiesOf(this.galaxies.n);
    document.querySelector("[data-state=observed]").disabled = !about.measured;
    this.map.setTool("pan");
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
  /** State, scale and limits as the controls show them. */
  showControls() {
    const { mode, seed } = this.state;
    $("low").value = plain(this.low).replace("−", "-");
    $("high").value = plain(this.high).replace("−", "-");
    $("scale").value = this.state.scale;
    for (const b of document.querySelectorAll("[data-state]")) {
      b.setAttribute("aria-checked", String(b.dataset.state === mode));
      b.tabIndex = b.dataset.state === mode ? 0 : -1;
    }
    $("new-noise").classList.toggle("away", mode !== "noisy"); // its place stays: nothing beside it moves
    $("new-noise").dataset.seed = String(seed);
  }
  get threeModes() {
    return modes.filter((m) => (m === "observed" ? this.galaxies.about.measured : m === "noisy" ? this.model : true));
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
  setPalette(name) {
    const own = !paletteNames.includes(name);
    this.state.palette = name;
    $("palette").value = own ? "own" : name;
    $("own").hidden = !own;
    if (own) $("own").value = name.replaceAll("-", " ");
  }
  get label() {
    return this.labelOf(this.quantity);
  }
  /** The state that the names of EWs tell: of three maps each has its own. */
  get stateWords() {
    return {
      observed: "measured",
      predicted: "predicted median",
      noisy: `predicted + noise, seed ${this.state.seed}`,
    }[this.state.mode];
  }
  labelOf(q) {
    return q.group === "Equivalent width" ? q.label.replace(" (Å)", `, ${this.stateWords} (Å)`) : q.label;
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
  titleRatios() {
    const state = document.createElement("span");
    state.className = "state";
    state.textContent = `, ${titles[this.state.mode]}`;
    $("bpt-title").replaceChildren("Line ratios", state);
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
  /** A message of the page, apart from the count; it goes after a while, or when what it says is over. */
  say(text) {
    $("live").textContent = text;
    $("message").textContent = text;
    $("message").hidden = false;
    clearTimeout(this.saying);
    this.saying = setTimeout(() => this.hush(), 8000);
  }
  hush() {
    clearTimeout(this.saying);
    $("message").hidden = true;
  }
  /** The state into the address; step: as a step that the browser's Back undoes. */
  remember(step = false) {
    if (this.applying || document.documentElement.dataset.ready !== "true") return;
    this.step ||= step;
    clearTimeout(this.later);
    this.later = setTimeout(() => this.rememberNow(), 120);
  }
  /** The state in the address, at once. */
  rememberNow() {
    clearTimeout(this.later);
    const { camera: c, locked } = this.map,
      moved = c.x !== 0 || c.y !== 0 || c.k !== 1,
      limits = this.givenLimits;
    const hash = toHash({
      state: this.state.mode,
      seed: this.state.seed > 1 ? this.state.seed : null,
      colour: this.quantity.key,
      scale: this.state.scale === this.quantity.scale ? null : this.state.scale,
      low: limits ? this.low : null,
      high: limits ? this.high : null,
      palette: this.state.palette === "viridis" ? null : this.state.palette,
      second: this.second.quantity.key === "Z" ? null : this.second.quantity.key,
      x: moved ? c.x : null,
      y: moved ? c.y : null,
      k: moved ? c.k : null,
      id: locked >= 0 ? this.galaxies.id(locked) : null,
      pins: this.pins.list.map(({ row }) => row.id).join(","),
      maps: this.three ? "3" : null,
      stack: this.stacking,
      frame: this.panel.spectrum.rest ? null : "observed",
      select: this.selection.text(),
    });
    this.write(hash);
  }
  write(hash) {
    const step = this.step;
    this.step = false;
    if (`#${hash}` === location.hash) return;
    try {
      history[step ? "pushState" : "replaceState"](null, "", `#${hash}`);
    } catch {
      if (step) location.hash = `#${hash}`;
      else location.replace(`#${hash}`);
    }
    this.written = location.hash;
  }
  /** Back, forward, or an address that is pasted over this one. */
  async moved() {
    if (location.hash === this.written) return;
    clearTimeout(this.later);
    this.step = false;
    const wanted = fromHash(location.hash);
    if (wanted.state === "noisy" || wanted.maps) await this.modelReady;
    if (this.panel.play.active) this.panel.stopPlay();
    await this.apply(wanted);
  }
  stored(key) {
    try {
      return localStorage.getItem(`starglow ${key}`);
    } catch {
      return null;
    }
  }
  theme(name) {
    document.documentElement.dataset.theme = name;
    try {
      localStorage.setItem("starglow theme", name);
    } catch {
      /* not kept */
    }
    const style = getComputedStyle(document.documentElement);
    this.colours = Object.fromEntries(
      [
        "back",
        "surface",
        "ink",
        "soft",
        "rule",
        "accent",
        "flux",
        "noise",
        "continuum",
        "predicted",
        "interval",
        "noisy",
        "cloud",
        "faint",
        "masked",
        "band",
      ].map((k) => [k, style.getPropertyValue(`--${k}`).trim()]),
    );
    const dark = name === "dark";
    this.greys = dark
      ? { quiet: [0.55, 0.59, 0.64, 0.4], faint: [0.42, 0.46, 0.5, 0.28], unchosen: [0.2, 0.224, 0.255] }
      : { quiet: [0.5, 0.53, 0.57, 0.35], faint: [0.55, 0.57, 0.6, 0.25], unchosen: [0.827, 0.831, 0.816] };
    if (!this.map) return;
    Object.assign(this.map.look, this.greys);
    this.map.colours = this.colours;
    this.pins.changed();
    // a palette is cut to its ground
    if (this.quantity) {
      this.table = palette(this.quantity.diverging ? "diverging" : this.state.palette, this.colours.surface);
      this.map.setPalette(this.table);
    }
    this.panel.spectrum.setColours(this.colours);
    this.panel.named = -1;
    this.map.stale = true;
    this.map.draw();
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
  keptLimits() {
    return this.givenLimits ? { low: this.low, high: this.high } : {};
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
  async togglePlay() {
    await this.modelReady;
    if (this.panel.play.active) {
      this.panel.stopPlay();
      return;
    }
    const i = this.map.locked >= 0 ? this.map.locked : (this.panel.row?.i ?? -1);
    if (i < 0) {
      this.say("Choose a galaxy first.");
      return;
    }
    if (this.map.locked < 0) this.lock(i);
    if (this.panel.startPlay()) $("play").setAttribute("aria-pressed", "true");
  }
  /** The map as it is seen, bare: points or density, rings; `ratio` pixels each of the screen's. */
  picture(ratio) {
    const { map } = this,
      canvas = document.createElement("canvas");
    map.resize(ratio);
    map.drawNow();
    Object.assign(canvas, { width: map.overlay.width, height: map.overlay.height });
    const g = canvas.getContext("2d");
    map.panes.forEach((pane, k) => {
      const left = Math.round(k * map.width * map.ratio);
      g.drawImage(pane.canvas, left, 0);
      g.drawImage(pane.under, left, 0);
    });
    g.drawImage(map.overlay, 0, 0);
    map.resize();
    return canvas;
  }
  /** As a figure: 'png' a canvas, 'svg' text; enough pixels for two columns of a journal. */
  figure(kind) {
    const { about } = this.galaxies,
      { whole: width, height } = this.map,
      ratio = Math.min(Math.max(2, 2800 / width), 6);
    const parts = {
      map: this.picture(ratio),
      width,
      height,
      ratio,
      axes: [about.map.x, about.map.y].map((label) => label.replace(" (no unit)", "")),
      title: about.title,
      count: this.counted,
      spec: this.bar,
    };
    return kind === "png" ? pictureOf(parts, this.colours) : svgOf(parts, this.colours);
  }
}
