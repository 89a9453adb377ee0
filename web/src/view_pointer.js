// What pointer, fingers and wheel do to the map.
import { howOf } from "./brush.js";

/** Drag, pinch, wheel and click on a MapView. */
export function listenToPointer(view) {
  const el = view.element,
    touches = new Map();
  // Places within the pane under the pointer; a drag stays in the pane where it began.
  const local = (e) => {
    const r = el.getBoundingClientRect(),
      x = e.clientX - r.left;
    if (!view.dragging) view.pane = Math.min(Math.max(Math.floor(x / view.width), 0), view.panes.length - 1);
    return [x - view.pane * view.width, e.clientY - r.top];
  };
  const finish = (e) => {
    touches.delete(e.pointerId);
    const drag = view.dragging;
    view.dragging = undefined;
    if (!drag) return;
    const how = howOf(e);
    if (view.outline) {
      const outline = view.outline.map(([px, py]) => view.toMap(px, py));
      view.outline = undefined;
      if (drag.travelled > 6) view.on.lasso(outline, how);
      view.draw();
    } else if (drag.travelled < 5) view.on.lock(view.pick(...local(e)));
    view.look.fast = false;
    view.draw();
  };
  el.addEventListener("pointerdown", (e) => {
    if (e.target.closest("button, select, input") || e.button > 0) return;
    el.setPointerCapture(e.pointerId);
    touches.set(e.pointerId, local(e));
    const at = local(e),
      tool = view.tool === "pan" && e.shiftKey ? "lasso" : view.tool;
    view.dragging = { at, start: at, tool, travelled: 0 };
    if (tool !== "pan") view.outline = [at];
  });
  el.addEventListener("pointermove", (e) => {
    const at = local(e);
    if (touches.has(e.pointerId) && touches.size === 2) {
      // pinch
      const other = [...touches].find(([id]) => id !== e.pointerId)[1],
        was = touches.get(e.pointerId);
      touches.set(e.pointerId, at);
      view.zoom(
        Math.hypot(at[0] - other[0], at[1] - other[1]) / Math.max(1, Math.hypot(was[0] - other[0], was[1] - other[1])),
        (at[0] + other[0]) / 2,
        (at[1] + other[1]) / 2,
      );
      if (view.dragging) view.dragging.travelled = 99;
      return;
    }
    if (touches.has(e.pointerId)) touches.set(e.pointerId, at);
    const drag = view.dragging;
    if (!drag) {
      view.pointed = at;
      view.askHover();
      return;
    }
    const dx = at[0] - drag.at[0],
      dy = at[1] - drag.at[1];
    drag.travelled += Math.hypot(dx, dy);
    drag.at = at;
    if (drag.tool === "pan") {
      const [bx, by] = view.base,
        c = view.camera;
      c.x -= dx / (bx * c.k);
      c.y += dy / (by * c.k);
      view.moved();
    } else {
      const [x0, y0] = drag.start;
      view.outline = drag.tool === "box" ? [[x0, y0], [at[0], y0], at, [x0, at[1]]] : [...view.outline, at];
      if (!view.pending) view.drawOverlay();
    }
  });
  el.addEventListener("pointerup", finish);
  el.addEventListener("pointercancel", finish);
  el.addEventListener("pointerleave", () => {
    view.pointed = null;
    view.askHover();
  });
  el.addEventListener(
    "wheel",
    (e) => {
      e.preventDefault();
      view.zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), ...local(e));
    },
    { passive: false },
  );
}
