// What the page of galaxies and the page of tiles share: the model, the controls, the address, the theme, messages.
import { fromHash, toHash } from "./address.js";
import { galaxiesOf, palette, paletteNames, plain } from "./colour.js";
import { Kernel } from "./kernel.js";
import { Model } from "./model.js";
import { SafeTensors } from "./safetensors.js";

// The address of the script in a folder's page; "" in one file.
const script = typeof document === "undefined" ? null : document.currentScript?.src;
const $ = (id) => document.getElementById(id);
export const modes = ["observed", "predicted", "noisy"];
export const titles = { observed: "measured", predicted: "predicted", noisy: "predicted + noise" };

export class Page {
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
    $("axis-x").textContent = `${unitless(about.map.x)} · near = alike in starlight`;
    $("axis-y").textContent = unitless(about.map.y);
    for (const axis of ["axis-x", "axis-y"]) $(axis).title = about.map.note;
    $("count").textContent = galaxiesOf(this.galaxies.n);
    document.querySelector("[data-state=observed]").disabled = !about.measured;
    this.map.setTool("pan");
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
  titleRatios() {
    const state = document.createElement("span");
    state.className = "state";
    state.textContent = `, ${titles[this.state.mode]}`;
    $("bpt-title").replaceChildren("Line ratios", state);
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
      { x, y, k } = this.map.wholeCamera,
      moved = c.x !== x || c.y !== y || c.k !== k;
    const hash = toHash({
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
      id: locked >= 0 ? this.galaxies.id(locked) : null,
      frame: this.panel.spectrum.rest ? null : "observed",
      ...this.furtherState,
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
  }
  keptLimits() {
    return this.givenLimits ? { low: this.low, high: this.high } : {};
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
}
