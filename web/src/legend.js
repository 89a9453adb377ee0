// The colour bar: palette, ticks on the scale, a triangle at each end beyond which values are cut, and how many.
import { css, scales } from "./colour.js";
import { named } from "./charts.js";

export function drawLegend(canvas, spec, colours) {
  const { width, height } = canvas.getBoundingClientRect(),
    r = Math.min(devicePixelRatio || 1, 2),
    g = canvas.getContext("2d");
  canvas.width = Math.round(width * r);
  canvas.height = Math.round(height * r);
  g.setTransform(r, 0, 0, r, 0, 0);
  paintLegend(g, width, spec, colours);
}

function paintLegend(g, width, { table, scale, low, high, label, below, above, classes }, colours) {
  const left = 18,
    right = 18,
    top = 17,
    bar = 10,
    w = width - left - right,
    { f } = scales[scale];
  for (let k = 0; k < w; ++k) {
    g.fillStyle = css(table, classes ? (Math.floor((k / w) * classes.length) + 0.5) / classes.length : k / (w - 1));
    g.fillRect(left + k, top, 1.5, bar);
  }
  const triangle = (x, tip, colour) => {
    g.beginPath();
    g.moveTo(x, top);
    g.lineTo(x, top + bar);
    g.lineTo(tip, top + bar / 2);
    g.closePath();
    g.fillStyle = colour;
    g.fill();
  };
  if (below) triangle(left - 1.5, left - 11, css(table, 0));
  if (above) triangle(left + w + 1.5, left + w + 11, css(table, 1));
  g.font = "11px system-ui, sans-serif";
  g.fillStyle = colours.ink;
  g.textBaseline = "alphabetic";
  g.textAlign = "left";
  g.fillText(label, left, 12, width - left - 4);
  g.fillStyle = colours.soft;
  g.textAlign = "center";
  let end = -Infinity;
  for (const [v, text] of named(classes, scale, low, high)) {
    const x = left + ((f(v) - f(low)) / (f(high) - f(low) || 1)) * w,
      half = g.measureText(text).width / 2;
    if (x - half < end + 6) continue;
    end = x + half;
    g.fillText(text, x, top + bar + 13);
    g.fillRect(x - 0.5, top + bar, 1, 3);
  }
}

const legendBox = { left: 34, width: 300, height: 46, bottom: 10 };

/** The map as a picture for a paper: what is seen of it, words and bar, on the ground of the theme; `ratio` pixels
 * each of the screen's. */
export function pictureOf({ map, width, height, ratio, axes, title, count, spec }, colours) {
  const canvas = document.createElement("canvas"),
    g = canvas.getContext("2d");
  Object.assign(canvas, { width: map.width, height: map.height });
  g.fillStyle = colours.surface;
  g.fillRect(0, 0, canvas.width, canvas.height);
  g.drawImage(map, 0, 0);
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.font = "11px system-ui, sans-serif";
  g.fillStyle = colours.ink;
  g.fillText(title, legendBox.left, 20, width - 2 * legendBox.left);
  g.fillStyle = colours.soft;
  g.fillText(count, legendBox.left, 35);
  g.textAlign = "right";
  g.fillText(axes[0], width - 14, height - 14);
  g.translate(20, 14);
  g.rotate(-Math.PI / 2);
  g.fillText(axes[1], 0, 0);
  g.setTransform(ratio, 0, 0, ratio, legendBox.left * ratio, (height - legendBox.bottom - legendBox.height) * ratio);
  paintLegend(g, Math.min(legendBox.width, width - 60), spec, colours);
  return canvas;
}

/** SVG of the same: the points as a picture, bar and words as vectors. */
export function svgOf(
  { map, width, height, axes, title, count, spec: { table, scale, low, high, label, below, above, classes } },
  colours,
) {
  const escape = (s) => s.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]),
    { f } = scales[scale];
  const parts = classes?.length ?? 16,
    stop = (offset, u) => `<stop offset="${offset}" stop-color="${css(table, u)}"/>`;
  const stops = Array.from({ length: classes ? parts : parts + 1 }, (_, k) =>
    classes
      ? stop(k / parts, (k + 0.5) / parts) + stop((k + 1) / parts, (k + 0.5) / parts)
      : stop(k / parts, k / parts),
  ).join("");
  const left = 52,
    w = 260,
    top = height - 34,
    x = (v) => left + ((f(v) - f(low)) / (f(high) - f(low) || 1)) * w;
  const marks = named(classes, scale, low, high)
    .map(([v, text]) => `<text x="${x(v)}" y="${top + 24}" text-anchor="middle">${text}</text>`)
    .join("");
  const triangle = (is, base, tip, u) =>
    is ? `<path d="M${base} ${top}V${top + 10}L${tip} ${top + 5}Z" fill="${css(table, u)}"/>` : "";
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"
 font-family="sans-serif" font-size="11" fill="${colours.soft}">
<title>${escape(title)}</title><defs><linearGradient id="p">${stops}</linearGradient></defs>
<rect width="${width}" height="${height}" fill="${colours.surface}"/>
<image href="${map.toDataURL("image/png")}" width="${width}" height="${height}"/>
<rect x="${left}" y="${top}" width="${w}" height="10" fill="url(#p)"/>
${triangle(below, left - 1.5, left - 11, 0)}${triangle(above, left + w + 1.5, left + w + 11, 1)}
<text x="${left}" y="${top - 5}" fill="${colours.ink}">${escape(label)}</text>${marks}
<text x="34" y="20" fill="${colours.ink}">${escape(title)}</text><text x="34" y="35">${escape(count)}</text>
<text x="${width - 14}" y="${height - 14}" text-anchor="end">${escape(axes[0])}</text>
<text transform="translate(20 14) rotate(-90)" text-anchor="end">${escape(axes[1])}</text></svg>\n`;
}
