// Export, about.
import { figureOf } from "./figure.js";
import { rowsOf } from "./table.js";
import { notesOf } from "./notes.js";
import { galaxiesOf } from "./colour.js";
import { csv, download, ecsv, fits } from "./export.js";
import { hasIntervals, lineNames } from "./lines.js";

const $ = (id) => document.getElementById(id);

/** Columns of the selection: ids as integers, everything that the page knows of each galaxy. */
export async function exportColumns(app) {
  const rows = rowsOf(app),
    { galaxies } = app,
    out = [],
    take = (values) => Float32Array.from(rows, (i) => values[i]);
  out.push({
    name: galaxies.ids ? "TARGETID" : "ROW",
    values: BigInt64Array.from(rows, (i) => (galaxies.ids ? galaxies.ids[i] : BigInt(i))),
  });
  if (galaxies.columns.has("Z")) out.push({ name: "Z", values: take(await galaxies.column("Z")) });
  for (const [line, name] of lineNames.entries()) {
    if (galaxies.about.measured) {
      out.push({ name: `${name}_EW`, unit: "Angstrom", values: take(await galaxies.column(`${name}_EW`)) });
      out.push({ name: `${name}_EW_SIGMA`, unit: "Angstrom", values: take(await galaxies.column(`${name}_EW_SIGMA`)) });
    }
    out.push({ name: `${name}_EW_PREDICTED`, unit: "Angstrom", values: take(await galaxies.predicted(line)) });
    if (hasIntervals(galaxies.columns))
      for (const level of ["P16", "P84"])
        out.push({
          name: `${name}_EW_${level}`,
          unit: "Angstrom",
          half: true,
          values: take(await galaxies.predicted(line, `_EW_${level}`)),
        });
    const noisy = galaxies.noise.get(app.state.seed);
    if (noisy && app.state.mode === "noisy")
      out.push({ name: `${name}_EW_NOISY`, unit: "Angstrom", values: take(noisy[line]) });
  }
  const notes = notesOf(),
    noted = rows.map((i) => notes.get(galaxies.id(i)) ?? "");
  if (noted.some(Boolean)) out.push({ name: "NOTE", values: noted });
  return out;
}

const commandOf = (app) =>
  new Map(app.galaxies.about.provenance).get("ARGV") ?? "starglow explore table.fits --single-file page.html";

export function exportComments(app) {
  const steps = app.selection.describe();
  return [
    `made by starglow ${app.galaxies.about.version}, page of ${app.galaxies.about.title}`,
    `command: ${commandOf(app)}`,
    `view: ${location.hash}`,
    ...(steps.length ? steps.map((s) => `selection, ${s}`) : ["selection: all galaxies"]),
    `model: ${app.galaxies.about.model.hash}`,
  ];
}

/** The address of now into the clipboard; where the browser refuses, to be copied by hand. */
export async function copyLink(app) {
  app.rememberNow();
  try {
    await navigator.clipboard.writeText(location.href);
    app.say("The link to this view is copied.");
  } catch {
    openExport(app);
    app.say("This browser lets no page copy: the link stands in the export, to be copied by hand.");
  }
}

export function openExport(app) {
  app.rememberNow(); // the address that the export names is that of now
  const n = app.selection.marks ? app.selection.count : app.galaxies.n;
  $("export-what").textContent =
    `${galaxiesOf(n)}: identifiers, measured and predicted ` +
    `EWs${app.state.mode === "noisy" ? `, the realisation with noise of seed ${app.state.seed}` : ""}.`;
  const { row, stack, play } = app.panel,
    shown = row
      ? `the spectrum of ${row.id} as it is shown: ${app.panel.measuredSpectrum ? "flux, " : ""}continuum with ` +
        `painted lines`
      : app.stacking && stack
        ? `the stack of ${galaxiesOf(stack.n)}: ${stack.spectrum ? "flux, " : ""}continuum with painted lines`
        : null;
  $("export-spectrum").textContent = shown ?? "a spectrum, when a galaxy or a stack is shown";
  document.querySelector("[data-export=spectrum]").disabled = shown === null;
  openExport.what = [
    shown,
    ...(row && play.active
      ? [`bands as dragged: ${Array.from(play.bands, (f) => f.toPrecision(5)).join(" ")}, z ${play.z}`]
      : []),
    "wavelengths in vacuum",
  ];
  $("command").textContent = `${commandOf(app)}\n\nthen, behind its address: ${location.hash}`;
  if (!openExport.ready) {
    openExport.ready = true;
    for (const button of document.querySelectorAll("[data-export]"))
      button.addEventListener("click", () => save(app, button.dataset.export));
  }
  $("export").showModal();
}
openExport.what = []; // what the files say of the spectrum
openExport.ready = false;

async function save(app, kind) {
  if (kind === "png")
    return /** @type {HTMLCanvasElement} */ (figureOf(app, "png")).toBlob((blob) =>
      download("starglow-map.png", [blob], "image/png"),
    );
  if (kind === "svg")
    return download("starglow-map.svg", [/** @type {string} */ (figureOf(app, "svg"))], "image/svg+xml");
  if (kind === "spectrum") {
    const { row, spectrum } = app.panel,
      name = row ? `spectrum-${row.id.replace(/\W+/g, "-")}` : "stack";
    return download(
      `starglow-${name}.ecsv`,
      [ecsv(spectrum.columns(!row), [...exportComments(app), ...openExport.what])],
      "text/plain",
    );
  }
  const columns = await exportColumns(app),
    comments = exportComments(app);
  const parts =
    kind === "csv" ? [csv(columns, comments)] : kind === "ecsv" ? [ecsv(columns, comments)] : fits(columns, comments);
  return download(`starglow-selection.${kind}`, parts, kind === "fits" ? "application/fits" : "text/plain");
}

export function fillAbout(app) {
  const { about } = app.galaxies,
    box = $("about-text"),
    make = (tag, text) => {
      const e = document.createElement(tag);
      e.textContent = text;
      return e;
    };
  const list = (pairs) => {
    const dl = document.createElement("dl");
    for (const [k, v] of pairs) dl.append(make("dt", k), make("dd", v));
    return dl;
  };
  box.replaceChildren(
    make(
      "p",
      "Each point is a galaxy, placed by the shape of its starlight: near means alike. The equivalent " +
        "width (EW) of a line is the width of starlight beside it, in Å, that gives as much light as the " +
        "line. Colours show an emission line: as measured, as predicted from the starlight alone (the " +
        "median), or as predicted with the scatter between like galaxies and the noise of the measurement. " +
        "Wavelengths are in vacuum, EWs in Å at rest, positive in emission.",
    ),
    make("p", about.map.note),
    make(
      "p",
      "Lines are painted as Gaussians of 150 km/s (sigma) on the continuum between the middles of the " +
        "twelve bands. The diagram of ratios uses EWs, not fluxes; its curves are those of Kauffmann et al. " +
        "2003 (dashed) and Kewley et al. 2001 (solid), its colours those of the map. The number with a " +
        "galaxy and play are computed in this page by the compiled kernel of starglow, with the model " +
        "in half precision.",
    ),
    make(
      "p",
      "A drag with lasso or box on the map, or over a histogram or the diagram of ratios, selects: shift " +
        "adds, alt removes, ctrl keeps what is in both. Stack shows the selected galaxies as one: each " +
        "divided by the mean of its bands, medians and the middle 68 % of the galaxies.",
    ),
    make("h3", "Keys"),
    list([
      ["arrows", "step to the nearest galaxy"],
      ["Enter, Esc", "keep, let go"],
      ["+ − 0", "zoom, whole map"],
      ["1 2 3", "measured, predicted, predicted + noise"],
      ["n", "another noise"],
      ["m", "three maps: measured, predicted, predicted + noise"],
      ["c", "pin the galaxy, to compare"],
      ["w", "the spectrum over the whole width"],
      [
        "on the spectrum",
        "arrows read it, shift and arrows pan, + − zoom, 0 all of it; drag zooms, shift and drag pan, a " +
          "double click shows all",
      ],
      ["v l b", "move, lasso, box; shift adds, alt removes"],
      ["/", "find a TARGETID"],
      ["p", "play"],
      ["s", "the selected galaxies as one"],
      ["t", "table"],
      ["?", "this"],
    ]),
    make("h3", "Notes"),
    ...(about.notes.length ? about.notes : ["none"]).map((n) => make("p", n)),
    make("h3", "Provenance"),
    list(about.provenance ?? []),
  );
  $("about").showModal();
}
