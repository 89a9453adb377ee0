// The page in Chromium: node page_test.mjs SINGLE_FILE_URL SITE_URL EXPECTED.json DOWNLOADS
// EXPECTED: {ids: [...], twins: [row, row], hostile: [...], noisy: {seed, halpha: [...]}}; every check counts, the
// first failure ends it.
import fs from "node:fs";
import { launch, open } from "./browser.mjs";
import { accessible, check, checks, lonely, quiet, same, settle, spot, text } from "./page_tools.mjs";

const [, , single, site, expectedPath, downloads] = process.argv;
const expected = JSON.parse(fs.readFileSync(expectedPath));
const browser = await launch(),
  n = expected.ids.length;

// --- one file, from disk
const one = await open(browser, single);
{
  const { page } = one;
  same(await page.getAttribute("html", "data-ready"), "true");
  same(
    await page.evaluate(() => [typeof window.hacked, document.querySelectorAll("img").length]),
    ["undefined", 0],
    "hostile names are text",
  );
  same(await page.evaluate(() => window.starglow.galaxies.n), n);

  // hover, lock, step, let go
  const i = await lonely(page);
  check(i >= 0, "a galaxy stands alone");
  await page.mouse.move(...(await spot(page, i)));
  await settle(page);
  same(await text(page, "name"), expected.ids[i], "hover shows the galaxy under the pointer");
  same(await page.isVisible("#try"), false, "no marks to move without a spectrum");
  check((await text(page, "live")).includes(expected.ids[i]), "and says so");
  const placed = await page.evaluate(() => {
    const { values, low, high, panel, second } = window.starglow,
      place = (id) => {
        const line = document.getElementById(id),
          { x } = line.getBoundingClientRect(),
          b = line.parentElement.querySelector("canvas").getBoundingClientRect();
        return line.hidden ? NaN : (x - b.x - 8) / (b.width - 16);
      };
    const u = Math.asinh(values[panel.row.i]) / Math.asinh(high),
      v = (second.values[panel.row.i] - second.low) / (second.high - second.low);
    return [place("at"), low === 0 ? u : NaN, place("at2"), v];
  });
  check(
    Math.abs(placed[0] - Math.min(Math.max(placed[1], 0), 1)) < 0.01 &&
      Math.abs(placed[2] - Math.min(Math.max(placed[3], 0), 1)) < 0.01,
    `the histograms mark it: ${placed}`,
  );
  await page.mouse.click(...(await spot(page, i)));
  await page.mouse.move(20, 300);
  await settle(page);
  same(await page.evaluate(() => window.starglow.map.locked), i, "a click keeps it");
  same(await text(page, "name"), expected.ids[i]);
  await page.locator("#map").focus();
  await page.keyboard.press("ArrowRight");
  await settle(page);
  const stepped = await page.evaluate(() => window.starglow.map.locked);
  check(stepped !== i && stepped >= 0, "an arrow steps to a neighbour");
  const [[x0], [x1]] = [await spot(page, i), await spot(page, stepped)];
  check(x1 > x0, "to the right");
  await page.keyboard.press("Escape");
  same(await page.evaluate(() => window.starglow.map.locked), -1, "Escape lets go");

  // two ids that differ by 4, and the borders of what a number can hold
  const seen = [];
  for (const row of expected.twins) {
    await page.fill("#find", expected.ids[row]);
    await page.press("#find", "Enter");
    await settle(page);
    same(await text(page, "name"), expected.ids[row]);
    same(await page.evaluate(() => window.starglow.panel.row.i), row, `search finds row ${row}`);
    seen.push(await page.evaluate(() => [...window.starglow.panel.row.bands].join()));
  }
  check(new Set(seen).size === seen.length, "each id has its own light");
  await page.fill("#find", "12345678901234567890123");
  await page.press("#find", "Enter");
  check((await text(page, "live")).startsWith("No galaxy 12345678901234567890123"), "an id that no 64 bits hold");
  same(await page.evaluate(() => window.starglow.galaxies.find("")), -1, "no text is no galaxy, not that of id 0");
  same(await page.evaluate(() => window.starglow.pins.list.length), 0, "and pins none");
  await page.evaluate(() => window.starglow.lock(-1));

  // the three states over the same points; noise is that of the command line
  await page.click("#clear");
  for (const state of ["predicted", "noisy"]) {
    await page.evaluate(() => (window.mixed = window.starglow.map.look.mixing = 1));
    await page.evaluate(() => {
      const { map } = window.starglow,
        draw = map.drawNow.bind(map);
      map.drawNow = () => {
        window.mixed = Math.min(window.mixed, map.look.mixing);
        draw();
      };
    });
    await page.click(`[data-state=${state}]`);
    await page.waitForSelector(`[data-state=${state}][aria-checked=true]`);
    await page.waitForFunction(() => window.mixed < 1);
  }
  check(true, "a transition runs");
  await page.waitForTimeout(900);
  same(await page.evaluate(() => window.starglow.map.look.mixing), 1);
  await page.click("#new-noise");
  await page.waitForSelector('#new-noise[data-seed="2"]');
  const noisy = await page.evaluate(() => [...window.starglow.galaxies.noise.get(2)[6]]);
  const wrong = noisy.filter(
    (v, k) => Math.abs(v - expected.noisy.halpha[k]) > 2e-3 * (1 + Math.abs(expected.noisy.halpha[k])),
  ).length;
  same([expected.noisy.seed, wrong], [2, 0], "new noise is predict --noise --seed 2");

  // colour by a column with a hostile name; the bar shows what it cuts
  await page.selectOption("#colour", { label: expected.hostile[0] });
  await settle(page);
  same(await page.evaluate(() => window.starglow.quantity.label), expected.hostile[0]);
  await page.selectOption("#colour", "HALPHA");
  await settle(page);
  check(await page.evaluate(() => window.starglow.above > 0), "some lie above the bar");
  await page.fill("#high", "5");
  await page.press("#high", "Tab");
  await settle(page);
  same(await page.evaluate(() => window.starglow.high), 5);
  // zero stays in the middle of a diverging bar; classes have their own bar, colours and shapes
  await page.selectOption("#colour", "residual.HALPHA");
  await settle(page);
  await page.fill("#low", "-7");
  await page.press("#low", "Tab");
  await settle(page);
  same(
    await page.evaluate(() => [
      window.starglow.low,
      window.starglow.high,
      document.getElementById("scale").options[2].disabled,
    ]),
    [-7, 7, true],
    "the other end follows",
  );
  await page.selectOption("#colour", "bpt");
  await settle(page);
  same(await page.evaluate(() => [window.starglow.map.look.classes, document.getElementById("low").disabled]), [
    true,
    true,
  ]);
  same(
    await page.evaluate(() => {
      const canvas = document.getElementById("colourbar"),
        r = canvas.width / canvas.getBoundingClientRect().width,
        { data } = canvas
          .getContext("2d")
          .getImageData(Math.round(22 * r), Math.round(22 * r), Math.round(100 * r) * 2, 1),
        seen = new Set();
      for (let k = 0; k < data.length; k += 4) seen.add(data.slice(k, k + 3).join());
      return seen.size;
    }),
    3,
    "three classes, three colours",
  );
  await page.selectOption("#colour", "HALPHA");
  await page.fill("#high", "5");
  await page.press("#high", "Tab");
  await settle(page);

  // a palette of one's own
  await page.selectOption("#palette", "own");
  await page.fill("#own", "#000000, #ff8000");
  await page.press("#own", "Tab");
  await settle(page);
  const ends = () => page.evaluate(() => [...window.starglow.table.slice(0, 3), ...window.starglow.table.slice(-3)]);
  same(await ends(), [0, 0, 0, 255, 128, 0], "the colours given");
  await page.fill("#own", "url(evil)");
  await page.press("#own", "Tab");
  check((await text(page, "live")).includes("sixteen colours"), "what is no palette is refused");
  same([await page.getAttribute("#own", "aria-invalid"), ...(await ends())], ["true", 0, 0, 0, 255, 128, 0]);
  await page.fill("#own", "000000 ff8000");
  await page.press("#own", "Tab");
  await page.waitForTimeout(200);
  const coloured = await open(browser, single + (await page.evaluate(() => location.hash)));
  same(
    await coloured.page.evaluate(() => [...window.starglow.table.slice(-3), document.getElementById("own").hidden]),
    [255, 128, 0, false],
    "the address holds it",
  );
  await coloured.context.close();
  await page.selectOption("#palette", "cividis");
  same(await page.isVisible("#own"), false);

  // play: keyboard and pointer
  await page.fill("#find", expected.ids[i]);
  await page.press("#find", "Enter");
  await page.click("#play");
  await settle(page);
  const ew = () => page.evaluate(() => window.starglow.panel.played.ew[6]);
  const before = await ew(),
    stored = await page.evaluate(() => window.starglow.panel.row.predicted[6]);
  check(Math.abs(before - stored) <= 1e-3 * Math.max(0.3, stored), "play begins where the table is");
  const slider = page.getByRole("slider", { name: "band 3400 to 3700" });
  await slider.focus();
  for (let k = 0; k < 10; ++k) await page.keyboard.press("ArrowUp");
  await settle(page);
  const bluer = await ew();
  check(bluer > before, "more blue light, more Halpha");
  const handle = await slider.boundingBox();
  await page.mouse.move(handle.x + 9, handle.y + 9);
  await page.mouse.down();
  await page.mouse.move(handle.x + 9, handle.y + 13, { steps: 2 });
  await page.mouse.up();
  await settle(page);
  check((await ew()) < bluer, "dragging down takes it away");
  check(await page.evaluate(() => window.starglow.ratios.now.cloud.length > 50), "the draws stand in the diagram");
  await page.click("#play-reset");
  await settle(page);
  check(Math.abs((await ew()) - before) < 1e-9, "reset");
  await page.keyboard.press("Escape");

  await page.keyboard.press("?");
  await accessible(page, "about");
  await page.keyboard.press("Escape");

  // accessible in both themes
  await accessible(page, "light");
  await page.click("#theme");
  await page.waitForTimeout(100);
  await accessible(page, "dark");

  // a keyboard walk reaches everything
  await page.click("#blue");
  await page.evaluate(() => document.activeElement.blur());
  const reached = new Set();
  for (let k = 0; k < 70; ++k) {
    await page.keyboard.press("Tab");
    reached.add(
      await page.evaluate(
        () =>
          document.activeElement.id ||
          document.activeElement.dataset.tool ||
          document.activeElement.dataset.state ||
          document.activeElement.className,
      ),
    );
  }
  for (const id of [
    "find",
    "table-open",
    "export-open",
    "about-open",
    "theme",
    "noisy",
    "colour",
    "scale",
    "low",
    "high",
    "palette",
    "second",
    "pan",
    "blue",
    "red",
    "filter",
    "clear",
    "stack",
    "map",
    "zoom-in",
    "lock",
    "play",
    "rest",
    "note",
  ])
    check(reached.has(id), `Tab reaches ${id}: ${[...reached]}`);

  // the address holds the view
  await page.waitForTimeout(200);
  await page.click("#rest");
  await page.waitForTimeout(200);
  const hash = await page.evaluate(() => location.hash),
    wanted = await page.evaluate(() => ({
      rest: window.starglow.panel.spectrum.rest,
      box: document.getElementById("rest").checked,
      axis: document.getElementById("wave-label").textContent.slice(0, 8),
      count: window.starglow.selection.count,
      mode: window.starglow.state.mode,
      seed: window.starglow.state.seed,
      locked: window.starglow.map.locked,
      high: window.starglow.high,
    }));
  const again = await open(browser, single + hash);
  same(wanted.axis, "observed");
  same(
    await again.page.evaluate(() => ({
      rest: window.starglow.panel.spectrum.rest,
      box: document.getElementById("rest").checked,
      axis: document.getElementById("wave-label").textContent.slice(0, 8),
      count: window.starglow.selection.count,
      mode: window.starglow.state.mode,
      seed: window.starglow.state.seed,
      locked: window.starglow.map.locked,
      high: window.starglow.high,
    })),
    wanted,
    "the address brings it back",
  );
  await again.page.evaluate(() => {
    location.hash = "#state=predicted&colour=OIII_5007";
  });
  await again.page.waitForFunction(() => window.starglow.quantity.key === "OIII_5007");
  await settle(again.page);
  same(
    await again.page.evaluate(() => [window.starglow.state.mode, window.starglow.quantity.key]),
    ["predicted", "OIII_5007"],
    "so does one that is pasted over it",
  );
  quiet(again, "second page");
  await again.context.close();

  // the policy refuses what nobody meant to run
  same(await page.evaluate(() => window.refused), [], "nothing was refused so far");
  quiet(one, "no complaint");
  await page.evaluate(() => {
    const s = document.createElement("script");
    s.textContent = "window.hacked = 1";
    document.body.append(s);
  });
  same(
    await page.evaluate(() => [typeof window.hacked, window.refused.length]),
    ["undefined", 1],
    "an inline script is refused",
  );
  await one.context.close();
}

// --- phone
{
  const phone = await open(browser, single, {
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    isMobile: true,
    colorScheme: "dark",
  });
  check(
    await phone.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
    "nothing sticks out on a phone",
  );
  same(await phone.page.getAttribute("html", "data-theme"), "dark", "the theme of the system");
  await phone.page.evaluate(() => window.starglow.lock(3));
  await settle(phone.page);
  check(await phone.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nor with a galaxy");
  await accessible(phone.page, "phone");
  quiet(phone, "phone");
  await phone.context.close();
}

// --- the server: spectra by ranges, once each
{
  const served = await open(browser, site, { reducedMotion: "reduce" });
  const { page } = served,
    bytes = () => page.evaluate(() => window.starglow.galaxies.source.transferred);
  const start = await bytes();
  // a column of the table is fetched when it is asked for, once
  same(
    await page.evaluate(
      (name) => window.starglow.galaxies.column(`column:${name}`).then((v) => [...v.slice(0, 4)]),
      expected.hostile[1],
    ),
    [0, 2, 4, 6],
    "a column of the table",
  );
  const byColumn = (await bytes()) - start;
  check(byColumn === 2 * n || byColumn === 4 * n, `its own bytes alone: ${byColumn}`);
  await page.evaluate((name) => window.starglow.galaxies.column(`column:${name}`), expected.hostile[1]);
  same((await bytes()) - start, byColumn, "once");
  // two galaxies that were not seen yet: the page opened with one
  const [one5, other] = await page.evaluate(() => [5, 6, 7].filter((k) => k !== window.starglow.map.home)),
    show = (k) => page.evaluate((row) => window.starglow.panel.show(row), k);
  await show(one5);
  await settle(page);
  const first = (await bytes()) - start - byColumn;
  check(first > 1000 && first <= 40000, `a hover fetches ${first} bytes`);
  check(
    await page.evaluate(() => window.starglow.panel.measuredSpectrum.wave.length > 1000),
    "a measured spectrum is shown",
  );
  await show(other);
  await show(one5);
  await settle(page);
  same((await bytes()) - start - byColumn, 2 * first, "one seen before fetches nothing");
  await show(5);
  await settle(page);
  const peak = await page.evaluate(() => {
    const s = window.starglow.panel.measuredSpectrum;
    let at = 0;
    for (let k = 1; k < s.flux.length; ++k) if (s.flux[k] > s.flux[at]) at = k;
    return s.wave[at];
  });
  check(Math.abs(peak - 6564.6) < 2, `the line stands at rest: ${peak}`);
  check(
    await page.evaluate(() => {
      const { measuredSpectrum: s, spectrum } = window.starglow.panel;
      return spectrum.plots[0].scales.y.max >= Math.max(...s.flux.filter(Number.isFinite));
    }),
    "the plot is as high as the line",
  );
  // another redshift tried: the marks move, on the plots too, and come back with the next galaxy
  const marked = () =>
    page.evaluate(() => {
      const { plots, slip } = window.starglow.panel.spectrum,
        [main] = plots,
        copy = document.createElement("canvas");
      Object.assign(copy, { width: main.bbox.width, height: 4 });
      const g = copy.getContext("2d", { willReadFrequently: true });
      g.drawImage(main.ctx.canvas, -main.bbox.left, -main.bbox.top);
      return [slip, g.getImageData(0, 0, copy.width, 4).data.join()];
    });
  const [at, before] = await marked();
  await page.fill("#try-z", "0.008");
  await settle(page);
  const [tried, after] = await marked(),
    z = await page.evaluate(() => window.starglow.panel.row.z);
  check(
    at === 1 && Math.abs(tried - (1 + z + 0.008) / (1 + z)) < 1e-9 && before !== after,
    "marks at the redshift that is tried",
  );
  same(await text(page, "try-value"), (z + 0.008).toFixed(4));
  await page.evaluate(() => window.starglow.panel.show(7).then(() => window.starglow.panel.show(5)));
  await settle(page);
  same(await marked(), [1, before], "the next galaxy has its own");
  // the spectrum as a file, for the caller to read: in the frame that is shown
  await page.evaluate(() => window.starglow.lock(5));
  await settle(page);
  for (const [frame, press] of [
    ["rest", false],
    ["observed", true],
  ]) {
    if (press) await page.click("#rest");
    await page.click("#export-open");
    const [file] = await Promise.all([page.waitForEvent("download"), page.click("[data-export=spectrum]")]);
    same(file.suggestedFilename(), `starglow-spectrum-${expected.ids[5]}.ecsv`);
    await file.saveAs(`${downloads}/${frame}.ecsv`);
    await page.keyboard.press("Escape");
  }
  await page.click("#rest");
  await page.evaluate(() => window.starglow.lock(-1));
  await page.click("#export-open");
  same(await page.isDisabled("[data-export=spectrum]"), false, "the galaxy that the page opens with has one too");
  await page.keyboard.press("Escape");

  // a stack of measured spectra: lines meet at rest
  await page.click("#stack");
  await page.waitForSelector("#galaxy.stack:not([hidden])");
  same(
    await page.evaluate(() => {
      const { spectrum: s } = window.starglow.panel.stack;
      return [s.n, Math.abs(s.wave[s.flux.indexOf(Math.max(...s.flux))] - 6564.6) < 1];
    }),
    [50, true],
    "fifty spectra, one line",
  );
  await page.click("#export-open");
  const [file] = await Promise.all([page.waitForEvent("download"), page.click("[data-export=spectrum]")]);
  await file.saveAs(`${downloads}/stack.ecsv`);
  await page.keyboard.press("Escape");
  await page.click("#stack");
  await page.click("[data-state=predicted]");
  await settle(page);
  same(await page.evaluate(() => window.starglow.map.look.mixing), 1, "no motion where none is wanted");
  same(await page.evaluate(() => window.refused), []);
  quiet(served, "served page");
}
await browser.close();
console.log(`${checks} checks of the page`);
