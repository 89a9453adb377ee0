// Many galaxies as one: each divided by the mean of its bands; medians, and the middle 68 % of the galaxies.
import { lineNames } from "./lines.js";
import { nBands } from "./model.js";

const rowsMost = 4000,
  blocksMost = 48,
  spectraMost = 100; // galaxies read; blocks of rows where rows are fetched; spectra
const leastShare = 0.2; // of the galaxies with a spectrum that must reach a wavelength

/** At most `most` of a list, evenly taken. */
export const evenly = (list, most) =>
  list.length <= most
    ? list
    : Array.from({ length: most }, (_, k) => list[Math.floor(((k + 0.5) * list.length) / most)]);

/** 16th, 50th and 84th percentile of the finite values, linear between neighbours in order; NaN where there are
 * none. */
export function middle(values) {
  const kept = values.filter(Number.isFinite).sort((a, b) => a - b),
    last = kept.length - 1;
  return [0.16, 0.5, 0.84].map((p) => {
    if (last < 0) return NaN;
    const k = Math.floor(p * last);
    return kept[k] + (p * last - k) * (kept[Math.min(k + 1, last)] - kept[k]);
  });
}

/** Mean of the bands that are there; NaN without one. */
export function level(bands) {
  let sum = 0,
    n = 0;
  for (const f of bands)
    if (f > 0 && Number.isFinite(f)) {
      sum += f;
      ++n;
    }
  return n ? sum / n : NaN;
}

const columns = (list, n) => Array.from({ length: n }, (_, k) => middle(list.map((values) => values[k])));
const split = (triples) => [0, 1, 2].map((k) => triples.map((t) => t[k]));

/** rows: of Galaxies.row; predicted(row): its EWs. Measured and predicted lines are of the same galaxies where
 * any was measured. */
export function stackRows(rows, predicted) {
  const normed = rows.filter((row) => level(row.bands) > 0).map((row) => row.bands.map((f) => f / level(row.bands)));
  const [bandsLow, bands, bandsHigh] = split(columns(normed, nBands));
  const pairs = rows.map((row) => [row.ew, predicted(row)]),
    lines = lineNames.map((_, line) => {
      const measured = pairs.filter(([ew, p]) => Number.isFinite(ew[line]) && Number.isFinite(p[line])),
        used = measured.length ? measured : pairs;
      return { ew: middle(measured.map(([ew]) => ew[line])), predicted: middle(used.map(([, p]) => p[line])) };
    });
  const [low, ew, high] = split(lines.map((l) => l.ew)),
    [p16, median, p84] = split(lines.map((l) => l.predicted)),
    z = rows
      .map((row) => row.z)
      .filter(Number.isFinite)
      .sort((a, b) => a - b);
  return {
    n: rows.length,
    normed,
    bands: Float64Array.from(bands),
    bandsLow,
    bandsHigh,
    ew,
    low,
    high,
    prediction: { ew: median, p16, p84 },
    z: [z[0], z.at(-1)],
  };
}

/** spectra at rest (of Galaxies.spectrum) and what to divide each by: medians on a grid of one Angstrom, between
 * neighbouring pixels linearly. */
export function stackSpectra(spectra, levels) {
  const first = Math.ceil(Math.min(...spectra.map((s) => s.wave[0]))),
    last = Math.floor(Math.max(...spectra.map((s) => s.wave.at(-1)))),
    n = last - first + 1;
  const onGrid = spectra.map(({ wave, flux, sigma, continuum }, k) => {
    const out = { flux: new Float64Array(n).fill(NaN), continuum: continuum && new Float64Array(n).fill(NaN) };
    for (let g = Math.max(0, Math.ceil(wave[0]) - first), i = 0; g < n && first + g <= wave.at(-1); ++g) {
      while (i + 2 < wave.length && wave[i + 1] < first + g) ++i;
      const u = (first + g - wave[i]) / (wave[i + 1] - wave[i]),
        between = (values) => (values[i] + u * (values[i + 1] - values[i])) / levels[k];
      if (!Number.isNaN(sigma[i]) && !Number.isNaN(sigma[i + 1])) out.flux[g] = between(flux);
      if (continuum) out.continuum[g] = between(continuum);
    }
    return out;
  });
  const kept = [],
    made = { low: [], flux: [], high: [], continuum: [] },
    withContinuum = onGrid.filter((s) => s.continuum);
  for (let g = 0; g < n; ++g) {
    const values = onGrid.map((s) => s.flux[g]).filter(Number.isFinite);
    if (values.length < leastShare * spectra.length) continue;
    const [low, median, high] = middle(values);
    kept.push(first + g);
    made.low.push(low);
    made.flux.push(median);
    made.high.push(high);
    made.continuum.push(middle(withContinuum.map((s) => s.continuum[g]))[1]);
  }
  const [wave, flux, low, high, continuum] = [kept, made.flux, made.low, made.high, made.continuum].map((v) =>
    Float64Array.from(v),
  );
  return kept.length < 2
    ? null
    : {
        wave,
        flux,
        low,
        high,
        sigma: new Float64Array(kept.length),
        masked: [],
        continuum: continuum.every(Number.isFinite) ? continuum : null,
        n: spectra.length,
      };
}

/** The stack of the galaxies `chosen` (row numbers) in the state that is seen. */
export async function stackOf(app, chosen) {
  const { galaxies } = app,
    { whole } = galaxies.columns,
    noisy = app.state.mode === "noisy" ? galaxies.noise.get(app.state.seed) : null;
  const rows = await galaxies.someRows(whole ? evenly(chosen, rowsMost) : evenly(chosen, blocksMost), chosen);
  const stack = stackRows(rows, (row) => (noisy ? noisy.map((values) => values[row.i]) : row.predicted));
  stack.of = chosen.length;
  const index = galaxies.about.spectra ? await galaxies.columns.get("SPECTRUM") : null;
  const lit = index
    ? evenly(
        rows.filter((row) => index[row.i] >= 0 && level(row.bands) > 0),
        spectraMost,
      )
    : [];
  if (lit.length)
    stack.spectrum = stackSpectra(
      await Promise.all(lit.map((row) => galaxies.spectrum(row))),
      lit.map((row) => level(row.bands)),
    );
  return stack;
}
