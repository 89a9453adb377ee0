// What once went wrong on the page, a check each: node faults_test.mjs SINGLE_URL SITE_URL EXPECTED.json
// SITE_URL has spectra. EXPECTED: {ids: [...], outside: a row flagged OUT_OF_DOMAIN, sky: [ra, dec] of row 0}
import fs from "node:fs";
import { launch, open } from "./browser.mjs";
import { accessible, check, checks, drag, lonely, quiet, same, settle, spot, text } from "./page_tools.mjs";

const [, , single, site, expectedPath] = process.argv,
  expected = JSON.parse(fs.readFileSync(expectedPath)),
  browser = await launch();
const plain = { reducedMotion: "reduce" };

// --- the first view: a galaxy, its lines, what a point is, where red and blue live, without a word from the visitor
for (const viewport of [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
]) {
  const phone = viewport.width < 500,
    first = await open(browser, single, { ...plain, viewport, hasTouch: phone, isMobile: phone }),
    { page } = first,
    seen = (selector) =>
      page.evaluate((s) => {
        const r = document.querySelector(s).getBoundingClientRect();
        return r.width > 5 && r.height > 8 && r.top >= 0 && r.bottom <= innerHeight + 1 && r.right <= innerWidth + 1;
      }, selector);
  for (const what of ["#story", "#name", "#spectrum", "#map", "#tag-blue", "#tag-red", "#tour"])
    check(await seen(what), `${what} is in sight at ${viewport.width} x ${viewport.height}`);
  const story = (await text(page, "story")).replace(/\s+/g, " ");
  check(story.includes("Each point is a galaxy"), "what a point is");
  check(story.includes("equivalent width"), "what an EW is");
  check(!(await text(page, "axis-x")).includes("no unit"), "no axis of nothing");
  await accessible(page, `first view, ${viewport.width}`);
  if (phone) {
    // a tap shows the galaxy at once
    await page.tap('[data-tab="charts"]');
    check(await seen("#linked figure"), "charts behind a tab");
    await accessible(page, "phone, charts");
    await page.tap('[data-tab="controls"]');
    check(await seen("#filter"), "controls behind a tab");
    await accessible(page, "phone, controls");
    const i = await lonely(page);
    await page.touchscreen.tap(...(await spot(page, i)));
    await page.waitForFunction((id) => document.getElementById("name").textContent === id, expected.ids[i]);
    await settle(page);
    check((await seen("#spectrum")) && (await seen("#name")), "a tap shows the galaxy where the finger is");
    check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out");
    await page.tap("#sheet");
    check((await page.locator("#right").boundingBox()).height > 450, "the sheet goes up");
    await accessible(page, "phone, sheet");
  }
  quiet(first, "first view");
  await first.context.close();
}

const one = await open(browser, single, plain),
  { page } = one;

// --- the tour
for (const [k, mode] of ["observed", "predicted", "noisy"].entries()) {
  await page.click(`#tour button:nth-child(${k + 1})`);
  await page.waitForFunction((m) => window.starglow.state.mode === m, mode);
  await settle(page);
}
check((await text(page, "story-words")).includes("noise"), "each step says what it shows");
await page.click("#tour button:nth-child(1)");
await settle(page);

// --- a resize stretches no canvas
await page.setViewportSize({ width: 1100, height: 760 });
await page.waitForTimeout(300);
for (const id of ["bpt", "lines", "histogram", "histogram2"])
  same(
    await page.evaluate((name) => {
      const c = document.getElementById(name),
        r = c.getBoundingClientRect();
      return [c.width - Math.round(r.width * devicePixelRatio), c.height - Math.round(r.height * devicePixelRatio)].map(
        (v) => Math.abs(v) <= 1,
      );
    }, id),
    [true, true],
    `${id} has as many pixels as it shows`,
  );
await page.setViewportSize({ width: 1440, height: 900 });

// --- play's legend tells what the lines are
await page.evaluate(() => window.starglow.lock(3));
await settle(page);
const before = await text(page, "key");
await page.click("#play");
await page.waitForFunction(() => window.starglow.panel.play.active);
await settle(page);
const key = await text(page, "key");
check(key.includes("predicted before play") && !key.includes("measured"), `the dashed line is the prediction: ${key}`);
await page.evaluate(() => window.starglow.panel.play.tilt(1.5));
await settle(page);
const [moved, home] = await page.evaluate(() => {
  const { map } = window.starglow;
  return [map.moved_to, [map.x[map.locked], map.y[map.locked]]];
});
check(Math.hypot(moved[0] - home[0], moved[1] - home[1]) > 0.01, "a bluer galaxy moves over the map");
// a line that is held moves the others; let go, they are where they were
const lines = () => page.evaluate(() => [...window.starglow.panel.played.ew]);
const free = await lines();
await page.selectOption("#hold", { label: "Hα" });
await page.fill('#held input[aria-label="EW in Å of Hα"]', String((free[6] * 3 + 5).toFixed(2)));
await page.keyboard.press("Tab");
await page.fill('#held input[aria-label="error of the EW in Å of Hα"]', "0.1");
await page.keyboard.press("Tab");
await settle(page);
const held = await lines();
check(Math.abs(held[6] - free[6] * 3 - 5) < 0.2, `Hα is held: ${held[6]}`);
check(held[7] > free[7] * 1.3 && held[0] > free[0], "and the others follow");
check((await text(page, "play-note")).includes("Given Hα ="), "in words");
check((await text(page, "key")).includes("given what is held"), "and in the key");
await accessible(page, "a line is held");
await page.click('#held button[aria-label="Let Hα go"]');
await settle(page);
same(await lines(), free, "let go");
await page.keyboard.press("Escape"); // leaves the field
await page.keyboard.press("Escape");
await settle(page);
same([await text(page, "key"), await page.evaluate(() => window.starglow.map.moved_to)], [before, null]);

// --- a name of a filter is enough; NOTED and the flags
await page.fill("#note", "seen");
for (const [filter, wanted] of [
  ["NOTED", 1],
  [
    "OUT_OF_DOMAIN",
    await page.evaluate(() =>
      window.starglow.galaxies.columns.get("FLAGS").then((f) => f.filter((v) => v & 16).length),
    ),
  ],
  ["not NOTED", expected.ids.length - 1],
]) {
  await page.fill("#filter", filter);
  await page.press("#filter", "Enter");
  await settle(page);
  same(await page.evaluate(() => window.starglow.selection.count), wanted, `filter ${filter}`);
}
await page.fill("#note", "");
await page.click("#clear");

// --- messages stand apart from counts and go when they are over
await page.fill("#find", "3962");
await page.press("#find", "Enter");
await settle(page);
same([await page.isVisible("#message"), await text(page, "count")], [true, `${expected.ids.length} galaxies`]);
await page.fill("#find", expected.ids[20]);
await page.press("#find", "Enter");
await settle(page);
same([await page.isVisible("#message"), await text(page, "name")], [false, expected.ids[20]]);

// --- residuals: one peak, linear
await page.selectOption("#colour", "residual.HALPHA");
await settle(page);
same(
  await page.evaluate(() => [window.starglow.state.scale, document.getElementById("scale").options[0].disabled]),
  ["linear", true],
  "differences are linear",
);
// --- flags have names
await page.selectOption("#colour", "FLAGS");
await settle(page);
check(
  await page.evaluate(() => window.starglow.bar.classes.some(([, name]) => name === "OUT_OF_DOMAIN")),
  "flags by name",
);
await page.selectOption("#colour", "HALPHA");
await settle(page);

// --- palettes stand out in both themes
for (const theme of ["light", "dark"]) {
  await page.evaluate((t) => window.starglow.theme(t), theme);
  await settle(page);
  const least = await page.evaluate(() => {
    const { table, colours } = window.starglow,
      lum = (c) => {
        const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      },
      back = lum([1, 3, 5].map((k) => parseInt(colours.surface.slice(k, k + 2), 16)));
    let out = Infinity;
    for (let k = 0; k < 768; k += 3) {
      const l = lum([...table.slice(k, k + 3)]);
      out = Math.min(out, (Math.max(l, back) + 0.05) / (Math.min(l, back) + 0.05));
    }
    return out;
  });
  check(least >= 1.95, `${theme}: the faintest colour of the bar has contrast ${least}`);
}
await page.evaluate(() => window.starglow.theme("light"));

// --- new noise moves nothing; the realisation is drawn
const placeOf = (id) => page.locator(id).boundingBox();
const wasAt = [await placeOf("#colour"), await placeOf("#low")];
await page.click("[data-state=noisy]");
await page.waitForSelector("[data-state=noisy][aria-checked=true]");
await settle(page);
same([await placeOf("#colour"), await placeOf("#low")], wasAt, "the toolbar stays where it is");
check(
  await page.evaluate(() => {
    const [plot] = window.starglow.panel.spectrum.plots,
      noisy = plot.data[11];
    return noisy.filter((v) => v !== null).length > 100 && noisy.some((v, k) => v !== plot.data[5][k]);
  }),
  "the realisation stands in the spectrum",
);
await page.click("[data-state=observed]");

// --- a zoom of two lines tells both, with errors; one name a line everywhere
const captions = await page.locator("#zooms figcaption").allTextContents();
check(/\[S II\] 6716, 6731[\d. ]+ ±[\d. ]+, [\d. ]+ ±[\d. ]+Å/.test(captions.at(-1)), `both lines: ${captions.at(-1)}`);
await page.click("#table-open");
const words = [
  ...captions,
  ...(await page.locator("#colour option").allTextContents()),
  ...(await page.locator("#table th").allTextContents()),
].join(" ");
await page.keyboard.press("Escape");
check(words.includes("[O III] 5007") && !/\[OIII\]|5008|4960/.test(words), "one name a line");

// --- digits
const rows = await page.locator("#near td").allTextContents();
check(
  rows.filter((t) => t.includes(".")).every((t) => t === "–" || t.split(".")[1].length >= 2),
  `zeros stay: ${rows.slice(0, 5)}`,
);

// --- the sky, where the table has it; nothing is asked of anybody
same(await page.isVisible("#sky"), true);
await page.evaluate(() => window.starglow.lock(0));
await settle(page);
check(
  (await text(page, "sky")).includes(expected.sky[0].toFixed(5)),
  `the position with its digits: ${await text(page, "sky")}`,
);
same(
  await page.evaluate(() => [...document.querySelectorAll("#sky a")].map((a) => [a.target, a.rel])),
  Array(3).fill(["_blank", "noopener noreferrer"]),
);

// --- no path of the maker's disk
await page.click("#about-open");
check(!(await text(page, "about-text")).match(/(^|[\s=])\/\w+\//), "no folder in About");
await page.keyboard.press("Escape");

// --- Back undoes
/** Does something and waits until the address tells it: a step of its own. */
const step = async (act) => {
  const was = await page.evaluate(() => location.hash);
  await act();
  await page.waitForFunction((hash) => location.hash !== hash, was);
};
await step(() => page.evaluate(() => window.starglow.lock(-1)));
await step(() => page.click("#blue"));
const blue = await page.evaluate(() => window.starglow.selection.count);
await step(() => page.selectOption("#colour", "OIII_5007"));
await step(() => page.evaluate(() => window.starglow.lock(7)));
const state = () =>
  page.evaluate(() => {
    const { map, quantity, selection } = window.starglow;
    return [map.locked, quantity.key, selection.count];
  });
same(await state(), [7, "OIII_5007", blue]);
for (const wanted of [
  [-1, "OIII_5007", blue],
  [-1, "HALPHA", blue],
  [-1, "HALPHA", 0],
]) {
  await page.goBack();
  await page.waitForFunction((w) => {
    const { map, quantity, selection } = window.starglow;
    return map.locked === w[0] && quantity.key === w[1] && selection.count === w[2];
  }, wanted);
  check(true, `Back to ${wanted}`);
}
await page.goForward();
await page.waitForFunction((count) => window.starglow.selection.count === count, blue);
await page.click("#clear");

// --- a hover draws no point again
const i = await lonely(page);
await page.waitForTimeout(300);
await page.evaluate(() => {
  const { points } = window.starglow.map,
    draw = points.draw.bind(points);
  window.drawn = 0;
  points.draw = (look) => {
    ++window.drawn;
    draw(look);
  };
});
await page.mouse.move(...(await spot(page, i)));
await page.waitForFunction((row) => window.starglow.map.hovered === row, i);
await settle(page);
same(await page.evaluate(() => window.drawn), 0, "the points stay as they were drawn");

// --- pins
for (const k of [1, 2]) await page.evaluate((row) => window.starglow.pins.toggle(row), k);
await page.waitForFunction(() => window.starglow.pins.list.length === 2);
await page.evaluate(() => window.starglow.lock(5));
await settle(page);
same(
  await page.evaluate(() => [
    window.starglow.map.pins.map((p) => p.i),
    window.starglow.panel.spectrum.plots[0].compared.length,
    document.querySelectorAll("#pins tbody tr").length,
  ]),
  [[1, 2], 2, 2],
  "two galaxies behind a third",
);
await accessible(page, "pins");
await page.waitForTimeout(250);
const again = await open(browser, single + (await page.evaluate(() => location.hash)), plain);
same(await again.page.evaluate(() => window.starglow.pins.rows), [1, 2], "the address holds them");
await again.context.close();
await page.evaluate(() => window.starglow.pins.set([]));

// --- three maps
await page.click("#three");
await page.waitForFunction(() => window.starglow.map.panes.length === 3);
await settle(page);
const lit = await page.evaluate(() => {
  const { map } = window.starglow;
  map.drawNow();
  return map.panes.map(({ canvas }) => {
    const copy = document.createElement("canvas");
    Object.assign(copy, { width: canvas.width, height: canvas.height });
    const g = copy.getContext("2d");
    g.drawImage(canvas, 0, 0);
    const { data } = g.getImageData(0, 0, copy.width, copy.height);
    let sum = 0;
    for (let k = 0; k < data.length; k += 4) sum += data[k + 3] > 0 ? 1000 + data[k] : 0;
    return sum;
  });
});
check(lit.every((v) => v > 1e5) && new Set(lit).size === 3, `three maps, each its own: ${lit}`);
const third = await page.locator("#map").boundingBox(),
  [px, py] = await page.evaluate((row) => {
    const { map } = window.starglow;
    return map.toScreen(map.x[row], map.y[row]);
  }, i);
await page.evaluate(() => window.starglow.lock(-1));
await page.mouse.move(third.x + px + (2 * third.width) / 3, third.y + py);
await page.waitForFunction(() => window.starglow.map.hovered >= 0);
check(true, "the third map knows its galaxies");
await accessible(page, "three maps");
await page.click("#three");
await page.waitForFunction(() => window.starglow.map.panes.length === 1);

// --- copy the link
await one.context.grantPermissions(["clipboard-read", "clipboard-write"]).catch(() => {});
await page.click("#copy");
await settle(page);
check((await page.isVisible("#message")) || (await page.isVisible("#export[open]")), "the link is copied, or shown");
if (await page.isVisible("#export[open]")) await page.keyboard.press("Escape");
same(await page.evaluate(() => window.refused), [], "nothing was refused");
quiet(one, "no complaint");
await one.context.close();

// --- the live spectrum, of measured light
const served = await open(browser, site, plain),
  live = served.page;
await live.evaluate(() => window.starglow.lock(5));
await live.waitForFunction(() => window.starglow.panel.measuredSpectrum !== null);
await settle(live);
const over = await live.locator("#spectrum .u-over").boundingBox(),
  range = () => live.evaluate(() => window.starglow.panel.spectrum.window),
  at = (u, v = 0.5) => [over.x + u * over.width, over.y + v * over.height];
await live.mouse.move(...at(0.5));
await settle(live);
const readout = await text(live, "readout");
const truth = await live.evaluate(() => {
  const { spectrum, measuredSpectrum: s } = window.starglow.panel,
    { wave } = spectrum.live.cursor,
    k = s.wave.findIndex((w) => w === wave);
  return [wave.toFixed(1), s.flux[k]];
});
check(readout.startsWith(`${truth[0]} Å`) && /flux .*±/.test(readout), `wavelength, flux and error: ${readout}`);
check(
  Math.abs(Number(readout.match(/flux ([−\d.]+)/)[1].replace("−", "-")) - truth[1]) < 0.02 * Math.abs(truth[1]) + 0.01,
  "the flux of that pixel",
);
await drag(live, [at(0.3), at(0.4), at(0.5)]);
const zoomed = await range();
check(zoomed && zoomed[1] - zoomed[0] > 50, `a drag zooms: ${zoomed}`);
check((await live.evaluate(() => window.starglow.panel.spectrum.plots[0].data[0].length)) > 50, "pixels, not columns");
await live.keyboard.down("Shift");
await drag(live, [at(0.5), at(0.45), at(0.4)]);
await live.keyboard.up("Shift");
check((await range())[0] > zoomed[0] + 1, "shift and drag pan");
await live.mouse.dblclick(...at(0.5));
await settle(live);
same(await range(), null, "a double click shows all");
await live.focus("#spectrum");
await live.keyboard.press("ArrowRight");
await live.keyboard.press("ArrowRight");
check(
  (await text(live, "readout")).includes("flux") || (await text(live, "readout")).includes("no information"),
  "arrows read it",
);
for (let k = 0; k < 4; ++k) await live.keyboard.press("+");
const byKeys = await range();
check(byKeys[1] - byKeys[0] < 1500, "plus comes closer");
await live.keyboard.press("Shift+ArrowRight");
check((await range())[0] > byKeys[0], "shift and arrows pan");
await live.keyboard.press("0");
same(await range(), null, "0 shows all");
// two fingers
const touch = (type, points) =>
  live.evaluate(
    ([kind, list]) => {
      const target = document.querySelector("#spectrum .u-over");
      list.forEach(([x, y], k) => {
        target.setPointerCapture = () => {};
        target.dispatchEvent(
          new PointerEvent(kind, {
            pointerId: 11 + k,
            pointerType: "touch",
            clientX: x,
            clientY: y,
            bubbles: true,
            button: kind === "pointermove" ? -1 : 0,
          }),
        );
      });
    },
    [type, points],
  );
await touch("pointerdown", [at(0.4), at(0.6)]);
await touch("pointermove", [at(0.2), at(0.8)]);
await touch("pointerup", [at(0.2), at(0.8)]);
await settle(live);
const pinched = await range();
check(pinched && pinched[1] - pinched[0] < 3000, `two fingers zoom: ${pinched}`);
await touch("pointerdown", [at(0.5)]);
await touch("pointermove", [at(0.3)]);
await touch("pointerup", [at(0.3)]);
check((await range())[0] > pinched[0], "one finger pans");
await live.click("#unzoom");
same(await range(), null, "the button shows all");
await live.click("#zooms .goto >> nth=3");
await settle(live);
check((await range())[0] > 6400 && (await range())[1] < 6700, "a zoom's name shows its line large");
await live.click("#unzoom");
// splitter and full width
const panelWidth = async () => (await live.locator("#right").boundingBox()).width,
  was = await panelWidth(),
  split = await live.locator("#split").boundingBox();
await drag(live, [
  [split.x + 3, 400],
  [split.x - 60, 400],
  [split.x - 120, 400],
]);
check((await panelWidth()) > was + 80, "the splitter gives the spectrum room");
await live.waitForTimeout(150);
const wider = (await live.locator("#spectrum .u-over").boundingBox()).width;
check(wider > over.width + 60, "and the plot takes it");
await live.focus("#split");
await live.keyboard.press("ArrowRight");
check((await panelWidth()) < was + 125, "by keys too");
await live.click("#wide");
await live.waitForTimeout(200);
check((await live.locator("#spectrum .u-over").boundingBox()).width > 1200, "full width");
await accessible(live, "full width");
await live.evaluate(() => document.activeElement.blur());
await live.keyboard.press("Escape");
check(await live.isVisible("#map"), "and back");

// --- one odd prediction moves no axis: an arrow with the number, and words
await live.evaluate((row) => window.starglow.lock(row), expected.outside);
await live.waitForFunction((id) => document.getElementById("name").textContent === id, expected.ids[expected.outside]);
await settle(live);
const odd = await live.evaluate(async () => {
  const { panel } = window.starglow,
    { spectrum, measuredSpectrum: s } = panel;
  panel.prediction = { ew: panel.prediction.ew.map((v, line) => (line === 4 ? 10393 : v)) };
  panel.draw();
  await null;
  const { prediction } = panel;
  return {
    top: spectrum.plots[0].scales.y.max,
    data: Math.max(...s.flux.filter(Number.isFinite)),
    beyond: spectrum.plots[0].beyond.map((b) => b.text),
    ew: Math.max(...prediction.ew.filter(Number.isFinite)),
  };
});
check(odd.top < 2 * odd.data && odd.beyond.length > 0, `the data keep their axis: ${JSON.stringify(odd)}`);
check((await text(live, "warn")).includes("do not trust") && (await live.isVisible("#warn")), "OUT_OF_DOMAIN in words");
quiet(served, "live spectrum");
await served.context.close();

// --- controls work before the model is there
{
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } }),
    slow = await context.newPage();
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await slow.route("**/model.safetensors", async (route) => {
    await held;
    await route.continue();
  });
  await slow.goto(site);
  await slow.waitForSelector("html[data-alive]", { state: "attached" });
  check(await slow.isVisible("#loading"), "a bar says that something is to come");
  await slow.waitForFunction(() => window.starglow.values !== undefined);
  await slow.click("#blue");
  await slow.waitForFunction(() => window.starglow.selection.count > 0);
  check((await slow.getAttribute("html", "data-ready")) === null, "a selection without the model");
  await slow.click("[data-state=noisy]");
  release();
  await slow.waitForFunction(() => window.starglow.state.mode === "noisy");
  await slow.waitForSelector("html[data-ready=true]", { state: "attached" });
  same(await slow.isVisible("#loading"), false, "the noise came when the model did");
  await context.close();
}
await browser.close();
console.log(`${checks} checks of faults that were`);
