// The page: state, controls, keys, address.
import { RatioDiagram, drawHistogram, histogramSpan, markHistogram } from "./charts.js";
import { brush } from "./brush.js";
import { ownPalette, palette, paletteNames, places, short } from "./colour.js";
import { drawLegend, pictureOf, svgOf } from "./legend.js";
import { fromHash, toHash } from "./address.js";
import { GalaxyTable } from "./table.js";
import { GalaxyPanel } from "./galaxy_panel.js";
import { Galaxies } from "./galaxies.js";
import { Kernel } from "./kernel.js";
import { MapView } from "./view.js";
import { Model } from "./model.js";
import { SafeTensors } from "./safetensors.js";
import { Selection } from "./selection.js";
import { fillAbout, openExport } from "./dialogs.js";
import { openSource } from "./source.js";
import { quantities, ratios } from "./quantities.js";

const $ = (id) => document.getElementById(id);
const modes = ["observed", "predicted", "noisy"];

class App {
  async start() {
    const source = openSource();
    this.theme(this.stored("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
    this.galaxies = await Galaxies.open(source);
    const { about, n } = this.galaxies;
    this.galaxies.model_ratio = [3.161, 2.978];
    const wanted = fromHash(location.hash);
    this.state = {
      mode: wanted.state === "noisy" ? "predicted" : modes.includes(wanted.state) ? wanted.state : "observed",
      seed: Number(wanted.seed) > 0 ? Math.floor(Number(wanted.seed)) : 1,
      palette: paletteNames.includes(wanted.palette) ? wanted.palette : (ownPalette(wanted.palette) ?? "viridis"),
    };
    if (!about.measured && this.state.mode === "observed") this.state.mode = "predicted";
    this.selection = new Selection(this);
    this.ratios = new RatioDiagram($("bpt"));
    this.map = new MapView($("map"), this.galaxies.xy, n, about.map.x.startsWith("UMAP"), {
      hover: (i) => {
        if (this.map.locked < 0) this.panel.show(i);
      },
      lock: (i) => this.lock(i === this.map.locked ? -1 : i),
      lasso: (outline, how) => this.select({ kind: "outline", outline }, how),
      view: () => this.remember(),
      dense: (is) => {
        $("dense").hidden = !is;
      },
    });
    Object.assign(this.map.look, this.greys);
    this.panel = new GalaxyPanel(this);
    this.galaxyTable = new GalaxyTable(this);
    this.fillControls(wanted);
    await this.recolour({ low: wanted.low, high: wanted.high, animate: false });
    this.ready = performance.now();
    // The kernel and the model are not needed to see the map: they come after the first picture.
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    await this.loadModel(source);
    await this.restore(wanted);
    this.listen();
    document.documentElement.dataset.ready = "true";
  }
  async loadModel(source) {
    const [kernel, file, random] = await Promise.all([
      source.whole("kernel.wasm"),
      source.whole("model.safetensors"),
      this.galaxies.columns.get("RANDOM_ID"),
    ]);
    this.galaxies.random = random;
    if (file) {
      this.model = new Model(await Kernel.load(kernel), new SafeTensors(file), this.galaxies.about.model);
      this.galaxies.model_ratio = this.model.ratio;
    }
    const without = !this.model;
    for (const button of [$("play"), $("new-noise"), document.querySelector("[data-state=noisy]")]) {
      button.disabled = without;
      if (without) button.title = "This kind of model stays at home: no play, no noise";
    }
  }
  async restore(wanted) {
    if (wanted.state === "noisy" && this.model) this.state.mode = "noisy";
    const [x, y, k] = [wanted.x, wanted.y, wanted.k].map(Number);
    this.givenLimits = wanted.low !== undefined;
    if (k > 0 && Number.isFinite(x) && Number.isFinite(y)) this.map.camera = { x, y, k };
    this.stacking = wanted.stack === "true";
    if (wanted.frame === "observed") {
      $("rest").checked = false;
      this.panel.setRest(false);
    }
    $("stack").setAttribute("aria-pressed", String(this.stacking));
    if (wanted.select) await this.selection.restore(wanted.select).catch((e) => this.say(e.message));
    await this.changed();
    if (wanted.id) {
      const i = this.galaxies.find(wanted.id);
      if (i >= 0) this.lock(i);
      else this.say(`No galaxy ${wanted.id} here.`);
    }
    await this.recolour({ low: wanted.low, high: wanted.high, animate: false });
  }
  fillControls(wanted) {
    const { about } = this.galaxies;
    this.quantities = quantities(this);
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
    const named = (key) => this.quantities.find((q) => q.key === key);
    this.second = { quantity: named(wanted.second) ?? named("Z") ?? named("colour") };
    $("second").value = this.second.quantity.key;
    this.quantity = named(wanted.colour) ?? named("HALPHA");
    this.state.scale = ["asinh", "linear", "log"].includes(wanted.scale) ? wanted.scale : this.quantity.scale;
    $("colour").value = this.quantity.key;
    for (const name of paletteNames) $("palette").append(new Option(name, name));
    $("palette").append(new Option("own…", "own"));
    this.setPalette(this.state.palette);
    $("axis-x").textContent = about.map.x;
    $("axis-y").textContent = about.map.y;
    for (const axis of ["axis-x", "axis-y"]) $(axis).title = about.map.note;
    document.querySelector("[data-state=observed]").disabled = !about.measured;
    this.map.setTool("pan");
  }
  noise(seed) {
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
          .noisy(seed, this.model, (share) => {
            busy.textContent = `drawing lines and noise: ${Math.round(100 * share)} %`;
          })
          .finally(done),
      );
    }
    return this.running.get(seed);
  }
  /** Values, limits, palette and everything that shows them. */
  async recolour({ low, high, animate = true } = {}) {
    const q = this.quantity,
      { mode, seed } = this.state,
      turn = (this.turn = (this.turn ?? 0) + 1);
    if (mode === "noisy" && !this.model) return;
    const values = await q.get(mode, seed),
      limits = await q.limits();
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
    if (q.classes || (q.diverging && this.state.scale === "log")) this.state.scale = q.scale;
    for (const id of ["low", "high", "scale"]) $(id).disabled = q.classes !== undefined;
    $("scale").options[2].disabled = q.diverging ?? false;
    if (!Number.isFinite(this.low)) this.low = 0; // a column without a number
    if (!(this.high > this.low)) this.high = this.low + 1;
    if (this.state.scale === "log" && !(this.low > 0)) this.low = this.high / 1000;
    this.values = values;
    this.table = palette(q.diverging ? "diverging" : this.state.palette);
    this.map.look.classes = q.classes !== undefined;
    this.map.setPalette(this.table);
    const u = places(values, this.state.scale, this.low, this.high);
    this.below = this.above = 0;
    for (const v of u) {
      if (v < 0) ++this.below;
      if (v > 1) ++this.above;
    }
    this.map.show(u, animate);
    $("low").value = short(this.low).replace("−", "-");
    $("high").value = short(this.high).replace("−", "-");
    $("scale").value = this.state.scale;
    for (const b of document.querySelectorAll("[data-state]")) {
      b.setAttribute("aria-checked", b.dataset.state === mode);
      b.tabIndex = b.dataset.state === mode ? 0 : -1;
    }
    $("new-noise").hidden = mode !== "noisy";
    $("new-noise").dataset.seed = seed;
    await this.fillSecond();
    const r = await ratios(this, mode, seed);
    if (turn !== this.turn) return;
    this.ratios.setPoints({ ...r, marks: this.selection.marks }, this.colours);
    this.drawLinked();
    if (this.panel.row) {
      this.panel.named = -1;
      this.panel.draw();
    } else if (this.stacking) this.panel.showStack();
    this.remember();
  }
  /** The colour bar: palette, scale, ends, words, how many lie beyond. */
  get bar() {
    const { table, low, high, label, below, above } = this;
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
  labelOf(q) {
    const state = {
      observed: "measured",
      predicted: "predicted median",
      noisy: `predicted + noise, seed ${this.state.seed}`,
    }[this.state.mode];
    return q.group === "Equivalent width" ? q.label.replace(" (Å)", `, ${state} (Å)`) : q.label;
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
    $("bpt-title").textContent =
      `Line ratios, ${{ observed: "measured", predicted: "predicted", noisy: "predicted + noise" }[this.state.mode]}`;
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
    await this.changed();
    this.say(`${this.counted}.`);
  }
  async changed() {
    const { marks } = this.selection;
    this.map.setSelection(marks);
    $("count").textContent = this.counted;
    if (this.ratios.points) this.ratios.setPoints({ ...this.ratios.points, marks }, this.colours);
    if (this.values) this.drawLinked();
    if (this.stacking && !this.panel.row) this.panel.showStack();
    this.remember();
  }
  get counted() {
    const {
      selection: { marks, count },
      galaxies: { n },
    } = this;
    return marks ? `${count} of ${n} selected` : n === 1 ? "1 galaxy" : `${n} galaxies`;
  }
  clear() {
    this.selection.clear();
    $("filter").value = "";
    return this.changed();
  }
  /** The selected galaxies as one, in place of a galaxy. */
  stack(is) {
    this.stacking = is;
    $("stack").setAttribute("aria-pressed", String(is));
    if (is && this.map.locked >= 0) this.lock(-1);
    else this.panel.show(this.map.locked >= 0 ? this.map.locked : this.map.hovered);
    this.remember();
  }
  lock(i) {
    this.map.locked = i;
    $("lock").setAttribute("aria-pressed", String(i >= 0));
    $("lock").textContent = i >= 0 ? "Let go" : "Keep";
    $("lockmark").hidden = i < 0;
    if (i >= 0) this.map.centre(i);
    this.map.draw();
    this.panel.show(i >= 0 ? i : this.map.hovered).then(() => {
      this.panel.near(i);
      this.drawLinked();
    });
    this.remember();
  }
  say(text) {
    $("live").textContent = text;
    $("count").textContent = text;
  }
  remember() {
    if (document.documentElement.dataset.ready !== "true") return;
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
      stack: this.stacking,
      frame: this.panel.spectrum.rest ? null : "observed",
      select: this.selection.text(),
    });
    try {
      history.replaceState(null, "", `#${hash}`);
    } catch {
      location.replace(`#${hash}`);
    }
    this.written = location.hash;
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
      ? { quiet: [0.55, 0.59, 0.64, 0.4], faint: [0.42, 0.46, 0.5, 0.28] }
      : { quiet: [0.5, 0.53, 0.57, 0.35], faint: [0.55, 0.57, 0.6, 0.25] };
    if (!this.map) return;
    Object.assign(this.map.look, this.greys);
    this.panel.spectrum.setColours(this.colours);
    this.panel.named = -1;
    this.map.stale = true;
    this.map.draw();
    if (this.values)
      (this.ratios.setPoints(this.ratios.points, this.colours),
        this.drawLinked(),
        this.panel.row ? this.panel.draw() : this.stacking && this.panel.showStack());
  }
  async setMode(mode) {
    if (mode === "observed" && !this.galaxies.about.measured) return;
    if (mode === "noisy" && !this.model) return;
    this.state.mode = mode;
    await this.recolour(this.keptLimits());
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
  }
  togglePlay() {
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
    Object.assign(canvas, { width: map.canvas.width, height: map.canvas.height });
    const g = canvas.getContext("2d");
    g.drawImage(map.canvas, 0, 0);
    g.drawImage(map.overlay, 0, 0);
    map.resize();
    return canvas;
  }
  /** As a figure: 'png' a canvas, 'svg' text; enough pixels for two columns of a journal. */
  figure(kind) {
    const { about } = this.galaxies,
      { width, height } = this.map,
      ratio = Math.min(Math.max(2, 2800 / width), 6);
    const parts = {
      map: this.picture(ratio),
      width,
      height,
      ratio,
      axes: [about.map.x, about.map.y],
      title: about.title,
      count: this.counted,
      spec: this.bar,
    };
    return kind === "png" ? pictureOf(parts, this.colours) : svgOf(parts, this.colours);
  }
  listen() {
    this.written = location.hash;
    const on = (id, event, f) => $(id).addEventListener(event, f);
    for (const b of document.querySelectorAll("[data-state]"))
      b.addEventListener("click", () => this.setMode(b.dataset.state));
    const tool = (name) => {
      this.map.setTool(name);
      for (const b of document.querySelectorAll("[data-tool]"))
        if (b.id !== "map") {
          b.setAttribute("aria-checked", String(b.dataset.tool === name));
          b.tabIndex = b.dataset.tool === name ? 0 : -1;
        }
    };
    for (const b of document.querySelectorAll("button[data-tool]"))
      b.addEventListener("click", () => tool(b.dataset.tool));
    for (const group of document.querySelectorAll("[role=radiogroup]"))
      group.addEventListener("keydown", (e) => {
        const all = [...group.querySelectorAll("button:not(:disabled)")],
          move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
        if (!move) return;
        e.preventDefault();
        const next = all[(all.indexOf(document.activeElement) + move + all.length) % all.length];
        next.focus();
        next.click();
      });
    tool("pan");
    on("new-noise", "click", () => this.newNoise());
    on("colour", "change", (e) => this.setColour(e.target.value));
    on("scale", "change", (e) => {
      this.state.scale = e.target.value;
      this.recolour(this.keptLimits());
    });
    on("palette", "change", (e) => {
      this.setPalette(
        e.target.value === "own" ? (ownPalette(this.stored("palette")) ?? "2b1b5a-1f7a8c-e0a030") : e.target.value,
      );
      this.recolour(this.keptLimits());
    });
    on("own", "change", (e) => {
      const own = ownPalette(e.target.value);
      e.target.setAttribute("aria-invalid", String(own === null));
      if (!own) {
        this.say("A palette is two to sixteen colours such as 440154 or #fde725.");
        return;
      }
      this.setPalette(own);
      try {
        localStorage.setItem("starglow palette", own);
      } catch {
        /* for this visit alone */
      }
      this.recolour(this.keptLimits());
    });
    on("second", "change", async (e) => {
      this.second = { quantity: this.quantities.find((q) => q.key === e.target.value) };
      await this.fillSecond();
      this.drawLinked();
      this.remember();
    });
    const range = (id, of) =>
      brush($(id), true, (x, _, how) => {
        const { key, ...axis } = of();
        this.select(
          {
            kind: "range",
            key,
            mode: this.state.mode,
            seed: this.state.seed,
            span: histogramSpan(x, $(id).getBoundingClientRect().width, axis),
          },
          how,
        );
      });
    range("histogram", () => ({ key: this.quantity.key, scale: this.state.scale, low: this.low, high: this.high }));
    range("histogram2", () => ({ ...this.second, key: this.second.quantity.key }));
    brush($("bpt"), false, (x, y, how) =>
      this.select({ kind: "ratios", mode: this.state.mode, seed: this.state.seed, span: this.ratios.span(x, y) }, how),
    );
    for (const id of ["low", "high"])
      on(id, "change", () => {
        this.givenLimits = true;
        this.recolour(
          this.quantity.diverging
            ? { low: -Math.abs($(id).value), high: Math.abs($(id).value) }
            : { low: $("low").value, high: $("high").value },
        );
      });
    on("blue", "click", () => this.select({ kind: "blue" }));
    on("red", "click", () => this.select({ kind: "red" }));
    on("clear", "click", () => this.clear());
    on("filter-form", "submit", (e) => {
      e.preventDefault();
      const text = $("filter").value.trim();
      if (text) this.select({ kind: "filter", text });
      else this.clear();
    });
    on("search", "submit", (e) => {
      e.preventDefault();
      const i = this.galaxies.find($("find").value);
      if (i >= 0) this.lock(i);
      else this.say(`No galaxy ${$("find").value.slice(0, 40)} here.`);
    });
    on("stack", "click", () => this.stack(!this.stacking));
    on("lock", "click", () => this.lock(this.map.locked >= 0 ? -1 : (this.panel.row?.i ?? -1)));
    on("play", "click", () => this.togglePlay());
    on("theme", "click", () => this.theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
    on("zoom-in", "click", () => this.map.zoom(1.5));
    on("zoom-out", "click", () => this.map.zoom(1 / 1.5));
    on("zoom-all", "click", () => this.map.reset());
    on("table-open", "click", () => this.galaxyTable.open());
    on("export-open", "click", () => openExport(this));
    on("about-open", "click", () => fillAbout(this));
    addEventListener("resize", () => this.drawLinked());
    addEventListener("hashchange", () => {
      if (location.hash !== this.written) location.reload();
    }); // an address pasted over this one
    addEventListener("keydown", (e) => this.key(e));
  }
  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
    if (e.target.matches("input:not([type=checkbox],[type=range]), textarea, select")) {
      if (e.key === "Escape") e.target.blur();
      return;
    }
    const arrows = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
    if (arrows && (e.target === $("map") || e.target === document.body)) {
      e.preventDefault();
      const { map } = this,
        from = map.locked >= 0 ? map.locked : map.hovered >= 0 ? map.hovered : (this.panel.row?.i ?? -1);
      const next = from < 0 ? map.grid.nearest(map.camera.x, map.camera.y, 10) : map.step(...arrows, from);
      if (next < 0) return;
      if (map.locked >= 0) this.lock(next);
      else {
        map.hovered = next;
        map.centre(next);
        map.draw();
        this.panel.show(next);
      }
      return;
    }
    const acts = {
      Enter: () => e.target === $("map") && this.lock(this.map.locked >= 0 ? -1 : (this.panel.row?.i ?? -1)),
      Escape: () =>
        this.panel.play.active
          ? this.panel.stopPlay()
          : this.map.locked >= 0
            ? this.lock(-1)
            : this.stacking
              ? this.stack(false)
              : this.clear(),
      "+": () => this.map.zoom(1.5),
      "=": () => this.map.zoom(1.5),
      "-": () => this.map.zoom(1 / 1.5),
      0: () => this.map.reset(),
      1: () => this.setMode("observed"),
      2: () => this.setMode("predicted"),
      3: () => this.setMode("noisy"),
      n: () => this.model && this.newNoise(),
      v: () => document.querySelector("button[data-tool=pan]").click(),
      l: () => document.querySelector("button[data-tool=lasso]").click(),
      b: () => document.querySelector("button[data-tool=box]").click(),
      p: () => this.togglePlay(),
      t: () => this.galaxyTable.open(),
      s: () => this.stack(!this.stacking),
      "?": () => fillAbout(this),
      "/": () => {
        e.preventDefault();
        $("find").focus();
      },
    };
    acts[e.key]?.();
  }
}

const app = new App();
window.starglow = app; // for tests and the curious
app.start().catch((e) => {
  const p = document.createElement("p");
  p.id = "failed";
  p.setAttribute("role", "alert");
  p.textContent = `The page cannot be shown: ${e.message}`;
  document.querySelector("main").replaceChildren(p);
  document.documentElement.dataset.ready = "failed";
  throw e;
});
