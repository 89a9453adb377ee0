// More galaxies than points can show: node dense_test.mjs URL. Density from afar, points from near, the same answers in
// both.
import assert from "node:assert";
import { launch, open } from "./browser.mjs";

const browser = await launch();
const { page, problems } = await open(browser, process.argv[2], { reducedMotion: "reduce" });
const shown = () =>
  page.evaluate(() => {
    const { map } = window.starglow;
    map.drawNow();
    return [map.dense, document.getElementById("dense").hidden];
  });
/** Opaque pixels of the picture that is exported, and how many of them have a colour rather than a grey. */
const ink = () =>
  page.evaluate(() => {
    const from = window.starglow.picture(),
      canvas = document.createElement("canvas");
    Object.assign(canvas, { width: from.width, height: from.height });
    const g = canvas.getContext("2d");
    g.drawImage(from, 0, 0);
    const { data } = g.getImageData(0, 0, canvas.width, canvas.height);
    let all = 0,
      coloured = 0;
    for (let k = 0; k < data.length; k += 4)
      if (data[k + 3] > 30) {
        ++all;
        if (Math.max(data[k], data[k + 1], data[k + 2]) - Math.min(data[k], data[k + 1], data[k + 2]) > 25) ++coloured;
      }
    return { all, coloured };
  });
assert.deepStrictEqual(await shown(), [true, false], "from afar the density, and the page says so");
const whole = await ink();
assert(whole.coloured > 5000, `the picture holds it: ${JSON.stringify(whole)}`);
const picked = () =>
  page.evaluate(() => {
    const { map } = window.starglow,
      i = map.grid.nearest(map.camera.x, map.camera.y, 1),
      [px, py] = map.toScreen(map.x[i], map.y[i]),
      j = map.pick(px, py);
    return map.x[i] === map.x[j] && map.y[i] === map.y[j];
  });
assert(await picked(), "a galaxy under the pointer is found");
await page.evaluate(() =>
  window.starglow.select({
    kind: "outline",
    outline: [
      [-0.2, -0.2],
      [0.2, -0.2],
      [0.2, 0.2],
      [-0.2, 0.2],
    ],
  }),
);
const chosen = await ink(),
  count = await page.evaluate(() => {
    const { map, selection } = window.starglow;
    let wanted = 0;
    for (let k = 0; k < map.n; ++k) if (Math.abs(map.x[k]) < 0.2 && Math.abs(map.y[k]) < 0.2) ++wanted;
    return [selection.count, wanted];
  });
assert.strictEqual(count[0], count[1], "the outline takes what it surrounds");
assert(
  chosen.coloured < whole.coloured / 2 && chosen.all > whole.all / 2,
  `the rest is grey, not gone: ${JSON.stringify([whole, chosen])}`,
);
// a stack of those outlined takes the ones of 48 blocks of rows
await page.evaluate(() => {
  window.starglow.stack(true);
});
await page.waitForSelector("#galaxy.stack:not([hidden])");
const stacked = await page.evaluate(() => {
  const { panel, selection } = window.starglow;
  return [panel.stack.n, selection.count, panel.stack.prediction.ew[6]];
});
assert(
  stacked[0] > 48 && stacked[0] <= 48 * 128 && stacked[0] < stacked[1] && stacked[2] > 0,
  `a stack of a fair part: ${stacked}`,
);
await page.evaluate(() => {
  window.starglow.stack(false);
});
await page.evaluate(() => window.starglow.clear());
assert(
  await page.evaluate(async () => {
    const { galaxies } = window.starglow,
      ids = await galaxies.columns.get("RANDOM_ID");
    return ids[7] !== galaxies.ids[7] && galaxies.randomId(7) === ids[7];
  }),
  "noise goes by id, survey and program",
);
await page.click("[data-state=predicted]");
await page.evaluate(() => {
  const { map } = window.starglow;
  map.camera = { x: map.x[77], y: map.y[77], k: 12 };
  map.moved();
});
await page.waitForTimeout(400);
assert.deepStrictEqual(await shown(), [false, true], "from near the points");
assert((await ink()).coloured > 500 && (await picked()), "which are seen and found");
assert.deepStrictEqual(problems, []);
await browser.close();
console.log("12 checks of many galaxies");
