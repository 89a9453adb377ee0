// Where the page's files come from: elements of the page itself (a single file), or the folder beside it. Each is
// fetched once; of large ones only the ranges that are needed, where the server knows ranges.
import { SafeTensors, parseHeader, decode } from "./safetensors.js";

/** The bytes of numbers stand apart by their place in four (src/page/page.cpp): back together. */
function together(buffer, parts) {
  const from = new Uint8Array(buffer),
    out = new Uint8Array(from.length);
  let at = 0;
  for (let part = 0; part < parts; ++part) for (let i = part; i < out.length; i += parts) out[i] = from[at++];
  return out.buffer;
}

/** Five characters, four bytes (src/page/page_bundle.hpp); a last group that is short stands for fewer. */
export function base85(text) {
  const out = new Uint8Array(Math.floor((text.length * 4) / 5));
  for (let i = 0, o = 0; o < out.length; i += 5) {
    let word = 0;
    for (let k = i; k < i + 5; ++k) {
      const c = k < text.length ? text.charCodeAt(k) : 124;
      word = word * 85 + (c === 125 ? 20 : c - 40);
    }
    for (let shift = 24; shift >= 0 && o < out.length; shift -= 8) out[o++] = word >>> shift;
  }
  return out;
}

async function inflate(text) {
  const bytes = base85(text);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}

class Embedded {
  kept;
  progress;
  transferred;
  async range(name, from, to) {
    this.kept ??= new Map();
    if (!this.kept.has(name)) this.kept.set(name, this.whole(name));
    return (await this.kept.get(name)).slice(from, to);
  }
  whole(name) {
    const element = document.querySelector(`script[data-file="${name}"]`);
    if (!element) return Promise.resolve(null);
    const text = element.textContent,
      parts = Number(element.dataset.planes ?? 1);
    element.remove(); // the text is no longer needed: its memory is
    return inflate(text).then((buffer) => (parts > 1 ? together(buffer, parts) : buffer));
  }
}

class Folder {
  folder;
  kept;
  asked;
  progress;
  transferred;
  constructor(folder) {
    Object.assign(this, { folder, transferred: 0, kept: new Map(), asked: new Map() });
  }
  async fetch(path, options) {
    const response = await fetch(path, options).catch((e) => {
      throw location.protocol === "file:"
        ? new Error(
            "this page is a folder of files, which a browser does not read from a disk. Show it with starglow " +
              "explore table.fits --serve 8080, or with any web server in this folder (python3 -m http.server); " +
              "starglow explore --single-file page.html makes a page that opens by a double click.",
          )
        : new Error(`${path}: ${e.message}`);
    });
    if (response.status === 404) return null;
    if (!response.ok) throw new Error(`${path}: the server answers ${response.status}`);
    const bytes = await this.read(response);
    this.transferred += bytes.byteLength;
    return { bytes, partial: response.status === 206 };
  }
  /** The body, with what has come so far told to `progress`. */
  async read(response) {
    const size = Number(response.headers.get("Content-Length"));
    if (!this.progress || response.headers.get("Content-Encoding") || !(size > 1e6) || !response.body)
      return response.arrayBuffer();
    const out = new Uint8Array(size),
      reader = response.body.getReader();
    let at = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (at + value.length > size) throw new Error("the server sends more than it said");
      out.set(value, at);
      at += value.length;
      this.progress(at / size);
    }
    return at === size ? out.buffer : out.slice(0, at).buffer;
  }
  path(name) {
    return name === "kernel.wasm" ? name : this.folder + name;
  }
  async whole(name) {
    return this.kept.get(name) ?? (await this.fetch(this.path(name)))?.bytes ?? null;
  }
  /** Bytes [from, to) of a file; a server without ranges sends all of it, which is then kept. */
  async range(name, from, to) {
    const { kept, asked } = this,
      ask = async () => {
        const answer = await this.fetch(this.path(name), { headers: { Range: `bytes=${from}-${to - 1}` } });
        if (!answer) throw new Error(`${name} is not there`);
        if (!answer.partial) kept.set(name, answer.bytes);
        return answer.bytes;
      };
    let bytes;
    if (asked.has(name)) {
      await asked.get(name).catch(() => {}); // the first request tells whether there is need for more
      if (!kept.has(name)) bytes = await ask();
    } else {
      asked.set(name, ask());
      bytes = await asked.get(name);
    }
    return kept.has(name) ? kept.get(name).slice(from, to) : bytes;
  }
}

export function openSource() {
  const folder = document.querySelector('meta[name="starglow-data"]')?.content;
  return folder ? new Folder(folder) : new Embedded();
}

const wholeLimit = 24 << 20; // bytes: above, columns are read one by one
const firstBytes = 1 << 16;

/** The first `end` bytes of the file, of which `start` is there. */
async function joined(start, source, end) {
  if (end <= start.byteLength) return start;
  const out = new Uint8Array(end);
  out.set(new Uint8Array(start));
  out.set(new Uint8Array(await source.range("galaxies.safetensors", start.byteLength, end)), start.byteLength);
  return out.buffer;
}

/** Tensors of galaxies.safetensors by name, read when asked for. */
export class Columns {
  static async open(source) {
    const columns = new Columns();
    columns.source = source;
    columns.cache = new Map();
    if (source instanceof Folder) {
      let start = await source.range("galaxies.safetensors", 0, firstBytes);
      const need = 8 + Number(new DataView(start).getBigUint64(0, true));
      if (need > firstBytes) start = await source.range("galaxies.safetensors", 0, need);
      columns.header = parseHeader(start);
      // What panels need of every galaxy is read at once; columns of the table wait until one is asked for.
      const end = Math.max(...[...columns.header.tensors].map(([name, t]) => (name.startsWith("column:") ? 0 : t.to)));
      if (end <= wholeLimit) columns.file = new SafeTensors(await joined(start, source, end));
    } else {
      columns.file = new SafeTensors(await source.whole("galaxies.safetensors"));
    }
    columns.header ??= columns.file;
    return columns;
  }
  has(name) {
    return this.header.tensors.has(name);
  }
  /** Are the galaxies' own numbers in memory? */
  get whole() {
    return this.file !== undefined;
  }
  /** One number of a column, without the rest of it. */
  async one(name, i) {
    if (!this.has(name)) return NaN;
    const tensor = this.header.tensors.get(name);
    if (this.cache.has(name) || (this.file && tensor.to <= this.file.buffer.byteLength))
      return (await this.get(name))[i];
    const width = (tensor.to - tensor.from) / tensor.shape[0],
      from = tensor.from + i * width;
    return decode(
      { ...tensor, from, to: from + width },
      await this.source.range("galaxies.safetensors", from, from + width),
      0,
    )[0];
  }
  async get(name) {
    if (!this.cache.has(name)) this.cache.set(name, this.read(name));
    return this.cache.get(name);
  }
  /** Without waiting; only where `whole`, and no column of the table. */
  now(name) {
    this.ready ??= new Map();
    if (!this.ready.has(name)) this.ready.set(name, this.has(name) ? this.file.get(name) : null);
    return this.ready.get(name);
  }
  async read(name) {
    if (!this.has(name)) return null;
    const tensor = this.header.tensors.get(name);
    if (this.file && tensor.to <= this.file.buffer.byteLength) return this.now(name);
    return decode(tensor, await this.source.range("galaxies.safetensors", tensor.from, tensor.to), 0);
  }
}
