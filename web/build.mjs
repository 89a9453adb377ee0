// Builds web/dist: one classic script, one style sheet, the page's template, the kernel as it is given.
// .venv/bin/node web/build.mjs [kernel.wasm]; without a kernel the one in dist stays.
import { build } from "esbuild";
import { copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = process.env.STARGLOW_DIST ?? here("dist");
const common = {
  bundle: true,
  minify: true,
  legalComments: "inline",
  charset: "utf8",
  target: ["chrome110", "firefox115", "safari16.4"],
  logLevel: "warning",
  absWorkingDir: here("."),
};
await build({ ...common, entryPoints: [here("src/main.js")], outfile: `${out}/page.js`, format: "iife" });
await build({ ...common, entryPoints: [here("src/page.css")], outfile: `${out}/page.css` });
copyFileSync(here("src/index.html"), `${out}/index.html`);
if (process.argv[2]) copyFileSync(process.argv[2], `${out}/kernel.wasm`);
