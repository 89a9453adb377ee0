// What the tests and measurements of the page share: a browser, a page that is ready, and what went wrong on it.
import { existsSync } from "node:fs";
import { chromium } from "../../web/node_modules/playwright-core/index.mjs";

export const executable = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
export const launch = () => chromium.launch({ executablePath: executable, args: flags });

/** Opens url and waits until the page is ready. problems: everything that it complained about. */
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    acceptDownloads: true,
    ...options,
  });
  const page = await context.newPage(),
    problems = [];
  page.on("pageerror", (e) => problems.push(String(e)));
  page.on("console", (m) => {
    if (m.type() === "error" || (m.type() === "warning" && !m.text().includes("GL Driver Message")))
      problems.push(m.text());
  });
  await page.addInitScript(() => {
    window.refused = [];
    document.addEventListener("securitypolicyviolation", (e) =>
      window.refused.push(`${e.violatedDirective} ${e.blockedURI}`),
    );
  });
  await page.goto(url);
  await page.waitForSelector("html[data-ready]", { state: "attached", timeout: 60000 });
  return { page, context, problems };
}
