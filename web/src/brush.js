// A box dragged over a chart that selects, as on the map: shift adds, alt removes, ctrl keeps what is in both.

/** What a selection does to the one before it, by the keys held: new, add, remove, within. */
export const howOf = (e) => (e.altKey ? "remove" : e.ctrlKey || e.metaKey ? "within" : e.shiftKey ? "add" : "new");

/** done([x0, x1], [y0, y1], how) in CSS pixels of the canvas; flat: the whole height counts. */
export function brush(canvas, flat, done) {
  const box = document.createElement("i"),
    figure = canvas.parentElement;
  box.className = "brush";
  let start = null;
  const spans = (e) => {
    const r = canvas.getBoundingClientRect(),
      at = [e.clientX - r.left, e.clientY - r.top];
    return [0, 1].map((k) =>
      k && flat
        ? [0, r.height]
        : [Math.min(start[k], at[k]), Math.max(start[k], at[k])].map((v) =>
            Math.min(Math.max(v, 0), k ? r.height : r.width),
          ),
    );
  };
  const stop = () => {
    start = null;
    box.remove();
  };
  canvas.addEventListener("pointerdown", (e) => {
    if (e.button > 0) return;
    const r = canvas.getBoundingClientRect();
    canvas.setPointerCapture(e.pointerId);
    start = [e.clientX - r.left, e.clientY - r.top];
  });
  canvas.addEventListener("pointermove", (e) => {
    if (!start) return;
    const [[x0, x1], [y0, y1]] = spans(e);
    Object.assign(box.style, {
      left: `${canvas.offsetLeft + x0}px`,
      top: `${canvas.offsetTop + y0}px`,
      width: `${x1 - x0}px`,
      height: `${y1 - y0}px`,
    });
    figure.append(box);
  });
  canvas.addEventListener("pointerup", (e) => {
    if (!start) return;
    const [x, y] = spans(e);
    stop();
    if (x[1] - x[0] > 3 && y[1] - y[0] > 3) done(x, y, howOf(e));
  });
  canvas.addEventListener("pointercancel", stop);
}
