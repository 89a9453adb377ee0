// The page's budgets, as JSON lines: node tests/web/measure.mjs SINGLE_FILE_URL [SITE_URL_WITH_SPECTRA] [MILLION_URL]
// [--tiles DIR] [--noise DIR]: DIR is a folder that explore -o wrote, of tiles or of many galaxies. Script times are
// the thread's own seconds (Chromium's metrics in thread time), so that a busy machine does not count.
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { launch, open } from "./browser.mjs";
import { serve } from "./serve.mjs";

const words = process.argv.slice(2),
  option = (name) => {
    const at = words.indexOf(name);
    return at < 0 ? null : words.splice(at, 2)[1];
  },
  tiles = option("--tiles"),
  noise = option("--noise"),
  [single, site, million] = words;
const browser = await launch();
const say = (name, value, unit, more = {}) =>
  console.log(JSON.stringify({ name, value: Number(value.toPrecision(4)), unit, ...more }));
const middle = (values, p) => [...values].sort((a, b) => a - b)[Math.floor(p * (values.length - 1))];

if (single) {
  const { page, context } = await open(browser, single);
  say("first useful picture", (await page.evaluate(() => window.starglow.ready)) / 1000, "s");
  say(
    "first contentful paint",
    (await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN)) / 1000,
    "s",
  );
  if (single.startsWith("file:"))
    say("one file", fs.statSync(fileURLToPath(single)).size / 1e6, "MB", {
      galaxies: await page.evaluate(() => window.starglow.galaxies.n),
    });
  const times = await page.evaluate(() => {
    const { model, galaxies } = window.starglow,
      out = [],
      bands = new Float64Array(12);
    for (let k = 0; k < 300; ++k) {
      for (let b = 0; b < 12; ++b) bands[b] = galaxies.columns.now(`BAND_FLUX.${b}`)[k] * (1 + 0.01 * (k % 7));
      const start = performance.now();
      for (let repeat = 0; repeat < 5; ++repeat) model.predict(bands, galaxies.columns.now("Z")[k]);
      out.push((performance.now() - start) / 5);
    }
    return out;
  });
  say("prediction with intervals, median", middle(times, 0.5), "ms");
  say("prediction with intervals, 95 %", middle(times, 0.95), "ms");
  await context.close();
}

async function hovers(page, n) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const task = async () =>
    (await session.send("Performance.getMetrics")).metrics.find((m) => m.name === "ScriptDuration").value;
  const out = [],
    wall = [];
  for (let k = 0; k < n; ++k) {
    await page.evaluate(
      (i) => window.starglow.galaxies.row(i).then((row) => window.starglow.galaxies.spectrum(row)),
      k,
    );
    const before = await task();
    wall.push(
      await page.evaluate(async (i) => {
        await window.starglow.panel.show(i);
        return window.starglow.lastHover;
      }, k),
    );
    out.push(1000 * ((await task()) - before));
  }
  return { out, wall };
}

if (site) {
  const { page, context } = await open(browser, site);
  const before = await page.evaluate(() => window.starglow.galaxies.source.transferred);
  say(
    "fetched before the first hover",
    (before +
      (await page.evaluate(() =>
        performance
          .getEntriesByType("resource")
          .reduce((sum, e) => sum + (/page\.(js|css)$/.test(e.name) ? e.encodedBodySize : 0), 0),
      ))) /
      1e6,
    "MB",
    { galaxies: await page.evaluate(() => window.starglow.galaxies.n) },
  );
  const pixels = await page.evaluate(async () => {
    await window.starglow.panel.show(0);
    return window.starglow.panel.measuredSpectrum?.wave.length ?? 0;
  });
  say(
    "fetched by a hover",
    (await page.evaluate(() => window.starglow.galaxies.source.transferred)) - before,
    "bytes",
    { pixels },
  );
  await hovers(page, 20); // compiled by then
  const { out, wall } = await hovers(page, 150);
  say("hover, script, median", middle(out, 0.5), "ms", { pixels, wall: Number(middle(wall, 0.5).toPrecision(3)) });
  say("hover, script, 95 %", middle(out, 0.95), "ms", { pixels, wall: Number(middle(wall, 0.95).toPrecision(3)) });
  await context.close();
}

if (million) {
  const { page, context } = await open(browser, million);
  say("first picture of many", (await page.evaluate(() => window.starglow.ready)) / 1000, "s", {
    galaxies: await page.evaluate(() => window.starglow.galaxies.n),
  });
  say("fetched for it", (await page.evaluate(() => window.starglow.galaxies.source.transferred)) / 1e6, "MB");
  const found = await page.evaluate(async () => {
    const { map, panel, galaxies } = window.starglow,
      i = 123456;
    map.camera = { x: map.x[i], y: map.y[i], k: 300 };
    const [px, py] = map.toScreen(map.x[i], map.y[i]),
      start = performance.now(),
      j = map.pick(px, py),
      pick = performance.now() - start;
    await panel.show(j);
    const lassoStart = performance.now(),
      inside = map.grid.inside([
        [-0.5, -0.5],
        [0.5, -0.5],
        [0.5, 0.5],
        [-0.5, 0.5],
      ]),
      lasso = performance.now() - lassoStart;
    let wanted = 0;
    for (let k = 0; k < map.n; ++k) if (Math.abs(map.x[k]) < 0.5 && Math.abs(map.y[k]) < 0.5) ++wanted;
    return {
      right:
        Math.hypot(map.x[i] - map.x[j], map.y[i] - map.y[j]) < 1e-4 &&
        document.getElementById("name").textContent === galaxies.id(j),
      pick,
      lasso,
      inside: inside.length,
      wanted,
    };
  });
  if (!found.right || found.inside !== found.wanted)
    throw new Error(`hover or lasso of many is wrong: ${JSON.stringify(found)}`);
  say("pick among many", found.pick, "ms");
  say("lasso among many", found.lasso / 1000, "s", { selected: found.inside });
  for (const what of ["the density", "all points"]) {
    const frames = await page.evaluate(async (density) => {
      const { map } = window.starglow,
        kept = map.density,
        start = performance.now();
      let n = 0;
      map.camera = { x: 0, y: 0, k: 1 };
      if (!density) map.density = undefined;
      while (performance.now() - start < 4000) {
        map.camera.x = 0.01 * (n % 10);
        map.drawNow();
        map.points.gl.finish();
        ++n;
        await new Promise((r) => requestAnimationFrame(r));
      }
      map.density = kept;
      return (1000 * n) / (performance.now() - start);
    }, what === "the density");
    say(`frames of ${what}, software GL`, frames, "1/s");
  }
  await context.close();
}
/** The longest tasks of the page's main thread during act: ms of the thread itself, and of the clock. */
async function longestTasks(page, act) {
  await browser.startTracing(page, { categories: ["toplevel", "devtools.timeline", "__metadata"] });
  await act();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()),
    main = new Set(
      traceEvents
        .filter((e) => e.name === "thread_name" && e.args.name === "CrRendererMain")
        .map((e) => `${e.pid} ${e.tid}`),
    ),
    tasks = traceEvents.filter((e) => e.name.endsWith("RunTask") && e.ph === "X" && main.has(`${e.pid} ${e.tid}`)),
    longest = (key) => Math.max(...tasks.map((e) => (e[key] ?? 0) / 1000));
  return { thread: longest("tdur"), clock: longest("dur"), tasks: tasks.length };
}
if (noise) {
  const server = await serve(noise),
    { page, context } = await open(browser, server.url, { reducedMotion: "reduce" }),
    galaxies = await page.evaluate(() => window.starglow.galaxies.n);
  await page.evaluate(() => window.starglow.setMode("noisy")); // compiled, and the columns read
  for (let turn = 0; turn < 3; ++turn) {
    const start = performance.now(),
      { thread, clock } = await longestTasks(page, () => page.evaluate(() => window.starglow.newNoise()));
    say("new noise, longest task", thread, "ms", { galaxies, clock: Number(clock.toPrecision(3)) });
    say("new noise, in all", (performance.now() - start) / 1000, "s", { galaxies });
  }
  await context.close();
  server.close();
}
if (tiles) {
  const server = await serve(tiles),
    { page, context } = await open(browser, server.url, { reducedMotion: "reduce" });
  const galaxies = await page.evaluate(() => window.starglow.tiles.n);
  say("tiles, first picture", (await page.evaluate(() => window.starglow.ready)) / 1000, "s", { galaxies });
  say(
    "tiles, first bytes",
    (await page.evaluate(
      () =>
        window.starglow.picture_bytes +
        performance
          .getEntriesByType("resource")
          .concat(performance.getEntriesByType("navigation"))
          .reduce((sum, e) => sum + (/(page\.(js|css)|\/)$/.test(e.name) ? e.encodedBodySize : 0), 0),
    )) / 1e6,
    "MB",
  );
  // views from the whole map down to single galaxies, about places where there are many
  const times = [],
    bytes = [];
  for (let k = 0; k < 24; ++k) {
    const before = server.seen.bytes;
    times.push(
      await page.evaluate(async (turn) => {
        const { map, tiles } = window.starglow,
          side = 2 ** tiles.finest,
          full = [...tiles.starts.keys()].filter((t) => tiles.starts[t + 1] > tiles.starts[t]),
          tile = full[Math.floor(((turn * 0.618) % 1) * full.length)];
        map.camera = {
          x: ((tile % side) + 0.5) / side,
          y: (Math.floor(tile / side) + 0.5) / side,
          k: 1.6 ** (turn % 12),
        };
        const start = performance.now();
        await map.draw();
        return performance.now() - start;
      }, k),
    );
    bytes.push(server.seen.bytes - before);
  }
  say("tiles, a view", middle(times, 0.5) / 1000, "s", {
    most: Number((Math.max(...times) / 1000).toPrecision(3)),
    most_bytes: Math.max(...bytes),
  });
  const found = await page.evaluate(async () => {
    const { tiles } = window.starglow,
      wanted = new BigInt64Array(
        await tiles.source.range("ids", 8 * Math.floor(tiles.placed / 2), 8 * Math.floor(tiles.placed / 2) + 8),
      )[0].toString();
    return wanted;
  });
  server.seen.requests.length = 0;
  const right = await page.evaluate(async (id) => {
    const i = await window.starglow.tiles.find(id);
    return i >= 0;
  }, found);
  if (!right) throw new Error(`${found} is not found`);
  say("tiles, requests for an id", server.seen.requests.length, "requests");
  await context.close();
  server.close();
}
await browser.close();
