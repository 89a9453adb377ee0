// The selected galaxies as a table: what the map shows, to be read; sorted by any column, a page at a time.
import { fixed, galaxiesOf, short } from "./colour.js";
import { hasIntervals, lead, lineAt, lineTitles } from "./lines.js";

const $ = (id) => document.getElementById(id);
const perPage = 100;
const shownLines = ["OII_DOUBLET", "HBETA", "OIII_5007", "HALPHA", "NII_6584"];

/** Row numbers of the selection, of all galaxies without one. */
export function rowsOf(app) {
  const { marks } = app.selection,
    out = [];
  for (let i = 0; i < app.galaxies.n; ++i) if (!marks || marks[i]) out.push(i);
  return out;
}

/** Rows by their values, in place; those without a number last, either way; equal ones in the order of the table. */
export function sorted(rows, values, down) {
  const known = (v) => typeof v === "bigint" || Number.isFinite(v),
    sign = down ? -1 : 1;
  return rows.sort((i, j) => {
    const a = values[i],
      b = values[j];
    if (known(a) !== known(b)) return known(a) ? -1 : 1;
    return known(a) && a !== b ? sign * (a < b ? -1 : 1) : i - j;
  });
}

export class GalaxyTable {
  constructor(app) {
    this.app = app;
    $("table-before").addEventListener("click", () => this.turn(-1));
    $("table-after").addEventListener("click", () => this.turn(1));
  }
  /** {group, text, name, value(row), values()}: of each column; what the colours show stands first of the numbers. */
  columns() {
    const { app } = this,
      { galaxies: g, quantity: q } = app,
      line = q.line ?? lead(),
      out = [];
    out.push({
      text: g.ids ? "TARGETID" : "row",
      value: (row) => row.id,
      values: async () => g.ids ?? Array.from({ length: g.n }, (_, i) => i),
    });
    if (q.group !== "Equivalent width" || app.state.mode === "noisy") {
      const { values } = app,
        named = q.classes
          ? (v) => q.classes.find(([k]) => k === v)?.[1] ?? "–"
          : q.line === undefined
            ? short
            : (v) => fixed(v, 2);
      out.push({ text: app.label, value: (row) => named(values[row.i]), values: async () => values });
    }
    if (q.key !== "Z") out.push({ text: "z", value: (row) => fixed(row.z, 4), values: () => g.column("Z") });
    for (const l of new Set([line, ...shownLines.map((name) => lineAt[name]).filter((l) => l !== undefined)])) {
      const add = (text, key, values) =>
        out.push({ group: `${lineTitles[l]} (Å)`, text, value: (row) => fixed(row[key][l], 2), values });
      if (g.about.measured) add("measured", "ew", () => app.quantities.find((one) => one.line === l).get("observed"));
      add("predicted", "predicted", () => g.predicted(l));
      if (hasIntervals(g.columns))
        for (const level of ["P16", "P84"])
          add(`${level.slice(1)} %`, level.toLowerCase(), () => g.predicted(l, `_EW_${level}`));
    }
    return out;
  }
  async open() {
    this.list = this.columns();
    this.rows = rowsOf(this.app);
    this.by = null;
    this.page = 0;
    await this.fill();
    $("table").showModal();
  }
  async sort(k) {
    this.by = { k, down: this.by?.k === k ? !this.by.down : k > 0 };
    sorted(this.rows, await this.list[k].values(), this.by.down);
    this.page = 0;
    await this.fill();
    $("table").querySelectorAll("th button")[k].focus();
  }
  async turn(by) {
    this.page += by;
    await this.fill();
    $("table").querySelector(".scroll").scrollTop = 0;
  }
  async fill() {
    const { rows, list, page, by, app } = this,
      first = page * perPage,
      shown = await Promise.all(rows.slice(first, first + perPage).map((i) => app.galaxies.row(i)));
    const table = document.createElement("table"),
      head = table.createTHead(),
      groups = head.insertRow(),
      names = head.insertRow();
    const header = (tr, text, scope) => {
      const th = document.createElement("th");
      th.scope = scope;
      th.append(text);
      tr.append(th);
      return th;
    };
    list.forEach((column, k) => {
      const same = k > 0 && column.group !== undefined && list[k - 1].group === column.group;
      if (!same && column.group)
        header(groups, column.group, "colgroup").colSpan = list.filter((c) => c.group === column.group).length;
      else if (!same) groups.insertCell();
      const button = document.createElement("button"),
        th = header(names, button, "col");
      button.append(column.text, by?.k === k ? (by.down ? " ↓" : " ↑") : "");
      button.setAttribute("aria-label", `sort by ${column.group ?? ""} ${column.text}`);
      button.addEventListener("click", () => this.sort(k));
      if (by?.k === k) th.setAttribute("aria-sort", by.down ? "descending" : "ascending");
    });
    const body = table.createTBody();
    for (const row of shown) {
      const tr = body.insertRow();
      list.forEach((column, k) => {
        const cell = tr.insertCell();
        if (k) {
          cell.append(column.value(row));
          return;
        }
        const button = document.createElement("button");
        button.textContent = row.id;
        button.addEventListener("click", () => {
          $("table").close();
          app.lock(row.i);
        });
        cell.append(button);
      });
    }
    $("table-title").textContent = `${galaxiesOf(rows.length)}, ${app.selection.marks ? "selected" : "all"}`;
    $("table-page").textContent = rows.length ? `${first + 1} to ${first + shown.length} of ${rows.length}` : "none";
    $("table-before").disabled = page === 0;
    $("table-after").disabled = first + perPage >= rows.length;
    $("table").querySelector(".scroll").replaceChildren(table);
  }
}
