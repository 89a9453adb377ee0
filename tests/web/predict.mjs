// The page's model, run in node: node predict.mjs kernel.wasm model.safetensors < rows.json > answers.json
// rows: [{bands: [12, null = missing], z, id: "text", ew: [10], sigma: [10] or null}], {draws, seed}, the lines of the
// page, and given: lists of numbers of lines, for each of which the rows are answered given their own ew and sigma.
import fs from "node:fs";
import { setLines } from "../../web/src/lines.js";
import { Kernel } from "../../web/src/kernel.js";
import { Model } from "../../web/src/model.js";
import { SafeTensors } from "../../web/src/safetensors.js";

const [, , wasm, path] = process.argv;
const bytes = fs.readFileSync(path);
const file = new SafeTensors(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
const { rows, draws, seed, table, lines, given } = JSON.parse(fs.readFileSync(0));
setLines(lines);
const model = new Model(await Kernel.load(fs.readFileSync(wasm)), file, table);
const number = (v) => v ?? NaN;
const answers = rows.map(({ bands, z, id, sigma }) => {
  const flux = Float64Array.from(bands, number),
    p = model.predict(flux, number(z));
  if (!p) return null;
  const out = {
    ew: [...p.ew],
    p16: p.p16 && [...p.p16],
    p84: p.p84 && [...p.p84],
    outside: model.outside(flux, number(z)),
  };
  let intrinsic = p.ew;
  if (p.distribution) {
    out.draws = [...model.draws(p.distribution, draws, seed, BigInt(id))];
    intrinsic = model.spread(model.draws(p.distribution, 1, seed, BigInt(id)));
  }
  out.noisy = [...model.addNoise(intrinsic, flux, number(z), (line) => number(sigma?.[line]), seed, BigInt(id))];
  return out;
});
const answersGiven = given.map((known) =>
  rows.map(({ bands, z, ew, sigma }) => {
    const flux = Float64Array.from(bands, number),
      held = new Map(known.map((line) => [line, { ew: number(ew[line]), sigma: number(sigma[line]) }])),
      p = model.predict(flux, number(z), held);
    return p && { ew: [...p.ew], p16: [...p.p16], p84: [...p.p84] };
  }),
);
const start = performance.now();
let repeats = 0;
for (; performance.now() - start < 200; ++repeats)
  model.predict(Float64Array.from(rows[0].bands, number), number(rows[0].z));
console.log(JSON.stringify({ answers, answersGiven, ms_per_prediction: (performance.now() - start) / repeats }));
