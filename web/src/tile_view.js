// The map of tiles: squares of cells from afar, each in the mean colour of its galaxies and the larger the more there
// are; the galaxies themselves from near. Draws what is there at once, the rest when it has come.
import { css } from "./colour.js";
import { howOf } from "./brush.js";

const leastCell = 4.5, // CSS pixels
  pointsMost = 24000,
  pickRadius = 12,
  shades = 64;

export class TileView {
  /** on: {hover(i), lock(i), lasso(outline, how), view()}. */
  constructor(element, tiles, on) {
    Object.assign(this, { element, tiles, on, tool: "pan", hovered: -1, locked: -1, home: -1, pins: [], tags: [] });
    this.axes = [tiles.x0, tiles.y0].map((centre) => ({ centre, span: tiles.size })); // places as (u, v)
    this.look = { mixing: 1 };
    this.panes = [this];
    this.spot = null; // {i, u, v} of the galaxy that is shown
    this.camera = { x: 0.5, y: 0.5, k: 1 };
    this.canvas = element.querySelector("canvas.under");
    this.overlay = element.querySelector("canvas.overlay");
    this.listen();
    new ResizeObserver(() => this.resize()).observe(element);
    this.resize();
  }
  resize(ratio = Math.min(devicePixelRatio || 1, 2)) {
    const { width, height } = this.element.getBoundingClientRect();
    if (!width || !height) return;
    Object.assign(this, { width, height, ratio, whole: width });
    for (const c of [this.canvas, this.overlay]) {
      c.width = Math.round(width * ratio);
      c.height = Math.round(height * ratio);
    }
    this.draw();
  }
  get scale() {
    return Math.min(this.width, this.height) * this.camera.k;
  }
  toScreen(u, v) {
    const s = this.scale;
    return [this.width / 2 + (u - this.camera.x) * s, this.height / 2 - (v - this.camera.y) * s];
  }
  toMap(px, py) {
    const s = this.scale;
    return [this.camera.x + (px - this.width / 2) / s, this.camera.y - (py - this.height / 2) / s];
  }
  /** The level whose cells are large enough to be seen, and the window of its tiles. */
  wanted(level = null) {
    const { tiles } = this;
    if (level === null) {
      level = 0;
      while (level < tiles.finest && this.scale / (tiles.side * 2 ** (level + 1)) >= leastCell) ++level;
    }
    const count = 2 ** level,
      [u0, v1] = this.toMap(0, 0),
      [u1, v0] = this.toMap(this.width, this.height),
      at = (x) => Math.min(Math.max(Math.floor(x * count), 0), count - 1);
    return { level, window: [at(u0), at(u1), at(v0), at(v1)] };
  }
  get wholeCamera() {
    return { x: 0.5, y: 0.5, k: 1 };
  }
  set stale(_) {}
  setPalette(table) {
    this.table = table;
  }
  centre() {}
  show(channel, place, table) {
    Object.assign(this, { channel, place, table });
    return this.draw();
  }
  /** Draws what is there; resolves when all of the view is, or of the view that has taken its place. */
  draw() {
    return (this.latest = this.drawAll());
  }
  async drawAll() {
    if (!this.channel) return undefined;
    const turn = (this.turn = (this.turn ?? 0) + 1),
      { tiles, channel } = this,
      { level, window } = this.wanted();
    this.paintBest(level);
    await tiles.load(level, window, channel);
    if (turn !== this.turn) return this.latest;
    this.points = null;
    this.paint(level);
    const runs = level === tiles.finest ? this.runs(window) : [],
      points = runs.length > 0 && runs.reduce((n, [first, last]) => n + last - first, 0) <= pointsMost;
    if (points) {
      const loaded = await this.loadPoints(runs);
      if (turn !== this.turn) return this.latest;
      this.points = loaded;
      this.paintPoints();
    }
    this.on.dense?.(!points);
    return undefined;
  }
  complete(level) {
    const { window } = this.wanted(level);
    for (let ty = window[2]; ty <= window[3]; ++ty)
      for (let tx = window[0]; tx <= window[1]; ++tx) if (!this.tiles.tile(level, tx, ty, this.channel)) return false;
    return true;
  }
  paintBest(level) {
    for (let l = level; l >= 0; --l)
      if (this.complete(l)) {
        this.paint(l);
        return;
      }
    this.drawOverlay();
  }
  paint(level) {
    const { tiles, table, place } = this,
      { window } = this.wanted(level),
      g = this.canvas.getContext("2d"),
      side = tiles.side * 2 ** level,
      cell = this.scale / side,
      lists = Array.from({ length: shades + 1 }, () => []);
    let most = 1;
    for (let ty = window[2]; ty <= window[3]; ++ty)
      for (let tx = window[0]; tx <= window[1]; ++tx) {
        const tile = tiles.tile(level, tx, ty, this.channel);
        if (!tile) continue;
        const means = tile.means[this.channel];
        for (let k = 0; k < tile.place.length; ++k) {
          const x = tx * tiles.side + (tile.place[k] % tiles.side),
            y = ty * tiles.side + Math.floor(tile.place[k] / tiles.side),
            u = place(means[k]),
            shade = Number.isNaN(u) ? shades : Math.round(Math.min(Math.max(u, 0), 1) * (shades - 1));
          if (tile.count[k] > most) most = tile.count[k];
          lists[shade].push(x, y, tile.count[k]);
        }
      }
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, this.width, this.height);
    const log = Math.log1p(most),
      [left, bottom] = this.toScreen(0, 0);
    lists.forEach((list, shade) => {
      g.fillStyle = shade === shades ? this.colours.faint : css(table, shade / (shades - 1));
      for (let k = 0; k < list.length; k += 3) {
        const size = Math.max(cell * (0.35 + 0.65 * (Math.log1p(list[k + 2]) / log)), 1.2);
        g.fillRect(
          left + (list[k] + 0.5) * cell - size / 2,
          bottom - (list[k + 1] + 0.5) * cell - size / 2,
          size,
          size,
        );
      }
    });
    this.painted = level;
    this.drawOverlay();
  }
  /** Runs of the galaxies in sight, whose cells are there. */
  runs(/** @type {any} */ [tx0, tx1, ty0, ty1]) {
    const [u0, v1] = this.toMap(0, 0),
      [u1, v0] = this.toMap(this.width, this.height),
      out = [];
    for (let ty = ty0; ty <= ty1; ++ty)
      for (let tx = tx0; tx <= tx1; ++tx) out.push(...this.tiles.runs(tx, ty, u0, u1, v0, v1));
    return out;
  }
  loadPoints(runs) {
    const { tiles, channel } = this;
    return Promise.all(
      runs.map(async ([first, last]) => {
        const [xy, values] = await Promise.all([
          tiles.source.range("places", 8 * first, 8 * last),
          tiles.source.range(`columns/${channel}`, 4 * first, 4 * last),
        ]);
        const uv = Float64Array.from(new Float32Array(xy), (v, c) => (v - (c % 2 ? tiles.y0 : tiles.x0)) / tiles.size);
        return { first, uv, values: new Float32Array(values) };
      }),
    );
  }
  paintPoints() {
    const g = this.canvas.getContext("2d"),
      size = Math.min(3 + Math.sqrt(this.camera.k) / 4, 9);
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, this.width, this.height);
    for (const { first, uv, values } of this.points)
      for (let p = 0; p < values.length; ++p) {
        const [px, py] = this.toScreen(uv[2 * p], uv[2 * p + 1]);
        if (px < -9 || py < -9 || px > this.width + 9 || py > this.height + 9) continue;
        const u = this.place(values[p]),
          grey = Number.isNaN(u) || (this.marks && !this.marks[first + p]);
        g.fillStyle = grey ? this.colours.faint : css(this.table, u);
        g.beginPath();
        g.arc(px, py, size / 2, 0, 7);
        g.fill();
      }
    this.drawOverlay();
  }
  drawOverlay() {
    const g = this.overlay.getContext("2d"),
      { accent, surface, ink } = this.colours ?? {};
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, this.width, this.height);
    for (const { element, x, y } of this.tags) {
      const [px, py] = this.toScreen(x, y),
        half = element.offsetWidth / 2 + 6;
      element.hidden = !(px > 0 && px < this.width && py > 0 && py < this.height);
      Object.assign(element.style, {
        left: `${Math.min(Math.max(px, half), this.width - half)}px`,
        top: `${Math.min(Math.max(py, 16), this.height - 70)}px`,
      });
    }
    const ring = (spot, r, colour, line) => {
      if (!spot) return;
      const [px, py] = this.toScreen(spot.u, spot.v);
      g.beginPath();
      g.arc(px, py, r, 0, 7);
      g.strokeStyle = colour;
      g.lineWidth = line;
      g.stroke();
    };
    ring(this.spot, 10, surface, 5);
    ring(this.spot, 10, accent, 2.5);
    ring(this.under, 8, ink, 1.8);
    const outline = this.outline ?? this.chosen?.map(([u, v]) => this.toScreen(u, v));
    if (outline?.length > 1) {
      g.beginPath();
      outline.forEach(([px, py], k) => (k ? g.lineTo(px, py) : g.moveTo(px, py)));
      g.closePath();
      g.strokeStyle = accent;
      g.lineWidth = 1.5;
      g.setLineDash([5, 4]);
      g.stroke();
      g.setLineDash([]);
    }
  }
  /** The galaxy nearest to a place on the screen among those that are there; {i, u, v} or null. */
  near(px, py, parts = this.points ?? []) {
    let best = null,
      least = pickRadius ** 2;
    for (const { first, uv } of parts)
      for (let p = 0; p < uv.length / 2; ++p) {
        const [qx, qy] = this.toScreen(uv[2 * p], uv[2 * p + 1]),
          d = (qx - px) ** 2 + (qy - py) ** 2;
        if (d < least) {
          least = d;
          best = { i: first + p, u: uv[2 * p], v: uv[2 * p + 1] };
        }
      }
    return best;
  }
  /** The same, with the galaxies of the tile under the place, which are asked for. */
  async pick(px, py) {
    if (this.points) return this.near(px, py);
    const side = 2 ** this.tiles.finest,
      [u, v] = this.toMap(px, py);
    if (!(u >= 0 && u < 1 && v >= 0 && v < 1)) return null;
    return this.near(px, py, [await this.tiles.places(Math.floor(u * side), Math.floor(v * side))]);
  }
  /** Where galaxy i lies. */
  async spotOf(i) {
    const xy = new Float32Array(await this.tiles.source.range("places", 8 * i, 8 * (i + 1))),
      { x0, y0, size } = this.tiles;
    return { i, u: (xy[0] - x0) / size, v: (xy[1] - y0) / size };
  }
  async goTo(i) {
    this.spot = await this.spotOf(i);
    const [px, py] = this.toScreen(this.spot.u, this.spot.v);
    if (px < 40 || py < 40 || px > this.width - 40 || py > this.height - 40)
      Object.assign(this.camera, { x: this.spot.u, y: this.spot.v });
    this.moved();
  }
  zoom(factor, px = this.width / 2, py = this.height / 2) {
    const [u, v] = this.toMap(px, py),
      c = this.camera;
    c.k = Math.min(Math.max(c.k * factor, 0.5), 4000);
    const [nu, nv] = this.toMap(px, py);
    c.x += u - nu;
    c.y += v - nv;
    this.moved();
  }
  reset() {
    this.camera = { x: 0.5, y: 0.5, k: 1 };
    this.moved();
  }
  moved() {
    this.points = null;
    const level = this.wanted().level;
    this.paintBest(level);
    clearTimeout(this.settle);
    this.settle = setTimeout(() => {
      this.draw();
      this.on.view();
    }, 60);
  }
  setTool(tool) {
    this.tool = tool;
    this.element.dataset.tool = tool;
  }
  listen() {
    const el = this.element,
      touches = new Map(),
      local = (e) => {
        const r = el.getBoundingClientRect();
        return [e.clientX - r.left, e.clientY - r.top];
      };
    el.addEventListener("pointerdown", (e) => {
      if (e.target.closest("button, select, input") || e.button > 0) return;
      el.setPointerCapture(e.pointerId);
      const at = local(e);
      touches.set(e.pointerId, at);
      this.drag = { at, start: at, tool: this.tool === "pan" && e.shiftKey ? "lasso" : this.tool, travelled: 0 };
      if (this.drag.tool !== "pan") this.outline = [at];
    });
    el.addEventListener("pointermove", (e) => {
      const at = local(e),
        { drag } = this;
      if (touches.has(e.pointerId) && touches.size === 2) {
        const other = [...touches].find(([id]) => id !== e.pointerId)[1],
          was = touches.get(e.pointerId),
          far = (p) => Math.max(1, Math.hypot(p[0] - other[0], p[1] - other[1]));
        touches.set(e.pointerId, at);
        this.zoom(far(at) / far(was), (at[0] + other[0]) / 2, (at[1] + other[1]) / 2);
        if (drag) drag.travelled = 99;
        return;
      }
      if (touches.has(e.pointerId)) touches.set(e.pointerId, at);
      if (!drag) {
        const found = this.near(...at);
        if (found?.i !== this.under?.i) {
          this.under = found;
          this.hovered = found?.i ?? -1;
          this.drawOverlay();
          this.on.hover(this.hovered, found);
        }
        return;
      }
      drag.travelled += Math.hypot(at[0] - drag.at[0], at[1] - drag.at[1]);
      if (drag.tool === "pan") {
        this.camera.x -= (at[0] - drag.at[0]) / this.scale;
        this.camera.y += (at[1] - drag.at[1]) / this.scale;
        this.moved();
      } else {
        const [x0, y0] = drag.start;
        this.outline = drag.tool === "box" ? [[x0, y0], [at[0], y0], at, [x0, at[1]]] : [...this.outline, at];
        this.drawOverlay();
      }
      drag.at = at;
    });
    const finish = async (e) => {
      touches.delete(e.pointerId);
      const { drag } = this;
      this.drag = undefined;
      if (!drag) return;
      if (this.outline) {
        const outline = this.outline.map(([px, py]) => this.toMap(px, py));
        this.outline = undefined;
        if (drag.travelled > 6) this.on.lasso(outline, howOf(e));
        this.drawOverlay();
      } else if (drag.travelled < 5) {
        const found = await this.pick(...local(e));
        this.on.lock(found?.i ?? -1, found);
      }
    };
    el.addEventListener("pointerup", finish);
    el.addEventListener("pointercancel", finish);
    el.addEventListener(
      "wheel",
      (e) => {
        e.preventDefault();
        this.zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), ...local(e));
      },
      { passive: false },
    );
  }
}
