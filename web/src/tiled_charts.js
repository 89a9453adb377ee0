// Charts of a page of tiles: from counts of all galaxies, not from the galaxies.
import { histogramMargins, named, prepare } from "./charts.js";
import { css, galaxiesOf, scales } from "./colour.js";
import { drawCurves } from "./ratio_diagram.js";

const bins = 48;

/** Counts of a histogram in so many equal steps of an axis; what lies beyond its ends. */
export function rebinned(h, scale, low, high) {
  const { f } = scales[scale],
    out = new Float64Array(bins),
    back = h.asinh ? Math.sinh : (v) => v,
    a = f(low),
    span = f(high) - a;
  let less = h.below,
    more = h.above;
  const edge = (k) => (f(back(h.low + (k / h.counts.length) * (h.high - h.low)) * h.factor) - a) / span;
  h.counts.forEach((count, k) => {
    if (!count) return;
    // the galaxies of a narrow step, evenly over the steps of the axis that it lies on
    const from = edge(k),
      to = Math.max(edge(k + 1), from + 1e-12);
    if (!(from > -Infinity)) {
      less += count;
      return;
    }
    const share = (u, v) => (count * Math.max(0, Math.min(v, to) - Math.max(u, from))) / (to - from);
    less += share(-Infinity, 0);
    more += share(1, Infinity);
    for (let b = Math.max(0, Math.floor(from * bins)); b < bins && b < to * bins; ++b)
      out[b] += share(b / bins, (b + 1) / bins);
  });
  [less, more] = [Math.round(less), Math.round(more)];
  return { counts: out, less, more, without: h.without };
}
/** whole, part: of rebinned, part of a selection, or undefined; words: how many are selected. */
export function drawCounts(canvas, { whole, part, words, scale, low, high, label, table }, colours) {
  const { g, width, height } = prepare(canvas),
    { left, right } = histogramMargins,
    top = 18,
    bottom = 34,
    w = (width - left - right) / bins,
    h = height - top - bottom,
    draw = (counts, colour, inset) => {
      const peak = counts.reduce((a, b) => Math.max(a, b), 1);
      counts.forEach((count, k) => {
        g.fillStyle = colour(k);
        const y = (h * count) / peak;
        g.fillRect(left + k * w + inset * w + 0.5, top + h - y, w * (1 - 2 * inset) - 1, y);
      });
    },
    colour = (k) => (table ? css(table, (k + 0.5) / bins) : colours.accent);
  draw(whole.counts, part ? () => colours.faint : colour, 0);
  if (part) draw(part.counts, colour, 0.2);
  const { f } = scales[scale];
  g.fillStyle = colours.soft;
  g.textBaseline = "top";
  g.textAlign = "left";
  g.fillText(part ? words : galaxiesOf(Math.round(whole.counts.reduce((a, b) => a + b, 0))), left, 2);
  g.textAlign = "right";
  g.fillText(
    [whole.less && `${whole.less} below`, whole.more && `${whole.more} above`].filter(Boolean).join(", "),
    width - right,
    2,
  );
  g.textAlign = "center";
  for (const [v, text] of named(undefined, scale, low, high))
    g.fillText(
      text,
      Math.min(Math.max(left + ((f(v) - f(low)) / (f(high) - f(low))) * (width - left - right), 12), width - 12),
      top + h + 4,
    );
  g.fillText(label, width / 2, height - 15, width - 4);
}
/** counts: {side, range, cells, outside, classes}; now: {observed, predicted} of the galaxy that is shown. */
export function drawRatios(canvas, { side, range, cells, outside, classes }, now, colours) {
  const { g, width, height } = prepare(canvas),
    [x0, x1, y0, y1] = range,
    [left, right, top, bottom] = [46, 8, 32, 34],
    px = (x) => left + ((x - x0) / (x1 - x0)) * (width - left - right),
    py = (y) => height - bottom - ((y - y0) / (y1 - y0)) * (height - top - bottom);
  let most = 1;
  for (let k = 1; k < cells.length; k += 2) most = Math.max(most, cells[k]);
  const cell = (px(x1) - px(x0)) / side,
    tall = (py(y0) - py(y1)) / side;
  g.fillStyle = colours.soft;
  for (let k = 0; k < cells.length; k += 2) {
    const share = 0.3 + (0.7 * Math.log1p(cells[k + 1])) / Math.log1p(most);
    g.fillRect(
      px(x0) + (cells[k] % side) * cell,
      py(y0) - (Math.floor(cells[k] / side) + 1) * tall,
      cell * share,
      tall * share,
    );
  }
  g.save();
  g.beginPath();
  g.rect(left, top, width - left - right, height - top - bottom);
  g.clip();
  drawCurves(g, { X: [x0, x1], px, py }, colours.ink);
  g.restore();
  g.strokeStyle = colours.rule;
  g.strokeRect(left + 0.5, top + 0.5, width - left - right, height - top - bottom);
  g.fillStyle = colours.soft;
  g.textBaseline = "top";
  g.textAlign = "left";
  g.fillText(`${classes[0]} SF · ${classes[1]} composite · ${classes[2]} active`, left - 20, 2, width - left + 12);
  if (outside) g.fillText(`${outside} beyond the frame`, left - 20, 16);
  g.textAlign = "center";
  for (const v of [-1.5, -1, -0.5, 0, 0.5]) g.fillText(String(v).replace("-", "−"), px(v), height - bottom + 4);
  g.fillText("log EW([N II] 6584) / EW(Hα)", width / 2, height - 15, width - 4);
  g.textAlign = "right";
  g.textBaseline = "middle";
  for (const v of [-1, 0, 1]) g.fillText(String(v).replace("-", "−"), left - 5, py(v));
  for (const [point, colour] of [
    [now?.predicted, colours.predicted],
    [now?.observed, colours.flux],
  ]) {
    if (!point?.every(Number.isFinite)) continue;
    g.beginPath();
    g.arc(px(point[0]), py(point[1]), 4.5, 0, 7);
    g.fillStyle = colour;
    g.fill();
  }
}
