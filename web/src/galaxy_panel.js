// The panel of one galaxy: spectrum, zooms, lines, neighbours; and play.
import { drawLines, ratio } from './charts.js';
import { short } from './colour.js';
import { independent, lineNames } from './model.js';
import { Play } from './play.js';
import { SpectrumPanel, zooms } from './spectrum.js';

const $ = (id) => document.getElementById(id);
const k_draws = 160;

export class GalaxyPanel {
  constructor(app) {
    this.app = app;
    this.spectrum = new SpectrumPanel($('spectrum'), $('zooms'), app.colours);
    this.play = new Play($('spectrum'), () => this.spectrum.plots[0], () => this.playChanged());
    $('rest').addEventListener('change', (e) => { this.spectrum.setRest(e.target.checked); this.label(); this.play.place(); });
    $('tilt').addEventListener('input', (e) => { this.play.tilt(Number(e.target.value)); this.play.place(); });
    $('redshift').addEventListener('input', (e) => { this.play.z = Number(e.target.value); this.playChanged(); });
    $('play-reset').addEventListener('click', () => { $('tilt').value = 0; $('redshift').value = this.row.z; this.frame(); this.play.reset(this.row.z); });
    $('try-z').addEventListener('input', () => this.tryRedshift());
    $('note').addEventListener('input', (e) => this.keepNote(e.target.value));
  }
  /** Shows galaxy i; of galaxies asked for in quick succession only the last is drawn. */
  async show(i) {
    if (this.play.active && this.row && this.row.i !== i) this.stopPlay();
    this.wanted = i;
    $('empty').hidden = i >= 0;
    $('galaxy').hidden = i < 0;
    if (i < 0) { this.row = null; this.app.ratios.draw({}); return; }
    const row = await this.app.galaxies.row(i);
    if (this.wanted !== i) return;
    const spectrum = await this.app.galaxies.spectrum(row);
    if (this.wanted !== i) return;
    this.measuredSpectrum = spectrum;
    const start = performance.now();
    this.row = row;
    const { model } = this.app, stored = Number.isFinite(row.predicted[6]);
    const live = model?.joint ? model.predict(row.bands, row.z) : null;
    this.prediction = stored ? { ew: row.predicted, p16: Number.isFinite(row.p16[6]) ? row.p16 : null, p84: Number.isFinite(row.p16[6]) ? row.p84 : null, distribution: live?.distribution } : null;
    this.draw();
    await null; // uPlot draws in the microtask after its data
    this.app.lastHover = performance.now() - start;
  }
  get noisy() {
    const all = this.app.state.mode === 'noisy' ? this.app.galaxies.noise.get(this.app.state.seed) : null;
    return all ? all.map((values) => values[this.row.i]) : null;
  }
  draw() {
    const { row, prediction, app } = this;
    if (!row) return;
    const played = this.play.active ? this.played : null;
    this.spectrum.show(row, prediction, { spectrum: this.measuredSpectrum, play: this.play.active ? { bands: this.play.bands, prediction: this.played } : null, fixed: this.fixed });
    queueMicrotask(() => this.play.place()); // after uPlot has its scales
    const shown = played ?? prediction;
    zooms.forEach((zoom, k) => {
      const ew = shown?.ew[zoom.line];
      const width = shown?.p16 ? ` +${short(shown.p84[zoom.line] - ew)} −${short(ew - shown.p16[zoom.line])}` : '';
      this.spectrum.boxes[k].value.textContent = Number.isFinite(ew) ? `${short(ew)}${width} Å` : '';
    });
    drawLines($('lines'), { observed: row.ew, sigma: row.sigma, prediction: shown, noisy: played ? null : this.noisy, before: played ? prediction : null }, app.colours);
    const point = (ew) => (ew ? [ratio(ew[7], ew[6]), ratio(ew[4], ew[2])] : null);
    app.ratios.draw({ observed: point(row.ew), predicted: point(shown?.ew), cloud: this.cloud(shown) });
    if (this.named !== row.i) this.words();
  }
  cloud(shown) {
    const { app, row } = this;
    if (!shown?.distribution) return [];
    const ew = app.model.draws(shown.distribution, k_draws, app.state.seed, app.galaxies.randomId(row.i)), at = (line, k) => ew[independent.indexOf(line) * k_draws + k];
    return Array.from({ length: k_draws }, (_, k) => [ratio(at(7, k), at(6, k)), ratio(at(4, k), at(2, k))]);
  }
  words() {
    const { row, app } = this, { about } = app.galaxies;
    this.named = row.i;
    $('name').textContent = app.galaxies.ids ? row.id : `Row ${row.i}`;
    const flags = about.flags.filter((f) => (row.flags & f.bit) !== 0).map((f) => f.name);
    $('facts').textContent = [Number.isFinite(row.z) ? `z = ${row.z.toFixed(4)}` : 'no redshift', `row ${row.i}`, flags.length ? flags.join(', ') : ''].filter(Boolean).join('  ·  ');
    const measured = (line) => (Number.isFinite(row.ew[line]) ? `measured ${short(row.ew[line])} ± ${short(row.sigma[line])} Å` : 'not measured');
    const text = [6, 4].map((line) => `${line === 6 ? 'H alpha' : 'O III 5008'} ${measured(line)}, predicted ${short(row.predicted[line])} Å${Number.isFinite(row.p16[line]) ? ` (${short(row.p16[line])} to ${short(row.p84[line])})` : ''}`);
    $('live').textContent = `Galaxy ${row.id}${Number.isFinite(row.z) ? `, redshift ${row.z.toFixed(3)}` : ''}. ${text.join('. ')}.${flags.length ? ` Flags: ${flags.join(', ')}.` : ''}`;
    try { $('note').value = localStorage.getItem(`starglow:${row.id}`) ?? ''; } catch { $('note').disabled = true; }
    this.label();
    $('try').hidden = !this.measuredSpectrum;
    $('try-z').value = 0;
    this.tryRedshift();
    $('key').replaceChildren(...[['measured', '--flux', this.measuredSpectrum ? '' : about.measured ? 'dash' : 'off'], ['its noise', '--noise', this.measuredSpectrum ? 'area' : 'off'], ['no information', '--masked', this.measuredSpectrum ? 'area' : 'off'], ['bands and continuum', '--continuum', ''], ['predicted median', '--predicted', ''], ['16 to 84 %', '--interval', this.prediction?.p16 ? 'area' : 'off'], ['one realisation with noise (×)', '--noisy', this.noisy ? '' : 'off']].filter(([, , kind]) => kind !== 'off').map(([text2, colour, kind]) => {
      const span = document.createElement('span');
      span.textContent = text2;
      span.className = kind;
      span.style.setProperty('--c', `var(${colour})`);
      return span;
    }));
  }
  /** The marks at the redshift that is tried. */
  tryRedshift() {
    const { z } = this.row, tried = z + Number($('try-z').value);
    $('try-value').textContent = Number.isFinite(z) ? tried.toFixed(4) : '–';
    this.spectrum.setSlip(Number.isFinite(z) ? (1 + tried) / (1 + z) : 1);
  }
  label() {
    $('wave-label').textContent = `${this.spectrum.rest ? 'rest-frame' : 'observed'} wavelength in vacuum (Å); zooms in the same frame`;
  }
  keepNote(text) {
    try { if (text) localStorage.setItem(`starglow:${this.row.id}`, text); else localStorage.removeItem(`starglow:${this.row.id}`); } catch { /* a page without storage keeps no notes */ }
  }
  /** Neighbours on the map, and what they say beside the network. */
  async near(i) {
    const box = $('near');
    box.replaceChildren();
    if (i < 0 || !Number.isFinite(this.app.map.x[i])) return;
    const { galaxies, map } = this.app, line = this.app.quantity.line ?? 6, k = 15;
    const rows = await Promise.all(map.grid.neighbours(i, k).map((j) => galaxies.row(j)));
    if (this.wanted !== i) return;
    const table = document.createElement('table'), cell = (tr, text, tag = 'td') => { const td = document.createElement(tag); td.append(text); tr.append(td); return td; };
    const head = table.insertRow();
    for (const text of ['galaxy', 'z', 'measured', 'predicted', 'difference']) cell(head, text, 'th').scope = 'col';
    for (const row of rows.slice(0, 5)) {
      const tr = table.insertRow(), button = document.createElement('button');
      button.textContent = row.id;
      button.addEventListener('click', () => this.app.lock(row.i));
      cell(tr, button);
      for (const v of [row.z, row.ew[line], row.predicted[line], row.ew[line] - row.predicted[line]]) cell(tr, short(v));
    }
    const known = rows.map((r) => r.ew[line]).filter(Number.isFinite), note = document.createElement('p');
    note.className = 'soft';
    note.textContent = known.length ? `Mean measured EW of the ${known.length} nearest with ${lineNames[line]}: ${short(known.reduce((a, b) => a + b) / known.length)} Å; the model here: ${short(this.prediction?.ew[line] ?? NaN)} Å.` : '';
    box.append(table, note);
  }
  frame() {
    const most = Math.max(...this.row.bands.filter(Number.isFinite)), { max } = this.spectrum.plots[0].scales.y;
    this.fixed = [0, Math.max(1.6 * most, max)];
  }
  startPlay() {
    if (!this.row || !this.app.model) return false;
    this.frame();
    this.play.start(this.row.bands, this.row.z);
    $('playbar').hidden = false;
    $('tilt').value = 0;
    $('redshift').value = this.row.z;
    this.playChanged();
    return true;
  }
  stopPlay() {
    this.play.stop();
    this.fixed = null;
    this.played = null;
    $('playbar').hidden = true;
    $('play').setAttribute('aria-pressed', 'false');
    this.draw();
  }
  playChanged() {
    if (!this.play.active) return;
    const start = performance.now();
    this.played = this.app.model.predict(this.play.bands, this.play.z);
    this.app.lastPredict = performance.now() - start;
    $('z-value').textContent = Number.isFinite(this.play.z) ? this.play.z.toFixed(3) : '–';
    const outside = this.app.model.outside(this.play.bands, this.play.z);
    $('play-note').textContent = !this.played ? 'The model has no answer to this.' : outside ? 'Unlike the training galaxies: take the answer with care.' : 'Like galaxies that the model was trained on.';
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => { this.asked = 0; this.draw(); });
  }
}
