// The diagram of line ratios: its classes, its curves, the galaxies in it.
import { notes, prepare } from "./charts.js";
import { css, plain } from "./colour.js";
import { lineAt } from "./lines.js";

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
export const hasRatios = () => bptLines.every((name) => lineAt[name] !== undefined);
/** Where the EWs of a galaxy lie in the diagram. */
export const pointOf = (ew) => {
  if (!ew) return null;
  const [nii, ha, oiii, hb] = bptLines.map((name) => ew[lineAt[name]]);
  return [ratio(nii, ha), ratio(oiii, hb)];
};
/** The curves of Kauffmann et al. 2003 (dashed) and Kewley et al. 2001. frame: {X, px(x), py(y)}. */
export function drawCurves(g, { X, px, py }, colour) {
  g.lineWidth = 1.3;
  g.strokeStyle = colour;
  for (const [a, b, dash] of /** @type {[number, number, number[]][]} */ ([
    [0.05, 1.3, [5, 3]],
    [0.47, 1.19, []],
  ])) {
    g.setLineDash(dash);
    g.beginPath();
    for (let k = 0; k <= 120; ++k) {
      const at = X[0] + ((a - 0.02 - X[0]) * k) / 120;
      g[k ? "lineTo" : "moveTo"](px(at), py(0.61 / (at - a) + b));
    }
    g.stroke();
  }
  g.setLineDash([]);
}
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
    const missing = hasRatios() ? "" : "This model does not have all four lines";
    this.top = notes(
      g,
      missing || `${classes[1]} star-forming · ${classes[2]} composite · ${classes[3]} active`,
      missing || `${classes[1]} SF · ${classes[2]} composite · ${classes[3]} AGN`,
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
    drawCurves(g, f, colours.ink);
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
