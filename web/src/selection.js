// The selection as a list of steps that can be written down and repeated: outline, colour third, filter, range of a
// quantity, box of line ratios; new, add, remove, within.
import { continuumColour, ratios } from "./quantities.js";
import { parseFilter } from "./filter.js";
import { percentiles } from "./colour.js";
import { lineNames } from "./lines.js";
import { notesOf } from "./notes.js";
import { outlineOf, thin } from "./address.js";

const maxSteps = 40;

export class Selection {
  constructor(app) {
    Object.assign(this, { app, steps: [], marks: null, count: 0 });
  }
  clear() {
    this.steps = [];
    this.marks = null;
    this.count = 0;
  }
  /** step: {kind: 'outline', outline} | {kind: 'blue' | 'red'} | {kind: 'filter', text} | {kind: 'range', key, mode,
   * seed, span: [low, high]} | {kind: 'ratios', mode, seed, span: [x0, x1, y0, y1]}; how: new, add, remove, within.
   * Spans hold their ends, which may be infinite. */
  async apply(step, how = "new") {
    // what is selected is what the address tells
    if (step.kind === "outline") step = { ...step, outline: thin(step.outline) };
    const rows = await this.rows(step),
      { n } = this.app.galaxies;
    if (how === "new" || !this.marks) {
      if (how === "remove") return;
      this.marks = new Uint8Array(n);
      this.steps = [];
      how = "new";
    }
    if (how === "within") {
      const both = new Uint8Array(n);
      for (const i of rows) both[i] = this.marks[i];
      this.marks = both;
    } else for (const i of rows) this.marks[i] = how === "remove" ? 0 : 1;
    this.steps.push({ ...step, how });
    this.count = this.marks.reduce((a, b) => a + b, 0);
  }
  async rows(step) {
    const { galaxies, map } = this.app;
    if (step.kind === "outline") return map.grid.inside(step.outline);
    if (step.kind === "filter") return this.filtered(step.text);
    if (step.kind === "range" || step.kind === "ratios") return this.spanned(step);
    const colour = await continuumColour(galaxies),
      [low, high] = percentiles(colour, [1 / 3, 2 / 3]),
      out = [];
    for (let i = 0; i < colour.length; ++i)
      if (step.kind === "blue" ? colour[i] <= low : colour[i] >= high) out.push(i);
    return out;
  }
  async spanned({ kind, key, mode, seed, span }) {
    const { app } = this,
      q = app.quantities.find((one) => one.key === key);
    if (kind === "range" && !q) throw new Error(`nothing here is called '${key}'`);
    if (mode === "noisy" && !app.model) throw new Error("without the model there is no noise");
    const axes = kind === "range" ? [await q.get(mode, seed)] : Object.values(await ratios(app, mode, seed)),
      out = [];
    for (let i = 0; i < app.galaxies.n; ++i)
      if (axes.every((values, k) => values[i] >= span[2 * k] && values[i] <= span[2 * k + 1])) out.push(i);
    return out;
  }
  /** Names that a filter may use, as the table and the predictions have them. */
  names() {
    const { columns, about } = this.app.galaxies,
      out = new Map();
    for (const { name } of about.columns) out.set(name, `column:${name}`);
    for (const name of columns.header.tensors.keys())
      if (!/^(column:|xy$|TARGETID$|RANDOM_ID$)/.test(name)) out.set(name.replace(".", "_"), name);
    for (const { name, bit } of about.flags) if (!out.has(name)) out.set(name, bit);
    out.set("NOTED", null);
    return out;
  }
  /** Values of a name of the filter; NOTED: 1 where this browser keeps a note. */
  async valuesOf(column) {
    const { galaxies } = this.app;
    if (typeof column === "number")
      return Uint8Array.from(await galaxies.columns.get("FLAGS"), (flags) => ((flags & column) !== 0 ? 1 : 0));
    if (column) return galaxies.column(column);
    const out = new Uint8Array(galaxies.n),
      notes = notesOf();
    for (let i = 0; notes.size && i < galaxies.n; ++i) if (notes.has(galaxies.id(i))) out[i] = 1;
    return out;
  }
  async filtered(text) {
    const { test, names } = parseFilter(text),
      known = this.names(),
      values = new Map();
    for (const name of names) {
      const found = known.has(name) ? known.get(name) : known.get(name.toUpperCase());
      if (found === undefined)
        throw new Error(
          `no column '${name}'. There are ${[...known.keys()].slice(0, 8).join(", ")} ... HALPHA_EW_PREDICTED`,
        );
      values.set(name, await this.valuesOf(found));
    }
    const out = [];
    let i = 0;
    const get = (name) => values.get(name)[i];
    // a comparison, or a number that is not zero: NOTED, OUT_OF_DOMAIN, HALPHA_EW
    for (; i < this.app.galaxies.n; ++i) {
      const answer = test(get);
      if (answer && answer === answer) out.push(i);
    }
    return out;
  }
  /** For the address, and back. */
  text() {
    return this.steps
      .slice(-maxSteps)
      .map((s) => {
        const data =
          s.kind === "outline"
            ? s.outline.map((p) => p.join(",")).join(";")
            : s.kind === "filter"
              ? s.text
              : s.span
                ? [encodeURIComponent(s.key ?? ""), s.mode, s.seed, ...s.span].join(",")
                : "";
        return `${s.how}:${s.kind}:${data}`;
      })
      .join("|");
  }
  async restore(text) {
    for (const part of text.split("|").slice(0, maxSteps)) {
      const [how, kind, ...rest] = part.split(":"),
        data = rest.join(":");
      if (!["new", "add", "remove", "within"].includes(how)) continue;
      if (kind === "outline") {
        const outline = outlineOf(data);
        if (outline) await this.apply({ kind, outline }, how);
      }
      if (kind === "blue" || kind === "red") await this.apply({ kind }, how);
      if (kind === "range" || kind === "ratios") {
        const [key, mode, seed, ...span] = data.split(",");
        if (
          ["observed", "predicted", "noisy"].includes(mode) &&
          Number(seed) > 0 &&
          span.length === (kind === "range" ? 2 : 4) &&
          span.every((v) => v !== "" && !Number.isNaN(Number(v)))
        )
          await this.apply(
            { kind, key: decodeURIComponent(key), mode, seed: Math.floor(Number(seed)), span: span.map(Number) },
            how,
          );
      }
      if (kind === "filter") await this.apply({ kind, text: data }, how);
    }
  }
  describe() {
    const what = { blue: "bluest third of the continuum colours", red: "reddest third of the continuum colours" };
    const range = (s) =>
      `${s.key || "log line ratios"} (${s.mode}${s.mode === "noisy" ? `, seed ${s.seed}` : ""}) in ${s.span.join(" ")}`;
    const said = (s) => {
      if (s.span) return range(s);
      if (s.kind === "filter") return `filter ${s.text}`;
      if (s.kind === "outline") return `outline ${s.outline.map((p) => p.join(" ")).join(", ")}`;
      return what[s.kind];
    };
    return this.steps.map((s) => `${s.how}: ${said(s)}`);
  }
}
