// The lines of a galaxy where some of them are known, as predict --given: each component of the distribution is a
// normal distribution of t, EW = sinh(max(t, 0)); a measurement becomes the normal site that leaves it the mean and the
// variance of the exact answer (include/starglow/model/condition.hpp; Minka 2001). tests/python/test_page_model.py
// compares with the command line.
import { independent, partnerOf } from "./lines.js";

const nodes = 48;
const enough = 28; // nodes on a peak
const mostPasses = 12;
const cut = 32; // the sums leave out what is below e^-32 of the highest point
const wide = 9; // sd of a measurement beyond which it is contradicted
const mostSweeps = 60,
  undamped = 12; // later sweeps go half of the way
const tolerance = 1e-12;
const leastSigma = 1e-8; // A
const log2pi = 1.8378770664093453;

/** Nodes and weights of Gauss and Legendre on (-1, 1), the nodes descending. */
function gaussLegendre() {
  const x = new Float64Array(nodes),
    w = new Float64Array(nodes);
  for (let i = 0; i < nodes; ++i) {
    let z = Math.cos((Math.PI * (i + 0.75)) / (nodes + 0.5)),
      slope = 1;
    for (let step = 0; step < 20; ++step) {
      let p = 1,
        before = 0;
      for (let k = 1; k <= nodes; ++k) [p, before] = [((2 * k - 1) * z * p - (k - 1) * before) / k, p];
      slope = (nodes * (z * p - before)) / (z * z - 1);
      z -= p / slope;
    }
    x[i] = z;
    w[i] = 2 / ((1 - z * z) * slope * slope);
  }
  return { x, w };
}
const rule = gaussLegendre();
const ewOf = (t) => Math.sinh(Math.max(t, 0));

/** Integral of prior times likelihood between two borders: {logMass, first, second}, moments of t - centre. */
function piece(mean, variance, { value, sigma }, low, high, centre) {
  const t = new Float64Array(nodes),
    far = new Float64Array(nodes);
  let half = 0,
    top = 0;
  // Where prior and measurement contradict each other the peak is narrow for these borders: they close in on it.
  for (let pass = 0; pass < mostPasses; ++pass) {
    const middle = 0.5 * (low + high);
    half = 0.5 * (high - low);
    top = -Infinity;
    for (let k = 0; k < nodes; ++k) {
      t[k] = middle + half * rule.x[k];
      const u = (value - ewOf(t[k])) / sigma;
      far[k] = (-0.5 * (t[k] - mean) ** 2) / variance - 0.5 * u * u;
      top = Math.max(top, far[k]);
    }
    let first = 0,
      last = nodes - 1;
    while (far[first] < top - cut) ++first;
    while (far[last] < top - cut) --last;
    if (last - first >= enough) break;
    if (first > 0) high = t[first - 1];
    if (last + 1 < nodes) low = t[last + 1];
  }
  let s0 = 0,
    s1 = 0,
    s2 = 0;
  for (let k = 0; k < nodes; ++k) {
    const q = rule.w[k] * Math.exp(far[k] - top),
      d = t[k] - centre;
    s0 += q;
    s1 += q * d;
    s2 += q * d * d;
  }
  const logMass = Math.log(half * s0) + top - 0.5 * (log2pi + Math.log(variance)) - 0.5 * log2pi - Math.log(sigma);
  return { logMass, first: s1 / s0, second: s2 / s0 };
}

/** A normal prior of t times the likelihood N(value; EW, sigma): {logZ, mean, variance}. */
export function siteMoments(m, v, e) {
  const sd = Math.sqrt(v),
    { value, sigma } = e,
    distance = (t) => 0.5 * ((value - ewOf(t)) / sigma) ** 2,
    cost = (t) => (t - m) ** 2 / (2 * v) + distance(t);
  let centre = Math.max(m, 0),
    lowest = cost(centre);
  const attempt = (t) => {
    if (cost(t) < lowest) [centre, lowest] = [t, cost(t)];
  };
  attempt(Math.asinh(Math.max(value, 0)));
  for (let step = 0; step < 4; ++step) {
    const c = Math.cosh(centre),
      u = (value - ewOf(centre)) / (sigma * sigma);
    attempt(Math.max(centre + (u * c - (centre - m) / v) / ((c * c) / (sigma * sigma) + 1 / v), 0));
  }
  const below = distance(0) + (m < 0 ? 0 : (m * m) / (2 * v)), // of t < 0
    reach = Math.sqrt(2 * (Math.min(lowest, below) + cut)),
    low = Math.max(0, m - sd * reach, Math.asinh(value - sigma * reach)),
    high = Math.min(m + sd * reach, Math.asinh(value + sigma * reach));
  if (below < lowest) centre = Math.min(m, 0);
  const a = m / sd, // the prior below 0, as far down as it counts
    within = (t) => Math.min(Math.max(t, low), Math.max(low, high)),
    borders = [low, within(Math.asinh(value - wide * sigma)), within(Math.asinh(value + wide * sigma)), high],
    pieces = [piece(m, v, e, -sd * (Math.sqrt(Math.max(a, 0) ** 2 + 2 * cut) - a), 0, centre)];
  for (let k = 0; k < 3; ++k)
    if (borders[k + 1] > borders[k]) pieces.push(piece(m, v, e, borders[k], borders[k + 1], centre));
  const top = Math.max(...pieces.map((p) => p.logMass));
  let sum = 0,
    first = 0,
    second = 0;
  for (const p of pieces) {
    const q = Math.exp(p.logMass - top);
    sum += q;
    first += q * p.first;
    second += q * p.second;
  }
  const shift = first / sum;
  return { logZ: top + Math.log(sum), mean: centre + shift, variance: second / sum - shift * shift };
}

/** The normal {mean (N), covariance (N, N)} of the N independent lines times the site of line j, over some lines.
 * Returns 1 + precision x variance. */
function multiply({ mean, covariance: C }, lines, j, { precision, centre, pull }) {
  const N = mean.length,
    grown = 1 + precision * C[j * N + j],
    step = (pull + precision * (centre - mean[j])) / grown,
    column = lines.map((i) => C[i * N + j]);
  lines.forEach((i, k) => (mean[i] += column[k] * step));
  const share = precision / grown;
  lines.forEach((i, k) => {
    if (i === j) return;
    lines.forEach((other, l) => {
      if (other !== j) C[i * N + other] -= column[k] * share * column[l];
    });
  });
  // Of the line itself by division: nothing is lost where the site is sharp.
  lines.forEach((i, k) => (C[i * N + j] = C[j * N + i] = column[k] / grown));
  return grown;
}

/** A normal becomes that given the evidence, in place; returns the logarithm of its integral. */
function conditionNormal(q, evidence) {
  const N = q.mean.length,
    every = Array.from({ length: N }, (_, j) => j),
    known = every.filter((j) => evidence[j]),
    site = every.map((j) => ({ precision: 0, centre: q.mean[j], pull: 0, scale: 0 }));
  for (let sweep = 0; sweep < (known.length > 1 ? mostSweeps : 1); ++sweep) {
    let moved = 0;
    for (const j of known) {
      const cavity = { mean: q.mean.slice(), covariance: q.covariance.slice() };
      for (const i of known) if (i !== j) multiply(cavity, known, i, site[i]);
      const mean = cavity.mean[j],
        variance = cavity.covariance[j * N + j],
        m = siteMoments(mean, variance, evidence[j]),
        apart = m.mean - mean;
      let precision = 1 / m.variance - 1 / variance;
      // Two peaks of one line are wider than their prior; with other lines only sites that narrow are kept.
      if (known.length > 1 && !(precision > 0)) precision = 0;
      moved = Math.max(
        moved,
        Math.abs(m.mean - site[j].centre) / Math.sqrt(m.variance),
        Math.abs(precision - site[j].precision) * m.variance,
      );
      const narrowed = 1 / (1 / variance + precision),
        next = {
          precision,
          centre: m.mean,
          pull: apart / variance,
          scale: m.logZ - 0.5 * Math.log(narrowed / variance) + (0.5 * apart * apart) / variance,
        };
      if (sweep >= undamped) {
        const old = site[j];
        next.pull = 0.5 * (next.pull + old.pull - old.precision * (next.centre - old.centre));
        next.precision = 0.5 * (next.precision + old.precision);
      }
      site[j] = next;
    }
    if (moved < tolerance) break;
  }
  let logZ = 0;
  for (const j of known) logZ += site[j].scale + 0.5 * (q.mean[j] - site[j].centre) * site[j].pull;
  for (const j of known) logZ -= 0.5 * Math.log(multiply(q, every, j, site[j]));
  return logZ;
}

/** Lower triangular factors with rows of length 1 of a covariance. */
function factorise({ covariance: C }, sd, out) {
  const N = sd.length;
  for (let i = 0; i < N; ++i) {
    let left = 1;
    for (let j = 0; j < i; ++j) {
      let sum = C[i * N + j] / (sd[i] * sd[j]);
      for (let k = 0; k < j; ++k) sum -= out[i * N + k] * out[j * N + k];
      out[i * N + j] = out[j * N + j] > 0 ? sum / out[j * N + j] : 0;
      left -= out[i * N + j] ** 2;
    }
    out[i * N + i] = Math.sqrt(Math.max(left, 0));
  }
}

/** What is known of the independent lines, from EWs and errors of all: Map of line to {ew, sigma}. A weak member of a
 * doublet counts through its strong partner, ratio (of each doublet) times; where the partner is known too, that one
 * alone. */
export function evidenceOf(given, ratio) {
  const out = new Array(independent.length).fill(null);
  const says = (one) => one && Number.isFinite(one.ew) && one.sigma > 0 && Number.isFinite(one.sigma);
  for (const [line, one] of given) {
    if (!says(one)) continue;
    const partner = partnerOf(line);
    if (partner && says(given.get(partner.strong))) continue;
    const by = partner ? ratio[partner.d] : 1;
    out[independent.indexOf(partner?.strong ?? line)] = {
      value: by * one.ew,
      sigma: Math.max(by * one.sigma, leastSigma),
    };
  }
  return out.some(Boolean) ? out : null;
}

/** d: {components, weight, mean (c, N), sd (c, N)}; factor: (c, N, N). Returns the same of the lines given the
 * evidence, and logEvidence. */
export function condition(d, factor, evidence) {
  const c = d.components,
    N = d.mean.length / c,
    logs = [],
    out = {
      components: c,
      weight: new Float64Array(c),
      mean: new Float64Array(c * N),
      sd: new Float64Array(c * N),
      factor: new Float64Array(c * N * N),
    };
  for (let k = 0; k < c; ++k) {
    const sd = d.sd.subarray(k * N, (k + 1) * N),
      f = factor.subarray(k * N * N, (k + 1) * N * N),
      q = { mean: d.mean.slice(k * N, (k + 1) * N), covariance: new Float64Array(N * N) };
    for (let i = 0; i < N; ++i)
      for (let j = 0; j <= i; ++j) {
        let sum = 0;
        for (let l = 0; l <= j; ++l) sum += f[i * N + l] * f[j * N + l];
        q.covariance[i * N + j] = q.covariance[j * N + i] = sum * sd[i] * sd[j];
      }
    logs.push(Math.log(Math.max(d.weight[k], 1e-300)) + conditionNormal(q, evidence));
    out.mean.set(q.mean, k * N);
    for (let j = 0; j < N; ++j) out.sd[k * N + j] = Math.sqrt(q.covariance[j * N + j]);
    factorise(q, out.sd.subarray(k * N, (k + 1) * N), out.factor.subarray(k * N * N, (k + 1) * N * N));
  }
  const top = Math.max(...logs),
    sum = logs.reduce((total, log) => total + Math.exp(log - top), 0);
  logs.forEach((log, k) => (out.weight[k] = Math.exp(log - top) / sum));
  return { ...out, logEvidence: top + Math.log(sum) };
}
