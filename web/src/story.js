// The first ten seconds: one sentence, red and blue written on the map, and the question in three steps.
import { lead, lineAt, lineNames, lineTitles } from "./lines.js";

const $ = (id) => document.getElementById(id);

export class Story {
  constructor(app) {
    this.app = app;
    this.at = -1;
    const { about } = app.galaxies,
      { story } = about;
    this.steps = [
      {
        button: "1 Measured",
        mode: about.measured ? "observed" : "predicted",
        words: about.measured
          ? lineAt.HALPHA === undefined
            ? `Which galaxies have the stronger lines? Here ${lineTitles[lead()]} as measured.`
            : "Which galaxies have the stronger lines? Here as measured: bright Hα where the starlight is blue " +
              "and stars form, next to none where it is red."
          : "Which galaxies have the stronger lines? This table has no measured lines: the colours are the model's.",
      },
      {
        button: "2 Predicted",
        mode: "predicted",
        words:
          "The same galaxies, their lines predicted from twelve colours of starlight alone: what starlight " +
          "knows of the gas.",
      },
      {
        button: "3 As a survey sees it",
        mode: "noisy",
        words:
          "And with the scatter between like galaxies and the noise of the measurement: compare with step 1. " +
          "Then press Play and drag the starlight.",
      },
    ];
    for (const key of ["blue", "red"]) {
      const element = $(`tag-${key}`);
      if (!story?.[key]) continue;
      const [x, y] = story[key].map((v, c) => (v - app.map.axes[c].centre) / app.map.axes[c].span);
      app.map.tags.push({ element, x, y });
    }
    this.steps.forEach((step, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = step.button;
      button.dataset.step = String(k);
      button.addEventListener("click", () => this.go(k));
      $("tour").append(button);
    });
    $("story-close").addEventListener("click", () => this.close());
    $("story-open").addEventListener("click", () => this.open());
    let closed = false;
    try {
      closed = localStorage.getItem("starglow story") === "closed";
    } catch {
      /* shown each time */
    }
    $("story").hidden = closed;
    $("story-open").hidden = !closed;
  }
  async go(k) {
    const { app } = this,
      step = this.steps[k];
    this.at = k;
    for (const b of $("tour").children) b.setAttribute("aria-pressed", String(Number(b.dataset.step) === k));
    $("story-words").textContent = step.words;
    const key = lineNames[lead()];
    if (app.quantity.key !== key) await app.setColour(key);
    await app.setMode(step.mode);
  }
  close() {
    this.keep("closed");
    $("story").hidden = true;
    $("story-open").hidden = false;
    $("story-open").focus();
  }
  open() {
    this.keep("open");
    $("story").hidden = false;
    $("story-open").hidden = true;
    $("tour").firstElementChild.focus();
  }
  keep(what) {
    try {
      localStorage.setItem("starglow story", what);
    } catch {
      /* for this visit alone */
    }
  }
}
