// What pointer, fingers and keys do to the whole spectrum: a readout under the crosshair; drag zooms; wheel and pinch
// zoom; shift drag, one finger and arrows pan; a double click, or 0, shows all of it again.

export class LiveSpectrum {
  constructor(panel, readout) {
    Object.assign(this, { panel, readout, touches: new Map(), cursor: null });
    this.cross = ["x", "y"].map((axis) => {
      const line = document.createElement("i");
      line.className = `cross ${axis}`;
      line.hidden = true;
      return line;
    });
    this.box = document.createElement("i");
    this.box.className = "brush";
    panel.main.addEventListener("keydown", (e) => this.key(e));
    panel.main.addEventListener("blur", () => this.leave());
  }
  /** Of a plot that was just made. */
  attach(plot) {
    this.plot = plot;
    const { over } = plot;
    over.append(...this.cross);
    const listen = (type, f, options) => over.addEventListener(type, f, options);
    listen("pointerdown", (e) => this.down(e));
    listen("pointermove", (e) => this.move(e));
    listen("pointerup", (e) => this.up(e));
    listen("pointercancel", (e) => this.up(e));
    listen("pointerleave", (e) => e.pointerType === "mouse" && !this.drag && this.leave());
    listen("dblclick", () => this.panel.look(null));
    listen("wheel", (e) => this.wheel(e), { passive: false });
  }
  get range() {
    return this.panel.window ?? this.panel.shown.range;
  }
  px(e) {
    const r = this.plot.over.getBoundingClientRect();
    return Math.min(Math.max(e.clientX - r.left, 0), r.width);
  }
  /** Wavelength at rest at a place of the plot. */
  wave(px) {
    return this.plot.posToVal(px, "x") / (this.plot.stretch ?? 1);
  }
  down(e) {
    if (e.target.closest("button") || e.button > 0 || !this.panel.shown) return;
    this.plot.over.setPointerCapture(e.pointerId);
    const at = this.px(e);
    this.touches.set(e.pointerId, at);
    const pan = e.pointerType === "touch" ? this.panel.window !== null : e.shiftKey;
    this.drag = { start: at, at, pan, touch: e.pointerType === "touch", window: this.range };
    if (this.touches.size === 2)
      this.pinch = { spread: this.spread(), window: this.range, middle: this.wave(this.middle()) };
    this.point(at);
  }
  spread() {
    const [a, b] = [...this.touches.values()];
    return Math.max(Math.abs(a - b), 10);
  }
  middle() {
    const [a, b] = [...this.touches.values()];
    return (a + b) / 2;
  }
  move(e) {
    if (!this.panel.shown) return;
    const at = this.px(e);
    if (this.touches.has(e.pointerId)) this.touches.set(e.pointerId, at);
    if (this.pinch && this.touches.size === 2) {
      const { spread, window, middle } = this.pinch;
      this.zoom(spread / this.spread(), middle, window);
      return;
    }
    const { drag } = this;
    if (!drag) {
      this.point(at);
      return;
    }
    drag.at = at;
    if (drag.pan) {
      const shift = ((drag.start - at) / this.plot.over.clientWidth) * (drag.window[1] - drag.window[0]);
      this.panel.look(drag.window.map((w) => w + shift));
    } else if (drag.touch) this.point(at);
    else {
      Object.assign(this.box.style, {
        left: `${Math.min(drag.start, at)}px`,
        width: `${Math.abs(at - drag.start)}px`,
        top: "0",
        height: "100%",
      });
      this.plot.over.append(this.box);
      this.point(at);
    }
  }
  up(e) {
    this.touches.delete(e.pointerId);
    if (this.pinch) {
      if (!this.touches.size) this.pinch = this.drag = undefined;
      return;
    }
    const { drag } = this;
    this.drag = undefined;
    this.box.remove();
    if (!drag || drag.pan || drag.touch || e.type === "pointercancel" || Math.abs(drag.at - drag.start) < 5) return;
    this.panel.look([drag.start, drag.at].sort((a, b) => a - b).map((px) => this.wave(px)));
  }
  wheel(e) {
    // A plain wheel scrolls the panel, as everywhere; over the wide spectrum, or with ctrl or shift, it zooms.
    if (!(e.ctrlKey || e.shiftKey || this.panel.wide) || !this.panel.shown) return;
    e.preventDefault();
    const by = e.deltaY || e.deltaX;
    this.zoom(Math.exp(by * (e.deltaMode ? 0.05 : 0.002)), this.wave(this.px(e)));
  }
  /** Zooms about a wavelength: factor below 1 comes closer. */
  zoom(factor, about, window = this.range) {
    this.panel.look(window.map((w) => about + (w - about) * factor));
  }
  /** The crosshair at a place, and the numbers there. */
  point(px) {
    this.set(this.wave(px));
  }
  set(rest) {
    const { panel, plot } = this;
    if (!panel.shown) return;
    const [low, high] = this.range,
      { wave, flux, words, k } = panel.at(Math.min(Math.max(rest, low), high));
    this.cursor = { wave, k };
    this.readout.textContent = words;
    const [x, y] = this.cross;
    x.hidden = y.hidden = false;
    x.style.left = `${plot.valToPos(wave * (plot.stretch ?? 1), "x")}px`;
    const top = plot.valToPos(flux, "y");
    y.hidden = !(top >= 0 && top <= plot.over.clientHeight);
    y.style.top = `${top}px`;
  }
  /** After a drawing: the crosshair stays where it was. */
  refresh() {
    if (this.cursor && !this.drag) queueMicrotask(() => this.cursor && this.set(this.cursor.wave));
  }
  leave() {
    this.cursor = null;
    this.readout.textContent = this.rest ?? "";
    for (const line of this.cross) line.hidden = true;
  }
  key(e) {
    if (e.target !== this.panel.main || e.ctrlKey || e.metaKey || e.altKey || !this.panel.shown) return;
    const { panel } = this,
      [low, high] = this.range,
      at = this.cursor?.wave ?? (low + high) / 2,
      side = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    const acts = {
      "+": () => this.zoom(1 / 1.6, at),
      "=": () => this.zoom(1 / 1.6, at),
      "-": () => this.zoom(1.6, at),
      0: () => panel.look(null),
      Home: () => panel.look(null),
    };
    if (side && e.shiftKey) panel.look([low, high].map((w) => w + side * 0.15 * (high - low)));
    else if (side) {
      const { wave } = panel.shown,
        step = Math.max(1, Math.round(((high - low) / 400) * (wave.length / (wave.at(-1) - wave[0])))),
        k = panel.at(at).k + (this.cursor ? side * step : 0);
      this.set(wave[Math.min(Math.max(k, 0), wave.length - 1)]);
    } else if (acts[e.key]) acts[e.key]();
    else return;
    e.preventDefault();
    e.stopPropagation();
  }
}
