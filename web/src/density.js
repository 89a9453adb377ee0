// Where too many points are in sight to be told apart: cells of the map, each in the mean colour of its galaxies, the more
// opaque the more there are (logarithm of the number). Two pictures cross-fade as the points do.

const absent = 2; // place of a cell in which no galaxy has a value

/** Per cell of the grid: how many galaxies (of those marked), and the mean of their places on the bar, cut to 0..1. */
export function cells(grid, values, marks) {
  const size = grid.side * grid.side,
    count = new Uint32Array(size),
    mean = new Float32Array(size).fill(absent);
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
    if (known) mean[c] = sum / known;
  }
  return { count, mean };
}

const bytes = (rgba) => rgba.slice(0, 3).map((v) => Math.round(255 * v));

export class Density {
  constructor(grid) {
    this.grid = grid;
    this.pictures = [];
  }
  picture(values, marks, table, { quiet, faint }) {
    const { grid } = this,
      { side } = grid,
      canvas = document.createElement("canvas");
    canvas.width = canvas.height = side;
    const g = canvas.getContext("2d"),
      image = g.createImageData(side, side);
    const layer = ({ count, mean }, grey, full) => {
      const most = Math.log1p(count.reduce((a, b) => Math.max(a, b), 1));
      for (let c = 0; c < count.length; ++c) {
        if (!count[c]) continue;
        const at = 4 * ((side - 1 - Math.floor(c / side)) * side + (c % side)),
          k = Math.round(255 * mean[c]) * 3;
        image.data.set(grey ?? (mean[c] === absent ? bytes(quiet) : table.subarray(k, k + 3)), at);
        image.data[at + 3] = full * (0.25 + (0.75 * Math.log1p(count[c])) / most);
      }
    };
    if (marks) layer(cells(grid, values, null), bytes(faint), 110);
    layer(cells(grid, values, marks), null, 255);
    g.putImageData(image, 0, 0);
    return canvas;
  }
  /** The pictures of the state before and of the one after; a state that is shown already is not made again. */
  set(states, marks, table, greys) {
    this.pictures =
      states[0] === states[1]
        ? [this.picture(states[0], marks, table, greys)]
        : states.map((v) => this.picture(v, marks, table, greys));
  }
  /** toScreen(x, y): CSS pixels of a place of the map. */
  draw(g, toScreen, mixing) {
    const { x0, y0, width, height, side } = this.grid,
      [left, bottom] = toScreen(x0, y0),
      [right, top] = toScreen(x0 + width * side, y0 + height * side);
    const pictures = mixing < 1 ? this.pictures : this.pictures.slice(-1);
    g.imageSmoothingEnabled = false;
    g.globalCompositeOperation = "lighter"; // two halves are one whole
    pictures.forEach((picture, k) => {
      g.globalAlpha = pictures.length === 1 ? 1 : k ? mixing : 1 - mixing;
      g.drawImage(picture, left, top, right - left, bottom - top);
    });
    g.globalAlpha = 1;
    g.globalCompositeOperation = "source-over";
  }
}
