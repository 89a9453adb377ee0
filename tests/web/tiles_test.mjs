// The page of tiles: node tiles_test.mjs DIR EXPECTED.json. The answers are NumPy's.
// EXPECTED: {n, ids: [some], box: [x0, x1, y0, y1] of the map and its count, filter: {text, count}, bpt: {observed:
// [...]}}
import fs from "node:fs";
import { launch, open } from "./browser.mjs";
import { accessible, check, checks, drag, quiet, same, settle, text } from "./page_tools.mjs";
import { serve } from "./serve.mjs";

const [, , folder, expectedPath] = process.argv,
  expected = JSON.parse(fs.readFileSync(expectedPath)),
  server = await serve(folder),
  browser = await launch(),
  one = await open(browser, server.url, { reducedMotion: "reduce" }),
  { page } = one;

same(await text(page, "count"), `${expected.n} galaxies`);
// a picture of all of it
const ink = () =>
  page.evaluate(() => {
    const shown = document.querySelector("canvas.under"),
      copy = document.createElement("canvas");
    Object.assign(copy, { width: shown.width, height: shown.height });
    const g = copy.getContext("2d", { willReadFrequently: true });
    g.drawImage(shown, 0, 0);
    const { data } = g.getImageData(0, 0, copy.width, copy.height);
    let lit = 0;
    for (let k = 3; k < data.length; k += 4) if (data[k] > 0) ++lit;
    return lit;
  });
check((await ink()) > 500, "cells are seen");
same(
  await page.evaluate(() => {
    const { tiles } = window.starglow;
    let sum = 0;
    for (const count of tiles.kept.values()) if (count.count) sum += count.count.reduce((a, b) => a + b, 0);
    return sum >= tiles.placed;
  }),
  true,
  "no galaxy is missing from the cells",
);
// ids by at most three requests, the row among them
for (const id of expected.ids) {
  server.seen.requests.length = 0;
  await page.fill("#find", id);
  await page.press("#find", "Enter");
  await page.waitForFunction((wanted) => document.getElementById("name").textContent === wanted, id);
  await settle(page);
  const asked = server.seen.requests.filter((name) => /ids\.(top|sorted)$/.test(name));
  check(asked.length <= 3 && asked.length >= 1, `${id}: ${server.seen.requests}`);
}
same(
  await page.evaluate(() => {
    const { row } = window.starglow.panel;
    return [Number.isFinite(row.predicted[6]), Number.isFinite(row.z)];
  }),
  [true, true],
  "its lines",
);
await page.fill("#find", "123456789012");
await page.press("#find", "Enter");
await page.waitForSelector("#message:not([hidden])");
check((await text(page, "message")).startsWith("No galaxy"), "an id that is not there");
await page.evaluate(() => window.starglow.lock(-1));

// exact counts: an outline, a filter, the diagram of ratios
const count = async (choice) => {
  await page.evaluate((c) => window.starglow.choose(c), choice);
  return page.evaluate(() => window.starglow.chosen.count);
};
const uv = await page.evaluate(([x0, x1, y0, y1]) => {
  const { tiles: t } = window.starglow,
    u = (x) => (x - t.x0) / t.size,
    v = (y) => (y - t.y0) / t.size;
  return [
    [u(x0), v(y0)],
    [u(x1), v(y0)],
    [u(x1), v(y1)],
    [u(x0), v(y1)],
  ];
}, expected.box.span);
same(await count({ outline: uv }), expected.box.count, "an outline");
same(await text(page, "count"), `${expected.box.count} of ${expected.n} selected`);
const inHistogram = () =>
  page.evaluate(() => {
    const h = window.starglow.chosen.histograms.get("HALPHA");
    return h.counts.reduce((a, b) => a + b, 0) + h.below + h.above + h.without;
  });
same(await inHistogram(), expected.box.count, "its histogram holds every one");
await page.fill("#filter", expected.filter.text);
await page.press("#filter", "Enter");
await page.waitForFunction(
  (n) => window.starglow.chosen?.count === n && window.starglow.chosen.histograms,
  expected.filter.count,
);
check(true, "a filter");
same(await inHistogram(), expected.filter.count);
await page.fill("#filter", "NO_SUCH > 1");
await page.press("#filter", "Enter");
await page.waitForSelector("#message:not([hidden])");
check((await text(page, "message")).includes("no column"), "what is no column");
await page.click("#clear");
same(
  await page.evaluate(() => window.starglow.tiles.statistics.ratios.observed.classes),
  expected.bpt,
  "the classes of all",
);
const box = await page.locator("#map").boundingBox();
await page.click("button[data-tool=box]");
await drag(page, [
  [box.x + 9, box.y + 9],
  [box.x + box.width / 2, box.y + box.height / 2],
  [box.x + box.width - 60, box.y + box.height - 2],
]);
await page.waitForFunction(() => window.starglow.chosen?.count > 0);
check((await text(page, "count")).includes("selected"), "a box by hand");
await page.click("#clear");
await page.click("button[data-tool=pan]");

// states, colours
for (const state of ["predicted", "noisy", "observed"]) {
  await page.click(`[data-state=${state}]`);
  await page.waitForSelector(`[data-state=${state}][aria-checked=true]`);
  await settle(page);
  check((await ink()) > 500, state);
}
await page.selectOption("#colour", "OIII_4959");
await settle(page);
check(await page.evaluate(() => window.starglow.map.channel.startsWith("OIII_4959")), "a weak partner");
// near: the galaxies themselves; a click keeps one
await page.evaluate(async () => {
  const { map, tiles } = window.starglow,
    t = tiles.starts.findIndex((s, k) => tiles.starts[k + 1] - s > 3),
    side = 2 ** tiles.finest,
    { uv } = await tiles.places(t % side, Math.floor(t / side));
  map.camera = { x: uv[0], y: uv[1], k: 60 };
  await map.draw();
});
check(await page.evaluate(() => window.starglow.map.points?.length > 0), "points from near");
await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
await page.waitForFunction(() => window.starglow.map.locked >= 0 && window.starglow.panel.row);
check(await page.isVisible("#spectrum"), "and its light");
await page.waitForTimeout(250);
const again = await open(browser, server.url + (await page.evaluate(() => location.hash)), { reducedMotion: "reduce" });
same(await text(again.page, "name"), await text(page, "name"), "the address brings it back");
await again.context.close();
await accessible(page, "tiles");
same(await page.evaluate(() => window.refused), []);
quiet(one, "no complaint");
await browser.close();
server.close();
console.log(`${checks} checks of tiles`);
