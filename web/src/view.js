// The map: points, overlay, and what pointer and keys do to it. Speaks to the page through callbacks.
import { Grid } from "./grid.js";
import { Pane, densityFrom } from "./pane.js";
import { listenToPointer } from "./view_pointer.js";

const pickRadius = 12; // CSS pixels
const reduced = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

export class MapView {
  /** on: {hover(i), lock(i), lasso(outline, how), view(), dense(is)}. equal: one scale for both axes. */
  constructor(element, xy, n, equal, on) {
    Object.assign(this, {
      element,
      on,
      n,
      tool: "pan",
      hovered: -1,
      locked: -1,
      ring: [],
      pins: [], // [{i, colour}]
      tags: [], // [{element, x, y}] words at places of the map
      moved_to: null, // where play has taken the galaxy
      camera: { x: 0, y: 0, k: 1 },
    });
    this.canvas = element.querySelector("canvas.points");
    this.overlay = element.querySelector("canvas.overlay");
    this.place(xy, equal);
    this.grid = new Grid(this.x, this.y);
    this.look = { mixing: 1, selecting: false, quiet: [0.5, 0.5, 0.5, 0.3], faint: [0.5, 0.5, 0.5, 0.14], fast: false };
    this.panes = [new Pane(this, this.canvas, element.querySelector("canvas.under"))];
    listenToPointer(this);
    new ResizeObserver(() => this.resize()).observe(element);
    this.resize();
  }
  get points() {
    return this.panes[0].points;
  }
  get values() {
    return this.panes[0].values;
  }
  get density() {
    return this.panes[0].density;
  }
  set density(d) {
    this.panes[0].density = d;
  }
  /** Three states side by side, each with its title, or null for one. */
  setTitles(titles) {
    this.titles = titles;
    const count = titles?.length ?? 1;
    while (this.panes.length < count) {
      const [points, under] = ["points", "under"].map((name) => {
        const canvas = document.createElement("canvas");
        canvas.className = name;
        canvas.setAttribute("aria-hidden", "true");
        this.overlay.before(canvas);
        return canvas;
      });
      this.panes.push(new Pane(this, points, under));
      if (this.table) this.panes.at(-1).points.setPalette(this.table);
      if (this.marks) this.panes.at(-1).points.setMarks(this.marks);
    }
    for (const { canvas, under, points } of this.panes.splice(count)) {
      points.gl.getExtension("WEBGL_lose_context")?.loseContext();
      canvas.remove();
      under.remove();
    }
    this.element.dataset.panes = String(count);
    this.resize();
  }
  /** Places in -1..1: nearly all galaxies fill the map; what lies far from the others is beyond its edges, is counted
   * there, and can be reached. */
  place(xy, equal) {
    const { n } = this,
      axis = (c) => {
        const values = new Float32Array(n).map((_, i) => xy[2 * i + c]),
          sorted = values.filter(Number.isFinite).sort();
        const at = (p) => sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? 0;
        const [near, far] = [at(0.02), at(0.98)],
          reach = 0.5 * (far - near);
        return { values, low: Math.max(at(0.001), near - reach), high: Math.min(at(0.999), far + reach) };
      };
    const axes = [axis(0), axis(1)],
      spans = axes.map((a) => Math.max(a.high - a.low, 1e-9) / 2);
    const span = equal ? [Math.max(...spans), Math.max(...spans)] : spans;
    [this.x, this.y] = axes.map((a, c) => a.values.map((v) => (v - (a.low + a.high) / 2) / span[c]));
    this.axes = axes.map((a, c) => ({ centre: (a.low + a.high) / 2, span: span[c] }));
    this.extent = spans.map((s, c) => s / span[c]); // of the map in its own units: at most 1
    this.beyond = 0; // galaxies outside of that
    for (let i = 0; i < n; ++i)
      if (Math.abs(this.x[i]) > 1.06 * this.extent[0] || Math.abs(this.y[i]) > 1.06 * this.extent[1]) ++this.beyond;
  }
  resize(ratio = Math.min(devicePixelRatio || 1, 2)) {
    const { width: whole, height } = this.element.getBoundingClientRect(),
      count = this.panes.length,
      width = whole / count;
    if (!whole || !height) return;
    Object.assign(this, { whole, width, height, ratio });
    this.panes.forEach(({ canvas, under }, k) => {
      for (const c of [canvas, under]) {
        c.width = Math.round(width * ratio);
        c.height = Math.round(height * ratio);
        Object.assign(c.style, { left: `${k * width}px`, width: `${width}px` });
      }
    });
    this.overlay.width = Math.round(whole * ratio);
    this.overlay.height = Math.round(height * ratio);
    this.draw();
  }
  get base() {
    // CSS pixels a unit of the map
    const margin = this.panes.length > 1 ? 14 : 34;
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
    this.on.home?.(c.x === 0 && c.y === 0 && c.k === 1);
    const look = {
      ...this.look,
      view: [sx, sy, -c.x * sx, -c.y * sy],
      size: Math.min((base / Math.sqrt(this.panes.length)) * Math.sqrt(Math.max(c.k, 0.5)), 16) * this.ratio,
    };
    for (const pane of this.panes) pane.draw(look);
    for (const { element, x, y } of this.tags) {
      const [px, py] = this.toScreen(x, y);
      element.hidden = this.panes.length > 1 || !(px > 0 && px < width && py > 0 && py < height);
      const half = element.offsetWidth / 2 + 6; // kept whole inside the map
      Object.assign(element.style, {
        left: `${Math.min(Math.max(px, half), width - half - 42)}px`, // beside the buttons
        top: `${Math.min(Math.max(py, 16), height - 70)}px`,
      });
    }
    this.drawOverlay();
  }
  /** What lies over the points: a hover draws this alone. */
  drawOverlay() {
    const g = this.overlay.getContext("2d"),
      { ink, accent, surface } = this.colours ?? {};
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, this.whole, this.height);
    this.panes.forEach((_, k) => {
      g.save();
      g.translate(k * this.width, 0);
      g.beginPath();
      g.rect(0, 0, this.width, this.height);
      g.clip();
      this.drawMarks(g, ink, accent, surface);
      if (this.titles) {
        g.font = "600 12px system-ui, sans-serif";
        g.textAlign = "center";
        g.lineWidth = 4;
        g.strokeStyle = surface;
        g.strokeText(this.titles[k], this.width / 2, 46, this.width - 8);
        g.fillStyle = ink;
        g.fillText(this.titles[k], this.width / 2, 46, this.width - 8);
        if (k) {
          g.fillStyle = this.colours.rule;
          g.fillRect(0, 0, 1, this.height);
        }
      }
      g.restore();
    });
  }
  drawMarks(g, ink, accent, surface) {
    const ring = (x, y, r, colour, line) => {
      if (!Number.isFinite(x)) return;
      const [px, py] = this.toScreen(x, y);
      g.beginPath();
      g.arc(px, py, r, 0, 2 * Math.PI);
      g.strokeStyle = colour;
      g.lineWidth = line;
      g.stroke();
    };
    const circle = (i, r, colour, line) => i >= 0 && ring(this.x[i], this.y[i], r, colour, line);
    for (const i of this.ring) circle(i, 6, ink, 1);
    for (const { i, colour } of this.pins) {
      circle(i, 8, surface, 5);
      circle(i, 8, colour, 3);
    }
    const kept = this.locked >= 0 ? this.locked : this.stacking ? -1 : (this.home ?? -1);
    circle(kept, 10, surface, 5);
    circle(kept, 10, accent, 2.5);
    if (this.moved_to && kept >= 0) {
      const [ax, ay] = this.toScreen(this.x[kept], this.y[kept]),
        [bx, by] = this.toScreen(...this.moved_to);
      g.beginPath();
      g.moveTo(ax, ay);
      g.lineTo(bx, by);
      g.strokeStyle = accent;
      g.lineWidth = 1.5;
      g.setLineDash([4, 3]);
      g.stroke();
      g.setLineDash([]);
      g.beginPath();
      g.arc(bx, by, 6, 0, 2 * Math.PI);
      g.fillStyle = accent;
      g.fill();
      g.strokeStyle = surface;
      g.lineWidth = 2;
      g.stroke();
    }
    if (this.hovered !== kept) {
      circle(this.hovered, 9, surface, 4);
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
  setPalette(table) {
    this.table = table;
    for (const pane of this.panes) {
      pane.points.setPalette(table);
      pane.stale = true;
    }
  }
  set stale(is) {
    for (const pane of this.panes) pane.stale = is;
  }
  /** From the values seen now to others: an animation, unless motion is unwelcome. others: those of the further
   * panes. */
  show(values, animate = true, others = []) {
    const before = this.values ?? values;
    this.panes[0].set(before, values);
    others.forEach((v, k) => this.panes[k + 1]?.set(v, v));
    cancelAnimationFrame(this.animation);
    if (!animate || before === values || others.length || reduced()) {
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
    if (marks) for (const pane of this.panes) pane.points.setMarks(marks);
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
    this.camera = this.wholeCamera;
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
  get wholeCamera() {
    return { x: 0, y: 0, k: 1 };
  }
  /** At most one pick a frame: what the pointer passed in between is not looked up. */
  askHover() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      const i = this.pointed ? this.pick(...this.pointed) : -1;
      if (i !== this.hovered) {
        this.hovered = i;
        if (!this.pending) this.drawOverlay();
        this.on.hover(i);
      }
    });
  }
}
