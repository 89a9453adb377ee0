// The panel of many galaxies as one: the selected ones, or all.
import { pointOf } from "./ratio_diagram.js";
import { galaxiesOf, short } from "./colour.js";
import { lineWords, told } from "./lines.js";
import { evenly, stackOf } from "./stack.js";

const $ = (id) => document.getElementById(id);

/** In place of a galaxy: the selected ones (or all) as one. */
export async function showStack(panel) {
  const { app } = panel,
    { marks } = app.selection,
    chosen = [];
  if (panel.play.active) panel.stopPlay();
  for (let i = 0; i < app.galaxies.n; ++i) if (!marks || marks[i]) chosen.push(i);
  const turn = (panel.stackTurn = (panel.stackTurn ?? 0) + 1),
    stack = chosen.length ? await stackOf(app, chosen) : null;
  if (panel.wanted >= 0 || turn !== panel.stackTurn || !app.stacking) return;
  panel.stack = stack;
  $("empty").hidden = stack !== null;
  $("galaxy").hidden = stack === null;
  $("galaxy").classList.add("stack");
  if (!stack) return;
  panel.named = -1;
  panel.measuredSpectrum = stack.spectrum ?? null;
  panel.spectrum.show({ bands: stack.bands, z: 0, ew: stack.ew }, stack.prediction, {
    spectrum: stack.spectrum,
    many: evenly(stack.normed, 60),
  });
  panel.spectrum.setSlip(1);
  panel.captions(stack.prediction);
  panel.shownLines = { observed: stack.ew, low: stack.low, high: stack.high, prediction: stack.prediction };
  panel.lines();
  app.ratios.draw({ observed: pointOf(stack.ew), predicted: pointOf(stack.prediction.ew) });
  const noisy = app.state.mode === "noisy",
    of = stack.n < stack.of ? `${stack.n} of ${galaxiesOf(stack.of)}` : galaxiesOf(stack.n),
    [z0, z1] = stack.z;
  $("name").textContent = `Median of ${of}`;
  $("facts").textContent = [
    z1 >= z0 ? `z = ${z0.toFixed(3)} to ${z1.toFixed(3)}` : "",
    "each divided by the mean of its bands",
    stack.spectrum ? `spectra of ${stack.spectrum.n}` : "",
  ]
    .filter(Boolean)
    .join("  ·  ");
  const both = told().map(
    (line) =>
      `${lineWords[line]}: median measured ${short(stack.ew[line])} Å, ` +
      `predicted${noisy ? " with noise" : ""} ${short(stack.prediction.ew[line])} Å`,
  );
  $("live").textContent = `${of} as one. ${both.join(". ")}.`;
  $("wave-label").textContent = "rest-frame wavelength in vacuum (Å)";
  $("try").hidden = $("warn").hidden = $("sky").hidden = true;
  const predicted = noisy ? `predicted + noise, seed ${app.state.seed}: median` : "predicted: median of medians",
    { measured } = app.galaxies.about;
  panel.legend([
    ["measured: median", "--flux", stack.spectrum ? "" : measured ? "dash" : "off"],
    ["16 to 84 % of them", "--noise", stack.spectrum ? "area" : "off"],
    ["bands: median, and of up to 60 galaxies", "--continuum", ""],
    [predicted, "--predicted", ""],
    ["16 to 84 % of them", "--interval", "area"],
  ]);
}
