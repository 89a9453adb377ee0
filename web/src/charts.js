// Small charts on plain canvases: the lines of one galaxy, the histogram and the diagram of ratios of all.
import { css, fixed, galaxiesOf, measured, plain, scales, ticks } from "./colour.js";
import { independent, lineTitles } from "./lines.js";

export function prepare(canvas) {
  const { width, height } = canvas.getBoundingClientRect(),
    ratio = Math.min(devicePixelRatio || 1, 2);
  const w = Math.round(width * ratio),
    h = Math.round(height * ratio);
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  g.font = "11px system-ui, sans-serif";
  return { g, width, height };
}

/** Two notes over a chart, left and right; where they would meet the left one is said shorter, then the right one
 * takes a line of its own. Returns the height that they need: charts begin below. */
export function notes(g, left, shorter, right, x0, x1, draw = true) {
  const meets = (text) => right !== "" && g.measureText(text).width + g.measureText(right).width + 8 > x1 - x0;
  if (meets(left)) left = shorter;
  const meet = meets(left);
  if (draw) {
    g.textBaseline = "top";
    g.textAlign = "left";
    g.fillText(left, x0, 2, x1 - x0);
    g.textAlign = "right";
    g.fillText(right, x1, meet ? 16 : 2, x1 - x0);
  }
  return meet ? 32 : 18;
}

/** A number with its decimal point at x, so that those under each other line up. */
function atPoint(g, text, x, y) {
  const [whole, rest] = text.split(".");
  g.textAlign = "right";
  g.fillText(whole, x, y);
  if (rest === undefined) return;
  g.textAlign = "left";
  g.fillText(`.${rest}`, x, y);
}

const density = (d, j, t) => {
  const N = d.mean.length / d.components;
  let sum = 0;
  for (let c = 0; c < d.components; ++c) {
    const sd = d.sd[c * N + j],
      u = (t - d.mean[c * N + j]) / sd;
    sum += (d.weight[c] * Math.exp(-0.5 * u * u)) / (sd * 2.5066282746310002);
  }
  return sum;
};

/** One row a line: measurement with its interval low..high, the predicted distribution in asinh(EW), its interval,
 * the measurement and the noisy realisation. */
export function drawLines(
  canvas,
  /** @type {any} */ { observed, low: from, high: to, prediction, noisy, before, held },
  colours,
) {
  const { g, width, height } = prepare(canvas),
    left = 78,
    right = 130,
    top = 4,
    bottom = 20;
  const low = -0.9,
    high = 6.1,
    x = (t) => left + ((t - low) / (high - low)) * (width - left - right);
  const rowHeight = (height - top - bottom) / lineTitles.length,
    T = Math.asinh;
  g.textBaseline = "middle";
  g.lineWidth = 1;
  for (const ew of [0, 1, 3, 10, 30, 100]) {
    g.strokeStyle = colours.rule;
    g.beginPath();
    g.moveTo(Math.round(x(T(ew))) + 0.5, top);
    g.lineTo(Math.round(x(T(ew))) + 0.5, height - bottom);
    g.stroke();
    g.fillStyle = colours.soft;
    g.textAlign = "center";
    g.fillText(ew === 100 ? "100 Å" : String(ew), x(T(ew)), height - 9);
  }
  for (let line = 0; line < lineTitles.length; ++line) {
    const y = top + (line + 0.5) * rowHeight,
      j = independent.indexOf(line);
    g.textAlign = "left";
    g.fillStyle = colours.ink;
    g.fillText(lineTitles[line], 0, y);
    const clampX = (t) => x(Math.min(Math.max(t, low), high));
    const d = prediction?.distribution;
    if (d && j >= 0) {
      const n = 120,
        values = Array.from({ length: n + 1 }, (_, k) => density(d, j, low + ((high - low) * k) / n)),
        most = Math.max(...values, 0.8);
      g.beginPath();
      g.moveTo(x(low), y + rowHeight * 0.36);
      values.forEach((v, k) =>
        g.lineTo(x(low + ((high - low) * k) / n), y + rowHeight * 0.36 - (v / most) * rowHeight * 0.78),
      );
      g.lineTo(x(high), y + rowHeight * 0.36);
      g.fillStyle = colours.interval;
      g.fill();
    }
    if (before?.ew) {
      g.strokeStyle = colours.soft;
      g.setLineDash([2, 2]);
      g.beginPath();
      g.moveTo(clampX(T(before.ew[line])), y - rowHeight * 0.35);
      g.lineTo(clampX(T(before.ew[line])), y + rowHeight * 0.35);
      g.stroke();
      g.setLineDash([]);
    }
    if (prediction?.p16 && Number.isFinite(prediction.ew[line])) {
      g.strokeStyle = colours.predicted;
      g.lineWidth = 2.5;
      g.beginPath();
      g.moveTo(clampX(T(prediction.p16[line])), y);
      g.lineTo(clampX(T(prediction.p84[line])), y);
      g.stroke();
    }
    if (prediction && Number.isFinite(prediction.ew[line])) {
      g.fillStyle = colours.predicted;
      g.fillRect(clampX(T(prediction.ew[line])) - 1.5, y - rowHeight * 0.3, 3, rowHeight * 0.6);
    }
    if (Number.isFinite(observed?.[line])) {
      g.strokeStyle = g.fillStyle = colours.flux;
      g.lineWidth = 1.2;
      g.beginPath();
      g.moveTo(clampX(T(from[line])), y);
      g.lineTo(clampX(T(to[line])), y);
      g.stroke();
      g.beginPath();
      g.arc(clampX(T(observed[line])), y, 3.2, 0, 7);
      g.fill();
    }
    const known = held?.get(line);
    if (known) {
      g.strokeStyle = colours.noisy;
      g.lineWidth = 2;
      g.beginPath();
      g.moveTo(clampX(T(known.ew - known.sigma)), y);
      g.lineTo(clampX(T(known.ew + known.sigma)), y);
      g.stroke();
      g.beginPath();
      g.arc(clampX(T(known.ew)), y, 5.5, 0, 7);
      g.stroke();
    }
    if (Number.isFinite(noisy?.[line])) {
      const cx = clampX(T(noisy[line]));
      g.strokeStyle = colours.noisy;
      g.lineWidth = 1.6;
      g.beginPath();
      g.moveTo(cx - 3.2, y - 3.2);
      g.lineTo(cx + 3.2, y + 3.2);
      g.moveTo(cx + 3.2, y - 3.2);
      g.lineTo(cx - 3.2, y + 3.2);
      g.stroke();
    }
    g.fillStyle = colours.flux;
    const error = to && from ? (to[line] - from[line]) / 2 : NaN;
    atPoint(g, Number.isFinite(observed?.[line]) ? measured(observed[line], error) : "–", width - 100, y);
    g.fillStyle = colours.predicted;
    const shown = prediction && Number.isFinite(prediction.ew[line]),
      half = shown && prediction.p16 ? (prediction.p84[line] - prediction.p16[line]) / 2 : NaN;
    atPoint(g, shown ? measured(prediction.ew[line], half) : "–", width - 54, y);
    if (half > 0) {
      const decimals = (measured(1, half).split(".")[1] ?? "").length;
      g.font = "9px system-ui, sans-serif";
      g.textAlign = "left";
      g.fillText("+" + fixed(prediction.p84[line] - prediction.ew[line], decimals), width - 33, y - 4.5);
      g.fillText("−" + fixed(prediction.ew[line] - prediction.p16[line], decimals), width - 33, y + 4.5);
      g.font = "11px system-ui, sans-serif";
    }
  }
}

export const histogramMargins = { left: 8, right: 8 };
/** Values between two places (CSS pixels) of a histogram; a span that goes beyond an end takes what lies beyond it. */
export function histogramSpan([x0, x1], width, { scale, low, high }) {
  const { f, inverse } = scales[scale],
    { left, right } = histogramMargins,
    w = width - left - right;
  const value = (px) => Number(inverse(f(low) + ((px - left) / w) * (f(high) - f(low))).toPrecision(5));
  return [x0 <= left ? -Infinity : value(x0), x1 >= width - right ? Infinity : value(x1)];
}

/** The place of one galaxy's value in a histogram, at an end for what lies beyond; no number hides it. A line of its
 * own: a hover draws nothing again. */
export function markHistogram(line, value, /** @type {any} */ { scale, low, high }) {
  const { f } = scales[scale],
    u = Math.min(Math.max((f(value) - f(low)) / (f(high) - f(low) || 1), 0), 1);
  line.hidden = !(u >= 0);
  if (!line.hidden) line.style.setProperty("--u", u.toFixed(4));
}

/** Ticks of an axis with their texts: round numbers, or the names of classes. */
export const named = (classes, scale, low, high) => classes ?? ticks(scale, low, high, 5).map((v) => [v, plain(v)]);

/** Histogram of the values on the colour bar's scale: all galaxies, and the selected ones. */
export function drawHistogram(
  canvas,
  /** @type {any} */ { values, marks, scale, low, high, label, table, classes },
  colours,
) {
  const { g, width, height } = prepare(canvas),
    { left, right } = histogramMargins,
    bottom = 34,
    bins = classes?.length ?? 48;
  // its own colour where the bar is of another quantity
  const colour = (k) => (table ? css(table, (k + 0.5) / bins) : colours.accent);
  const { f } = scales[scale],
    a = f(low),
    span = f(high) - a || 1;
  const all = new Float64Array(bins),
    chosen = new Float64Array(bins);
  let below = 0,
    above = 0,
    none = 0,
    selected = 0;
  for (let i = 0; i < values.length; ++i) {
    const u = (f(values[i]) - a) / span;
    if (marks?.[i]) ++selected;
    if (Number.isNaN(u)) {
      ++none;
      continue;
    }
    if (u < 0) {
      ++below;
      continue;
    }
    if (u > 1) {
      ++above;
      continue;
    }
    const k = Math.min(bins - 1, Math.floor(u * bins));
    ++all[k];
    if (marks?.[i]) ++chosen[k];
  }
  const off = [below && `${below} below`, above && `${above} above`].filter(Boolean).join(", "),
    beyond = [off && `${off} the axis`, none && `${none} without`].filter(Boolean).join(", ");
  g.fillStyle = colours.soft;
  const known = values.length - none,
    top = notes(
      g,
      marks ? `${selected} of ${values.length} selected` : galaxiesOf(known),
      marks ? `${selected} of ${values.length}` : String(known),
      beyond,
      left,
      width - right,
    );
  const w = (width - left - right) / bins,
    peak = Math.max(...all, 1),
    h = height - top - bottom;
  // The selection is drawn with its own height: shapes are compared, numbers are written.
  const peakChosen = Math.max(...chosen, 1);
  for (let k = 0; k < bins; ++k) {
    g.fillStyle = marks ? colours.faint : colour(k);
    g.fillRect(left + k * w + 0.5, top + h * (1 - all[k] / peak), w - 1, (h * all[k]) / peak);
    if (marks && chosen[k]) {
      g.fillStyle = colour(k);
      const y = (h * chosen[k]) / peakChosen;
      g.fillRect(left + k * w + w * 0.2, top + h - y, w * 0.6, y);
    }
  }
  g.strokeStyle = colours.soft;
  g.beginPath();
  g.moveTo(left, top + h + 0.5);
  g.lineTo(width - right, top + h + 0.5);
  g.stroke();
  g.fillStyle = colours.soft;
  g.textAlign = "center";
  g.textBaseline = "top";
  for (const [v, text] of named(classes, scale, low, high)) {
    const px = left + ((f(v) - a) / span) * (width - left - right);
    g.fillText(text, Math.min(Math.max(px, 12), width - 12), top + h + 4, classes ? w - 4 : undefined);
  }
  g.fillText(label, width / 2, height - 15, width - 4);
}
