// Numbers to colours: palettes, scales, limits. A value beyond a limit takes the end's colour, and the bar shows it.

// Anchors at equal steps, interpolated in sRGB. viridis, cividis, magma: Smith, van der Walt, Firing; Nunez et al.
// 2018.
const anchors = {
  viridis: ["440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725"],
  cividis: ["00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838"],
  magma: ["180f3d", "440f76", "721f81", "9e2f7f", "cd4071", "f1605d", "fd9668", "feca8d", "fcfdbf"],
};
// Blue, grey, red: each with a middle that its ground does not swallow.
const diverging = {
  light: ["053f8c", "2f6fb3", "6b8db5", "84878c", "bb7a66", "c14a3a", "8f0f20"],
  dark: ["4f9bea", "7fb4ea", "a9c6e2", "c9cdd3", "e6bfa9", "f2987a", "f0705a"],
};
export const paletteNames = ["viridis", "cividis", "magma"];
/** A palette of one's own: two to sixteen colours in hexadecimal, as 'rrggbb-rrggbb', or null for what is none. */
export function ownPalette(text) {
  const colours = (text ?? "")
    .toLowerCase()
    .split(/[^0-9a-z]+/)
    .filter(Boolean);
  return colours.length > 1 && colours.length <= 16 && colours.every((c) => /^[0-9a-f]{6}$/.test(c))
    ? colours.join("-")
    : null;
}

const rgbOf = (hex) => [0, 2, 4].map((k) => parseInt(hex.replace("#", "").slice(k, k + 2), 16));
/** Relative luminance and contrast of WCAG 2.2. */
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
export const contrast = (a, b) => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};
const leastContrast = 2; // of any colour of a built-in palette against the ground

/** 256 x RGB bytes of a palette by its name, or of one's own. ground (hexadecimal): the part of a built-in palette that
 *  stands out from it is stretched over the bar. */
export function palette(name, ground = null) {
  const theme = ground && luminance(rgbOf(ground)) < 0.2 ? "dark" : "light";
  const stops = (name === "diverging" ? diverging[theme] : (anchors[name] ?? name.split("-"))).map(rgbOf);
  const colour = (u) => {
    const at = u * (stops.length - 1),
      k = Math.min(Math.floor(at), stops.length - 2);
    return stops[k].map((v, c) => v + (at - k) * (stops[k + 1][c] - v));
  };
  let [from, to] = [0, 1];
  if (ground && anchors[name]) {
    const back = rgbOf(ground),
      seen = (u) => contrast(colour(u), back) >= leastContrast;
    while (!seen(from) && from < 0.6) from += 0.005;
    while (!seen(to) && to > 0.4) to -= 0.005;
  }
  const out = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; ++i)
    colour(from + (i / 255) * (to - from)).forEach((v, c) => (out[i * 3 + c] = Math.round(v)));
  return out;
}
export const css = (table, u) => {
  const i = Math.round(Math.min(Math.max(u, 0), 1) * 255) * 3;
  return `rgb(${table[i]},${table[i + 1]},${table[i + 2]})`;
};

export const scales = {
  linear: { f: (x) => x, inverse: (y) => y },
  asinh: { f: Math.asinh, inverse: Math.sinh },
  log: { f: (x) => (x > 0 ? Math.log10(x) : NaN), inverse: (y) => 10 ** y },
};

/** Values at the given shares (0..1) of the finite ones; of at most 50,000 of them, evenly taken. */
export function percentiles(values, shares) {
  const step = Math.max(1, Math.floor(values.length / 50000)),
    all = new Float64Array(Math.ceil(values.length / step));
  let n = 0;
  for (let i = 0; i < values.length; i += step) if (Number.isFinite(values[i])) all[n++] = values[i];
  const kept = all.subarray(0, n).sort(); // typed: by value, and ten times as fast
  return shares.map((p) => (n ? kept[Math.min(n - 1, Math.floor(p * n))] : NaN));
}

/** Place of each value on the bar: 0..1, NaN kept; clipped ends stay beyond 0..1 so that they can be counted. */
export function places(values, scale, low, high) {
  const { f } = scales[scale],
    a = f(low),
    span = f(high) - a || 1;
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; ++i) out[i] = (f(values[i]) - a) / span;
  return out;
}

/** Round tick values between two limits on a scale. */
export function ticks(scale, low, high, count = 5) {
  if (!(high > low)) return [low];
  const out = [];
  if (scale !== "linear") {
    const { f } = scales[scale],
      span = f(high) - f(low),
      least = span / (count + 2);
    // Zero first, then powers of ten, then their threefold, each where there is room.
    const candidates = [0];
    for (const m of [1, 3]) for (let e = 7; e >= -6; --e) candidates.push(m * 10 ** e, -m * 10 ** e);
    for (const v of candidates)
      if (v >= low && v <= high && Number.isFinite(f(v)) && out.every((w) => Math.abs(f(v) - f(w)) >= least))
        out.push(v);
    if (out.length > 1) return out.sort((a, b) => a - b);
    out.length = 0;
  }
  const raw = (high - low) / count,
    power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((m) => m * power >= raw) ?? 10);
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; ++k)
    out.push(Number((k * step).toPrecision(12)));
  return out;
}

/** A number for people, three digits that matter, zeros kept: numbers under each other end in the same place. */
export function short(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(1).replace("-", "−");
  return fixed(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}
/** The same without zeros at the end: ticks, fields to type in. */
export const plain = (value) => {
  const text = short(value);
  return text.includes(".") && !text.includes("e") ? text.replace(/\.?0+$/, "") : text;
};
/** So many decimals; no minus before a zero. */
export const fixed = (value, decimals) =>
  Number.isFinite(value)
    ? value
        .toFixed(decimals)
        .replace(/^-(?=[0.]*$)/, "")
        .replace("-", "−")
    : "–";
/** Decimals that show two digits of an error, at most four. */
export const decimalsOf = (error) =>
  error > 0 && Number.isFinite(error) ? Math.min(Math.max(1 - Math.floor(Math.log10(error)), 0), 4) : 2;
/** A number with as many decimals as its error has digits that matter. */
export const measured = (value, error) =>
  error > 0 && Number.isFinite(error) ? fixed(value, decimalsOf(error)) : short(value);
/** "1 galaxy", "2 galaxies". */
export const galaxiesOf = (n) => `${n} ${n === 1 ? "galaxy" : "galaxies"}`;
