// Selections in Chromium: node select_test.mjs SINGLE_FILE_URL EXPECTED.json DOWNLOADS
// EXPECTED: {ids: [...], hostile: [...], stack: {bands, halpha, predicted}}; every check counts, the first failure ends
// it.
import fs from "node:fs";
import { launch, open } from "./browser.mjs";
import { accessible, check, checks, drag, lonely, quiet, same, settle, spot, text } from "./page_tools.mjs";
import { fromHash } from "../../web/src/address.js";

const [, , single, expectedPath, downloads] = process.argv;
const expected = JSON.parse(fs.readFileSync(expectedPath)),
  n = expected.ids.length;
const browser = await launch(),
  one = await open(browser, single, { reducedMotion: "reduce" }),
  { page } = one,
  i = await lonely(page);

// lasso and box: shift adds, alt removes
const box = await page.locator("#map").boundingBox();
const whole = [
  [box.x + 6, box.y + 6],
  [box.x + box.width - 60, box.y + 6],
  [box.x + box.width - 60, box.y + box.height - 8],
  [box.x + 6, box.y + box.height - 8],
];
const inside = (x0, y0, x1, y1) =>
  page.evaluate(
    ([a, b, c, d]) => {
      const { map } = window.starglow,
        r = document.getElementById("map").getBoundingClientRect();
      let n = 0;
      for (let k = 0; k < map.n; ++k) {
        const [x, y] = map.toScreen(map.x[k], map.y[k]);
        if (x + r.left > a && x + r.left < c && y + r.top > b && y + r.top < d) ++n;
      }
      return n;
    },
    [x0, y0, x1, y1],
  );
await page.keyboard.press("l");
await page.click("button[data-tool=lasso]");
await drag(page, whole);
const count = () => page.evaluate(() => window.starglow.selection.count);
same(await count(), await inside(...whole[0], ...whole[2]), "the lasso takes what it surrounds");
await page.click("button[data-tool=box]");
const [cx, cy] = [box.x + box.width / 2, box.y + box.height / 2],
  all = await count();
await page.keyboard.down("Alt");
await drag(page, [
  [box.x + 4, box.y + 4],
  [cx, cy],
]);
await page.keyboard.up("Alt");
const rest = await count();
same(all - rest, await inside(box.x + 6, box.y + 6, cx, cy), "alt removes");
await page.keyboard.down("Shift");
await drag(page, [
  [box.x + 6, box.y + 6],
  [cx, cy],
]);
await page.keyboard.up("Shift");
same(await count(), all, "shift adds");
await page.click("button[data-tool=lasso]");
await drag(
  page,
  Array.from({ length: 240 }, (_, k) => [
    cx + 0.31 * box.width * Math.cos(k / 38.2) * (1 + 0.1 * Math.sin(k / 5)),
    cy + 0.37 * box.height * Math.sin(k / 38.2),
  ]),
);
const drawn = await count();
check(drawn > 20 && drawn < n, "a lasso by hand");
await page.waitForTimeout(200);
const shared = await open(browser, single + (await page.evaluate(() => location.hash)));
same(
  await shared.page.evaluate(() => [window.starglow.selection.count, ...window.starglow.selection.marks]),
  await page.evaluate(() => [window.starglow.selection.count, ...window.starglow.selection.marks]),
  "the address selects the very same galaxies",
);
await shared.context.close();
await page.click("button[data-tool=pan]");

// brushes: what lies under the box is selected; ctrl keeps what is in both; the edges of a histogram take all beyond
await page.click("#clear");
const chart = async (id, [x0, y0], [x1, y1]) => {
  const b = await page.locator(`#${id}`).boundingBox(),
    at = ([u, v]) => [b.x + u * b.width, b.y + v * b.height];
  await drag(page, [at([x0, y0]), at([(x0 + x1) / 2, (y0 + y1) / 2]), at([x1, y1])]);
};
const last = () => page.evaluate(() => window.starglow.selection.steps.at(-1));
const having = (name, [low, high]) =>
  page.evaluate(
    ([c, a, b]) =>
      window.starglow.galaxies.column(c).then((v) => v.reduce((k, w) => k + (w >= a && w <= b ? 1 : 0), 0)),
    [name, low, high],
  );
await chart("histogram2", [0.3, 0.4], [0.7, 0.6]);
const zStep = await last(),
  inZ = await count();
same([zStep.kind, zStep.key, zStep.how], ["range", "Z", "new"]);
check(inZ > 10 && inZ < n && inZ === (await having("Z", zStep.span)), "a brush of the histogram of z");
same(await page.evaluate(() => window.starglow.map.look.selecting), true, "and the map shows it");
await page.keyboard.down("Control");
await chart("histogram", [0.5, 0.4], [0.99, 0.6]);
await page.keyboard.up("Control");
const haStep = await last();
same([haStep.key, haStep.how], ["HALPHA", "within"]);
check((haStep.span[0] > 0 && haStep.span[1] === Infinity) || haStep.span[1] > haStep.span[0], "its ends");
const both = await page.evaluate(
  async ([a, b]) => {
    const g = window.starglow.galaxies,
      [z, h] = [await g.column("Z"), await g.column("HALPHA_EW")];
    return z.reduce((k, v, j) => k + (v >= a[0] && v <= a[1] && h[j] >= b[0] && h[j] <= (b[1] ?? Infinity) ? 1 : 0), 0);
  },
  [zStep.span, haStep.span],
);
check(both < inZ, "fewer are in both");
same(await count(), both, "ctrl keeps what is in both");
await chart("bpt", [0.3, 0.2], [0.6, 0.7]);
const box4 = await last(),
  inBox = await count();
same(
  inBox,
  await page.evaluate(([a, b, c, d]) => {
    const { x, y } = window.starglow.ratios.points;
    return x.reduce((k, v, j) => k + (v >= a && v <= b && y[j] >= c && y[j] <= d ? 1 : 0), 0);
  }, box4.span),
  "a box in the diagram of ratios",
);
check(inBox > 10, "it holds some");
await page.selectOption("#second", { label: expected.hostile[0] });
await settle(page);
await chart("histogram2", [0.1, 0.4], [0.4, 0.6]);
const odd = await count();
check(odd > 10 && odd < n, "a brush of a column with a hostile name");
await page.waitForTimeout(200);
const brushed = await open(browser, single + (await page.evaluate(() => location.hash)));
same(
  await brushed.page.evaluate(() => [window.starglow.selection.count, window.starglow.second.quantity.label]),
  [odd, expected.hostile[0]],
  "the address brings a brush back",
);
await brushed.page.evaluate(() => {
  location.hash = "";
});
quiet(brushed, "brushed page");
await brushed.context.close();
await page.selectOption("#second", "Z");

// colour thirds and filters
await page.click("#red");
await settle(page);
const red = await count();
check(Math.abs(red - n / 3) < 0.02 * n + 2, "the red third is a third");
check(
  await page.evaluate(() => {
    const { marks } = window.starglow.selection;
    return marks.every((m) => m === 0 || m === 1);
  }),
  "marks",
);
await page.fill("#filter", "HALPHA_EW_PREDICTED > 10 and not (Z > 0.2)");
await page.press("#filter", "Enter");
await settle(page);
same(
  await count(),
  await page.evaluate(async () => {
    const g = window.starglow.galaxies,
      [h, z] = [await g.column("HALPHA_EW_PREDICTED"), await g.column("Z")];
    return h.reduce((k, v, j) => k + (v > 10 && !(z[j] > 0.2) ? 1 : 0), 0);
  }),
  "the filter",
);
for (const [bad, why] of [
  ["NO_SUCH > 1", "no column"],
  ["Z >", "ends"],
  ["alert(1)", "'('"],
  ["Z > 1 )", "and, or or the end"],
  ["(".repeat(60), "nested"],
]) {
  await page.fill("#filter", bad);
  await page.press("#filter", "Enter");
  await settle(page);
  check((await text(page, "live")).includes(why), `${bad}: ${await text(page, "live")}`);
}

// stacked: all, then the red ones; a a galaxy that is clicked stands in front of it
await page.click("#clear");
await page.evaluate(() => {
  document.activeElement.blur();
  window.starglow.lock(-1);
  window.starglow.setMode("predicted");
});
await page.mouse.move(300, 5);
await page.keyboard.press("s");
await page.waitForSelector("#galaxy.stack:not([hidden])");
same(await text(page, "name"), `Median of ${n} galaxies`);
const stack = await page.evaluate(() => {
  const { bands, ew, low, high, prediction: p } = window.starglow.panel.stack;
  return { bands: [...bands], halpha: [low[6], ew[6], high[6]], predicted: [p.p16[6], p.ew[6], p.p84[6]] };
});
for (const key of ["bands", "halpha", "predicted"])
  stack[key].forEach((v, k) =>
    check(
      Math.abs(v - expected.stack[key][k]) <= 2e-6 * Math.abs(expected.stack[key][k]),
      `stack: ${key} ${v} is ${expected.stack[key][k]}`,
    ),
  );
await page.click("#red");
await page.waitForFunction((all) => window.starglow.panel.stack.n < all, n);
same(await text(page, "name"), `Median of ${await count()} galaxies`);
check((await text(page, "live")).includes("as one"), "and says so");
check(
  await page.evaluate(
    ([a, b]) => {
      const { stack } = window.starglow.panel;
      return stack.bands[0] / stack.bands[11] < a / b;
    },
    [stack.bands[0], stack.bands[11]],
  ),
  "red galaxies are red",
);
await accessible(page, "stack");
await page.mouse.move(...(await spot(page, i)));
await page.waitForFunction((row) => window.starglow.map.hovered === row, i);
await settle(page);
same(await page.isVisible("#galaxy.stack"), true, "what the pointer passes does not take the stack's place");
await page.mouse.click(...(await spot(page, i)));
await page.waitForFunction((id) => document.getElementById("name").textContent === id, expected.ids[i]);
same(await page.isVisible("#lock"), true, "a click does");
await page.evaluate(() => document.activeElement.blur());
await page.keyboard.press("Escape");
await page.mouse.move(300, 5);
await page.waitForSelector("#galaxy.stack");
const reds = await page.evaluate(() => [...window.starglow.panel.stack.prediction.p84]);
await page.keyboard.press("3");
await page.waitForFunction((was) => window.starglow.panel.stack.prediction.p84[6] > was, reds[6]);
check((await text(page, "key")).includes("predicted + noise"), "noise widens the spread");
await page.waitForTimeout(200);
const stackedPage = await open(browser, single + (await page.evaluate(() => location.hash)));
await stackedPage.page.waitForSelector("#galaxy.stack:not([hidden])");
same(await text(stackedPage.page, "name"), await text(page, "name"), "the address brings a stack back");
quiet(stackedPage, "stacked page");
await stackedPage.context.close();
await page.evaluate(() => document.activeElement.blur());
await page.keyboard.press("Escape");
same(
  await page.evaluate(() => [window.starglow.stacking, document.getElementById("empty").hidden]),
  [false, true],
  "Escape puts the stack away: the galaxy that the page opens with",
);
await page.click("#clear");

// export: ids unharmed (read back by the caller), and the way back
await page.fill("#filter", "Z > 0");
await page.press("#filter", "Enter");
await settle(page);
await page.evaluate(() => window.starglow.lock(4));
await settle(page);
await page.fill("#note", 'odd, "red"\nand <b>blue</b>');
await page.evaluate(() => window.starglow.lock(2));
await settle(page);
same(await page.inputValue("#note"), "", "a note belongs to its galaxy");
await page.fill("#filter", "NOTED and Z > 0");
await page.press("#filter", "Enter");
await settle(page);
same(await page.evaluate(() => [...window.starglow.selection.marks].indexOf(1)), 4, "galaxies with a note are found");
await page.evaluate(() => {
  window.starglow.lock(4);
  window.starglow.select({ kind: "filter", text: "Z > 0" }).then(() => document.getElementById("export-open").click());
});
await page.waitForSelector("#export[open]");
check((await text(page, "command")).includes("starglow explore"), "the command");
same(
  fromHash((await text(page, "command")).split("address: ")[1]),
  { ...fromHash(await page.evaluate(() => location.hash)), id: expected.ids[4] },
  "with the address of now",
);
for (const kind of ["csv", "ecsv", "fits", "png", "svg"]) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.click(`[data-export=${kind}]`)]);
  await file.saveAs(`${downloads}/selection.${kind}`);
}
const png = await page.evaluate(
  async (bytes) => {
    const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))])),
      canvas = document.createElement("canvas");
    Object.assign(canvas, { width: picture.width, height: picture.height });
    const g = canvas.getContext("2d", { willReadFrequently: true }),
      r = picture.width / window.starglow.map.width;
    g.drawImage(picture, 0, 0);
    const at = (x, y) => [...g.getImageData(Math.round(x * r), Math.round(y * r), 1, 1).data].join(),
      { height } = window.starglow.map;
    return {
      width: picture.width,
      ground: at(2, 2),
      bar: new Set(Array.from({ length: 25 }, (_, k) => at(56 + 10 * k, height - 34))).size,
    };
  },
  fs.readFileSync(`${downloads}/selection.png`).toString("base64"),
);
check(
  png.width >= 2800 && png.ground.endsWith(",255") && png.bar > 20,
  `a picture with ground and colour bar: ${JSON.stringify(png)}`,
);
same(
  await page.evaluate(
    (svg) => {
      const made = new DOMParser().parseFromString(svg, "image/svg+xml"),
        words = [...made.querySelectorAll("text")].map((t) => t.textContent);
      return [
        made.querySelector("parsererror") === null,
        made.querySelectorAll("path").length,
        words.includes(window.starglow.label),
        words.includes(window.starglow.counted),
      ];
    },
    fs.readFileSync(`${downloads}/selection.svg`, "utf8"),
  ),
  [true, await page.evaluate(() => (window.starglow.below > 0) + (window.starglow.above > 0)), true, true],
  "an SVG that is one, with a triangle where values are cut",
);
await accessible(page, "export");
await page.keyboard.press("Escape");
await page.click("#table-open");
// the table: a page at a time, sorted by a column, the order of ids not that of numbers with 53 bits
const firstColumn = () => page.locator("#table tbody td:first-child").allTextContents();
same(await firstColumn(), expected.ids.slice(0, 100), "the table");
await page.click("#table-after");
same([await firstColumn(), await text(page, "table-page")], [expected.ids.slice(100, 200), `101 to 200 of ${n}`]);
await page.click("#table th button >> nth=0");
const ascending = [...expected.ids].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));
same(
  [await firstColumn(), await page.locator("#table th[aria-sort]").getAttribute("aria-sort")],
  [ascending.slice(0, 100), "ascending"],
  "by TARGETID",
);
await page.click("#table th button >> nth=0");
same(await firstColumn(), [...ascending].reverse().slice(0, 100), "and back");
await page.getByRole("button", { name: "sort by Hα (Å) measured" }).click();
const strongest = await page.evaluate(() =>
  window.starglow.galaxies
    .column("HALPHA_EW")
    .then((v) => window.starglow.galaxies.id(v.indexOf(v.reduce((a, b) => (b > a ? b : a), -Infinity)))),
);
same((await firstColumn())[0], strongest, "by a line, the strongest first");
await accessible(page, "table");
await page.keyboard.press("Escape");
await page.keyboard.press("?");
await accessible(page, "about");
await page.keyboard.press("Escape");

same(await page.evaluate(() => window.refused), [], "nothing was refused");
quiet(one, "no complaint");
await browser.close();
console.log(`${checks} checks of selections`);
