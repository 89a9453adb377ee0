// The galaxies: columns for the map, rows for the panels, and the realisations of noise.
import { Columns } from "./source.js";
import { doublets, lineNames, partnerOf, setLines } from "./lines.js";
import { nBands } from "./model.js";
import { noisyOfAll } from "./noise.js";

const rowBlock = 128; // rows a request, where rows are read one by one
const powers = Float64Array.from({ length: 256 }, (_, c) => 10 ** ((c - 1) / 40));

export class Galaxies {
  static async open(source) {
    const g = new Galaxies();
    g.source = source;
    g.columns = await Columns.open(source);
    g.about = JSON.parse(g.columns.header.metadata.page);
    setLines(g.about.lines);
    g.model_ratio = doublets.map(([, , , ratio]) => ratio); // until a model says its own
    g.n = g.about.n;
    g.xy = await g.columns.get("xy");
    g.ids = await g.columns.get("TARGETID");
    g.noise = new Map();
    g.rows = new Map();
    return g;
  }
  id(i) {
    return this.ids ? this.ids[i].toString() : `row ${i}`;
  }
  /** What the random numbers of galaxy i go by: the id together with survey and program where the table has those. */
  randomId(i) {
    return this.random?.[i] ?? (this.ids ? this.ids[i] : BigInt(i));
  }
  /** Row of an id written as text, or -1. Ids never go through a number. */
  find(text) {
    let wanted;
    try {
      wanted = BigInt(text.trim() || "none"); // an empty text is no 0
    } catch {
      return -1;
    }
    if (!this.ids) return wanted >= 0n && wanted < BigInt(this.n) ? Number(wanted) : -1;
    if (wanted !== BigInt.asIntN(64, wanted)) return -1;
    return this.ids.indexOf(wanted);
  }
  async column(name) {
    return (await this.columns.get(name)) ?? new Float32Array(this.n).fill(NaN);
  }

  async predicted(line, suffix = "_EW_PREDICTED") {
    const { strong: source, d } = partnerOf(line) ?? { strong: line };
    const values = await this.column(lineNames[source] + suffix);
    return d === undefined ? values : values.map((v) => v / this.model_ratio[d]);
  }

  /** What the panels show of galaxy i. */
  async row(i) {
    let row = this.rows.get(i);
    if (!row) {
      row = this.columns.whole
        ? this.makeRow(i, (name) => this.columns.now(name)?.[i] ?? NaN)
        : (await this.fetchRows(Math.floor(i / rowBlock)))[i % rowBlock];
      if (this.rows.size > 5000) this.rows.clear();
      this.rows.set(i, row);
    }
    return row;
  }
  /** Rows of the galaxies `wanted`; where rows come in blocks, of every one of `chosen` (ascending) that came with
   * them. */
  async someRows(wanted, chosen) {
    if (this.columns.whole) return Promise.all(wanted.map((i) => this.row(i)));
    const blocks = [...new Set(wanted.map((i) => Math.floor(i / rowBlock)))],
      marked = new Set(chosen);
    return (await Promise.all(blocks.map((b) => this.fetchRows(b)))).flat().filter((row) => marked.has(row.i));
  }
  async fetchRows(block) {
    const fields = this.about.row_fields,
      size = fields.length * 4,
      first = block * rowBlock,
      out = [];
    const bytes = await this.source.range("rows.bin", first * size, Math.min(first + rowBlock, this.n) * size);
    const flags = await this.columns.get("FLAGS"),
      values = new Float32Array(bytes);
    for (let r = 0; r * fields.length < values.length; ++r) {
      const at = new Map(fields.map((name, k) => [name, values[r * fields.length + k]]));
      out.push(this.makeRow(first + r, (name) => (name === "FLAGS" ? flags[first + r] : (at.get(name) ?? NaN))));
      this.rows.set(first + r, out[r]);
    }
    return out;
  }
  makeRow(i, get) {
    const line = (suffix, l) => {
      const { strong: source, d } = partnerOf(l) ?? { strong: l };
      return get(lineNames[source] + suffix) / (d === undefined ? 1 : this.model_ratio[d]);
    };
    const all = (suffix) => lineNames.map((_, l) => line(suffix, l));
    return {
      i,
      id: this.id(i),
      z: get("Z"),
      flags: get("FLAGS"),
      bands: Float64Array.from({ length: nBands }, (_, b) => get(`BAND_FLUX.${b}`)),
      ew: lineNames.map((name) => get(`${name}_EW`)),
      sigma: lineNames.map((name) => get(`${name}_EW_SIGMA`)),
      predicted: all("_EW_PREDICTED"),
      p16: all("_EW_P16"),
      p84: all("_EW_P84"),
    };
  }

  /** Measured spectrum of a galaxy at rest: {wave, flux, sigma (NaN = masked), continuum or null}, or null. */
  async spectrum(row) {
    if (!this.about.spectra) return null;
    const index = (await this.columns.get("SPECTRUM"))[row.i];
    if (index < 0) return null;
    this.spectra ??= new Map();
    if (!this.spectra.has(row.i)) {
      const grid = await this.columns.get("WAVE"),
        { pixels } = this.about.spectra;
      const size = Math.ceil((8 + (grid ? 0 : 4 * pixels) + 5 * pixels) / 4) * 4;
      const bytes = await this.source.range("spectra.bin", index * size, (index + 1) * size),
        head = new Float32Array(bytes, 0, 2);
      const at = 8 + (grid ? 0 : 4 * pixels),
        observed = grid ?? new Float32Array(bytes, 8, pixels);
      const made = (f) => {
        const out = new Float64Array(pixels);
        for (let p = 0; p < pixels; ++p) out[p] = f(p);
        return out;
      };
      const scaled = (offset, scale) => {
        const steps = new Int16Array(bytes, at + offset, pixels);
        return made((p) => (steps[p] === -32768 ? NaN : steps[p] * scale));
      };
      const codes = new Uint8Array(bytes, at + 4 * pixels, pixels),
        stretch = 1 + (row.z > -1 ? row.z : 0);
      const continuum = scaled(2 * pixels, head[1]),
        flux = scaled(0, head[0]);
      // A spectrum shorter than others of its file ends where its numbers end.
      let last = pixels;
      while (last > 2 && Number.isNaN(flux[last - 1]) && codes[last - 1] === 0) --last;
      const cut = (values) => (last < pixels ? values.slice(0, last) : values);
      if (this.spectra.size > 400) this.spectra.clear();
      this.spectra.set(row.i, {
        wave: cut(made((p) => observed[p] / stretch)),
        flux: cut(flux),
        continuum: continuum.some(Number.isFinite) ? cut(continuum) : null,
        sigma: cut(made((p) => (codes[p] ? head[0] * powers[codes[p]] : NaN))),
      });
    }
    return this.spectra.get(row.i);
  }

  /** Predicted + noise of all galaxies for a seed, as predict --noise --seed: a Float32Array a line. bytes: what
   * workers need, or null; `progress` gets the share done. */
  async noisy(seed, model, bytes, /** @type {(share: number) => void} */ progress = () => {}) {
    if (this.noise.has(seed)) return this.noise.get(seed);
    const named = (names) => Promise.all(names.map((name) => this.column(name)));
    const all = {
      flux: await named(Array.from({ length: nBands }, (_, b) => `BAND_FLUX.${b}`)),
      z: await this.column("Z"),
      sigmas: await Promise.all(lineNames.map((name) => this.columns.get(`${name}_EW_SIGMA`))),
      ids: this.random ?? this.ids ?? BigInt64Array.from({ length: this.n }, (_, i) => BigInt(i)),
      points: model.joint ? null : await Promise.all(lineNames.map((_, line) => this.predicted(line))),
    };
    const out = await noisyOfAll(model, bytes, all, this.n, seed, progress);
    if (this.noise.size >= 3) this.noise.delete(this.noise.keys().next().value);
    this.noise.set(seed, out);
    return out;
  }
}
