// The panel of one galaxy: spectrum, zooms, lines, neighbours; and play.
import { bptLines, hasRatios, pointOf, ratio } from "./ratio_diagram.js";
import { drawLines } from "./charts.js";
import { decimalsOf, fixed, measured, short } from "./colour.js";
import { independent, lead, lineAt, lineTitles, lineWords, told, zooms } from "./lines.js";
import { Held } from "./hold.js";
import { keepNote, noteOn } from "./notes.js";
import { Play } from "./play.js";
import { placeFinder } from "./place.js";
import { fillSky, skyOf } from "./sky.js";
import { SpectrumPanel } from "./spectrum.js";
import { showStack } from "./stack_panel.js";

const $ = (id) => document.getElementById(id);
const k_draws = 160;

export class GalaxyPanel {
  constructor(app) {
    this.app = app;
    this.spectrum = new SpectrumPanel($("spectrum"), $("zooms"), $("readout"), app.colours);
    this.spectrum.on = () => this.play.place();
    new ResizeObserver(() => this.lines()).observe($("lines"));
    this.play = new Play(
      $("spectrum"),
      () => this.spectrum.plots[0],
      () => this.playChanged(),
    );
    this.held = new Held(
      (line) => this.known(line),
      () => this.playChanged(),
    );
    $("rest").addEventListener("change", (e) => {
      this.setRest(e.target.checked);
      app.remember();
    });
    $("tilt").addEventListener("input", (e) => {
      this.play.tilt(Number(e.target.value));
      this.play.place();
    });
    $("redshift").addEventListener("input", (e) => {
      this.play.z = Number(e.target.value);
      this.playChanged();
    });
    $("play-reset").addEventListener("click", () => {
      $("tilt").value = 0;
      $("redshift").value = this.row.z;
      this.frame();
      this.held.clear();
      this.play.reset(this.row.z);
    });
    $("try-z").addEventListener("input", () => this.tryRedshift());
    $("note").addEventListener("input", (e) => {
      keepNote(this.row.id, e.target.value);
    });
  }
  setRest(rest) {
    this.spectrum.setRest(rest);
    this.label();
    this.play.place();
  }
  /** Shows galaxy i; of galaxies asked for in quick succession only the last is drawn. -1: the stack, or the galaxy
   * that the page opens with. */
  async show(i) {
    const { app } = this;
    if (i < 0 && !app.stacking) i = app.map.home ?? -1;
    if (this.play.active && this.row && this.row.i !== i) this.stopPlay();
    this.wanted = i;
    if (i < 0) {
      this.row = this.stack = null;
      app.ratios.draw({});
      app.mark();
    }
    if (i < 0 && app.stacking) return this.showStack();
    $("empty").hidden = i >= 0;
    $("galaxy").hidden = i < 0;
    $("galaxy").classList.remove("stack");
    if (i < 0) return;
    const row = await this.app.galaxies.row(i);
    if (this.wanted !== i) return;
    const spectrum = await this.app.galaxies.spectrum(row);
    if (this.wanted !== i) return;
    this.measuredSpectrum = spectrum;
    const start = performance.now();
    this.row = row;
    this.app.mark();
    const { model } = this.app,
      stored = Number.isFinite(row.predicted[lead()]);
    const live = model?.joint ? model.predict(row.bands, row.z) : null;
    this.prediction = stored
      ? {
          ew: row.predicted,
          p16: Number.isFinite(row.p16[lead()]) ? row.p16 : null,
          p84: Number.isFinite(row.p16[lead()]) ? row.p84 : null,
          distribution: live?.distribution,
        }
      : null;
    this.noisyOf = await this.realisation(row);
    if (this.wanted !== i) return;
    this.draw();
    await null; // uPlot draws in the microtask after its data
    this.app.lastHover = performance.now() - start;
  }
  /** In place of a galaxy: the selected ones (or all) as one. */
  showStack() {
    return showStack(this);
  }
  /** The EWs of one realisation with noise, where that is what the map shows. */
  async realisation(row) {
    const { mode, seed } = this.app.state;
    if (mode !== "noisy") return null;
    if (row.noisy) return row.noisy;
    return (await this.app.noise(seed)).map((values) => values[row.i]);
  }
  get noisy() {
    if (this.row.noisy) return this.app.state.mode === "noisy" ? this.row.noisy : null;
    const all = this.app.state.mode === "noisy" ? this.app.galaxies.noise.get(this.app.state.seed) : null;
    return all ? all.map((values) => values[this.row.i]) : null;
  }
  lines() {
    if (this.shownLines && $("lines").clientWidth) drawLines($("lines"), this.shownLines, this.app.colours);
  }
  draw() {
    const { row, prediction, app } = this;
    if (!row) return;
    const played = this.play.active ? this.played : null;
    this.spectrum.show(row, prediction, {
      spectrum: this.measuredSpectrum,
      play: this.play.active ? { bands: this.play.bands, prediction: this.played } : null,
      fixed: this.fixed,
      compared: app.pins.compared(row.i),
      noisy: played ? null : this.noisy,
    });
    queueMicrotask(() => this.play.place()); // after uPlot has its scales
    const shown = played ?? prediction;
    this.captions(shown);
    this.shownLines = {
      observed: row.ew,
      low: row.ew.map((v, l) => v - row.sigma[l]),
      high: row.ew.map((v, l) => v + row.sigma[l]),
      prediction: shown,
      noisy: played ? null : this.noisy,
      before: played ? prediction : null,
      held: played ? this.held.given : null,
    };
    this.lines();
    app.ratios.draw({
      observed: pointOf(row.ew),
      predicted: pointOf(shown?.ew),
      cloud: this.cloud(shown),
      pins: app.pins.points,
    });
    if (this.named !== row.i) this.words();
    this.keys();
  }
  /** Over each zoom: the EW of each of its lines, with its interval. */
  captions(shown) {
    zooms.forEach((zoom, k) => {
      const words = zoom.lines.map((line) => {
        const ew = shown?.ew[line];
        if (!Number.isFinite(ew)) return "";
        if (!shown.p16) return short(ew);
        const half = (shown.p84[line] - shown.p16[line]) / 2,
          by = (v) => fixed(v, half > 0 ? decimalsOf(half) : 2);
        return zoom.lines.length > 1
          ? `${measured(ew, half)} ±${by(half)}`
          : `${measured(ew, half)} +${by(shown.p84[line] - ew)} −${by(ew - shown.p16[line])}`;
      });
      this.spectrum.boxes[k].value.textContent = words.every(Boolean) ? `${words.join(", ")} Å` : "";
    });
  }
  cloud(shown) {
    const { app, row } = this;
    if (!shown?.distribution || !hasRatios()) return [];
    const ew = app.model.draws(shown.distribution, k_draws, app.state.seed, app.galaxies.randomId(row.i)),
      [nii, ha, oiii, hb] = bptLines.map((name) => independent.indexOf(lineAt[name]) * k_draws);
    return Array.from({ length: k_draws }, (_, k) => [ratio(ew[nii + k], ew[ha + k]), ratio(ew[oiii + k], ew[hb + k])]);
  }
  words() {
    const { row, app } = this,
      { about } = app.galaxies;
    this.named = row.i;
    $("name").textContent = app.galaxies.ids ? row.id : `Row ${row.i}`;
    const flags = about.flags.filter((f) => (row.flags & f.bit) !== 0),
      outside = flags.some((f) => f.name === "OUT_OF_DOMAIN");
    $("facts").textContent = [
      Number.isFinite(row.z) ? `z = ${row.z.toFixed(4)}` : "no redshift",
      app.galaxies.ids ? "" : `row ${row.i}`,
      row.i === app.map.home && app.map.locked < 0 ? "an example: choose another on the map" : "",
    ]
      .filter(Boolean)
      .join("  ·  ");
    $("warn").hidden = flags.length === 0;
    $("warn").textContent = [
      outside ? "Unlike the galaxies that the model has learnt from: do not trust this prediction." : "",
      ...flags
        .filter((f) => f.name !== "OUT_OF_DOMAIN")
        .map((f) => `${f.meaning[0].toUpperCase()}${f.meaning.slice(1)}.`),
    ]
      .filter(Boolean)
      .join(" ");
    $("warn").title = flags.map((f) => f.name).join(", ");
    $("warn").classList.toggle("strong", outside);
    $("sky").hidden = true;
    skyOf(app.galaxies, row.i).then((sky) => this.row === row && fillSky($("sky"), sky));
    const observed = (line) =>
      Number.isFinite(row.ew[line])
        ? `measured ${measured(row.ew[line], row.sigma[line])} ± ` +
          `${fixed(row.sigma[line], decimalsOf(row.sigma[line]))} Å`
        : "not measured";
    const text = told().map(
      (line) =>
        `${lineWords[line]} ${observed(line)}, predicted ${short(row.predicted[line])} ` +
        `Å${Number.isFinite(row.p16[line]) ? ` (${short(row.p16[line])} to ${short(row.p84[line])})` : ""}`,
    );
    $("live").textContent =
      `Galaxy ${row.id}${Number.isFinite(row.z) ? `, redshift ${row.z.toFixed(3)}` : ""}. ` +
      `${text.join(". ")}.${flags.length ? ` ${$("warn").textContent}` : ""}`;
    app.pins.fill();
    $("note").value = noteOn(row.id) ?? "";
    $("note").disabled = noteOn(row.id) === null;
    this.label();
    $("try").hidden = !this.measuredSpectrum;
    $("try-z").value = 0;
    this.tryRedshift();
  }
  keys() {
    const { about } = this.app.galaxies,
      { active } = this.play,
      lit = this.measuredSpectrum && !active;
    this.legend([
      [
        this.measuredSpectrum ? "measured" : "measured lines, drawn from their EWs",
        "--flux",
        active ? "off" : this.measuredSpectrum ? "" : about.measured ? "dash" : "off",
      ],
      ["its noise", "--noise", lit ? "area" : "off"],
      ["no information", "--masked", lit ? "area" : "off"],
      ["starlight: continuum and its means in bands", "--continuum", ""],
      [
        !active ? "predicted median" : this.held.given.size ? "predicted given what is held" : "predicted now",
        "--predicted",
        "",
      ],
      ["16 to 84 %", "--interval", this.prediction?.p16 ? "area" : "off"],
      ["predicted before play", "--soft", active ? "dash" : "off"],
      ["held (circle)", "--noisy", active && this.held.given.size ? "" : "off"],
      ["one realisation with noise (line, ×)", "--noisy", this.noisy && !active ? "" : "off"],
    ]);
  }
  /** What the lines and areas of the plots are: [words, colour, '', dash, area or off]. */
  legend(entries) {
    $("key").replaceChildren(
      ...entries
        .filter(([, , kind]) => kind !== "off")
        .map(([text2, colour, kind]) => {
          const span = document.createElement("span");
          span.textContent = text2;
          span.className = kind;
          span.style.setProperty("--c", `var(${colour})`);
          return span;
        }),
    );
  }
  /** The marks at the redshift that is tried. */
  tryRedshift() {
    const { z } = this.row,
      tried = z + Number($("try-z").value);
    $("try-value").textContent = Number.isFinite(z) ? tried.toFixed(4) : "–";
    this.spectrum.setSlip(Number.isFinite(z) ? (1 + tried) / (1 + z) : 1);
  }
  label() {
    $("wave-label").textContent = `${this.spectrum.rest ? "rest-frame" : "observed"} wavelength in vacuum (Å)`;
  }
  /** Neighbours on the map, and what they say beside the network. */
  async near(i) {
    const box = $("near");
    box.replaceChildren();
    if (i < 0 || !Number.isFinite(this.app.map.x[i])) return;
    const { galaxies, map } = this.app,
      line = this.app.quantity.line ?? lead(),
      k = 15;
    const rows = await Promise.all(map.grid.neighbours(i, k).map((j) => galaxies.row(j)));
    if (this.wanted !== i) return;
    const table = document.createElement("table"),
      cell = (tr, text, tag = "td") => {
        const td = document.createElement(tag);
        td.append(text);
        tr.append(td);
        return td;
      };
    const head = table.insertRow();
    for (const text of ["galaxy", "z", "measured", "predicted", "difference"]) cell(head, text, "th").scope = "col";
    for (const row of rows.slice(0, 5)) {
      const tr = table.insertRow(),
        button = document.createElement("button");
      button.textContent = row.id;
      button.addEventListener("click", () => this.app.lock(row.i));
      cell(tr, button);
      cell(tr, fixed(row.z, 4));
      for (const v of [row.ew[line], row.predicted[line], row.ew[line] - row.predicted[line]]) cell(tr, fixed(v, 2));
    }
    const known = rows.map((r) => r.ew[line]).filter(Number.isFinite),
      note = document.createElement("p");
    note.className = "soft";
    note.textContent = known.length
      ? `Mean measured EW of the ${known.length} nearest with ${lineTitles[line]}: ` +
        `${short(known.reduce((a, b) => a + b) / known.length)} Å; the model here: ` +
        `${short(this.prediction?.ew[line] ?? NaN)} Å.`
      : "";
    box.append(table, note);
  }
  frame() {
    const most = Math.max(...this.row.bands.filter(Number.isFinite)),
      { max } = this.spectrum.plots[0].scales.y;
    this.fixed = [0, Math.max(1.6 * most, Math.min(max, 4 * most))]; // room to drag in; lines beyond get an arrow
  }
  startPlay() {
    if (!this.row || !this.app.model) return false;
    this.frame();
    this.spectrum.window = null;
    const { columns } = this.app.galaxies;
    if (columns.whole) this.places ??= placeFinder(columns, this.app.map);
    this.play.start(this.row.bands, this.row.z);
    $("playbar").hidden = false;
    $("tilt").value = 0;
    $("redshift").value = this.row.z;
    $("holding").hidden = !this.app.model.joint;
    this.playChanged();
    return true;
  }
  stopPlay() {
    this.play.stop();
    this.held.clear();
    this.app.map.moved_to = null;
    this.app.map.drawOverlay();
    this.fixed = null;
    this.played = null;
    $("playbar").hidden = true;
    $("play").setAttribute("aria-pressed", "false");
    this.draw();
  }
  /** What a line is held at: as measured, else as predicted with the error that a measurement would have. */
  known(line) {
    const { row, app, play } = this,
      measuredHere = Number.isFinite(row.ew[line]) && row.sigma[line] > 0;
    if (measuredHere) return { ew: row.ew[line], sigma: row.sigma[line] };
    const ew = this.played?.ew[line] ?? 0,
      sigma = app.model.sigma(line, play.bands, play.z, ew);
    return { ew, sigma: sigma > 0 ? sigma : 0.5 };
  }
  /** What stands under the handles: is the light known, what is held, and does it agree with the light? */
  playWords() {
    const { app, play, played, held } = this;
    if (!played) return "The model has no answer to this.";
    const words = [
      app.model.outside(play.bands, play.z)
        ? "Unlike the training galaxies: take the answer with care."
        : "Like galaxies that the model was trained on.",
    ];
    if (!held.given.size) return words[0];
    words.push(`Given ${held.words}: the other lines follow.`);
    const alone = app.model.predict(play.bands, play.z);
    for (const [line, { ew, sigma }] of held.given) {
      const t = Math.asinh(ew),
        middle = Math.asinh(alone.ew[line]),
        half = (Math.asinh(alone.p84[line]) - Math.asinh(alone.p16[line])) / 2,
        pull = (t - middle) / Math.hypot(half, sigma / Math.cosh(middle));
      if (Math.abs(pull) > 3)
        words.push(`${lineTitles[line]} is ${Math.abs(pull).toFixed(0)} sigma from what the starlight says; believed.`);
    }
    return words.join(" ");
  }
  playChanged() {
    if (!this.play.active) return;
    const start = performance.now();
    this.played = this.app.model.predict(this.play.bands, this.play.z, this.held.given);
    this.app.lastPredict = performance.now() - start;
    $("z-value").textContent = Number.isFinite(this.play.z) ? this.play.z.toFixed(3) : "–";
    $("play-note").textContent = this.playWords();
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      if (!this.play.active) return;
      this.app.map.moved_to = this.places?.(this.play.bands) ?? null;
      this.app.map.drawOverlay();
      this.draw();
    });
  }
}
