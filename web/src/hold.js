// Lines that are held in play: what is known of them, and the others follow (condition.js).
import { fixed } from "./colour.js";
import { lineTitles } from "./lines.js";

const $ = (id) => document.getElementById(id);
const most = 6; // asinh of an EW in A: where the slider ends
const step = 0.01;

export class Held {
  /** start(line): {ew, sigma} of a line that is held from now on; on(): called after each change. */
  constructor(start, on) {
    this.start = start;
    this.on = on;
    this.given = new Map();
    $("hold").addEventListener("change", (e) => {
      const line = Number(e.target.value);
      if (e.target.value !== "") this.hold(line);
      $("held").querySelector(`[data-line="${line}"] input`)?.focus();
    });
    this.fill();
  }
  hold(line, known = this.start(line)) {
    this.given.set(line, known);
    this.fill();
    this.on();
  }
  release(line) {
    this.given.delete(line);
    this.fill();
    this.on();
    $("hold").focus();
  }
  clear() {
    if (!this.given.size) return;
    this.given.clear();
    this.fill();
  }
  /** The lines that are held, in words. */
  get words() {
    return [...this.given]
      .map(([line, { ew, sigma }]) => `${lineTitles[line]} = ${fixed(ew, 2)} ± ${fixed(sigma, 2)} Å`)
      .join(", ");
  }
  fill() {
    $("hold").replaceChildren(
      new Option("a line…", ""),
      ...lineTitles.flatMap((title, line) => (this.given.has(line) ? [] : [new Option(title, String(line))])),
    );
    $("held").replaceChildren(...[...this.given.keys()].map((line) => this.row(line)));
  }
  row(line) {
    const one = this.given.get(line),
      title = lineTitles[line],
      row = document.createElement("div"),
      field = (type, name, attributes) => {
        const input = document.createElement("input");
        Object.assign(input, { type, ...attributes });
        input.setAttribute("aria-label", `${name} of ${title}`);
        return input;
      };
    row.dataset.line = String(line);
    const slider = field("range", "EW (Å)", { min: "0", max: String(most), step: String(step) }),
      number = field("text", "EW in Å", { inputMode: "decimal", size: 6 }),
      error = field("text", "error of the EW in Å", { inputMode: "decimal", size: 6 }),
      away = document.createElement("button");
    const show = () => {
      slider.value = String(Math.asinh(Math.max(one.ew, 0)));
      slider.setAttribute("aria-valuetext", `${fixed(one.ew, 2)} Å`);
      number.value = one.ew.toFixed(2);
      error.value = one.sigma.toFixed(2);
    };
    slider.addEventListener("input", () => {
      one.ew = Math.sinh(Number(slider.value));
      show();
      this.on();
    });
    const typed = (input, key, allowed) =>
      input.addEventListener("change", () => {
        const value = Number(input.value);
        if (input.value.trim() !== "" && allowed(value)) one[key] = value;
        show();
        this.on();
      });
    typed(number, "ew", Number.isFinite);
    typed(error, "sigma", (v) => v > 0 && Number.isFinite(v));
    away.type = "button";
    away.textContent = "×";
    away.className = "link";
    away.setAttribute("aria-label", `Let ${title} go`);
    away.addEventListener("click", () => this.release(line));
    const name = document.createElement("b");
    name.textContent = title;
    row.append(name, slider, number, "±", error, "Å", away);
    show();
    return row;
  }
}
