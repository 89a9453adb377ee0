// The map: points, overlay, and what pointer and keys do to it. Speaks to the page through callbacks.
import { Grid } from "./grid.js";
import { Density } from "./density.js";
import { Points } from "./points.js";
import { howOf } from "./brush.js";

const pickRadius = 12; // CSS pixels
const densityFrom = 200000; // galaxies in sight
const reduced = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class MapView {
  /** on: {hover(i), lock(i), lasso(outline, how), view()}. equal: one scale for both axes. */
  constructor(element, xy, n, equal, on) {
    Object.assign(this, {
      element,
      on,
      n,
      tool: "pan",
      hovered: -1,
      locked: -1,
      ring: [],
      camera: { x: 0, y: 0, k: 1 },
    });
    this.canvas = element.querySelector("canvas.points");
    this.overlay = element.querySelector("canvas.overlay");
    this.place(xy, equal);
    this.points = new Points(this.canvas, n);
    this.points.setPlaces(this.x, this.y);
    this.grid = new Grid(this.x, this.y);
    if (n > densityFrom) this.density = new Density(this.grid);
    this.look = { mixing: 1, selecting: false, quiet: [0.5, 0.5, 0.5, 0.3], faint: [0.5, 0.5, 0.5, 0.14], fast: false };
    this.points.restore = () => {
      this.points.setPlaces(this.x, this.y);
      this.refill?.();
      this.draw();
    };
    this.listen();
    new ResizeObserver(() => this.resize()).observe(element);
    this.resize();
  }
  /** Places in -1..1: the middle 99.8 % of the galaxies fill the map, outliers lie beyond and can be reached. */
  place(xy, equal) {
    const { n } = this,
      axis = (c) => {
        const values = new Float32Array(n).map((_, i) => xy[2 * i + c]),
          sorted = values.filter(Number.isFinite).sort();
        const at = (p) => sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? 0;
        return { values, low: at(0.001), high: at(0.999) };
      };
    const axes = [axis(0), axis(1)],
      spans = axes.map((a) => Math.max(a.high - a.low, 1e-9) / 2);
    const span = equal ? [Math.max(...spans), Math.max(...spans)] : spans;
    [this.x, this.y] = axes.map((a, c) => a.values.map((v) => (v - (a.low + a.high) / 2) / span[c]));
    this.axes = axes.map((a, c) => ({ centre: (a.low + a.high) / 2, span: span[c] }));
    this.extent = spans.map((s, c) => s / span[c]); // of the map in its own units: at most 1
  }
  resize(ratio = Math.min(devicePixelRatio || 1, 2)) {
    const { width, height } = this.element.getBoundingClientRect();
    if (!width || !height) return;
    Object.assign(this, { width, height, ratio });
    for (const c of [this.canvas, this.overlay]) {
      c.width = Math.round(width * ratio);
      c.height = Math.round(height * ratio);
    }
    this.draw();
  }
  get base() {
    // CSS pixels a unit of the map
    const margin = 34;
    const bx = this.width / 2 - margin,
      by = this.height / 2 - margin;
    if (this.axes[0].span !== this.axes[1].span) return [bx, by];
    const both = Math.min(bx / this.extent[0], by / this.extent[1]);
    return [both, both];
  }
  toScreen(x, y) {
    const [bx, by] = this.base,
      { camera: c } = this;
    return [this.width / 2 + (x - c.x) * bx * c.k, this.height / 2 - (y - c.y) * by * c.k];
  }
  toMap(px, py) {
    const [bx, by] = this.base,
      { camera: c } = this;
    return [c.x + (px - this.width / 2) / (bx * c.k), c.y - (py - this.height / 2) / (by * c.k)];
  }
  draw() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.drawNow();
    });
  }
  drawNow() {
    const [bx, by] = this.base,
      { camera: c, width, height } = this,
      sx = (2 * bx * c.k) / width,
      sy = (2 * by * c.k) / height;
    const base = this.n > 200000 ? 2 : this.n > 50000 ? 3 : this.n > 12000 ? 4.5 : this.n > 2000 ? 6 : 8;
    this.dense = this.density !== undefined && this.inSight() > densityFrom;
    this.on.dense?.(this.dense);
    if (this.dense) this.points.clear();
    else
      this.points.draw({
        ...this.look,
        view: [sx, sy, -c.x * sx, -c.y * sy],
        size: Math.min(base * Math.sqrt(Math.max(c.k, 0.5)), 16) * this.ratio,
      });
    this.drawOverlay();
  }
  drawOverlay() {
    const g = this.overlay.getContext("2d"),
      style = getComputedStyle(this.element),
      ink = style.getPropertyValue("--ink"),
      accent = style.getPropertyValue("--accent");
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, this.width, this.height);
    if (this.dense) this.drawDensity(g);
    const circle = (i, r, colour, line) => {
      if (i < 0 || !Number.isFinite(this.x[i])) return;
      const [px, py] = this.toScreen(this.x[i], this.y[i]);
      g.beginPath();
      g.arc(px, py, r, 0, 2 * Math.PI);
      g.strokeStyle = colour;
      g.lineWidth = line;
      g.stroke();
    };
    for (const i of this.ring) circle(i, 6, ink, 1);
    circle(this.locked, 10, style.getPropertyValue("--surface"), 5);
    circle(this.locked, 10, accent, 2.5);
    if (this.hovered !== this.locked) {
      circle(this.hovered, 9, style.getPropertyValue("--surface"), 4);
      circle(this.hovered, 9, ink, 1.8);
    }
    if (this.outline?.length > 1) {
      g.beginPath();
      this.outline.forEach(([px, py], k) => (k ? g.lineTo(px, py) : g.moveTo(px, py)));
      g.closePath();
      g.fillStyle = `color-mix(in srgb, ${accent} 12%, transparent)`;
      g.fill();
      g.strokeStyle = accent;
      g.lineWidth = 1.5;
      g.setLineDash([5, 4]);
      g.stroke();
      g.setLineDash([]);
    }
  }
  /** Galaxies in the window, by whole cells of the grid. */
  inSight() {
    const [x0, y1] = this.toMap(0, 0),
      [x1, y0] = this.toMap(this.width, this.height);
    return this.grid.countIn(x0, x1, y0, y1);
  }
  drawDensity(g) {
    if (this.stale) {
      this.density.set([this.before, this.values], this.marks ?? null, this.table, this.look);
      this.stale = false;
    }
    this.density.draw(g, (x, y) => this.toScreen(x, y), this.look.mixing);
  }
  setPalette(table) {
    this.points.setPalette(table);
    this.table = table;
    this.stale = true;
  }
  /** From the values seen now to others: an animation, unless motion is unwelcome. */
  show(values, animate = true) {
    const before = (this.before = this.values ?? values);
    this.values = values;
    this.stale = true;
    this.refill = () => this.points.setValues(before, values);
    this.refill();
    cancelAnimationFrame(this.animation);
    if (!animate || before === values || reduced()) {
      this.look.mixing = 1;
      this.draw();
      return;
    }
    const start = performance.now(),
      length = 600;
    const step = (now) => {
      const t = Math.min(1, Math.max(0, (now - start) / length));
      this.look.mixing = t * t * (3 - 2 * t);
      this.drawNow();
      if (t < 1) this.animation = requestAnimationFrame(step);
    };
    this.look.mixing = 0;
    this.animation = requestAnimationFrame(step);
  }
  setSelection(marks) {
    this.look.selecting = marks !== null;
    if (marks) this.points.setMarks(marks);
    this.marks = marks;
    this.stale = true;
    this.draw();
  }
  setTool(tool) {
    this.tool = tool;
    this.element.dataset.tool = tool;
  }
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const [mx, my] = this.toMap(px, py),
      c = this.camera;
    c.k = Math.min(Math.max(c.k * factor, 0.2), 400);
    const [nx, ny] = this.toMap(px, py);
    c.x += mx - nx;
    c.y += my - ny;
    this.moved();
  }
  reset() {
    this.camera = { x: 0, y: 0, k: 1 };
    this.moved();
  }
  /** Brings a galaxy into sight. */
  centre(i) {
    const [px, py] = this.toScreen(this.x[i], this.y[i]);
    if (px > 40 && px < this.width - 40 && py > 40 && py < this.height - 40) return;
    if (!Number.isFinite(px)) return;
    this.camera.x = this.x[i];
    this.camera.y = this.y[i];
    this.moved();
  }
  moved() {
    this.look.fast = this.n > densityFrom / 4 && this.dragging !== undefined;
    this.draw();
    clearTimeout(this.settle);
    this.settle = setTimeout(() => {
      this.look.fast = false;
      this.draw();
      this.on.view();
    }, 150);
  }
  pick(px, py) {
    const [mx, my] = this.toMap(px, py),
      [bx, by] = this.base,
      k = this.camera.k;
    // The grid's radius is a circle of the map; with two scales the wider one is taken and the pixel distance decides.
    const i = this.grid.nearest(mx, my, pickRadius / (Math.min(bx, by) * k));
    if (i < 0) return -1;
    const [qx, qy] = this.toScreen(this.x[i], this.y[i]);
    return Math.hypot(qx - px, qy - py) <= pickRadius ? i : -1;
  }
  /** Nearest galaxy in a direction (screen axes, y up). */
  step(dx, dy, from) {
    const near = this.grid.neighbours(from, 60),
      [px, py] = this.toScreen(this.x[from], this.y[from]);
    let best = -1,
      least = Infinity;
    for (const j of near) {
      const [qx, qy] = this.toScreen(this.x[j], this.y[j]),
        ax = qx - px,
        ay = py - qy,
        along = ax * dx + ay * dy;
      if (along <= 0) continue;
      const across = Math.abs(ax * dy - ay * dx),
        cost = along + 2 * across;
      if (cost < least) {
        least = cost;
        best = j;
      }
    }
    return best;
  }
  listen() {
    const el = this.element,
      touches = new Map();
    const local = (e) => {
      const r = el.getBoundingClientRect();
      return [e.clientX - r.left, e.clientY - r.top];
    };
    const finish = (e) => {
      touches.delete(e.pointerId);
      const drag = this.dragging;
      this.dragging = undefined;
      if (!drag) return;
      const how = howOf(e);
      if (this.outline) {
        const outline = this.outline.map(([px, py]) => this.toMap(px, py));
        this.outline = undefined;
        if (drag.travelled > 6) this.on.lasso(outline, how);
        this.draw();
      } else if (drag.travelled < 5) this.on.lock(this.pick(...local(e)));
      this.look.fast = false;
      this.draw();
    };
    el.addEventListener("pointerdown", (e) => {
      if (e.target.closest("button, select, input") || e.button > 0) return;
      el.setPointerCapture(e.pointerId);
      touches.set(e.pointerId, local(e));
      const at = local(e),
        tool = this.tool === "pan" && e.shiftKey ? "lasso" : this.tool;
      this.dragging = { at, start: at, tool, travelled: 0 };
      if (tool !== "pan") this.outline = [at];
    });
    el.addEventListener("pointermove", (e) => {
      const at = local(e);
      if (touches.has(e.pointerId) && touches.size === 2) {
        // pinch
        const other = [...touches].find(([id]) => id !== e.pointerId)[1],
          was = touches.get(e.pointerId);
        touches.set(e.pointerId, at);
        this.zoom(
          Math.hypot(at[0] - other[0], at[1] - other[1]) /
            Math.max(1, Math.hypot(was[0] - other[0], was[1] - other[1])),
          (at[0] + other[0]) / 2,
          (at[1] + other[1]) / 2,
        );
        if (this.dragging) this.dragging.travelled = 99;
        return;
      }
      if (touches.has(e.pointerId)) touches.set(e.pointerId, at);
      const drag = this.dragging;
      if (!drag) {
        this.pointed = at;
        this.askHover();
        return;
      }
      const dx = at[0] - drag.at[0],
        dy = at[1] - drag.at[1];
      drag.travelled += Math.hypot(dx, dy);
      drag.at = at;
      if (drag.tool === "pan") {
        const [bx, by] = this.base,
          c = this.camera;
        c.x -= dx / (bx * c.k);
        c.y += dy / (by * c.k);
        this.moved();
      } else {
        const [x0, y0] = drag.start;
        this.outline = drag.tool === "box" ? [[x0, y0], [at[0], y0], at, [x0, at[1]]] : [...this.outline, at];
        this.draw();
      }
    });
    el.addEventListener("pointerup", finish);
    el.addEventListener("pointercancel", finish);
    el.addEventListener("pointerleave", () => {
      this.pointed = null;
      this.askHover();
    });
    el.addEventListener(
      "wheel",
      (e) => {
        e.preventDefault();
        this.zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), ...local(e));
      },
      { passive: false },
    );
  }
  /** At most one pick a frame: what the pointer passed in between is not looked up. */
  askHover() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      const i = this.pointed ? this.pick(...this.pointed) : -1;
      if (i !== this.hovered) {
        this.hovered = i;
        this.draw();
        this.on.hover(i);
      }
    });
  }
}
