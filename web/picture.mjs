// The picture of the README: node web/picture.mjs page.html docs/page.png [TARGETID]
import { pathToFileURL } from "node:url";
import { launch, open } from "../tests/web/browser.mjs";

const [, , file, out, id] = process.argv;
const browser = await launch();
const { page } = await open(browser, `${pathToFileURL(file)}${id ? `#id=${id}` : ""}`, {
  viewport: { width: 1280, height: 940 },
  colorScheme: "light",
  reducedMotion: "reduce",
});
await page.waitForTimeout(600);
await page.screenshot({ path: out });
await browser.close();
