// The map as it is seen, as a figure for a paper.
import { pictureOf, svgOf } from "./legend.js";

/** The map as it is seen, bare: points or density, rings; `ratio` pixels each of the screen's. */
export function picture({ map }, ratio) {
  const canvas = document.createElement("canvas");
  map.resize(ratio);
  map.drawNow();
  Object.assign(canvas, { width: map.overlay.width, height: map.overlay.height });
  const g = canvas.getContext("2d");
  map.panes.forEach((pane, k) => {
    const left = Math.round(k * map.width * map.ratio);
    g.drawImage(pane.canvas, left, 0);
    g.drawImage(pane.under, left, 0);
  });
  g.drawImage(map.overlay, 0, 0);
  map.resize();
  return canvas;
}

/** The map as a figure: 'png' a canvas, 'svg' text; enough pixels for two columns of a journal. */
export function figureOf(app, kind) {
  const { about } = app.galaxies,
    { whole: width, height } = app.map,
    ratio = Math.min(Math.max(2, 2800 / width), 6);
  const parts = {
    map: picture(app, ratio),
    width,
    height,
    ratio,
    axes: [about.map.x, about.map.y].map((label) => label.replace(" (no unit)", "")),
    title: about.title,
    count: app.counted,
    spec: app.bar,
  };
  return kind === "png" ? pictureOf(parts, app.colours) : svgOf(parts, app.colours);
}
