// The page's parts in node, against slow twins: grid, filter, scales, reduction, address, random keys.
// node parts_test.mjs LINES.json: the lines of a page.
import assert from "node:assert";
import fs from "node:fs";
import { Grid } from "../../web/src/grid.js";
import { fromHash, outlineOf, thin, toHash } from "../../web/src/address.js";
import { parseFilter } from "../../web/src/filter.js";
import {
  contrast,
  fixed,
  galaxiesOf,
  measured,
  ownPalette,
  palette,
  percentiles,
  places,
  plain,
  short,
  ticks,
} from "../../web/src/colour.js";
import { csv, ecsv, fits, shortest } from "../../web/src/export.js";
import { threefry } from "../../web/src/random.js";
import { base85 } from "../../web/src/source.js";
import { cells, coarser } from "../../web/src/density.js";
import { linksOf, skyColumns } from "../../web/src/sky.js";
import { placeFinder } from "../../web/src/place.js";
import { histogramMargins, histogramSpan } from "../../web/src/charts.js";
import { limits, peaks } from "../../web/src/light.js";
import { evenly, level, middle, stackRows, stackSpectra } from "../../web/src/stack.js";
import { sorted } from "../../web/src/table.js";
import { howOf } from "../../web/src/brush.js";
import { components, doublets, independent, lineAt, lineWords, setLines, zooms } from "../../web/src/lines.js";
import { siteMoments } from "../../web/src/condition.js";

let checks = 0;
const same = (a, b, what) => {
  assert.deepStrictEqual(a, b, what);
  ++checks;
};
setLines(JSON.parse(fs.readFileSync(process.argv[2])));
// lines: the program's table, and what follows from it
same(lineWords.slice(0, 2).concat(lineWords[lineAt.HALPHA]), ["O II 3727", "H gamma", "H alpha"]);
same([independent.length, doublets.length, components[0].length, components[1].length], [8, 2, 2, 1]);
same(zooms.at(-1).label, "[S II] 6716, 6731");
same(
  zooms.map(({ lines }) => lines.length),
  [1, 1, 1, 1, 1, 2],
);

let state = 7;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;

// grid: nearest, neighbours and outlines by looking at every point
const n = 3000,
  x = new Float32Array(n).map(() => random() * 2 - 1),
  y = new Float32Array(n).map(() => (random() * 2 - 1) ** 3);
x[5] = NaN;
x[8] = x[7];
y[8] = y[7]; // two galaxies in one place
const grid = new Grid(x, y),
  d2 = (i, px, py) => (x[i] - px) ** 2 + (y[i] - py) ** 2;
const all = [...x.keys()].filter((i) => i !== 5);
for (let k = 0; k < 200; ++k) {
  const px = random() * 2.4 - 1.2,
    py = random() * 2.4 - 1.2,
    radius = 0.1;
  const best = all.reduce((b, i) => (d2(i, px, py) < d2(b, px, py) ? i : b), all[0]);
  same(grid.nearest(px, py, radius), d2(best, px, py) < radius ** 2 ? best : -1);
}
for (const i of [7, 100, 2999]) {
  const wanted = all
    .filter((j) => j !== i)
    .sort((a, b) => d2(a, x[i], y[i]) - d2(b, x[i], y[i]) || a - b)
    .slice(0, 15);
  same(grid.neighbours(i, 15), wanted);
}
const triangle = [
  [-0.5, -0.5],
  [0.8, -0.2],
  [0, 0.9],
];
const cross = (a, b, px, py) => (b[0] - a[0]) * (py - a[1]) - (b[1] - a[1]) * (px - a[0]);
same(
  grid.inside(triangle).sort((a, b) => a - b),
  all.filter((i) => triangle.every((a, k) => cross(a, triangle[(k + 1) % 3], x[i], y[i]) > 0)),
);

// how many lie in a window: no fewer than there are, no more than in the window grown by a cell
for (const [x0, x1, y0, y1] of [
  [-1, 1, -1, 1],
  [-0.3, 0.2, -0.1, 0.6],
  [0.9, 3, -3, 3],
  [2, 3, 0, 1],
  [-5, 5, -5, 5],
]) {
  const within = (mx, my) =>
      all.filter((i) => x[i] >= x0 - mx && x[i] <= x1 + mx && y[i] >= y0 - my && y[i] <= y1 + my).length,
    found = grid.countIn(x0, x1, y0, y1);
  (assert(found >= within(0, 0) && found <= within(grid.width, grid.height), `${found} in ${[x0, x1, y0, y1]}`),
    ++checks);
}

// density: number and mean of every cell, by looking at every galaxy
{
  const values = x.map((v, i) => (i % 11 === 0 ? NaN : 2 * v)),
    marks = Uint8Array.from(x, (_, i) => i % 3 === 0);
  for (const m of [null, marks]) {
    const { count, mean } = cells(grid, values, m),
      slow = new Map();
    for (const i of all) {
      if (m && !m[i]) continue;
      const c = grid.row(y[i]) * grid.side + grid.column(x[i]);
      slow.set(c, [...(slow.get(c) ?? []), values[i]]);
    }
    same(
      count.reduce((a, b) => a + b),
      [...slow.values()].flat().length,
    );
    for (const [c, list] of slow) {
      const known = list.filter((v) => !Number.isNaN(v)).map((v) => Math.min(1, Math.max(0, v)));
      assert(
        count[c] === list.length &&
          (known.length ? Math.abs(mean[c] - known.reduce((a, b) => a + b) / known.length) < 1e-6 : mean[c] === 2),
      );
    }
    ++checks;
  }
}

// brushes: pixels of a histogram to values; an end that is passed takes what lies beyond
{
  const axis = { scale: "asinh", low: 0, high: 50 },
    { left, right } = histogramMargins,
    width = 300,
    w = width - left - right;
  const [a, b] = histogramSpan([left + 0.25 * w, left + 0.5 * w], width, axis);
  (assert(
    Math.abs(Math.asinh(a) - 0.25 * Math.asinh(50)) < 1e-4 && Math.abs(Math.asinh(b) - 0.5 * Math.asinh(50)) < 1e-4,
  ),
    ++checks);
  same(histogramSpan([0, width], width, axis), [-Infinity, Infinity]);
  same(histogramSpan([left + w / 2, width], width, { scale: "linear", low: -1, high: 1 }), [0, Infinity]);
  same([{}, { shiftKey: true }, { altKey: true }, { ctrlKey: true }, { metaKey: true }].map(howOf), [
    "new",
    "add",
    "remove",
    "within",
    "within",
  ]);
}

// peaks: of each line the brightest pixel that stands out, whatever lies beside it
{
  const wave = Float64Array.from({ length: 3000 }, (_, i) => 3600 + 1.2 * i),
    sigma = wave.map((w) => (w > 5000 && w < 5015 ? NaN : 1)),
    flux = wave.map((w) =>
      Math.abs(w - 6564.6) < 0.7
        ? 50
        : Math.abs(w - 4866) < 0.7
          ? 20
          : w > 5000 && w < 5015
            ? 90
            : Math.abs(w - 4000) < 3
              ? 1000
              : 4,
    );
  same(
    peaks({ wave, flux, sigma }).map((v) => (Number.isNaN(v) ? 0 : v)),
    [0, 0, 20, 0, 0, 0, 50, 0, 0, 0],
  );
}

// stacks: percentiles between neighbours, each galaxy divided by its level, spectra met on one grid without their
// masked pixels
{
  const near = (a, b) => {
    assert(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);
    ++checks;
  };
  [1 + 2 * 0.32, 3, 5 - 2 * 0.32].forEach((v, k) => near(middle([5, NaN, 1, 3])[k], v));
  same(middle([NaN]), [NaN, NaN, NaN]);
  same(evenly([0, 1, 2, 3, 4, 5, 6, 7], 4), [1, 3, 5, 7]);
  same(level([2, NaN, -1, 4]), 3);
  const band = (f) => Float64Array.from({ length: 12 }, (_, b) => f * (1 + b)),
    lines = (v) => Array(10).fill(v);
  const rows = [
      [10, 4, 6],
      [2, 8, 9],
      [4, NaN, 99],
    ].map(([f, ew, p], i) => ({ i, z: 0.1 * i, bands: band(f), ew: lines(ew), p: lines(p) })),
    stack = stackRows(rows, (row) => row.p);
  for (let b = 0; b < 12; ++b)
    // of one shape, whatever their brightness
    for (const v of [stack.bandsLow[b], stack.bands[b], stack.bandsHigh[b]]) near(v, (1 + b) / 6.5);
  near(stack.ew[6], 6);
  near(stack.prediction.ew[6], 7.5); // of the two that were measured
  same(stack.z, [0, 0.2]);
  // a line at 5000.4 in three spectra on grids of their own, one of them masked there
  const spectra = [0.6, 0.7, 0.9].map((step, k) => {
    const wave = Float64Array.from({ length: 400 }, (_, i) => 4900 + step * i),
      flux = wave.map((w) => (k + 1) * (1 + Math.max(0, 8 - Math.abs(w - 5000.4))));
    return {
      wave,
      flux: k === 2 ? flux.map((f, i) => (Math.abs(wave[i] - 5000) < 20 ? 1e9 : f)) : flux,
      sigma: wave.map((w) => (k === 2 && Math.abs(w - 5000) < 20 ? NaN : 1)),
      continuum: wave.map(() => k + 1),
    };
  });
  const one = stackSpectra(spectra, [1, 2, 3]),
    top = one.flux.indexOf(Math.max(...one.flux));
  same([one.wave[top], one.n, one.continuum.every((f) => Math.abs(f - 1) < 1e-12)], [5000, 3, true]);
  for (let g = 0; g < one.wave.length; ++g) {
    // straight but for its three corners
    const from = Math.abs(one.wave[g] - 5000.4);
    if (from > 1 && Math.abs(from - 8) > 1) near(one.flux[g], 1 + Math.max(0, 8 - from));
  }
  same(one.wave.at(-1), 5259, "as far as a fifth of them reach");
}

// filter: precedence, functions, names, mistakes
const row = { A: 3, B: -2, C: NaN };
for (const [text, wanted] of [
  ["A > 2", true],
  ["A > 2 and B > 0", false],
  ["A > 9 or B < 0", true],
  ["not A > 9", true],
  ["not (A > 2 or B > 0) or A == 3", true],
  ["A + 2 * B < 0", true],
  ["(A + 2) * -B == 10", true],
  ["abs(B) == 2", true],
  ["isnan(C)", true],
  ["C > 0", false],
  ["A - 1 - 1 == 1", true],
  ["12 / 3 / 2 == 2", true],
  ["1e1 == 10", true],
])
  same(
    parseFilter(text).test((name) => row[name]),
    wanted,
    text,
  );
same(parseFilter("A > 1 and A < B").names, ["A", "B"]);
for (const bad of [
  "Z constructor A",
  "Z toString 1",
  "",
  "A >",
  "A > 1 2",
  "((A)",
  "constructor(1)",
  "A; alert(1)",
  "A == 'x'",
  "and",
  "(".repeat(100) + "A",
  "not ".repeat(100) + "A",
  "A".repeat(500),
])
  (assert.throws(() => parseFilter(bad).test(() => 1), Error, bad), ++checks);

// scales: ticks within the limits, zero among them, ends beyond kept beyond
for (const [scale, low, high] of [
  ["linear", 0, 1],
  ["linear", -3.3, 17],
  ["asinh", 0, 77.5],
  ["asinh", -8.73, 8.73],
  ["log", 0.01, 300],
]) {
  const t = ticks(scale, low, high);
  assert(
    t.length >= 3 &&
      t.length <= 9 &&
      t.every((v, k) => v >= low - 1e-9 && v <= high + 1e-9 && (k === 0 || v > t[k - 1])),
    `${scale}: ${t}`,
  );
  if (low <= 0 && high >= 0) assert(t.includes(0), `${scale} ${low} ${high}: ${t}`);
  ++checks;
}
same([...places(Float32Array.of(-1, 0, 5, 10, 20, NaN), "linear", 0, 10)], [-0.10000000149011612, 0, 0.5, 1, 2, NaN]);
same(
  percentiles(
    Float32Array.from({ length: 101 }, (_, k) => k),
    [0, 0.5, 1],
  ),
  [0, 50, 100],
);
same([0.123456, 12.3456, 1234.5, -2.5, 12, NaN].map(short), ["0.123", "12.3", "1235", "−2.50", "12.0", "–"]);
same([0.5, 12, 100, 0, -3, 1e6, 1.5e-5].map(plain), ["0.5", "12", "100", "0", "−3", "1.0e+6", "1.5e−5"]);
same([fixed(-0.001, 2), fixed(3, 2), fixed(NaN, 1)], ["0.00", "3.00", "–"]);
same(
  [measured(12.3456, 0.21), measured(12.3456, 3.2), measured(0.5, 0.0123), measured(5, NaN)],
  ["12.35", "12.3", "0.500", "5.00"],
);
same([galaxiesOf(1), galaxiesOf(0), galaxiesOf(2)], ["1 galaxy", "0 galaxies", "2 galaxies"]);

// limits of y: the data first; a prediction counts up to three times their reach
const [dataLow, dataHigh] = limits([[0, 10]], [], true);
same(limits([[0, 10]], [[25]], true)[1] > 25, true, "within three times it is shown");
const [oddLow, oddHigh] = limits([[0, 10]], [[1e5]], true);
same(
  oddHigh < 1.6 * dataHigh && oddHigh > 10 && oddLow > -3,
  true,
  `one odd prediction moves no axis: ${[oddLow, oddHigh]}`,
);
same(dataLow <= 0 && limits([], [[1, 2]], false)[1] > 2 && limits([], [], true).join() === "0,1", true);
same(limits([[5, 10]], [[-1e6, 8]], false)[0] > 3, true, "nor one below");

// every colour of a built-in palette stands out from the ground of its theme
for (const [ground, rgb] of [
  ["#fdfdfb", [253, 253, 251]],
  ["#171b20", [23, 27, 32]],
])
  for (const name of ["viridis", "cividis", "magma", "diverging"]) {
    const table = palette(name, ground);
    let least = Infinity;
    for (let k = 0; k < 256; ++k) least = Math.min(least, contrast([...table.subarray(3 * k, 3 * k + 3)], rgb));
    same(least > 1.95, true, `${name} on ${ground}: ${least}`);
  }

// numbers of an export: the shortest text that reads back, no digits of half precision that mean nothing
for (const v of [0.1, 1 / 3, 12.345678, 1e-7, 39.5, 65504])
  same(Math.fround(Number(shortest(Math.fround(v)))), Math.fround(v));
same([shortest(Math.fround(0.1)), shortest(Math.fround(0.30004883), true), shortest(NaN)], ["0.1", "0.3", ""]);

// the sky: columns by their usual names, links that say the position
same(skyColumns({ columns: [{ name: "TARGET_RA" }, { name: "TARGET_DEC" }] }), ["TARGET_RA", "TARGET_DEC"]);
same(
  [skyColumns({ columns: [{ name: "RA" }] }), linksOf([150.1, -2.2]).every(([, a]) => a.startsWith("https://"))],
  [null, true],
);
same(linksOf([150.1, 2.2])[0][1].includes("ra=150.10000&dec=2.20000"), true);

// play's place on the map: the same starlight is its own place, whatever its brightness
{
  const n = 60,
    bands = Array.from({ length: 12 }, () => Float32Array.from({ length: n }, () => 1 + random())),
    find = placeFinder(
      { now: (name) => bands[Number(name.split(".")[1])] },
      { n, x: Float32Array.from({ length: n }, (_, k) => k), y: new Float32Array(n) },
    );
  const [x] = find(bands.map((b) => 3 * b[17]));
  same(Math.abs(x - 17) < 0.01, true, `its own place: ${x}`);
  same(find(bands.map(() => NaN)), null);
}

// address: there and back
const view = {
  state: "noisy",
  seed: 3,
  id: "39089837596371006",
  x: 0.125,
  select: "new:outline:0.1,0.2;0.3,0.4;0.5,-0.6|add:filter:Z > 0.1 and A < 3",
  nothing: null,
};
const back = fromHash("#" + toHash(view));
same(
  [back.state, back.seed, back.id, back.x, back.select, back.nothing],
  ["noisy", "3", view.id, "0.125", view.select, undefined],
);
same(outlineOf("0.1,0.2;0.3,0.4;0.5,-0.6"), [
  [0.1, 0.2],
  [0.3, 0.4],
  [0.5, -0.6],
]);
same([outlineOf("1,2;3"), outlineOf("a,b;c,d;e,f"), outlineOf("")], [null, null, null]);
same(thin(Array.from({ length: 500 }, (_, k) => [k, k])).length, 60);
{
  // a square drawn in many steps keeps its corners; a wobbly circle its area, and a second time changes nothing
  const side = (f) => Array.from({ length: 50 }, (_, k) => f(k / 50)),
    square = [...side((u) => [u, 0]), ...side((u) => [1, u]), ...side((u) => [1 - u, 1]), ...side((u) => [0, 1 - u])];
  const few = thin(square, 4).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  same(few, [
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]);
  const circle = Array.from({ length: 700 }, (_, k) =>
      [0.7, 0.3].map(
        (at, c) => at + (1 + 0.002 * Math.sin(91 * k)) * (c ? Math.sin : Math.cos)((2 * Math.PI * k) / 700),
      ),
    ),
    once = thin(circle);
  const area = (p) =>
    Math.abs(
      p.reduce((sum, [x0, y0], k) => {
        const [x1, y1] = p[(k + 1) % p.length];
        return sum + (x0 * y1 - x1 * y0) / 2;
      }, 0),
    );
  (assert(Math.abs(area(once) / Math.PI - 1) < 0.004, `${area(once)}`), ++checks);
  same(thin(once), once);
  same(outlineOf(once.map((p) => p.join(",")).join(";")), once);
}

// random bits: the vectors of Salmon et al. 2011 (Random123, Threefry2x32-20)
same(threefry(0, 0, 0, 0), [0x6b200159, 0x99ba4efe]);
same(threefry(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff), [0x1cb996fc, 0xbb002be7]);
same(threefry(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3), [0xc4923a9c, 0x483df7a0]);

// base 85: bytes of every length, as src/page/page_bundle.cpp writes them (the vectors of its test: Ascii85, moved by
// seven)
const moved = (t) =>
  [...t]
    .map((c) => {
      const d = c.charCodeAt(0) + 7;
      return d === 60 ? "}" : String.fromCharCode(d);
    })
    .join("");
for (const [wanted, text] of [
  ["", ""],
  ["M", "9`"],
  ["Man ", "9jqo^"],
  ["Man is", "9jqo^Bla"],
  ["\0\0\0\0", "!!!!!"],
])
  same(Buffer.from(base85(moved(text))).toString(), wanted);
same([...base85(moved("s8W-!"))], [255, 255, 255, 255]);

// order of the table: numbers, ids beyond 53 bits, nothing last in both directions
{
  const ids = BigInt64Array.of(39089837596371006n, 39089837596371002n, -5n, 9223372036854775807n);
  same(sorted([0, 1, 2, 3], ids, false), [2, 1, 0, 3]);
  same(sorted([0, 1, 2, 3, 4], Float32Array.of(NaN, 2, 7, NaN, 2), true), [2, 1, 4, 0, 3]);
  same(sorted([0, 1, 2, 3, 4], Float32Array.of(NaN, 2, 7, NaN, 2), false), [1, 4, 2, 0, 3]);
}

// palettes of one's own
same(ownPalette("#440154, 26828E fde725"), "440154-26828e-fde725");
same(["", "440154", "440154 zzzzzz", "44015 fde725", Array(17).fill("440154").join()].map(ownPalette), [
  null,
  null,
  null,
  null,
  null,
]);
same([...palette("000000-ff8000").subarray(0, 3), ...palette("000000-ff8000").subarray(765)], [0, 0, 0, 255, 128, 0]);

// export: ids as they are, names as text
const columns = [
  { name: "TARGETID", values: BigInt64Array.of(9223372036854775807n, -1n, 39089837596371002n) },
  { name: 'a,"b"', unit: "Angstrom", values: Float32Array.of(1.5, NaN, -2) },
];
same(
  csv([...columns, { name: "NOTE", values: ['a "b"\n#c', "", "x"] }], [])
    .split("\n")
    .slice(1, 4)
    .map((l) => l.split(",").at(-1)),
  ['"a ""b"" #c"', "", "x"],
);
same(csv(columns, ["x\ny"]).split("\n"), [
  "# x y",
  'TARGETID,"a,""b"""',
  "9223372036854775807,1.5",
  "-1,",
  "39089837596371002,-2",
  "",
]);
assert(ecsv(columns, []).includes('{name: "TARGETID", datatype: int64}'));
const [, , data] = fits(columns, ["a comment"]);
same([data.length % 2880, new DataView(data.buffer).getBigInt64(0)], [0, 9223372036854775807n]);
// one known line: moments of t by a plain sum over a fine grid
for (const [mean, variance, value, sigma] of [
  [2, 0.5, 8, 1],
  [-0.4, 0.3, 0.5, 2],
  [1, 0.2, 60, 0.5],
  [3, 0.01, -2, 1],
  [0.2, 1.5, 4, 0.01],
]) {
  const m = siteMoments(mean, variance, { value, sigma });
  const low = Math.min(mean, 0) - 12 * Math.sqrt(variance),
    high = Math.max(mean, Math.asinh(value)) + 12 * Math.sqrt(variance),
    steps = 4e5;
  let top = -Infinity;
  const log = (t) =>
    -0.5 * ((t - mean) ** 2 / variance + ((value - Math.sinh(Math.max(t, 0))) / sigma) ** 2) -
    Math.log(2 * Math.PI * Math.sqrt(variance) * sigma);
  for (let k = 0; k < steps; k += 4) top = Math.max(top, log(low + ((high - low) * k) / steps));
  let s0 = 0,
    s1 = 0,
    s2 = 0;
  for (let k = 0; k < steps; ++k) {
    const t = low + ((high - low) * (k + 0.5)) / steps,
      p = Math.exp(log(t) - top);
    s0 += p;
    s1 += p * t;
    s2 += p * t * t;
  }
  const wanted = [top + Math.log((s0 * (high - low)) / steps), s1 / s0, s2 / s0 - (s1 / s0) ** 2];
  [m.logZ, m.mean, m.variance].forEach((got, k) =>
    same(
      Math.abs(got - wanted[k]) < 1e-6 * Math.max(Math.abs(wanted[k]), 1e-2),
      true,
      `${[mean, variance, value, sigma]}: ${got}, ${wanted[k]}`,
    ),
  );
}
console.log(`${checks} checks of the parts`);
