// Room for what is looked at: the splitter between map and galaxy, the wide spectrum, and on a phone tabs and a sheet.

const $ = (id) => document.getElementById(id);
const least = 340; // CSS pixels of the panel, and of the map
const step = 32;

export function layout(app) {
  const split = $("split"),
    main = document.querySelector("main"),
    root = document.documentElement;
  const width = () => $("right").getBoundingClientRect().width;
  const set = (wanted) => {
    const most = Math.max(innerWidth - least, least),
      px = Math.round(Math.min(Math.max(wanted, least), most));
    main.style.setProperty("--panel", `${px}px`);
    split.setAttribute("aria-valuenow", String(px));
    split.setAttribute("aria-valuemin", String(least));
    split.setAttribute("aria-valuemax", String(most));
    return px;
  };
  const keep = (px) => {
    try {
      localStorage.setItem("starglow panel", String(px));
    } catch {
      /* for this visit alone */
    }
  };
  const kept = Number(app.stored("panel"));
  if (kept > 0) set(kept);
  else {
    split.setAttribute("aria-valuenow", String(Math.round(width())));
    split.setAttribute("aria-valuemin", String(least));
    split.setAttribute("aria-valuemax", String(Math.max(innerWidth - least, least)));
  }
  let from = null;
  split.addEventListener("pointerdown", (e) => {
    split.setPointerCapture(e.pointerId);
    from = [e.clientX, width()];
  });
  split.addEventListener("pointermove", (e) => from && set(from[1] + from[0] - e.clientX));
  const end = () => {
    if (from) keep(set(width()));
    from = null;
  };
  split.addEventListener("pointerup", end);
  split.addEventListener("pointercancel", end);
  split.addEventListener("keydown", (e) => {
    const by = { ArrowLeft: step, ArrowRight: -step }[e.key];
    if (!by) return;
    e.preventDefault();
    e.stopPropagation();
    keep(set(width() + by));
  });
  split.addEventListener("dblclick", () => {
    main.style.removeProperty("--panel");
    keep(0);
  });

  // the spectrum over the whole width, and back
  app.wide = (is) => {
    root.toggleAttribute("data-wide", is);
    app.panel.spectrum.wide = is;
    $("wide").setAttribute("aria-pressed", String(is));
    $("wide").textContent = is ? "With the map" : "Full width";
    dispatchEvent(new Event("resize"));
  };
  $("wide").addEventListener("click", () => app.wide(!root.hasAttribute("data-wide")));

  // a phone: one of galaxy, charts and controls under the map
  const tabs = [...document.querySelectorAll("#tabs [role=tab]")];
  const show = (name) => {
    root.dataset.tab = name;
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
      tab.tabIndex = tab.dataset.tab === name ? 0 : -1;
    }
    app.drawLinked();
    app.ratios.draw(app.ratios.now ?? {});
  };
  app.tab = show;
  for (const tab of tabs) tab.addEventListener("click", () => show(tab.dataset.tab));
  $("tabs").addEventListener("keydown", (e) => {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!move) return;
    e.preventDefault();
    const next = tabs[(tabs.indexOf(document.activeElement) + move + tabs.length) % tabs.length];
    next.focus();
    show(next.dataset.tab);
  });
  $("sheet").addEventListener("click", () => {
    const up = root.toggleAttribute("data-sheet");
    $("sheet").setAttribute("aria-expanded", String(up));
    $("sheet").setAttribute(
      "aria-label",
      up ? "Less room for what is under the map" : "More room for what is under the map",
    );
  });
  show("galaxy");

  // canvases that another size would stretch
  const again = () => {
    app.drawLinked();
    app.ratios.draw(app.ratios.now ?? {});
    app.panel.lines();
  };
  addEventListener("resize", again);
  const watch = new ResizeObserver(() => {
    cancelAnimationFrame(layout.asked);
    layout.asked = requestAnimationFrame(again);
  });
  for (const id of ["histogram", "histogram2", "bpt", "colourbar"]) watch.observe($(id));
}
layout.asked = 0;
