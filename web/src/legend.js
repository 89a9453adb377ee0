// The colour bar: palette, ticks on the scale, a triangle at each end beyond which values are cut, and how many.
import { css, scales, short, ticks } from './colour.js';

export function drawLegend(canvas, { table, scale, low, high, label, below, above }, colours) {
  const { width, height } = canvas.getBoundingClientRect(), r = Math.min(devicePixelRatio || 1, 2);
  canvas.width = Math.round(width * r);
  canvas.height = Math.round(height * r);
  const g = canvas.getContext('2d'), left = 18, right = 18, top = 17, bar = 10, w = width - left - right, { f } = scales[scale];
  g.setTransform(r, 0, 0, r, 0, 0);
  for (let k = 0; k < w; ++k) {
    g.fillStyle = css(table, k / (w - 1));
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
  g.font = '11px system-ui, sans-serif';
  g.fillStyle = colours.ink;
  g.textBaseline = 'alphabetic';
  g.textAlign = 'left';
  g.fillText(label, left, 12, width - left - 4);
  g.fillStyle = colours.soft;
  g.textAlign = 'center';
  let end = -Infinity;
  for (const v of ticks(scale, low, high, 5)) {
    const x = left + ((f(v) - f(low)) / (f(high) - f(low) || 1)) * w, text = short(v), half = g.measureText(text).width / 2;
    if (x - half < end + 6) continue;
    end = x + half;
    g.fillText(text, x, top + bar + 13);
    g.fillRect(x - 0.5, top + bar, 1, 3);
  }
}

/** SVG of the map as it is seen: the points as a picture, frame, axes, bar and words as vectors. */
export function svgOf({ png, width, height, axes, table, scale, low, high, label, title }) {
  const escape = (s) => s.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]), { f } = scales[scale];
  const stops = Array.from({ length: 17 }, (_, k) => `<stop offset="${k / 16}" stop-color="${css(table, k / 16)}"/>`).join('');
  const left = 40, w = 260, top = height - 34;
  const marks = ticks(scale, low, high, 5).map((v) => { const x = left + ((f(v) - f(low)) / (f(high) - f(low) || 1)) * w; return `<text x="${x}" y="${top + 24}" text-anchor="middle">${short(v)}</text>`; }).join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<title>${escape(title)}</title><defs><linearGradient id="p">${stops}</linearGradient></defs>
<rect width="${width}" height="${height}" fill="#fff"/><image href="${png}" width="${width}" height="${height}"/>
<rect x="${left}" y="${top}" width="${w}" height="10" fill="url(#p)"/><text x="${left}" y="${top - 5}">${escape(label)}</text>${marks}
<text x="${width - 12}" y="${height - 10}" text-anchor="end">${escape(axes[0])}</text><text transform="translate(14 16) rotate(-90)" text-anchor="end">${escape(axes[1])}</text></svg>\n`;
}
