// The page in a notebook cell: node widget_test.mjs WIDGET.js PAGE.html. A model like anywidget's hears what is
// selected.
import fs from "node:fs";
import http from "node:http";
import { launch } from "./browser.mjs";
import { check, checks, same } from "./page_tools.mjs";

const [, , script, html] = process.argv,
  files = {
    "/": ["text/html", "<!doctype html><title>cell</title><div id=cell></div>"],
    "/widget.js": ["text/javascript", fs.readFileSync(script)],
    "/page.html": ["text/html", fs.readFileSync(html)],
  };
const server = http.createServer((q, r) => {
  const [type, body] = files[q.url] ?? ["text/plain", ""];
  r.writeHead(files[q.url] ? 200 : 404, { "Content-Type": type }).end(body);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await launch(),
  page = await browser.newPage(),
  problems = [];
page.on("pageerror", (e) => problems.push(String(e)));
await page.goto(`http://127.0.0.1:${server.address().port}/`);
await page.evaluate(async () => {
  const widget = (await import("/widget.js")).default,
    values = { html: await (await fetch("/page.html")).text(), height: 700, selected: [], kept: -1 };
  window.saved = 0;
  window.values = values;
  window.away = widget.render({
    el: document.getElementById("cell"),
    model: {
      get: (name) => values[name],
      set: (name, value) => (values[name] = value),
      on: () => {},
      save_changes: () => ++window.saved,
    },
  });
});
const frame = await (await page.waitForSelector("iframe")).contentFrame();
await frame.waitForSelector("html[data-ready=true]", { state: "attached", timeout: 60000 });
same(await page.evaluate(() => document.querySelector("iframe").style.height), "700px", "as high as asked");
await frame.evaluate(() => window.starglow.select({ kind: "filter", text: "Z > 0.15" }));
await page.waitForFunction(() => window.values.selected.length > 0);
same(
  await page.evaluate(() => window.values.selected),
  await frame.evaluate(() => [...window.starglow.selection.marks.entries()].filter(([, m]) => m).map(([i]) => i)),
  "the rows that are selected",
);
await frame.evaluate(() => window.starglow.lock(7));
await page.waitForFunction(() => window.values.kept === 7);
await frame.evaluate(() => window.starglow.clear());
await page.waitForFunction(() => window.values.selected.length === 0);
check(await page.evaluate(() => window.saved >= 3), "each change is told");
same(problems, [], "no complaint");
await page.evaluate(() => window.away());
await browser.close();
server.close();
console.log(`${checks} checks of the widget`);
