// What leaves the page: the selection as CSV, ECSV or FITS with TARGETIDs as integers, and pictures.

export function download(name, parts, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const text = (v) =>
  typeof v === "bigint"
    ? v.toString()
    : typeof v === "string"
      ? quoted(v.replace(/\s+/g, " "))
      : Number.isNaN(v)
        ? ""
        : String(v);
/** The shortest text that reads back as the same number: of single precision, or of the half that a column was kept
 * in. */
export function shortest(v, half) {
  if (Number.isNaN(v)) return "";
  if (half) return String(Number(v.toPrecision(4)));
  for (let digits = 6; digits < 9; ++digits) {
    const tried = Number(v.toPrecision(digits));
    if (Math.fround(tried) === v) return String(tried);
  }
  return String(Number(v.toPrecision(9)));
}
const entry = (c, i) => (c.values instanceof Float32Array ? shortest(c.values[i], c.half) : text(c.values[i]));
const quoted = (name) => (/[",\n\r#]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);

/** columns: [{name, unit, half (kept in half precision), values (BigInt64Array, Float32Array, Float64Array but for
 * FITS, or an array of strings)}]; comments: lines. */
export function csv(columns, comments) {
  const lines = comments.map((c) => `# ${c.replace(/[\r\n]+/g, " ")}`);
  lines.push(columns.map((c) => quoted(c.name)).join(","));
  for (let i = 0; i < (columns[0]?.values.length ?? 0); ++i) lines.push(columns.map((c) => entry(c, i)).join(","));
  return lines.join("\n") + "\n";
}

/** Enhanced CSV 1.0 (APE 6), as astropy reads it. */
export function ecsv(columns, comments) {
  const yaml = (s) => JSON.stringify(s); // a JSON string is a YAML string
  const head = ["%ECSV 1.0", "---", "delimiter: ','", "datatype:"];
  const type = ({ values }) => {
    if (values instanceof BigInt64Array) return "int64";
    if (Array.isArray(values)) return "string";
    return values instanceof Float64Array ? "float64" : "float32";
  };
  for (const c of columns)
    head.push(`- {name: ${yaml(c.name)}, ${c.unit ? `unit: ${yaml(c.unit)}, ` : ""}datatype: ${type(c)}}`);
  head.push("meta: !!omap", "- comments:", ...comments.map((c) => `  - ${yaml(c)}`), "schema: astropy-2.0");
  const rows = [columns.map((c) => quoted(c.name)).join(",")];
  for (let i = 0; i < (columns[0]?.values.length ?? 0); ++i) rows.push(columns.map((c) => entry(c, i)).join(","));
  return head.map((l) => `# ${l}`).join("\n") + "\n" + rows.join("\n") + "\n";
}

const ascii = (s) => s.replace(/[^ -~]/g, "?");
function card(key, value, comment = "") {
  const body =
    typeof value === "string"
      ? `'${ascii(value).replaceAll("'", "''").slice(0, 66).padEnd(8)}'`
      : typeof value === "boolean"
        ? (value ? "T" : "F").padStart(20)
        : String(value).padStart(20);
  return `${key.padEnd(8)}= ${body}${comment ? ` / ${comment}` : ""}`.slice(0, 80).padEnd(80);
}
function block(cards) {
  const all = [...cards, "END".padEnd(80)].join("");
  return new TextEncoder().encode(all.padEnd(Math.ceil(all.length / 2880) * 2880));
}

/** FITS binary table GALAXIES: [header, header, data] as byte arrays. */
export function fits(columns, comments) {
  const n = columns[0]?.values.length ?? 0,
    strings = columns.map((c) => (Array.isArray(c.values) ? c.values.map((v) => ascii(v.replace(/\s+/g, " "))) : null));
  const widths = columns.map((c, k) =>
      strings[k] ? Math.max(1, ...strings[k].map((v) => v.length)) : c.values instanceof BigInt64Array ? 8 : 4,
    ),
    width = widths.reduce((a, b) => a + b, 0);
  const primary = block([card("SIMPLE", true), card("BITPIX", 8), card("NAXIS", 0), card("EXTEND", true)]);
  const cards = [
    card("XTENSION", "BINTABLE"),
    card("BITPIX", 8),
    card("NAXIS", 2),
    card("NAXIS1", width),
    card("NAXIS2", n),
    card("PCOUNT", 0),
    card("GCOUNT", 1),
    card("TFIELDS", columns.length),
    card("EXTNAME", "GALAXIES"),
  ];
  columns.forEach((c, k) => {
    cards.push(
      card(`TTYPE${k + 1}`, c.name),
      card(`TFORM${k + 1}`, strings[k] ? `${widths[k]}A` : c.values instanceof BigInt64Array ? "K" : "E"),
    );
    if (c.unit) cards.push(card(`TUNIT${k + 1}`, c.unit));
  });
  for (const c of comments)
    for (let at = 0; at < Math.max(c.length, 1); at += 70)
      cards.push(`HISTORY ${ascii(c.slice(at, at + 70))}`.padEnd(80));
  const data = new DataView(new ArrayBuffer(Math.ceil((n * width) / 2880) * 2880));
  for (let i = 0, at = 0; i < n; ++i)
    columns.forEach((c, k) => {
      if (strings[k]) for (let p = 0; p < widths[k]; ++p) data.setUint8(at + p, strings[k][i].charCodeAt(p) || 32);
      else if (c.values instanceof BigInt64Array) data.setBigInt64(at, c.values[i]);
      else data.setFloat32(at, c.values[i]);
      at += widths[k];
    });
  return [primary, block(cards), new Uint8Array(data.buffer)];
}
