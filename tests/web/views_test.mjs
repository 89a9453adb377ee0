// Every view of the page, at desktop and phone size, light and dark: nothing is cut, covered or beside the screen.
// node views_test.mjs SINGLE_URL SITE_URL [OUT]: SITE_URL has spectra. OUT: a folder for a picture of each.
import fs from "node:fs";
import path from "node:path";
import { launch, open } from "./browser.mjs";
import { check, checks, lonely, quiet, same, settle, spot } from "./page_tools.mjs";

const [, , single, site, out] = process.argv,
  browser = await launch();
if (out) fs.mkdirSync(out, { recursive: true });

/** Words that do not fit into their box, and controls that lie over one another. */
const misfits = (page) =>
  page.evaluate(() => {
    const found = [],
      seen = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && e.getClientRects().length,
      name = (e) => (e.id ? `#${e.id}` : `${e.tagName.toLowerCase()} "${e.textContent.trim().slice(0, 30)}"`),
      top = document.querySelector("dialog[open]") ?? document.body,
      all = [...top.querySelectorAll("button, label, select, h1, h2, p, figcaption, .axis, .tag, td, th, span, output")]
        .filter((e) => seen(e) && !e.closest(".hidden, .away"))
        .filter((e) => (top === document.body ? !e.closest("dialog") : !e.closest(".scroll")));
    for (const e of all) {
      const style = getComputedStyle(e);
      if (style.overflow !== "visible" && e.scrollWidth > e.clientWidth + 1 && !e.matches("#title, #aside"))
        found.push(`${name(e)} is cut: ${e.scrollWidth} of ${e.clientWidth} px`);
      const r = e.getBoundingClientRect();
      if (
        r.width > 1 &&
        !e.closest("[class*=scroll], #right, #linked, #pins") &&
        (r.right > innerWidth + 1 || r.left < -1)
      )
        found.push(`${name(e)} sticks out: ${Math.round(r.left)} to ${Math.round(r.right)}`);
    }
    const controls = all.filter((e) => e.matches("button, select, label, .tag, .axis, figcaption"));
    for (let i = 0; i < controls.length; ++i)
      for (let j = i + 1; j < controls.length; ++j) {
        const [a, b] = [controls[i], controls[j]];
        if (a.contains(b) || b.contains(a) || !a.textContent.trim() || !b.textContent.trim()) continue;
        const [r, s] = [a.getBoundingClientRect(), b.getBoundingClientRect()],
          w = Math.min(r.right, s.right) - Math.max(r.left, s.left),
          h = Math.min(r.bottom, s.bottom) - Math.max(r.top, s.top);
        if (w > 2 && h > 2) found.push(`${name(a)} and ${name(b)} overlap by ${w.toFixed()} x ${h.toFixed()} px`);
      }
    if (document.documentElement.scrollWidth > innerWidth + 1)
      found.push(`the page is ${document.documentElement.scrollWidth} wide`);
    return found;
  });

const views = {
  first: async () => {},
  hover: async (page, phone) => {
    const [x, y] = await spot(page, await lonely(page));
    await (phone ? page.touchscreen.tap(x, y) : page.mouse.move(x, y));
  },
  kept: (page) => page.evaluate(() => window.starglow.lock(7)),
  noise: (page) => page.evaluate(() => window.starglow.setMode("noisy")),
  play: async (page) => {
    await page.evaluate(async () => {
      await window.starglow.togglePlay();
      window.starglow.panel.play.tilt(1.5);
      window.starglow.panel.play.place();
      window.starglow.panel.held.hold(6);
    });
    await settle(page);
  },
  pins: async (page) => {
    await page.evaluate(async () => {
      window.starglow.panel.stopPlay();
      await window.starglow.pins.set([3, 4]);
    });
  },
  zoomed: (page) => page.evaluate(() => window.starglow.panel.spectrum.look([6500, 6780])),
  lasso: async (page, phone) => {
    await page.evaluate(() => {
      window.starglow.panel.spectrum.look(null);
      window.starglow.pins.set([]);
      return window.starglow.select({ kind: "blue" }, "new");
    });
    if (phone) await page.tap('[data-tab="charts"]');
  },
  three: (page) => page.evaluate(() => window.starglow.setThree(true)),
  stack: async (page, phone) => {
    await page.evaluate(async () => {
      await window.starglow.setThree(false);
      window.starglow.stack(true);
    });
    if (phone) await page.tap('[data-tab="galaxy"]');
    await page.waitForSelector("#galaxy.stack:not([hidden])");
  },
  controls: async (page, phone) => {
    await page.evaluate(() => window.starglow.stack(false));
    if (phone) await page.tap('[data-tab="controls"]');
  },
  residual: async (page, phone) => {
    await page.evaluate(() => window.starglow.setColour("residual.HALPHA"));
    if (phone) await page.tap('[data-tab="charts"]');
  },
  table: (page) => page.click("#table-open"),
  export: async (page) => {
    await page.keyboard.press("Escape");
    await page.click("#export-open");
  },
  about: async (page) => {
    await page.keyboard.press("Escape");
    await page.click("#about-open");
  },
  wide: async (page, phone) => {
    await page.keyboard.press("Escape");
    await page.evaluate(() => window.starglow.lock(7));
    if (phone) await page.tap('[data-tab="galaxy"]');
    await settle(page);
    await page.click(phone ? "#sheet" : "#wide");
  },
};
const sizes = [
  ["1440", 1440, 900, "light", true],
  ["1440", 1440, 900, "dark"],
  ["1920", 1920, 1080, "light"],
  ["1920", 1920, 1080, "dark"],
  ["1024", 1024, 700, "dark", true],
  ["phone", 390, 844, "light", true],
  ["phone", 390, 844, "dark"],
];
// the last word: those that are enough to see that all is well; pictures are made of all
for (const [size, width, height, colorScheme, always] of sizes) {
  if (!always && !out) continue;
  const viewport = { width, height };
  const phone = size === "phone",
    one = await open(browser, size === "1920" ? single : site, {
      viewport,
      colorScheme,
      hasTouch: phone,
      isMobile: phone,
      reducedMotion: "reduce",
    }),
    { page } = one;
  for (const [view, go] of Object.entries(views)) {
    await go(page, phone);
    await page.waitForTimeout(150);
    if (out) await page.screenshot({ path: path.join(out, `${size}-${colorScheme}-${view}.png`) });
    same(await misfits(page), [], `${view}, ${size}, ${colorScheme}`);
  }
  check(await page.evaluate(() => document.documentElement.dataset.ready === "true"), "alive to the end");
  quiet(one, `${size}, ${colorScheme}`);
  await one.context.close();
}
await browser.close();
console.log(`${checks} checks of views`);
