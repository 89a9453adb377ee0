// Two or three galaxies that are compared: their light behind the one that is shown, their lines in a table, rings on
// the map.
import { fixed, short } from "./colour.js";
import { lineTitles } from "./lines.js";
import { pointOf } from "./ratio_diagram.js";

const $ = (id) => document.getElementById(id);
export const pinsMost = 3;
const colours = { light: ["#b8480f", "#7a3fb0", "#1f6f3a"], dark: ["#ff9a5c", "#c79bff", "#7fd49a"] };
const shown = [6, 4, 0];

export class Pins {
  constructor(app) {
    this.app = app;
    this.list = []; // {row, spectrum}
  }
  get rows() {
    return this.list.map((pin) => pin.row.i);
  }
  get colours() {
    return colours[document.documentElement.dataset.theme === "dark" ? "dark" : "light"];
  }
  has(i) {
    return this.rows.includes(i);
  }
  async toggle(i) {
    if (this.has(i)) this.list = this.list.filter((pin) => pin.row.i !== i);
    else {
      const { galaxies } = this.app,
        row = await galaxies.row(i),
        spectrum = await galaxies.spectrum(row);
      // the oldest makes room
      this.list = [...this.list, { row, spectrum }].slice(-pinsMost);
    }
    this.changed();
  }
  async set(rows) {
    this.list = [];
    for (const i of rows.slice(0, pinsMost)) await this.toggle(i);
    this.changed();
  }
  changed() {
    const { app } = this;
    app.map.pins = this.list.map(({ row }, k) => ({ i: row.i, colour: this.colours[k] }));
    app.map.drawOverlay();
    this.fill();
    if (app.panel.row) app.panel.draw();
    app.remember(true);
  }
  /** For the spectrum: those other than the one that is shown. */
  compared(i) {
    return this.list.map((pin, k) => ({ ...pin, colour: this.colours[k] })).filter((pin) => pin.row.i !== i);
  }
  get points() {
    return this.list.map(({ row }, k) => ({
      point: pointOf(row.ew),
      colour: this.colours[k],
    }));
  }
  fill() {
    const box = $("pins");
    box.hidden = this.list.length === 0;
    const button = $("pin"),
      i = this.app.panel.row?.i ?? -1;
    button.setAttribute("aria-pressed", String(this.has(i)));
    button.textContent = this.has(i) ? "Unpin" : "Pin";
    if (box.hidden) return;
    const table = document.createElement("table"),
      head = table.createTHead().insertRow(),
      body = table.createTBody();
    for (const text of ["compared with", "z", ...shown.map((line) => `${lineTitles[line]} (Å)`)]) {
      const th = document.createElement("th");
      th.scope = "col";
      th.textContent = text;
      head.append(th);
    }
    head.insertCell();
    this.list.forEach(({ row }, k) => {
      const tr = body.insertRow(),
        go = document.createElement("button"),
        away = document.createElement("button");
      go.textContent = row.id;
      go.className = "link";
      go.style.setProperty("--c", this.colours[k]);
      go.addEventListener("click", () => this.app.lock(row.i));
      away.textContent = "×";
      away.className = "link";
      away.setAttribute("aria-label", `Unpin ${row.id}`);
      away.addEventListener("click", () => this.toggle(row.i));
      tr.insertCell().append(go);
      tr.insertCell().append(fixed(row.z, 4));
      for (const line of shown)
        tr.insertCell().append(
          `${Number.isFinite(row.ew[line]) ? short(row.ew[line]) : "–"} | ${short(row.predicted[line])}`,
        );
      tr.insertCell().append(away);
    });
    const note = document.createElement("p");
    note.className = "soft";
    note.textContent = "EWs: measured | predicted. Their light is drawn at the level of the galaxy that is shown.";
    box.replaceChildren(table, note);
  }
}
