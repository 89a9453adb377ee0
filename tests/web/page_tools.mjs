// What the browser tests share: counted checks, the pointer, axe.
import assert from "node:assert";
import fs from "node:fs";
import { createRequire } from "node:module";

const axe = fs.readFileSync(
  createRequire(new URL("../../web/package.json", import.meta.url)).resolve("axe-core/axe.min.js"),
  "utf8",
);
export let checks = 0;
export const check = (condition, what) => {
  assert(condition, what);
  ++checks;
};
export const same = (a, b, what) => {
  assert.deepStrictEqual(a, b, what);
  ++checks;
};
export const quiet = ({ problems }, what) => same(problems, [], what);

export const spot = (page, i) =>
  page.evaluate((j) => {
    const { map } = window.starglow,
      box = document.getElementById("map").getBoundingClientRect(),
      [x, y] = map.toScreen(map.x[j], map.y[j]);
    return [x + box.left, y + box.top];
  }, i);
export const text = (page, id) => page.locator(`#${id}`).textContent();
export const settle = (page) => page.waitForTimeout(60);
/** A galaxy that is alone on the screen, in the middle of the map. */
export const lonely = (page) =>
  page.evaluate(() => {
    const { map } = window.starglow;
    for (let i = 0; i < map.n; ++i) {
      const [x, y] = map.toScreen(map.x[i], map.y[i]);
      if (!(x > 90 && x < map.width - 90 && y > 60 && y < map.height - 90)) continue;
      const [j] = map.grid.neighbours(i, 1),
        [u, v] = map.toScreen(map.x[j], map.y[j]);
      if (Math.hypot(u - x, v - y) > 5) return i;
    }
    return -1;
  });
export async function accessible(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  same(
    violations.map(
      (v) =>
        `${v.id}: ${v.nodes
          .map((n) => n.target + " " + n.failureSummary)
          .slice(0, 3)
          .join(" | ")}`,
    ),
    [],
    `axe: ${what}`,
  );
}
/** Presses at the first of the points, passes the others, lets go. */
export async function drag(page, points) {
  await page.mouse.move(...points[0]);
  await page.mouse.down();
  // many points are steps enough
  for (const p of points.slice(1)) await page.mouse.move(...p, { steps: points.length > 50 ? 1 : 3 });
  await page.mouse.up();
  await settle(page);
}
