// The pictures of the README: node web/picture.mjs PAGE.html docs/page.png [TARGETID]
// and, with the spectrum over the whole width: node web/picture.mjs PAGE.html docs/spectrum.png TARGETID --wide
import { pathToFileURL } from "node:url";
import { launch, open } from "../tests/web/browser.mjs";

const wide = process.argv.includes("--wide"),
  [file, out, id] = process.argv.slice(2).filter((word) => word !== "--wide");
const browser = await launch();
const { page } = await open(browser, `${pathToFileURL(file)}${id ? `#id=${id}` : ""}`, {
  viewport: wide ? { width: 1180, height: 612 } : { width: 1440, height: 900 },
  colorScheme: "light",
  reducedMotion: "reduce",
});
if (wide) {
  await page.click("#story-close");
  await page.click("#wide");
}
await page.waitForTimeout(600);
await page.screenshot({ path: out });
await browser.close();
