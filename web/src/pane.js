// One picture of the map: of three maps each has its own.
import { Density } from "./density.js";
import { Points } from "./points.js";

export const densityFrom = 200000; // galaxies in sight

/** One picture of the map: points, and the density that stands for too many of them. */
export class Pane {
  view;
  canvas;
  under;
  before;
  values;
  constructor(view, canvas, under) {
    Object.assign(this, { view, canvas, under });
    this.points = new Points(canvas, view.n);
    this.points.setPlaces(view.x, view.y);
    if (view.n > densityFrom) this.density = new Density(view.grid);
    this.stale = true;
    this.points.restore = () => {
      this.points.setPlaces(view.x, view.y);
      if (this.values) this.points.setValues(this.before, this.values);
      if (view.marks) this.points.setMarks(view.marks);
      this.points.setPalette(view.table);
      view.draw();
    };
  }
  set(before, values) {
    Object.assign(this, { before, values, stale: true });
    this.points.setValues(before, values);
  }
  draw(look) {
    const { view, under } = this,
      g = under.getContext("2d");
    g.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    g.clearRect(0, 0, view.width, view.height);
    if (!view.dense) {
      this.points.draw(look);
      return;
    }
    this.points.clear();
    if (!this.values || !view.table) return;
    if (this.stale) {
      this.density.set([this.before, this.values], view.marks ?? null, view.table, view.look);
      this.stale = false;
    }
    this.density.draw(g, (x, y) => view.toScreen(x, y), look.mixing);
  }
}
