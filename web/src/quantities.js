// What the map can be coloured by: key, label with unit, values of all galaxies in a state, scale and limits.
import { bptClass, bptLines, hasRatios, ratio } from "./ratio_diagram.js";
import { hasIntervals, independent, lineAt, lineNames, lineTitles } from "./lines.js";
import { luminosityDistance } from "./model.js";
import { percentiles } from "./colour.js";

/** A plain loop: from() with a function takes ten times as long. */
function map2(a, b, f) {
  const out = new Float32Array(a.length);
  for (let i = 0; i < out.length; ++i) out[i] = f(a[i], b[i]);
  return out;
}

/** EWs of a line in a state: observed, predicted, or noisy for a seed. */
export async function ewOf(app, line, mode, seed) {
  if (mode === "observed") return app.galaxies.column(`${lineNames[line]}_EW`);
  if (mode === "predicted") return app.galaxies.predicted(line);
  return (await app.noise(seed))[line];
}

export async function continuumColour(galaxies) {
  const [blue, red] = await Promise.all([galaxies.column("BAND_FLUX.0"), galaxies.column("BAND_FLUX.11")]);
  return map2(red, blue, ratio);
}

export function quantities(app) {
  const { about } = app.galaxies,
    out = [],
    { measured } = about,
    g = app.galaxies;
  lineNames.forEach((name, line) =>
    out.push({
      key: name,
      group: "Equivalent width",
      line,
      label: `EW ${lineTitles[line]} (Å)`,
      scale: "asinh",
      get: (mode, seed) => ewOf(app, line, mode, seed),
      // One bar for the three states, so that their colours compare.
      limits: async () => {
        const [, high] = percentiles(await ewOf(app, line, measured ? "observed" : "predicted"), [0, 0.98]);
        return [0, high];
      },
    }),
  );
  const spread = (values, p) => {
    const sizes = values.map(Math.abs);
    return percentiles(sizes, [p])[0] || 1;
  };
  const fixed = (item) =>
    out.push({ scale: "linear", limits: async () => percentiles(await item.get(), [0.01, 0.99]), ...item });
  if (measured)
    lineNames.forEach((name, line) =>
      fixed({
        key: `residual.${name}`,
        group: "Measured minus predicted",
        line,
        label: `${lineTitles[line]}: measured − predicted (Å)`,
        scale: "linear",
        diverging: true,
        get: async () => map2(await ewOf(app, line, "observed"), await ewOf(app, line, "predicted"), (o, p) => o - p),
        async limits() {
          const s = spread(await this.get(), 0.95);
          return [-s, s];
        },
      }),
    );
  // of evaluate --leave-one-out, where the table has them
  lineNames.forEach((name, line) => {
    const column = `column:${name}_EW_GIVEN_PULL`;
    if (!g.columns.has(column)) return;
    fixed({
      key: `pull.${name}`,
      group: "Pull: measured against all other lines",
      line,
      label: `${lineTitles[line]}: pull given the other lines (sigma)`,
      diverging: true,
      get: () => g.column(column),
      limits: async () => [-4, 4],
    });
  });
  if (hasIntervals(g.columns))
    independent.forEach((line) =>
      fixed({
        key: `width.${lineNames[line]}`,
        group: "Half width of the interval",
        line,
        label: `${lineTitles[line]}: (P84 − P16) / 2 (Å)`,
        scale: "asinh",
        get: async () =>
          map2(await g.predicted(line, "_EW_P16"), await g.predicted(line, "_EW_P84"), (a, b) => (b - a) / 2),
        async limits() {
          return [0, percentiles(await this.get(), [0.98])[0]];
        },
      }),
    );
  if (measured)
    lineNames.forEach((name, line) =>
      fixed({
        key: `sn.${name}`,
        group: "Signal to noise",
        line,
        label: `${lineTitles[line]}: EW / error`,
        scale: "asinh",
        get: async () => map2(await g.column(`${name}_EW`), await g.column(`${name}_EW_SIGMA`), (e, s) => e / s),
        async limits() {
          return [0, percentiles(await this.get(), [0.98])[0]];
        },
      }),
    );
  if (g.columns.has("Z")) fixed({ key: "Z", group: "Galaxy", label: "redshift z", get: () => g.column("Z") });
  fixed({
    key: "colour",
    group: "Galaxy",
    label: "continuum colour log F(6700–7000 Å) / F(3400–3700 Å) (dex)",
    get: () => continuumColour(g),
  });
  if (g.columns.has("Z"))
    fixed({
      key: "log_lum",
      group: "Galaxy",
      label: "log luminosity, 6100–6400 Å (arbitrary zero, dex)",
      get: async () =>
        map2(await g.column("BAND_FLUX.9"), await g.column("Z"), (f, z) =>
          f > 0 && z > 0 ? Math.log10(f * (1 + z) * luminosityDistance(z) ** 2) : NaN,
        ),
    });
  if (hasRatios())
    out.push({
      key: "bpt",
      group: "Galaxy",
      label: "class of line ratios",
      scale: "linear",
      classes: [
        [1, "● star-forming"],
        [2, "■ composite"],
        [3, "▲ active"],
      ],
      limits: async () => [0.5, 3.5],
      get: async (mode, seed) => {
        const { x, y } = await ratios(app, mode, seed);
        return map2(x, y, (a, b) => bptClass(a, b) || NaN);
      },
    });
  out.push({
    key: "FLAGS",
    group: "Galaxy",
    label: "flag of the prediction",
    scale: "linear",
    // the flags that occur, the most frequent first; a galaxy with several shows the rarest
    classes: [[0, "no flag"], ...about.flags_seen.map(([name], k) => [k + 1, name])],
    limits: async () => [-0.5, about.flags_seen.length + 0.5],
    get: async () => {
      const bits = about.flags_seen.map(([name]) => about.flags.find((f) => f.name === name).bit);
      return Float32Array.from(await g.columns.get("FLAGS"), (f) => bits.findLastIndex((bit) => (f & bit) !== 0) + 1);
    },
  });
  for (const { name, unit } of about.columns.filter((c) => !c.name.endsWith("_EW_GIVEN_PULL")))
    fixed({
      key: `column:${name}`,
      group: "Columns of the table",
      label: unit ? `${name} (${unit})` : name,
      get: () => g.column(`column:${name}`),
    });
  return out;
}

/** Coordinates of the diagram of line ratios in a state; NaN where the model lacks one of its lines. */
export async function ratios(app, mode, seed) {
  if (!hasRatios()) {
    const none = new Float32Array(app.galaxies.n).fill(NaN);
    return { x: none, y: none };
  }
  const [nii, ha, oiii, hb] = await Promise.all(bptLines.map((name) => ewOf(app, lineAt[name], mode, seed)));
  return { x: map2(nii, ha, ratio), y: map2(oiii, hb, ratio) };
}
