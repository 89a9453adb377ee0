// Small charts on plain canvases: the lines of one galaxy, the histogram and the diagram of ratios of all.
import { css, fixed, galaxiesOf, measured, plain, scales, ticks } from "./colour.js";
import { independent, lineAt, lineTitles } from "./lines.js";

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
function notes(g, left, shorter, right, x0, x1, draw = true) {
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
  let sum = 0;
  for (let c = 0; c < d.components; ++c) {
    const sd = d.sd[c * 8 + j],
      u = (t - d.mean[c * 8 + j]) / sd;
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
  const beyond = [below && `${below} below`, above && `${above} above`, none && `${none} without`]
    .filter(Boolean)
    .join(", ");
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

const drawnMost = 30000;

export const bptClasses = ["no class", "star-forming", "composite", "active nucleus"];
/** Class of log ratios by Kauffmann et al. 2003 and Kewley et al. 2001: index into bptClasses. */
export function bptClass(x, y) {
  if (!Number.isFinite(x) || !Number.isFinite(y)) return 0;
  if (x < 0.05 && y < 0.61 / (x - 0.05) + 1.3) return 1;
  return x < 0.47 && y < 0.61 / (x - 0.47) + 1.19 ? 2 : 3;
}
/** The four lines of the diagram: x is the ratio of the first two, y that of the others. */
export const bptLines = ["NII_6584", "HALPHA", "OIII_5007", "HBETA"];
/** Where ten EWs lie in the diagram. */
export const pointOf = (ew) => {
  if (!ew) return null;
  const [nii, ha, oiii, hb] = bptLines.map((name) => ew[lineAt[name]]);
  return [ratio(nii, ha), ratio(oiii, hb)];
};
export const ratio = (a, b) => (a > 0 && b > 0 ? Math.log10(a / b) : NaN);

/** log [OIII]/Hb against log [NII]/Ha of all galaxies; marks, the galaxy at hand, and draws of it. */
export class RatioDiagram {
  constructor(canvas) {
    this.canvas = canvas;
    this.back = document.createElement("canvas");
  }
  /** points: {x, y, marks}: drawn once, kept as a picture. */
  setPoints(points, colours) {
    this.points = points;
    this.colours = colours;
    this.stale = true;
    this.draw(this.now ?? {});
  }
  frame(width, height) {
    const left = 46,
      right = 8,
      top = this.top ?? 18,
      bottom = 34,
      X = [-1.9, 0.7],
      Y = [-1.3, 1.3];
    return {
      left,
      right,
      top,
      bottom,
      X,
      Y,
      px: (x) => left + ((x - X[0]) / (X[1] - X[0])) * (width - left - right),
      py: (y) => height - bottom - ((y - Y[0]) / (Y[1] - Y[0])) * (height - top - bottom),
    };
  }
  background(width, height) {
    const { back, points, colours } = this,
      r = Math.min(devicePixelRatio || 1, 2);
    let f = this.frame(width, height);
    back.width = this.canvas.width;
    back.height = this.canvas.height;
    const g = back.getContext("2d");
    g.setTransform(r, 0, 0, r, 0, 0);
    g.clearRect(0, 0, width, height);
    g.font = "11px system-ui, sans-serif";
    const { x, y, marks, places, table } = points,
      stride = Math.ceil(x.length / drawnMost),
      classes = [0, 0, 0, 0];
    let outside = 0;
    for (let i = 0; i < x.length; ++i) {
      if (!Number.isFinite(x[i]) || !Number.isFinite(y[i])) continue;
      if (!(x[i] >= f.X[0] && x[i] <= f.X[1] && y[i] >= f.Y[0] && y[i] <= f.Y[1])) ++outside;
      if (!marks || marks[i]) ++classes[bptClass(x[i], y[i])];
    }
    g.fillStyle = colours.soft;
    this.top = notes(
      g,
      `${classes[1]} star-forming · ${classes[2]} composite · ${classes[3]} active`,
      `${classes[1]} SF · ${classes[2]} comp. · ${classes[3]} active`,
      outside ? `${outside} beyond the frame` : "",
      f.left - 20,
      width - f.right,
    );
    f = this.frame(width, height);
    const w = width - f.left - f.right,
      h = height - f.top - f.bottom;
    g.save();
    g.beginPath();
    g.rect(f.left, f.top, w, h);
    g.clip();
    // Of many points some are drawn, evenly taken: all would close to one surface. All are counted. The colours are the
    // map's.
    const shades = 24,
      lists = Array.from({ length: shades + 2 }, () => []);
    for (let i = 0; i < x.length; i += stride) {
      if (!(x[i] >= f.X[0] && x[i] <= f.X[1] && y[i] >= f.Y[0] && y[i] <= f.Y[1])) continue;
      const u = places?.[i];
      if (marks && !marks[i]) lists[0].push(i);
      else lists[u === u && u !== undefined ? 2 + Math.round(Math.min(Math.max(u, 0), 1) * (shades - 1)) : 1].push(i);
    }
    const many = Math.min(1, 20000 / Math.min(x.length, drawnMost));
    lists.forEach((list, k) => {
      g.fillStyle = k === 0 ? colours.faint : k === 1 ? colours.cloud : css(table, (k - 2) / (shades - 1));
      g.globalAlpha = k > 1 ? 0.85 * Math.max(many, 0.5) : many;
      for (const i of list) g.fillRect(f.px(x[i]) - 0.9, f.py(y[i]) - 0.9, 1.8, 1.8);
    });
    g.globalAlpha = 1;
    g.lineWidth = 1.3;
    for (const [a, b, dash] of /** @type {[number, number, number[]][]} */ ([
      [0.05, 1.3, [5, 3]],
      [0.47, 1.19, []],
    ])) {
      g.strokeStyle = colours.ink;
      g.setLineDash(dash);
      g.beginPath();
      for (let k = 0; k <= 120; ++k) {
        const at = f.X[0] + ((a - 0.02 - f.X[0]) * k) / 120;
        g[k ? "lineTo" : "moveTo"](f.px(at), f.py(0.61 / (at - a) + b));
      }
      g.stroke();
    }
    g.setLineDash([]);
    g.fillStyle = colours.ink;
    g.textBaseline = "middle";
    g.textAlign = "right";
    // each at the foot of its curve
    for (const [name, x, y] of /** @type {[string, number, number][]} */ ([
      ["Ka03", -0.3, -0.7],
      ["Ke01", 0.19, -1.16],
    ])) {
      g.lineWidth = 3;
      g.strokeStyle = colours.surface;
      g.strokeText(name, f.px(x), f.py(y));
      g.fillText(name, f.px(x), f.py(y));
    }
    g.restore();
    g.strokeStyle = colours.rule;
    g.strokeRect(f.left + 0.5, f.top + 0.5, w, h);
    g.fillStyle = colours.soft;
    g.textBaseline = "top";
    g.textAlign = "center";
    for (const v of w < 170 ? [-1.5, -0.5, 0.5] : [-1.5, -1, -0.5, 0, 0.5])
      g.fillText(plain(v), f.px(v), height - f.bottom + 4);
    g.fillText("log EW([N II] 6584) / EW(Hα)", width / 2, height - 15, width - 4);
    g.textAlign = "right";
    g.textBaseline = "middle";
    for (const v of [-1, -0.5, 0, 0.5, 1]) g.fillText(plain(v), f.left - 5, f.py(v));
    g.save();
    g.translate(9, f.top + h / 2);
    g.rotate(-Math.PI / 2);
    g.textAlign = "center";
    const whole = "log EW([O III] 5007) / EW(Hβ)";
    g.fillText(g.measureText(whole).width > h + 40 ? "log [O III] / Hβ" : whole, 0, 0, h + f.bottom);
    g.restore();
    this.stale = false;
  }
  /** [x0, x1, y0, y1] in log ratios of a box in CSS pixels. */
  span([px0, px1], [py0, py1]) {
    const { width, height } = this.canvas.getBoundingClientRect(),
      f = this.frame(width, height),
      round = (v) => Number(v.toPrecision(5));
    const x = (px) => round(f.X[0] + ((px - f.left) / (width - f.left - f.right)) * (f.X[1] - f.X[0])),
      y = (py) => round(f.Y[0] + ((height - f.bottom - py) / (height - f.top - f.bottom)) * (f.Y[1] - f.Y[0]));
    return [x(px0), x(px1), y(py1), y(py0)];
  }
  /** now: {observed: [x, y], predicted: [x, y], cloud: [[x, y], ...]} */
  draw(now) {
    this.now = now;
    if (!this.points) return;
    const { width, height } = this.canvas.getBoundingClientRect(),
      { colours } = this;
    if (!width) return;
    const { g } = prepare(this.canvas);
    if (this.stale || this.back.width !== this.canvas.width || this.back.height !== this.canvas.height)
      this.background(width, height);
    g.save();
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.drawImage(this.back, 0, 0);
    g.restore();
    const f = this.frame(width, height),
      inside = ([x, y]) => [f.px(Math.min(Math.max(x, f.X[0]), f.X[1])), f.py(Math.min(Math.max(y, f.Y[0]), f.Y[1]))];
    g.fillStyle = colours.predicted;
    g.globalAlpha = 0.45;
    for (const p of now.cloud ?? [])
      if (p.every(Number.isFinite)) {
        const [px, py] = inside(p);
        g.fillRect(px - 1, py - 1, 2, 2);
      }
    g.globalAlpha = 1;
    const dot = (p, colour, r) => {
      if (!p || !p.every(Number.isFinite)) return;
      const [px, py] = inside(p);
      g.beginPath();
      g.arc(px, py, r, 0, 7);
      g.fillStyle = colour;
      g.fill();
      g.strokeStyle = colours.surface;
      g.lineWidth = 1.5;
      g.stroke();
    };
    for (const { point, colour } of now.pins ?? []) dot(point, colour, 4);
    dot(now.predicted, colours.predicted, 5);
    dot(now.observed, colours.flux, 4.5);
  }
}
