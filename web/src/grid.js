// A grid over the map: the nearest point, the k nearest, and points inside an outline.

export class Grid {
  constructor(x, y, side = 512) {
    Object.assign(this, { x, y, side });
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < x.length; ++i) {
      if (!(Number.isFinite(x[i]) && Number.isFinite(y[i]))) continue;
      if (x[i] < x0) x0 = x[i];
      if (x[i] > x1) x1 = x[i];
      if (y[i] < y0) y0 = y[i];
      if (y[i] > y1) y1 = y[i];
    }
    if (x.length < 20000) this.side = side = 64;
    this.x0 = x0;
    this.y0 = y0;
    this.width = Math.max(x1 - x0, 1e-9) / side;
    this.height = Math.max(y1 - y0, 1e-9) / side;
    const cell = new Int32Array(x.length),
      count = new Int32Array(side * side + 1);
    for (let i = 0; i < x.length; ++i) {
      cell[i] = Number.isFinite(x[i]) && Number.isFinite(y[i]) ? this.row(y[i]) * side + this.column(x[i]) : -1;
      if (cell[i] >= 0) ++count[cell[i] + 1];
    }
    for (let c = 0; c < side * side; ++c) count[c + 1] += count[c];
    this.start = count.slice();
    this.items = new Int32Array(count[side * side]);
    for (let i = 0; i < x.length; ++i) if (cell[i] >= 0) this.items[count[cell[i]]++] = i;
  }
  column(x) {
    return Math.min(this.side - 1, Math.max(0, Math.floor((x - this.x0) / this.width)));
  }
  row(y) {
    return Math.min(this.side - 1, Math.max(0, Math.floor((y - this.y0) / this.height)));
  }
  visit(c0, c1, r0, r1, each) {
    for (let r = Math.max(r0, 0); r <= Math.min(r1, this.side - 1); ++r)
      for (let c = Math.max(c0, 0); c <= Math.min(c1, this.side - 1); ++c)
        for (let k = this.start[r * this.side + c]; k < this.start[r * this.side + c + 1]; ++k) each(this.items[k]);
  }
  /** How many points the cells hold that touch a window: one difference a row of cells. */
  countIn(x0, x1, y0, y1) {
    const c0 = this.column(x0),
      c1 = this.column(x1);
    if (x1 < this.x0 || y1 < this.y0 || x0 > this.x0 + this.width * this.side || y0 > this.y0 + this.height * this.side)
      return 0;
    let n = 0;
    for (let r = this.row(y0); r <= this.row(y1); ++r)
      n += this.start[r * this.side + c1 + 1] - this.start[r * this.side + c0];
    return n;
  }
  /** Nearest point within `radius` of (px, py), in units of the map; -1 for none. */
  nearest(px, py, radius) {
    let best = -1,
      least = radius * radius;
    this.visit(
      this.column(px - radius),
      this.column(px + radius),
      this.row(py - radius),
      this.row(py + radius),
      (i) => {
        const d = (this.x[i] - px) ** 2 + (this.y[i] - py) ** 2;
        if (d < least || (d === least && i < best)) {
          least = d;
          best = i;
        }
      },
    );
    return best;
  }
  /** The k points nearest to point i on the map, without i, nearest first. */
  neighbours(i, k, /** @type {(j: number) => boolean} */ accept = () => true) {
    const distance = (j) => (this.x[j] - this.x[i]) ** 2 + (this.y[j] - this.y[i]) ** 2;
    const c = this.column(this.x[i]),
      r = this.row(this.y[i]);
    for (let ring = 1; ; ring *= 2) {
      const found = [];
      this.visit(c - ring, c + ring, r - ring, r + ring, (j) => {
        if (j !== i && accept(j)) found.push(j);
      });
      const sure = (ring * Math.min(this.width, this.height)) ** 2;
      found.sort((a, b) => distance(a) - distance(b) || a - b);
      if (ring >= this.side || (found.length >= k && distance(found[k - 1]) <= sure)) return found.slice(0, k);
    }
  }
  /** Points inside a closed outline [[x, y], ...] (even-odd rule). */
  inside(outline) {
    const xs = outline.map((p) => p[0]),
      ys = outline.map((p) => p[1]),
      out = [];
    this.visit(
      this.column(Math.min(...xs)),
      this.column(Math.max(...xs)),
      this.row(Math.min(...ys)),
      this.row(Math.max(...ys)),
      (i) => {
        let odd = false;
        for (let a = 0, b = outline.length - 1; a < outline.length; b = a++)
          if (
            ys[a] > this.y[i] !== ys[b] > this.y[i] &&
            this.x[i] < ((xs[b] - xs[a]) * (this.y[i] - ys[a])) / (ys[b] - ys[a]) + xs[a]
          )
            odd = !odd;
        if (odd) out.push(i);
      },
    );
    return out;
  }
}
