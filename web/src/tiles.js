// Files of the tiled page (docs/tiles.md), read by ranges: cells of a pyramid, places, rows, ids, columns.
import { parseFilter } from "./filter.js";
import { independent, lineNames, partnerOf, setLines } from "./lines.js";
import { pause } from "./noise.js";
import { fromHalf } from "./safetensors.js";

const streamed = 1 << 18; // rows of a column read at once

export class Tiles {
  static async open(source) {
    const t = new Tiles();
    t.source = source;
    const [about, index] = await Promise.all([source.whole("about.json"), source.whole("index")]);
    t.about = JSON.parse(new TextDecoder().decode(about));
    setLines(t.about.lines);
    const { columns: names, ...rest } = t.about.tiles;
    Object.assign(t, rest, { names });
    t.n = t.placed;
    t.ends = []; // cells before the end of each tile, a list a level
    let at = 0;
    for (let level = 0; level < t.levels; ++level) {
      const tiles = 4 ** level;
      t.ends.push(new Uint32Array(index, at, tiles));
      at += 4 * tiles;
    }
    t.starts = new Uint32Array(index, at); // galaxies before each tile of the finest level
    t.kept = new Map();
    t.rowsKept = new Map();
    return t;
  }
  get finest() {
    return this.levels - 1;
  }
  /** [first, last) of the cells of tile (tx, ty). */
  span(level, tx, ty) {
    const k = ty * 2 ** level + tx,
      ends = this.ends[level];
    return [k ? ends[k - 1] : 0, ends[k]];
  }
  /** Is a tile there, without asking? */
  tile(level, tx, ty, channel) {
    const tile = this.kept.get(`${level} ${tx} ${ty}`);
    return tile?.means[channel] ? tile : null;
  }
  /** Reads what is not there yet of a window of tiles; two ranges a row of tiles. */
  async load(level, [tx0, tx1, ty0, ty1], channel) {
    const asked = [];
    for (let ty = ty0; ty <= ty1; ++ty) {
      const missing = [];
      for (let tx = tx0; tx <= tx1; ++tx) if (!this.tile(level, tx, ty, channel)) missing.push(tx);
      if (missing.length) asked.push(this.loadRow(level, missing[0], missing.at(-1), ty, channel));
    }
    await Promise.all(asked);
  }
  async loadRow(level, tx0, tx1, ty, channel) {
    const [first] = this.span(level, tx0, ty),
      [, last] = this.span(level, tx1, ty),
      name = `L${level}`,
      empty = new ArrayBuffer(0);
    const known = this.kept.has(`${level} ${tx0} ${ty}`) && this.kept.has(`${level} ${tx1} ${ty}`);
    const [cells, means] = await Promise.all([
      last > first && !known ? this.source.range(`${name}.cells`, 6 * first, 6 * last) : empty,
      last > first ? this.source.range(`${name}.${channel}`, 2 * first, 2 * last) : empty,
    ]);
    const view = new DataView(cells),
      values = fromHalf(new Uint16Array(means));
    if (this.kept.size > 3000) this.kept.clear();
    for (let tx = tx0; tx <= tx1; ++tx) {
      const key = `${level} ${tx} ${ty}`,
        [from, to] = this.span(level, tx, ty);
      if (!this.kept.has(key)) {
        const place = new Uint16Array(to - from),
          count = new Uint32Array(to - from);
        for (let k = from; k < to && cells.byteLength; ++k) {
          place[k - from] = view.getUint16(6 * (k - first), true);
          count[k - from] = view.getUint32(6 * (k - first) + 2, true);
        }
        this.kept.set(key, { place, count, means: {} });
      }
      this.kept.get(key).means[channel] = values.subarray(from - first, to - first);
    }
  }
  /** Galaxies of a window of tiles of the finest level. */
  inTiles([tx0, tx1, ty0, ty1]) {
    const side = 2 ** this.finest;
    let n = 0;
    for (let ty = ty0; ty <= ty1; ++ty) n += this.starts[ty * side + tx1 + 1] - this.starts[ty * side + tx0];
    return n;
  }
  /** First galaxy of each block of a tile of the finest level whose cells are there, and the end. */
  blocks(tx, ty) {
    const tile = this.kept.get(`${this.finest} ${tx} ${ty}`),
      across = this.side / this.block,
      out = new Uint32Array(across * across + 1);
    for (let k = 0; k < tile.place.length; ++k) {
      const x = tile.place[k] % this.side,
        y = Math.floor(tile.place[k] / this.side);
      out[Math.floor(y / this.block) * across + Math.floor(x / this.block) + 1] += tile.count[k];
    }
    out[0] = this.starts[ty * 2 ** this.finest + tx];
    for (let b = 1; b < out.length; ++b) out[b] += out[b - 1];
    return out;
  }
  /** Runs [first, last) of the galaxies of the blocks of a tile that touch a window of (u, v). */
  runs(tx, ty, u0, u1, v0, v1) {
    const starts = this.blocks(tx, ty),
      across = this.side / this.block,
      size = 2 ** this.finest * across,
      at = (x, tile) => Math.min(Math.max(Math.floor(x * size) - tile * across, 0), across - 1),
      [c0, c1] = [at(u0, tx), at(u1, tx)],
      out = [];
    for (let r = at(v0, ty); r <= at(v1, ty); ++r) {
      const [first, last] = [starts[r * across + c0], starts[r * across + c1 + 1]];
      if (last === first) continue;
      if (out.length && out.at(-1)[1] === first) out.at(-1)[1] = last;
      else out.push([first, last]);
    }
    return out;
  }
  /** Places of the galaxies of a tile of the finest level, as (u, v) of the square. */
  async places(tx, ty) {
    const k = ty * 2 ** this.finest + tx,
      key = `p${k}`;
    if (!this.kept.has(key)) {
      const [first, last] = [this.starts[k], this.starts[k + 1]],
        xy =
          last > first ? new Float32Array(await this.source.range("places", 8 * first, 8 * last)) : new Float32Array(0),
        uv = Float64Array.from(xy, (v, c) => (v - (c % 2 ? this.y0 : this.x0)) / this.size);
      this.kept.set(key, { first, uv });
    }
    return this.kept.get(key);
  }
  /** Means of cells and values of galaxies, of a line in a state, and what follows from them. */
  channel(quantity, mode) {
    if (quantity.line === undefined) return { name: quantity.key, factor: 1 };
    if (mode === "observed") return { name: `${lineNames[quantity.line]}_EW`, factor: 1 };
    const { strong: source, d } = partnerOf(quantity.line) ?? { strong: quantity.line };
    return {
      name: `${lineNames[source]}_EW_${mode === "noisy" ? "NOISY" : "PREDICTED"}`,
      factor: d === undefined ? 1 : 1 / this.ratio[d],
    };
  }
  ratio = [3.161, 2.978];

  // --- what a panel asks of galaxies
  ids = true;
  noise = new Map();
  columns = { whole: false, one: async () => NaN, has: () => false, get: async () => null };
  async spectrum() {
    return null;
  }
  randomId(i) {
    return this.rowsKept.get(i)?.number ?? BigInt(i);
  }
  async row(i) {
    if (!this.rowsKept.has(i)) {
      const size = 4 * this.fields.length,
        [bytes, id, flags] = await Promise.all([
          this.source.range("rows", i * size, (i + 1) * size),
          this.source.range("ids", 8 * i, 8 * (i + 1)),
          this.source.range("flags", 4 * i, 4 * (i + 1)),
        ]);
      if (this.rowsKept.size > 5000) this.rowsKept.clear();
      this.rowsKept.set(i, this.made(i, new Float32Array(bytes), new BigInt64Array(id)[0], new Int32Array(flags)[0]));
    }
    return this.rowsKept.get(i);
  }
  made(i, values, number, flags) {
    const at = new Map(this.fields.map((name, k) => [name, values[k]])),
      get = (name) => at.get(name) ?? NaN;
    const all = (suffix) =>
      lineNames.map((_, line) => {
        const { strong: source, d } = partnerOf(line) ?? { strong: line };
        return get(lineNames[source] + suffix) / (d === undefined ? 1 : this.ratio[d]);
      });
    return {
      i,
      number,
      flags,
      id: number.toString(),
      z: get("Z"),
      bands: Float64Array.from({ length: 12 }, (_, b) => get(`BAND_FLUX.${b}`)),
      ew: lineNames.map((name) => get(`${name}_EW`)),
      sigma: lineNames.map((name) => get(`${name}_EW_SIGMA`)),
      predicted: all("_EW_PREDICTED"),
      p16: all("_EW_P16"),
      p84: all("_EW_P84"),
      noisy: all("_EW_NOISY"),
    };
  }
  id(i) {
    return this.rowsKept.get(i)?.id ?? `galaxy ${i}`;
  }
  /** Place in the order of the tiles of an id written as text, or -1: the first ids of each thousand (once), one
   * range. */
  async find(text) {
    let wanted;
    try {
      wanted = BigInt(text.trim() || "none"); // an empty text is no 0
    } catch {
      return -1;
    }
    if (wanted !== BigInt.asIntN(64, wanted)) return -1;
    this.top ??= this.source.whole("ids.top").then((bytes) => new BigInt64Array(bytes));
    const top = await this.top;
    let low = 0,
      high = top.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (top[middle] <= wanted) low = middle + 1;
      else high = middle;
    }
    if (!low) return -1;
    const first = (low - 1) * this.id_step,
      last = Math.min(first + this.id_step, this.placed),
      view = new DataView(await this.source.range("ids.sorted", 12 * first, 12 * last));
    for (let k = 0; k < last - first; ++k)
      if (view.getBigInt64(12 * k, true) === wanted) return view.getUint32(12 * k + 8, true);
    return -1;
  }

  // --- exact answers
  /** Marks of the galaxies inside a closed outline of (u, v): whole tiles by their numbers, those at its edge point
   * by point. */
  async inside(outline) {
    const side = 2 ** this.finest,
      marks = new Uint8Array(this.placed),
      within = (u, v) => {
        let odd = false;
        for (let a = 0, b = outline.length - 1; a < outline.length; b = a++) {
          const [ua, va] = outline[a],
            [ub, vb] = outline[b];
          if (va > v !== vb > v && u < ((ub - ua) * (v - va)) / (vb - va) + ua) odd = !odd;
        }
        return odd;
      };
    const us = outline.map((p) => p[0]),
      vs = outline.map((p) => p[1]),
      tileOf = (x) => Math.min(Math.max(Math.floor(x * side), 0), side - 1);
    // a stray is kept at the edge of the square, its tile the outermost: such tiles are always asked point by point
    for (let ty = tileOf(Math.min(...vs)); ty <= tileOf(Math.max(...vs)); ++ty)
      for (let tx = tileOf(Math.min(...us)); tx <= tileOf(Math.max(...us)); ++tx) {
        const k = ty * side + tx;
        if (this.starts[k] === this.starts[k + 1]) continue;
        const [u0, u1, v0, v1] = [tx / side, (tx + 1) / side, ty / side, (ty + 1) / side],
          edge = tx === 0 || ty === 0 || tx === side - 1 || ty === side - 1;
        const cut = edge || outline.some((p, a) => crosses(p, outline[(a + 1) % outline.length], u0, u1, v0, v1));
        if (!cut) {
          if (within((u0 + u1) / 2, (v0 + v1) / 2)) marks.fill(1, this.starts[k], this.starts[k + 1]);
          continue;
        }
        const { first, uv } = await this.places(tx, ty);
        for (let p = 0; p < uv.length / 2; ++p) if (within(uv[2 * p], uv[2 * p + 1])) marks[first + p] = 1;
      }
    return marks;
  }
  /** Calls each(first, {name: values}) for all rows of some columns, in order, a quarter of a million at a time. */
  async stream(names, each, /** @type {(share: number) => void} */ progress = () => {}) {
    for (let first = 0; first < this.placed; first += streamed) {
      const last = Math.min(first + streamed, this.placed),
        parts = await Promise.all(
          names.map(async (name) =>
            name === "FLAGS"
              ? new Int32Array(await this.source.range("flags", 4 * first, 4 * last))
              : new Float32Array(await this.source.range(`columns/${name}`, 4 * first, 4 * last)),
          ),
        );
      each(first, Object.fromEntries(names.map((name, k) => [name, parts[k]])), last - first);
      progress(last / this.placed);
      await pause();
    }
  }
  /** Marks of the galaxies that pass a filter. */
  async filtered(text, progress) {
    const { test, names } = parseFilter(text),
      bits = new Map(this.about.flags.map((f) => [f.name, f.bit])),
      known = new Set([...this.names, "FLAGS"]),
      column = new Map();
    for (const name of names) {
      const upper = [name, name.toUpperCase()].find((one) => known.has(one) || bits.has(one));
      if (!upper)
        throw new Error(`no column '${name}'. There are ${[...known].slice(0, 6).join(", ")} ... and the flags`);
      column.set(name, upper);
    }
    const marks = new Uint8Array(this.placed),
      needed = [...new Set([...column.values()].map((name) => (bits.has(name) ? "FLAGS" : name)))];
    await this.stream(
      needed,
      (first, parts, count) => {
        let i = 0;
        const get = (name) => {
          const c = column.get(name);
          return bits.has(c) ? ((parts.FLAGS[i] & bits.get(c)) !== 0 ? 1 : 0) : parts[c][i];
        };
        for (; i < count; ++i) {
          const answer = test(get);
          if (answer && answer === answer) marks[first + i] = 1;
        }
      },
      progress,
    );
    return marks;
  }
}

/** Does a straight piece touch a rectangle? (Liang and Barsky 1984) */
function crosses([ax, ay], [bx, by], x0, x1, y0, y1) {
  let from = 0,
    to = 1;
  for (const [p, q] of [
    [ax - bx, ax - x0],
    [bx - ax, x1 - ax],
    [ay - by, ay - y0],
    [by - ay, y1 - ay],
  ]) {
    if (p === 0) {
      if (q < 0) return false;
    } else if (p < 0) from = Math.max(from, q / p);
    else to = Math.min(to, q / p);
    if (from > to) return false;
  }
  return true;
}
export { independent };
