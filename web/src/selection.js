// The selection as a list of steps that can be written down and repeated: outline, colour third, filter; new, add, remove.
import { continuumColour } from './quantities.js';
import { parseFilter } from './filter.js';
import { percentiles } from './colour.js';
import { lineNames } from './model.js';
import { outlineOf, thin } from './address.js';

const maxSteps = 12;

export class Selection {
  constructor(app) { Object.assign(this, { app, steps: [], marks: null, count: 0 }); }
  clear() { this.steps = []; this.marks = null; this.count = 0; }
  /** step: {kind: 'outline', outline} | {kind: 'blue' | 'red'} | {kind: 'filter', text}; how: new, add, remove. */
  async apply(step, how = 'new') {
    const rows = await this.rows(step), { n } = this.app.galaxies;
    if (how === 'new' || !this.marks) {
      if (how === 'remove') return;
      this.marks = new Uint8Array(n);
      this.steps = [];
    }
    for (const i of rows) this.marks[i] = how === 'remove' ? 0 : 1;
    this.steps.push({ ...step, how });
    this.count = this.marks.reduce((a, b) => a + b, 0);
  }
  async rows(step) {
    const { galaxies, map } = this.app;
    if (step.kind === 'outline') return map.grid.inside(step.outline);
    if (step.kind === 'filter') return this.filtered(step.text);
    const colour = await continuumColour(galaxies), [low, high] = percentiles(colour, [1 / 3, 2 / 3]), out = [];
    for (let i = 0; i < colour.length; ++i) if (step.kind === 'blue' ? colour[i] <= low : colour[i] >= high) out.push(i);
    return out;
  }
  /** Names that a filter may use, as the table and the predictions have them. */
  names() {
    const { columns, about } = this.app.galaxies, out = new Map();
    for (const { name } of about.columns) out.set(name, `column:${name}`);
    for (const name of columns.header.tensors.keys()) if (!/^(column:|xy$|TARGETID$|RANDOM_ID$)/.test(name)) out.set(name.replace('.', '_'), name);
    return out;
  }
  async filtered(text) {
    const { test, names } = parseFilter(text), known = this.names(), values = new Map();
    for (const name of names) {
      const found = known.get(name) ?? known.get(name.toUpperCase());
      if (!found) throw new Error(`no column '${name}'. There are ${[...known.keys()].slice(0, 8).join(', ')} ... ${lineNames[6]}_EW_PREDICTED`);
      values.set(name, await this.app.galaxies.column(found));
    }
    const out = [];
    let i = 0;
    const get = (name) => values.get(name)[i];
    for (; i < this.app.galaxies.n; ++i) if (test(get) === true) out.push(i);
    return out;
  }
  /** For the address, and back. */
  text() {
    return this.steps.slice(-maxSteps).map((s) => {
      const data = s.kind === 'outline' ? thin(s.outline).map((p) => p.map((v) => Number(v.toPrecision(5))).join(',')).join(';') : s.kind === 'filter' ? s.text : '';
      return `${s.how}:${s.kind}:${data}`;
    }).join('|');
  }
  async restore(text) {
    for (const part of text.split('|').slice(0, maxSteps)) {
      const [how, kind, ...rest] = part.split(':'), data = rest.join(':');
      if (!['new', 'add', 'remove'].includes(how)) continue;
      if (kind === 'outline') { const outline = outlineOf(data); if (outline) await this.apply({ kind, outline }, how); }
      if (kind === 'blue' || kind === 'red') await this.apply({ kind }, how);
      if (kind === 'filter') await this.apply({ kind, text: data }, how);
    }
  }
  describe() {
    const what = { blue: 'bluest third of the continuum colours', red: 'reddest third of the continuum colours' };
    return this.steps.map((s) => `${s.how}: ${s.kind === 'filter' ? `filter ${s.text}` : s.kind === 'outline' ? `outline ${thin(s.outline).map((p) => p.map((v) => v.toPrecision(4)).join(' ')).join(', ')}` : what[s.kind]}`);
  }
}
