// How the spectrum and its zooms are drawn by uPlot: axes, series, and what lies under and over the curves.
import { lineNames, lineTitles, marks } from "./lines.js";
import { bandLow } from "./light.js";
import { nBands } from "./model.js";

// Lines whose names would meet those of their neighbours, and the side to which they are written.
const beside = { NII_6548: "right", NII_6584: "left", SII_6716: "right", SII_6731: "left" };
/** x, flux, upper and lower noise, continuum, predicted, its interval, was (before play), observed lines, bands, one
 * realisation with noise. */
export const seriesCount = 12;

/** Axes and options of the plots of a SpectrumPanel. */
export function plotsOf(panel) {
  const c = panel.colours;
  const font = "11px system-ui, sans-serif";
  const axis = (extra) => ({
    stroke: c.soft,
    font,
    grid: { stroke: c.rule, width: 1 },
    ticks: { show: false },
    ...extra,
  });
  const line = (stroke, w, extra = {}) => ({ stroke, width: w, points: { show: false }, spanGaps: false, ...extra });
  const shade = (u) => {
    // pixels without information
    const { ctx, bbox } = u;
    ctx.fillStyle = c.masked;
    for (const [a, b] of u.masked ?? []) {
      const x0 = Math.max(u.valToPos(a, "x", true), bbox.left),
        x1 = Math.min(u.valToPos(b, "x", true), bbox.left + bbox.width);
      if (x1 > x0) ctx.fillRect(x0, bbox.top, Math.max(x1 - x0, 1), bbox.height);
    }
  };
  const polyline = (u, xs, ys) => {
    const { ctx } = u;
    let drawn = false;
    ctx.beginPath();
    for (let k = 0; k < xs.length; ++k) {
      if (!Number.isFinite(ys[k])) {
        drawn = false;
        continue;
      }
      ctx[drawn ? "lineTo" : "moveTo"](u.valToPos(xs[k], "x", true), u.valToPos(ys[k], "y", true));
      drawn = true;
    }
    ctx.stroke();
  };
  const clipped = (u, draw) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    draw(ctx);
    ctx.restore();
  };
  const overplot = (u) => {
    // the bands of many galaxies, and galaxies that are compared, behind
    if (u.many)
      clipped(u, (ctx) => {
        ctx.strokeStyle = c.continuum;
        ctx.globalAlpha = 0.22;
        ctx.lineWidth = devicePixelRatio;
        const middles = Array.from({ length: nBands }, (_, b) => bandLow(b) + 150);
        for (const bands of u.many)
          polyline(
            u,
            middles,
            bands.map((f) => (f > 0 ? f : NaN)),
          );
      });
    for (const { x, y, colour } of u.compared ?? [])
      clipped(u, (ctx) => {
        ctx.strokeStyle = colour;
        ctx.lineWidth = 1.3 * devicePixelRatio;
        polyline(u, x, y);
      });
  };
  const markLines = (u) => {
    const { ctx, bbox } = u,
      whole = u === panel.plots?.[0] || bbox.height > 150 * devicePixelRatio,
      r = devicePixelRatio;
    ctx.save();
    ctx.fillStyle = ctx.strokeStyle = panel.slip === 1 ? c.soft : c.accent;
    ctx.globalAlpha = panel.slip === 1 ? 0.55 : 1;
    ctx.font = `${10 * r}px system-ui, sans-serif`;
    ctx.lineWidth = r;
    ctx.setLineDash([r, 3 * r]);
    for (const [line, [wave, label, side]] of marks.entries()) {
      const x = Math.round(u.valToPos(wave * panel.slip * (u.stretch ?? 1), "x", true));
      if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const near = whole && panel.window !== null && panel.window[1] - panel.window[0] < 900; // room for every name
      const text = near ? lineTitles[line] : label;
      if (!whole || !text) continue;
      ctx.globalAlpha = 1;
      const align = near ? (beside[lineNames[line]] ?? "center") : side;
      ctx.textAlign = align;
      ctx.fillText(text, x + (align === "left" ? -4 : align === "right" ? 4 : 0) * r, bbox.top - 4 * r);
      ctx.globalAlpha = panel.slip === 1 ? 0.55 : 1;
    }
    ctx.restore();
  };
  const arrows = (u) => {
    // predictions that reach beyond the axis: an arrow and the number
    const { ctx, bbox } = u,
      r = devicePixelRatio;
    if (!u.beyond?.length) return;
    ctx.save();
    ctx.fillStyle = ctx.strokeStyle = c.predicted;
    ctx.font = `600 ${10 * r}px system-ui, sans-serif`;
    ctx.lineWidth = 2 * r;
    let last = -Infinity,
      row = 0;
    for (const { wave, text } of u.beyond) {
      const x = u.valToPos(wave * (u.stretch ?? 1), "x", true);
      if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
      const y = bbox.top + 4 * r;
      ctx.beginPath();
      ctx.moveTo(x, y + 26 * r);
      ctx.lineTo(x, y);
      ctx.moveTo(x - 4 * r, y + 6 * r);
      ctx.lineTo(x, y);
      ctx.lineTo(x + 4 * r, y + 6 * r);
      ctx.stroke();
      const wide = ctx.measureText(text).width,
        left = x + 7 * r + wide > bbox.left + bbox.width;
      row = x - last < wide + 20 * r ? row + 1 : 0;
      last = x;
      ctx.textAlign = left ? "right" : "left";
      ctx.fillText(text, x + (left ? -7 : 7) * r, y + (10 + 12 * row) * r);
    }
    ctx.restore();
  };
  // A whole spectrum is a band of noise: its flux is drawn quietly. x, flux, upper and lower noise, continuum,
  // predicted, its interval, was (before play), observed lines, bands, one realisation with noise
  const series = (whole) => [
    {},
    line(whole ? c.soft : c.flux, 1),
    line("transparent", 0),
    line("transparent", 0),
    line(c.continuum, 1.6),
    line(c.predicted, 1.8),
    line("transparent", 0),
    line("transparent", 0),
    line(c.soft, 1.2, { dash: [4, 3] }),
    line(c.flux, 1.3, { dash: [5, 3] }),
    line(c.band, 3),
    line(c.noisy, 1.5),
  ];
  const bands = [
    { series: [2, 3], fill: c.noise },
    { series: [6, 7], fill: c.interval },
  ];
  const options = (w, h, axes, scaleX, whole) =>
    /** @type {any} */ ({
      width: w,
      height: h,
      legend: { show: false },
      cursor: { show: false },
      select: { show: false },
      padding: [whole ? 16 : 8, 16, 0, 0],
      scales: { x: { time: false, range: scaleX }, y: { range: (u) => u.wanted ?? [0, 1] } },
      axes,
      series: series(whole),
      bands,
      hooks: { drawClear: [shade], drawAxes: [overplot, markLines], draw: [arrows] },
    });
  return { axis, options };
}
