// The folder on a server that knows no ranges: node static_test.mjs URL COLUMN SPECTRA_BYTES. Each file is sent once,
// whole.
import { launch, open } from "./browser.mjs";
import { check, checks, quiet, same } from "./page_tools.mjs";

const [, , url, column, spectra] = process.argv,
  browser = await launch(),
  one = await open(browser, url, { reducedMotion: "reduce" }),
  { page } = one;
await page.evaluate(() => window.starglow.stack(true)); // many spectra at once
await page.waitForSelector("#galaxy.stack:not([hidden])");
same(await page.evaluate(() => window.starglow.panel.stack.spectrum.n), 50, "all spectra");
for (const i of [5, 6, 5]) {
  await page.evaluate((k) => window.starglow.panel.show(k), i);
  check(await page.evaluate(() => window.starglow.panel.measuredSpectrum.wave.length > 1000), "a measured spectrum");
}
same(
  await page.evaluate(
    (name) => window.starglow.galaxies.column(`column:${name}`).then((v) => [...v.slice(0, 3)]),
    column,
  ),
  [0, 1, 2],
  "a column of the table",
);
same(
  await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .filter((e) => e.name.endsWith("/spectra.bin"))
      .map((e) => e.decodedBodySize),
  ),
  [Number(spectra)],
  "the file of spectra, once",
);
quiet(one, "no complaint");
await browser.close();
console.log(`${checks} checks of a folder`);
