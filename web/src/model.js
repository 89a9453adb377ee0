// The model of the command line, in the page: features and head in JavaScript's doubles, networks, quantiles and draws
// by the kernel. The same steps as src/model/{features,joint,model,noise}.cpp; tests/web/model_test.mjs compares with
// the command line.
import { doublets, independent, lineAt, lineNames, lineRows, lineWave } from "./lines.js";
import { condition, evidenceOf } from "./condition.js";
import { makeDomain } from "./domain.js";
import { adjust, evolutionOf } from "./evolution.js";
import { objectKey, streams } from "./random.js";

export { independent, lineNames };
export const nBands = 12;
const luminosityBands = [9, 8, 10, 7, 11, 6, 5, 4, 3, 2, 1, 0];
const minBands = 6;
const activations = ["selu", "polyswish", "silu"];
const minSd = 0.03;
const mostT = 9.9034875550361281, // asinh of 10,000 A: include/starglow/base/limits.hpp
  mostNoisyEw = 1e5,
  mostParameter = 1e3;
const held = (x, most) => Math.min(Math.max(x, -most), most);
const present = (flux) => flux > 0 && Number.isFinite(flux);

const nodes = [0.14887433898163122, 0.43339539412924719, 0.67940956829902441, 0.86506336668898451, 0.97390652851717172];
const weights = [
  0.29552422471475287, 0.26926671930999636, 0.21908636251598204, 0.14945134915058059, 0.066671344308688138,
];

/** Luminosity distance in Mpc: flat, H0 = 70 km/s/Mpc, Om0 = 0.3 (Gauss-Legendre, as src/base/cosmology.cpp). */
export function luminosityDistance(z) {
  const end = Math.log1p(z),
    panels = 1 + Math.trunc(end / 0.25),
    half = (0.5 * end) / panels;
  const integrand = (u) => {
    const a = Math.exp(u);
    return a / Math.sqrt(0.3 * a * a * a + 0.7);
  };
  let sum = 0;
  for (let p = 0; p < panels; ++p)
    nodes.forEach((node, k) => {
      const mid = (2 * p + 1) * half;
      sum += weights[k] * (integrand(mid - half * node) + integrand(mid + half * node));
    });
  return (1 + z) * (299792.458 / 70) * sum * half;
}

/** Numbers in half precision and what it leaves of them, in 256 steps of their last bit (src/page/page_data.cpp). */
function withLow(params, low) {
  if (!low) return params;
  const out = new Float32Array(params.length);
  for (let i = 0; i < out.length; ++i) {
    const size = Math.abs(params[i]),
      exponent = size ? Math.max(Math.floor(Math.log2(size)), -14) : -14;
    out[i] = params[i] + ((low[i] - 128) / 256) * 2 ** (exponent - 10);
  }
  return out;
}

class Bank {
  constructor(kernel, file, group) {
    const text = (key) => file.metadata[`${group}.${key}`],
      get = (key) => file.get(`${group}.${key}`);
    this.sizes = text("sizes").split(",").map(Number);
    const parts = text("features").split("+");
    this.logLum = parts.includes("log_lum");
    this.z = parts.includes("z");
    this.masks = parts.includes("masks");
    this.zClip = (text("z_clip") ?? "0,1e9").split(",").map(Number);
    this.outputs = text("outputs")
      .split(",")
      .map((name) => lineNames.indexOf(name));
    const params = withLow(get("params"), file.has(`${group}.params_low`) ? get("params_low") : null),
      [nets, size] = file.shape(`${group}.params`);
    const activation = activations.indexOf(text("activation"));
    this.nets = Array.from({ length: nets }, (_, k) =>
      kernel.network(this.sizes, activation, params.subarray(k * size, (k + 1) * size)),
    );
    this.xMean = get("x_mean");
    this.xScale = get("x_scale");
    this.yMean = get("y_mean");
    this.yScale = get("y_scale");
    if (file.has(`${group}.joint_factor`)) {
      this.components = file.shape(`${group}.joint_factor`)[0];
      this.factor = Float32Array.from(get("joint_factor"));
      this.shift = get("joint_shift");
      this.slope = get("joint_slope");
    }
  }
  /** Features of one galaxy, NaN = missing, into out. */
  features(flux, z, luminosity, out) {
    let previous = Math.log10(flux[0]);
    for (let b = 1; b < nBands; ++b) {
      const next = Math.log10(flux[b]);
      out[b - 1] = present(flux[b]) && present(flux[b - 1]) ? next - previous : NaN;
      previous = next;
    }
    let at = nBands - 1;
    const zKnown = z > 0 && Number.isFinite(z),
      band = luminosityBands.find((b) => present(flux[b]));
    const lumKnown = zKnown && luminosity && band !== undefined;
    const d = lumKnown ? luminosityDistance(z) : NaN;
    if (this.logLum) out[at++] = lumKnown ? Math.log10(flux[band] * (1 + z) * d * d) : NaN;
    if (this.z) out[at++] = zKnown ? Math.min(Math.max(z, this.zClip[0]), this.zClip[1]) : NaN;
    if (!this.masks) return;
    for (let b = 0; b < nBands; ++b) out[at++] = present(flux[b]) ? 0 : -1;
    if (this.logLum) out[at++] = lumKnown ? 0 : -1;
    if (this.z) out[at++] = zKnown ? 0 : -1;
  }
}

export class Model {
  /** file: SafeTensors of a model of kind joint, mlp or k24. table: {luminosity_usable, redshift_usable}. */
  constructor(kernel, file, table = { luminosity_usable: true, redshift_usable: true }) {
    this.kernel = kernel;
    this.kind = file.metadata.kind;
    this.hash = file.metadata.model_hash;
    this.table = table;
    this.full = file.has("full.params") ? new Bank(kernel, file, "full") : null;
    this.partial = file.has("partial.params") ? new Bank(kernel, file, "partial") : null;
    this.ratio = doublets.map(([, , key, fallback]) => Number(file.metadata[key] ?? fallback));
    if (file.has("noise.coefficients"))
      this.noise = { c: file.get("noise.coefficients"), range: file.get("noise.range") };
    if (file.has("domain.mean")) this.domain = makeDomain(file);
    this.evolution = evolutionOf(file.metadata);
    this.widen = Number(file.metadata["domain.widen"] ?? 0);
    this.zRange = [Number(file.metadata.z_max ?? 1e9), Number(file.metadata.z_domain ?? 1e9)];
  }
  get joint() {
    return this.kind === "joint";
  }

  /** Which networks answer a galaxy: {bank, luminosity, redshift}, or null for none. */
  choose(flux, z) {
    const redshift = this.table.redshift_usable && z > 0 && Number.isFinite(z);
    const masked = this.partial?.masks ?? false;
    const luminosity = redshift && this.table.luminosity_usable && (this.full !== null || masked);
    let bands = 0;
    for (let b = 0; b < nBands; ++b) if (present(flux[b])) ++bands;
    for (let b = 0; b < nBands; ++b) if (flux[b] === Infinity || flux[b] === -Infinity) return null;
    let enough = bands === nBands; // networks with masks that need everything else do without the bluest band
    if (this.full?.masks && bands === nBands - 1 && !present(flux[0])) enough = true;
    if ((masked ? bands < minBands : !enough) || (!luminosity && !this.partial)) return null;
    const full = luminosity && enough && this.full !== null;
    return { bank: full ? this.full : this.partial, luminosity, redshift };
  }

  /** Raw outputs, averaged over the members (or one column a network): (rows.length, columns). */
  run(bank, rows, flux, z, luminosity, redshift) {
    const n = rows.length,
      inputs = bank.sizes[0],
      outputs = bank.sizes.at(-1),
      perLine = this.kind === "k24";
    const features = new Float64Array(n * inputs);
    rows.forEach((row, r) =>
      bank.features(
        flux.subarray(row * nBands, (row + 1) * nBands),
        redshift ? z[row] : NaN,
        luminosity,
        features.subarray(r * inputs, (r + 1) * inputs),
      ),
    );
    const columns = perLine ? bank.nets.length : outputs,
      out = new Float64Array(n * columns),
      x = new Float32Array(n * inputs);
    bank.nets.forEach((net, k) => {
      for (let r = 0; r < n; ++r)
        for (let i = 0; i < inputs; ++i) {
          const value = features[r * inputs + i];
          x[r * inputs + i] = Number.isNaN(value)
            ? 0
            : (value - bank.xMean[k * inputs + i]) / bank.xScale[k * inputs + i];
        }
      const y = this.kernel.forward(net, x, n);
      for (let r = 0; r < n; ++r)
        for (let o = 0; o < outputs; ++o)
          out[r * columns + (perLine ? k : o)] += y[r * outputs + o] * (perLine ? 1 : 1 / bank.nets.length);
    });
    return out;
  }

  /** How far from the training galaxies, as DOMAIN; null without a domain. Flux NaN: no such band. */
  grade(flux, z, luminosity = true, redshift = true) {
    if (!this.domain) return null;
    const x = [],
      log = Array.from(flux, (f) => (present(f) ? Math.log10(f) : NaN));
    for (let b = 1; b < nBands; ++b) x.push(log[b] - log[b - 1]);
    const known = redshift && z > 0 && Number.isFinite(z),
      band = luminosityBands.find((b) => present(flux[b]));
    const d = known && luminosity && band !== undefined ? luminosityDistance(z) : NaN;
    x.push(band === undefined ? NaN : Math.log10(flux[band] * (1 + z) * d * d));
    const [highest, end] = this.zRange,
      along = known && end < 1e9 && z > highest ? Math.min(1, (z - highest) / (end - highest)) : -1;
    return Math.max(this.domain(x), along < 0 ? 0 : 0.5 + 0.5 * along);
  }

  /** Distributions of rows that share a bank: for each row {components, weight, mean, sd, p16, median, p84, factor}.
   * changes(r): {z, widen} of row r, see adjust(). */
  head(bank, raw, n, levels, changes) {
    const c = bank.components,
      N = independent.length,
      columns = bank.sizes.at(-1),
      L = levels.length;
    const total = n * L * N,
      weight = new Float64Array(c * total),
      mean = new Float64Array(c * total),
      sd = new Float64Array(c * total),
      z = new Float64Array(total);
    const out = Array.from({ length: n }, () => ({
      components: c,
      weight: new Float64Array(c),
      mean: new Float64Array(c * N),
      sd: new Float64Array(c * N),
      factor: bank.factor,
    }));
    for (let r = 0; r < n; ++r) {
      const o = raw.subarray(r * columns, (r + 1) * columns),
        d = out[r];
      let top = 0,
        sum = 0;
      for (let k = 1; k < c; ++k) top = Math.max(top, o[2 * c * N + k - 1]);
      for (let k = 0; k < c; ++k) sum += d.weight[k] = Math.exp((k === 0 ? 0 : o[2 * c * N + k - 1]) - top);
      for (let k = 0; k < c; ++k)
        for (let j = 0; j < N; ++j) {
          const t = bank.yMean[j] + bank.yScale[j] * o[k * N + j];
          d.mean[k * N + j] = Math.min(Math.max(t, -mostParameter), mostParameter);
          d.sd[k * N + j] = Math.min(bank.yScale[j] * (minSd + Math.exp(o[(c + k) * N + j])), mostParameter);
        }
      adjust(d, this.evolution, changes(r));
      for (let k = 0; k < c; ++k) {
        d.weight[k] /= sum;
        for (let j = 0; j < N; ++j) {
          for (let l = 0; l < L; ++l) {
            const at = k * total + (r * L + l) * N + j;
            weight[at] = d.weight[k];
            mean[at] = d.mean[k * N + j];
            sd[at] = d.sd[k * N + j];
            z[(r * L + l) * N + j] = levels[l];
          }
        }
      }
    }
    const t = this.kernel.quantiles(c, weight, mean, sd, z, total),
      middle = levels.indexOf(0);
    for (let r = 0; r < n; ++r) {
      const d = /** @type {any} */ (out[r]),
        at = (l) => t.subarray((r * L + l) * N, (r * L + l + 1) * N),
        median = at(middle).slice();
      const calibrate = (value, j) => median[j] + bank.shift[j] + bank.slope[j] * (value - median[j]);
      d.quantiles = levels.map((_, l) => at(l).map(calibrate));
      for (let k = 0; k < c * N; ++k) {
        d.mean[k] = calibrate(d.mean[k], k % N);
        d.sd[k] *= bank.slope[k % N];
      }
    }
    return out;
  }

  /** Calls each(row, distribution or null) for n galaxies; flux (n, 12), z (n). */
  distributions(flux, z, n, each, levels = [-1, 0, 1]) {
    const groups = new Map();
    for (let row = 0; row < n; ++row) {
      const choice = this.choose(flux.subarray(row * nBands, (row + 1) * nBands), z[row]);
      if (!choice) {
        each(row, null);
        continue;
      }
      const key = `${choice.bank === this.full}${choice.luminosity}${choice.redshift}`;
      if (!groups.has(key)) groups.set(key, { ...choice, rows: [] });
      groups.get(key).rows.push(row);
    }
    for (const { bank, luminosity, redshift, rows } of groups.values()) {
      const raw = this.run(bank, rows, flux, z, luminosity, redshift);
      const columns = bank.sizes.at(-1),
        middle = levels.indexOf(0),
        possible = (d) => d.quantiles[middle].every((t) => t < mostT), // no galaxy has such a line
        finite = (r) => raw.subarray(r * columns, (r + 1) * columns).every(Number.isFinite);
      const changes = (r) => {
        const row = rows[r],
          bands = flux.subarray(row * nBands, (row + 1) * nBands);
        const grade = this.widen > 0 ? (this.grade(bands, z[row], luminosity, redshift) ?? 0) : 0;
        return { z: z[row], widen: 1 + this.widen * Math.min(Math.max(2 * grade - 1, 0), 1) };
      };
      this.head(bank, raw, rows.length, levels, changes).forEach((d, r) =>
        each(rows[r], finite(r) && possible(d) ? d : null),
      );
    }
  }

  /** EWs of all lines from those of the independent ones (or from the outputs of a bank). */
  spread(values, outputs = independent) {
    const ew = new Float64Array(lineNames.length).fill(NaN);
    outputs.forEach((line, j) => {
      ew[line] = values[j];
    });
    doublets.forEach(([weak, strong], d) => {
      if (!outputs.includes(weak)) ew[weak] = ew[strong] / this.ratio[d];
    });
    return ew;
  }

  /** One galaxy: {ew, p16, p84 (one a line, A), distribution}, or null. p16 and p84 are absent for point models. given:
   * Map of lines to {ew, sigma} (A) that are known, as predict --given takes them. */
  predict(flux, z, given = null) {
    const bands = Float64Array.from(flux),
      redshift = Float64Array.of(z);
    if (this.joint) {
      let d = null;
      this.distributions(bands, redshift, 1, (_, found) => {
        d = found;
      });
      if (!d) return null;
      const evidence = given && evidenceOf(given, this.ratio);
      if (evidence) d = this.conditioned(d, evidence);
      const [p16, ew, p84] = d.quantiles.map((t) => this.spread(this.kernel.intrinsicEw(t)));
      return { ew, p16, p84, distribution: d };
    }
    const choice = this.choose(bands, z);
    if (!choice) return null;
    const raw = this.run(choice.bank, [0], bands, redshift, choice.luminosity, choice.redshift);
    const t = Array.from(raw, (y, j) => choice.bank.yMean[j] + choice.bank.yScale[j] * y);
    if (!t.every((value) => Math.abs(value) < mostT)) return null;
    return { ew: this.spread(t.map(Math.sinh), choice.bank.outputs) };
  }

  /** A distribution given what is known of its lines. */
  conditioned(d, evidence) {
    const c = d.components,
      N = independent.length,
      { kernel } = this,
      out = condition(d, d.factor, evidence),
      levels = [-1, 0, 1],
      n = levels.length * N,
      along = (values, width) => Float64Array.from({ length: c * n }, (_, k) => values(Math.floor(k / n), k % width));
    const t = kernel.quantiles(
      c,
      along((k) => out.weight[k], N),
      along((k, j) => out.mean[k * N + j], N),
      along((k, j) => out.sd[k * N + j], N),
      Float64Array.from({ length: n }, (_, k) => levels[Math.floor(k / N)]),
      n,
    );
    return {
      ...out,
      factor: Float32Array.from(out.factor),
      quantiles: levels.map((_, l) => t.subarray(l * N, (l + 1) * N)),
    };
  }

  /** Joint draws of one distribution: (lines, n) EWs in A, lines in the order of `independent`; a view. */
  draws(d, n, seed, id) {
    const blue = independent.indexOf(lineAt.SII_6716),
      pair = blue >= 0 && independent[blue + 1] === lineAt.SII_6731;
    return this.kernel.sample(d, d.factor, pair ? blue : -1, objectKey(seed, streams.intrinsic, id), n);
  }

  /** Error of a line's EW (A) where none was measured: the model's noise law. */
  sigma(line, flux, z, ew) {
    if (!this.noise) return NaN;
    const d = doublets.findIndex(([weak]) => weak === line),
      factor = d < 0 ? 1 : 1 / this.ratio[d];
    const source = d < 0 ? line : doublets[d][1],
      [zLow, zHigh, fLow, fHigh] = this.noise.range;
    const band = flux[Math.floor((lineWave[source] - 3400) / 300)];
    if (!present(band) || !Number.isFinite(ew)) return NaN;
    const f = Math.min(Math.max(Math.log10(band), fLow), fHigh);
    const zc = Number.isFinite(z) ? Math.min(Math.max(z, zLow), zHigh) : 0.5 * (zLow + zHigh);
    const a = Math.asinh(ew / factor),
      terms = [1, f, f * f, zc, zc * zc, zc ** 3, a, a * a];
    const row = independent.indexOf(source);
    return factor * 10 ** terms.reduce((sum, term, k) => sum + term * this.noise.c[row * 8 + k], 0);
  }

  /** ew (one a line) plus one realisation of measurement noise. sigma(line): the row's own error, or NaN. */
  addNoise(ew, flux, z, sigma, seed, id) {
    const key = objectKey(seed, streams.label_noise, id);
    return Float64Array.from(ew, (value, line) => {
      const d = doublets.findIndex(([weak]) => weak === line),
        source = d < 0 ? line : doublets[d][1];
      const own = sigma(source),
        s = own > 0 ? own : this.sigma(source, flux, z, ew[source]);
      return held(
        value + (d < 0 ? 1 : 1 / doublets[d][3]) * s * this.kernel.normal(key, 0, lineRows[source]),
        mostNoisyEw,
      );
    });
  }

  /** Whether a galaxy is unlike the training galaxies (domain.hpp); null where it cannot be said. */
  outside(flux, z) {
    const grade = this.grade(flux, z);
    return grade === null || Number.isNaN(grade) ? null : grade > 0.5;
  }
}
