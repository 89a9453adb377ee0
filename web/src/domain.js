// Where the training galaxies lie (src/model/domain.cpp).

/** log erfc(x), x > 0: below 2 from the series of erf, above by its continued fraction (Abramowitz & Stegun 7.1). */
function logErfc(x) {
  if (x < 2) {
    let term = x,
      sum = x;
    for (let n = 1; n < 60; ++n) sum += term *= (2 * x * x) / (2 * n + 1);
    return Math.log(1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum);
  }
  let fraction = x;
  for (let n = 120; n > 0; --n) fraction = x + (0.5 * n) / fraction;
  return -x * x - Math.log(fraction * Math.sqrt(Math.PI));
}

/** log10 of the probability that chi-square of n degrees of freedom exceeds x (Abramowitz & Stegun 26.4.6). */
export function log10ChiSquareTail(x, n) {
  if (!(x > 0)) return x <= 0 ? 0 : NaN;
  const half = 0.5 * x;
  let logQ = n % 2 === 0 ? -half : logErfc(Math.sqrt(half)),
    logGamma = n % 2 === 0 ? 0 : Math.log(0.5 * Math.sqrt(Math.PI));
  for (let k = n % 2 === 0 ? 4 : 3; k <= n; k += 2) {
    const a = 0.5 * k,
      term = (a - 1) * Math.log(half) - half - logGamma,
      top = Math.max(logQ, term);
    logGamma += Math.log(a);
    logQ = top + Math.log(Math.exp(logQ - top) + Math.exp(term - top));
  }
  return Math.min(logQ, 0) / Math.LN10;
}

// Lower factor of the rows and columns `known` of a symmetric matrix (n, n).
function cholesky(a, n, known) {
  const m = known.length,
    L = new Float64Array(m * m);
  for (let i = 0; i < m; ++i)
    for (let j = 0; j <= i; ++j) {
      let sum = a[known[i] * n + known[j]];
      for (let k = 0; k < j; ++k) sum -= L[i * m + k] * L[j * m + k];
      L[i * m + j] = i === j ? Math.sqrt(sum) : sum / L[j * m + j];
    }
  return L;
}

// First ratio and number of those that the forms use, as they are tried.
const patterns = [
  [0, 11],
  [1, 10],
  [2, 9],
  [0, 9],
];

/** x (12, NaN = not known) => the highest grade that a form of the ratios gives; 0 without any. */
function makeForms(file) {
  if (!file.has("domain.forms")) return () => 0;
  const forms = file.get("domain.forms"),
    levels = file.get("domain.levels"),
    [, kinds, m] = file.shape("domain.forms");
  return (x) => {
    const pattern = patterns.findIndex(([first, n]) => x.slice(first, first + n).every(Number.isFinite));
    if (pattern < 0) return 0;
    const y = Float64Array.from({ length: m }, (_, i) => (i === 0 ? 1 : Number.isFinite(x[i - 1]) ? x[i - 1] : 0));
    let grade = 0;
    for (let k = pattern * kinds; k < (pattern + 1) * kinds; ++k) {
      let value = 0;
      for (let i = 0; i < m; ++i) for (let j = 0; j < m; ++j) value += forms[(k * m + i) * m + j] * y[i] * y[j];
      grade = Math.max(grade, (0.5 * (value - levels[2 * k])) / (levels[2 * k + 1] - levels[2 * k]));
    }
    return Math.min(grade, 1);
  };
}

/** x (12, NaN = not known) => how far it lies from the galaxies: 0 as they are, 0.5 at the limit, 1 outside all of
 * them; by the squared Mahalanobis distance to the nearest component, and by the forms that tell foreign light from
 * galaxies. NaN where nothing is known. */
export function makeDomain(file) {
  const mean = file.get("domain.mean"),
    covariance = file.get("domain.covariance"),
    [threshold] = file.get("domain.threshold");
  const [components, n] = file.shape("domain.mean");
  const foreign = makeForms(file);
  const factorsOf = new Map(); // by what is known
  const factors = (known) => {
    const key = known.join();
    if (!factorsOf.has(key))
      factorsOf.set(
        key,
        Array.from({ length: components }, (_, c) =>
          cholesky(covariance.subarray(c * n * n, (c + 1) * n * n), n, known),
        ),
      );
    return factorsOf.get(key);
  };
  return (x) => {
    const known = [...x.keys()].filter((i) => Number.isFinite(x[i])),
      m = known.length;
    if (m === 0) return NaN;
    let nearest = Infinity;
    factors(known).forEach((L, c) => {
      const u = new Float64Array(m);
      let distance2 = 0;
      for (let i = 0; i < m; ++i) {
        let sum = x[known[i]] - mean[c * n + known[i]];
        for (let j = 0; j < i; ++j) sum -= L[i * m + j] * u[j];
        u[i] = sum / L[i * m + i];
        distance2 += u[i] * u[i];
      }
      nearest = Math.min(nearest, distance2);
    });
    return Math.max(foreign(x), Math.min(Math.max((0.5 * log10ChiSquareTail(nearest, m)) / threshold, 0), 1));
  };
}
