// What is counted of the galaxies that are selected on a page of tiles: by their columns, so exactly.
import { scales } from "./colour.js";
import { lineAt } from "./lines.js";
import { bptClass, bptLines } from "./ratio_diagram.js";

/** Histograms of the selection in the two quantities that are shown, and its ratios: by its columns. */
export async function describe(app, progress) {
  const { tiles, chosen } = app,
    shown = [app.quantity, app.second.quantity],
    four = bptLines.map((name) => tiles.channel({ line: lineAt[name] }, app.state.mode).name),
    names = [...new Set([...shown.map((q) => tiles.channel(q, app.state.mode).name), ...four])],
    histograms = new Map(
      shown.map((q) => {
        const { low, high, asinh, counts } = app.histogramOf(q);
        return [
          q.key,
          {
            name: tiles.channel(q, app.state.mode).name,
            low,
            high,
            asinh,
            counts: new Array(counts.length).fill(0),
            below: 0,
            above: 0,
            without: 0,
          },
        ];
      }),
    ),
    whole = tiles.statistics.ratios[app.state.mode],
    grid = new Map(),
    classes = [0, 0, 0],
    [x0, x1, y0, y1] = whole.range;
  let outside = 0;
  await tiles.stream(
    names,
    (first, parts, n) => {
      for (let i = 0; i < n; ++i) {
        if (!chosen.marks[first + i]) continue;
        for (const h of histograms.values()) {
          const raw = parts[h.name][i],
            v = h.asinh ? Math.asinh(raw) : raw;
          if (Number.isNaN(v)) ++h.without;
          else if (v < h.low) ++h.below;
          else if (v >= h.high) ++h.above;
          else
            ++h.counts[Math.min(h.counts.length - 1, Math.floor(((v - h.low) / (h.high - h.low)) * h.counts.length))];
        }
        const [nii, ha, oiii, hb] = four.map((name) => parts[name][i]);
        if (!(nii > 0 && ha > 0 && oiii > 0 && hb > 0)) continue;
        const x = Math.log10(nii / ha),
          y = Math.log10(oiii / hb);
        ++classes[bptClass(x, y) - 1];
        if (!(x >= x0 && x < x1 && y >= y0 && y < y1)) {
          ++outside;
          continue;
        }
        const at =
          Math.floor(((y - y0) / (y1 - y0)) * whole.side) * whole.side +
          Math.floor(((x - x0) / (x1 - x0)) * whole.side);
        grid.set(at, (grid.get(at) ?? 0) + 1);
      }
    },
    progress,
  );
  if (app.chosen !== chosen) return;
  chosen.histograms = histograms;
  chosen.ratios = {
    [app.state.mode]: { side: whole.side, range: whole.range, cells: [...grid].flat(), outside, classes },
  };
}
