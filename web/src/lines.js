// The lines as the program knows them: its table travels with the data of each page (src/page/page_data.cpp) and fills
// these lists before anything is drawn.

/** Names of the columns. @type {string[]} */
export const lineNames = [];
/** Names as papers have them, by the wavelengths in air: "[O III] 5007". @type {string[]} */
export const lineTitles = [];
/** As a voice reads them. @type {string[]} */
export const lineWords = [];
/** Numbers of the lines in the program's table, which their noise is drawn by. @type {number[]} */
export const lineRows = [];
/** Wavelengths in vacuum (A). @type {number[]} */
export const lineWave = [];
/** Place of a line in these lists, by its name. @type {Record<string, number>} */
export const lineAt = {};
/** The lines that the model predicts on their own; the weak members of the doublets follow. @type {number[]} */
export const independent = [];
/** The weak members: [weak, strong, key of the ratio of their EWs in a model, that ratio where it has none].
 * @type {[number, number, string, number][]} */
export const doublets = [];
/** Components of a line: [wavelength, share of its flux]; those of a line that is two are drawn with equal shares.
 * @type {[number, number][][]} */
export const components = [];
/** Marks of the lines: [wavelength, what stands over it in a whole spectrum, on which side].
 * @type {[number, string?, string?][]} */
export const marks = [];
/** {label, lines, centre, half width (A)}
 * @type {{ label: string, lines: number[], centre: number, half: number }[]} */
export const zooms = [];

// Where there is room for names over a whole spectrum.
const over = {
  OII_DOUBLET: "center",
  HGAMMA: "center",
  HBETA: "right",
  OIII_5007: "left",
  HALPHA: "right",
  SII_6731: "left",
};
const zoomed = [["OII_DOUBLET"], ["HBETA"], ["OIII_5007"], ["HALPHA"], ["NII_6584"], ["SII_6716", "SII_6731"]];
const besides = ["HGAMMA", "OIII_4959", "NII_6548"]; // without a zoom, where there are others
const greek = { α: "alpha", β: "beta", γ: "gamma", δ: "delta" };

/** The line that stands for all where one is wanted: Halpha, or the first that the model has. */
export const lead = () => lineAt.HALPHA ?? independent[0];
/** Lines that are read aloud. */
export const told = () => {
  const usual = [lineAt.HALPHA, lineAt.OIII_5007].filter((line) => line !== undefined);
  return usual.length ? usual : independent.slice(0, 2);
};
/** Whether a table holds intervals of the predictions. columns: {has(name)}. */
export const hasIntervals = (columns) => columns.has(`${lineNames[independent[0]]}_EW_P16`);
/** A line's strong partner: that line and the number of their ratio, or null for a line that stands alone. */
export function partnerOf(line) {
  const d = doublets.findIndex(([weak]) => weak === line);
  return d < 0 ? null : { strong: doublets[d][1], d };
}

/** The lines of the model: [{name, row, title, wave, parts?: [wavelengths], strong?, ew_ratio?}]. */
export function setLines(table) {
  for (const list of [lineNames, lineRows, lineTitles, lineWords, lineWave, independent, doublets, components, marks])
    list.length = 0;
  zooms.length = 0;
  for (const name of Object.keys(lineAt)) delete lineAt[name];
  table.forEach(({ name, row, title, wave, parts, strong, ew_ratio }, line) => {
    lineAt[name] = line;
    lineNames.push(name);
    lineRows.push(row);
    lineTitles.push(title);
    lineWords.push(title.replace(/[[\]]/g, "").replace(/^H(.)$/, (_, letter) => `H ${greek[letter] ?? letter}`));
    lineWave.push(wave);
    components.push(parts ? parts.map((w) => [w, 1 / parts.length]) : [[wave, 1]]);
    marks.push(over[name] ? [wave, title.replace(/ \d+$/, ""), over[name]] : [wave]);
    if (strong) doublets.push([line, table.findIndex((l) => l.name === strong), `ew_ratio_${name}`, ew_ratio]);
    else independent.push(line);
  });
  const known = [...zoomed.flat(), ...besides],
    others = lineNames.filter((name) => !known.includes(name)).map((name) => [name]);
  for (const names of [...zoomed, ...others]) addZoom(names);
  if (!zooms.length) for (const name of lineNames) addZoom([name]);
}

function addZoom(names) {
  const lines = names.map((name) => lineAt[name]).filter((line) => line !== undefined),
    [first, ...others] = lines.map((line) => lineTitles[line]);
  if (!lines.length) return;
  zooms.push({
    label: [first, ...others.map((title) => title.split(" ").at(-1))].join(", "),
    lines,
    centre: lines.reduce((sum, line) => sum + lineWave[line], 0) / lines.length,
    half: lines.length > 1 ? 20 : 15,
  });
}
