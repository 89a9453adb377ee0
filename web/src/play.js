// Play: the twelve bands of a galaxy (and its redshift) as handles on the spectrum; the model answers at once.
import { nBands } from "./model.js";

const step = 1.02; // factor of an arrow key

export class Play {
  /** box: the main plot's element; plot(): its uPlot; on(bands, z): called after each change. */
  constructor(box, plot, on) {
    Object.assign(this, { box, plot, on, active: false });
    this.layer = document.createElement("div");
    this.layer.className = "handles";
    this.handles = Array.from({ length: nBands }, (_, b) => {
      const handle = document.createElement("button");
      handle.type = "button";
      handle.setAttribute("role", "slider");
      handle.setAttribute("aria-orientation", "vertical");
      handle.setAttribute("aria-label", `band ${3400 + 300 * b} to ${3700 + 300 * b} Å, flux`);
      handle.addEventListener("pointerdown", (e) => {
        handle.setPointerCapture(e.pointerId);
        this.dragged = b;
        e.stopPropagation();
      });
      handle.addEventListener("pointermove", (e) => {
        if (this.dragged !== b) return;
        const over = this.plot().over.getBoundingClientRect(),
          { min, max } = this.plot().scales.y;
        this.set(b, max - ((e.clientY - over.top) / over.height) * (max - min));
      });
      const end = () => {
        this.dragged = -1;
        this.place();
      };
      handle.addEventListener("pointerup", end);
      handle.addEventListener("pointercancel", end);
      handle.addEventListener("keydown", (e) => {
        const factor = {
          ArrowUp: step,
          ArrowRight: step,
          ArrowDown: 1 / step,
          ArrowLeft: 1 / step,
          PageUp: step ** 5,
          PageDown: step ** -5,
        }[e.key];
        if (!factor) return;
        e.preventDefault();
        e.stopPropagation();
        this.set(b, this.bands[b] * factor);
        this.place();
      });
      this.layer.append(handle);
      return handle;
    });
  }
  start(bands, z) {
    this.original = Float64Array.from(bands);
    this.bands = Float64Array.from(bands);
    this.z = z;
    this.active = true;
    this.plot().over.append(this.layer);
    this.place();
  }
  stop() {
    this.active = false;
    this.layer.remove();
  }
  reset(z) {
    this.bands.set(this.original);
    this.z = z;
    this.place();
    this.on();
  }
  set(b, flux) {
    const known = this.original.filter((f) => f > 0),
      least = 0.01 * Math.min(...known);
    this.bands[b] = Math.min(Math.max(flux, least), 1e4 * least);
    this.on();
  }
  /** Multiplies by a power law about 5200 A: bluer or redder light. */
  tilt(amount) {
    for (let b = 0; b < nBands; ++b) this.bands[b] = this.original[b] * ((3550 + 300 * b) / 5200) ** amount;
    this.on();
  }
  place() {
    if (!this.active) return;
    const u = this.plot();
    if (this.layer.parentElement !== u.over) u.over.append(this.layer);
    const stretch = u.stretch ?? 1,
      width = u.over.clientWidth;
    this.handles.forEach((handle, b) => {
      const left = u.valToPos((3550 + 300 * b) * stretch, "x"),
        there = this.bands[b] > 0 && left >= 0 && left <= width;
      handle.hidden = !there;
      if (!there) return;
      handle.style.left = `${left}px`;
      handle.style.top = `${u.valToPos(this.bands[b], "y")}px`;
      handle.setAttribute("aria-valuenow", this.bands[b].toPrecision(4));
      handle.setAttribute("aria-valuemin", "0");
      handle.setAttribute("aria-valuemax", u.scales.y.max.toPrecision(4));
      handle.setAttribute("aria-valuetext", `${this.bands[b].toPrecision(4)}e-17 erg/s/cm2/Å`);
    });
  }
}
