// Where too many points are in sight to be told apart: cells of the map, each a square in the mean colour of its
// galaxies, the larger the more there are (logarithm of the number): lightness is left to the colours. Two pictures
// cross-fade as the points do.

const absent = 2; // place of a cell in which no galaxy has a value

/** Per cell of the grid: how many galaxies (of those marked), and the mean of their places on the bar, cut to 0..1. */
export function cells(grid, values, marks) {
  const size = grid.side * grid.side,
    count = new Uint32Array(size),
    mean = new Float32Array(size).fill(absent),
    sums = new Float64Array(size),
    numbers = new Uint32Array(size);
  for (let c = 0; c < size; ++c) {
    let sum = 0,
      known = 0;
    for (let k = grid.start[c]; k < grid.start[c + 1]; ++k) {
      const i = grid.items[k];
      if (marks && !marks[i]) continue;
      ++count[c];
      const v = values[i];
      if (v === v) {
        sum += v < 0 ? 0 : v > 1 ? 1 : v;
        ++known;
      }
    }
    sums[c] = sum;
    numbers[c] = known;
    if (known) mean[c] = sum / known;
  }
  return { count, mean, sums, numbers };
}

/** Cells of `side` a row taken together, `by` x `by` to one: {side, count, mean}. */
export function coarser({ count, sums, numbers }, side, by) {
  const small = Math.ceil(side / by),
    out = { side: small, count: new Uint32Array(small * small), mean: new Float32Array(small * small).fill(absent) },
    sum = new Float64Array(small * small),
    known = new Uint32Array(small * small);
  for (let c = 0; c < count.length; ++c) {
    if (!count[c]) continue;
    const at = Math.floor(Math.floor(c / side) / by) * small + Math.floor((c % side) / by);
    out.count[at] += count[c];
    sum[at] += sums[c];
    known[at] += numbers[c];
  }
  for (let c = 0; c < known.length; ++c) if (known[c]) out.mean[c] = sum[c] / known[c];
  return out;
}

const tile = 6; // pixels of a cell in the picture
const leastBlock = 4.5; // CSS pixels of a cell on the screen
const rgba = ([r, g, b], a = 255) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
const grey = (colour) => rgba(colour.slice(0, 3).map((v) => Math.round(255 * v)));

export class Density {
  constructor(grid) {
    this.grid = grid;
    this.states = [];
    this.pictures = new Map();
  }
  /** The state before and the one after; pictures are made when they are drawn. */
  set(states, marks, table, greys) {
    this.states = states[0] === states[1] ? [states[0]] : states;
    Object.assign(this, { marks, table, greys });
    this.pictures.clear();
    this.counted = this.states.map((v) => [cells(this.grid, v, marks), marks ? cells(this.grid, v, null) : null]);
  }
  picture(k, by) {
    const key = `${k} ${by}`;
    if (this.pictures.has(key)) return this.pictures.get(key);
    const { grid, table } = this,
      [chosen, all] = this.counted[k],
      side = Math.ceil(grid.side / by),
      canvas = document.createElement("canvas");
    canvas.width = canvas.height = side * tile;
    const g = canvas.getContext("2d"),
      image = g.createImageData(side * tile, side * tile),
      pixels = new Uint32Array(image.data.buffer);
    const layer = (cellsOf, flat) => {
      const { count, mean } = coarser(cellsOf, grid.side, by),
        most = Math.log1p(count.reduce((a, b) => Math.max(a, b), 1));
      for (let c = 0; c < count.length; ++c) {
        if (!count[c]) continue;
        // 2 to 6 pixels, by the logarithm of the number
        const width = 2 + Math.round((tile - 2) * (Math.log1p(count[c]) / most)),
          from = Math.floor((tile - width) / 2),
          at = Math.round(255 * mean[c]) * 3,
          colour = flat ?? (mean[c] === absent ? grey(this.greys.quiet) : rgba(table.subarray(at, at + 3)));
        const x = (c % side) * tile + from,
          y = (side - 1 - Math.floor(c / side)) * tile + from;
        for (let row = 0; row < width; ++row)
          pixels.fill(colour, (y + row) * side * tile + x, (y + row) * side * tile + x + width);
      }
    };
    if (all) layer(all, grey(this.greys.unchosen));
    layer(chosen, null);
    g.putImageData(image, 0, 0);
    this.pictures.set(key, canvas);
    return canvas;
  }
  /** toScreen(x, y): CSS pixels of a place of the map. */
  draw(g, toScreen, mixing) {
    const { x0, y0, width, height, side } = this.grid,
      [left, bottom] = toScreen(x0, y0),
      [right, top] = toScreen(x0 + width * side, y0 + height * side),
      cell = Math.min(right - left, bottom - top) / side;
    let by = 1;
    while (cell * by < leastBlock && by < 16) by *= 2;
    // grids whose side is no multiple of the block hang over at the upper right
    const over = (Math.ceil(side / by) * by) / side,
      shown = this.states.map((_, k) => k).filter((k) => mixing < 1 || k === this.states.length - 1);
    g.imageSmoothingEnabled = true;
    g.globalCompositeOperation = "lighter"; // two halves are one whole
    for (const k of shown) {
      g.globalAlpha = shown.length === 1 ? 1 : k ? mixing : 1 - mixing;
      g.drawImage(
        this.picture(k, by),
        left,
        bottom - (bottom - top) * over,
        (right - left) * over,
        (bottom - top) * over,
      );
    }
    g.globalAlpha = 1;
    g.globalCompositeOperation = "source-over";
  }
}
