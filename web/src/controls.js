// What the controls of the page do. They work before the model is there: what needs it waits.
import { histogramSpan } from "./charts.js";
import { brush } from "./brush.js";
import { ownPalette } from "./colour.js";
import { copyLink, fillAbout, openExport } from "./dialogs.js";
import { layout } from "./layout.js";

const $ = (id) => document.getElementById(id);

export function listen(app) {
  const on = (id, event, f) => $(id).addEventListener(event, f);
  for (const b of document.querySelectorAll("[data-state]"))
    b.addEventListener("click", () => app.setMode(b.dataset.state));
  const tool = (name) => {
    app.map.setTool(name);
    for (const b of document.querySelectorAll("[data-tool]"))
      if (b.id !== "map") {
        b.setAttribute("aria-checked", String(b.dataset.tool === name));
        b.tabIndex = b.dataset.tool === name ? 0 : -1;
      }
  };
  for (const b of document.querySelectorAll("button[data-tool]"))
    b.addEventListener("click", () => tool(b.dataset.tool));
  for (const group of document.querySelectorAll("[role=radiogroup]"))
    group.addEventListener("keydown", (/** @type {any} */ e) => {
      const all = [...group.querySelectorAll("button:not(:disabled)")],
        move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
      if (!move) return;
      e.preventDefault();
      const next = all[(all.indexOf(document.activeElement) + move + all.length) % all.length];
      next.focus();
      next.click();
    });
  tool("pan");
  on("new-noise", "click", () => app.newNoise());
  on("colour", "change", (e) => app.setColour(e.target.value));
  on("scale", "change", (e) => {
    app.state.scale = e.target.value;
    app.recolour(app.keptLimits());
  });
  on("palette", "change", (e) => {
    app.setPalette(
      e.target.value === "own" ? (ownPalette(app.stored("palette")) ?? "2b1b5a-1f7a8c-e0a030") : e.target.value,
    );
    app.recolour(app.keptLimits());
  });
  on("own", "change", (e) => {
    const own = ownPalette(e.target.value);
    e.target.setAttribute("aria-invalid", String(own === null));
    if (!own) {
      app.say("A palette is two to sixteen colours such as 440154 or #fde725.");
      return;
    }
    app.setPalette(own);
    try {
      localStorage.setItem("starglow palette", own);
    } catch {
      /* for this visit alone */
    }
    app.recolour(app.keptLimits());
  });
  on("second", "change", async (e) => {
    app.second = { quantity: app.quantities.find((q) => q.key === e.target.value) };
    await app.fillSecond();
    app.drawLinked();
    app.remember();
  });
  const range = (id, of) =>
    brush($(id), true, (x, _, how) => {
      const { key, ...axis } = of();
      app.select(
        {
          kind: "range",
          key,
          mode: app.state.mode,
          seed: app.state.seed,
          span: histogramSpan(x, $(id).getBoundingClientRect().width, axis),
        },
        how,
      );
    });
  range("histogram", () => ({ key: app.quantity.key, scale: app.state.scale, low: app.low, high: app.high }));
  range("histogram2", () => ({ ...app.second, key: app.second.quantity.key }));
  brush($("bpt"), false, (x, y, how) =>
    app.select({ kind: "ratios", mode: app.state.mode, seed: app.state.seed, span: app.ratios.span(x, y) }, how),
  );
  for (const id of ["low", "high"])
    on(id, "change", () => {
      app.givenLimits = true;
      app.recolour(
        app.quantity.diverging
          ? { low: -Math.abs($(id).value), high: Math.abs($(id).value) }
          : { low: $("low").value, high: $("high").value },
      );
    });
  on("blue", "click", () => app.select({ kind: "blue" }));
  on("red", "click", () => app.select({ kind: "red" }));
  on("clear", "click", () => app.clear());
  on("filter-form", "submit", (e) => {
    e.preventDefault();
    const text = $("filter").value.trim();
    if (text) app.select({ kind: "filter", text });
    else app.clear();
  });
  on("search", "submit", async (e) => {
    e.preventDefault();
    const i = await app.galaxies.find($("find").value);
    if (i >= 0) {
      app.hush();
      app.lock(i);
    } else app.say(`No galaxy ${$("find").value.slice(0, 40)} here.`);
  });
  on("stack", "click", () => app.stack(!app.stacking));
  on("lock", "click", () => app.lock(app.map.locked >= 0 ? -1 : (app.panel.row?.i ?? -1)));
  on("play", "click", () => app.togglePlay());
  on("theme", "click", () => app.theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  on("zoom-in", "click", () => app.map.zoom(1.5));
  on("zoom-out", "click", () => app.map.zoom(1 / 1.5));
  on("zoom-all", "click", () => app.map.reset());
  on("table-open", "click", () => app.galaxyTable.open());
  on("export-open", "click", () => openExport(app));
  on("about-open", "click", () => fillAbout(app));
  on("three", "click", () => app.setThree(!app.three));
  on("pin", "click", () => app.panel.row && app.pins.toggle(app.panel.row.i));
  on("copy", "click", () => copyLink(app));
  on("unzoom", "click", () => app.panel.spectrum.look(null));
  layout(app);
  for (const event of ["popstate", "hashchange"]) addEventListener(event, () => app.moved());
  addEventListener("keydown", (e) => key(app, e));
}

/** Keys of the whole page. */
function key(app, e) {
  if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
  if (e.target.matches("input:not([type=checkbox],[type=range]), textarea, select")) {
    if (e.key === "Escape") e.target.blur();
    return;
  }
  const arrows = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
  if (arrows && (e.target === $("map") || e.target === document.body)) {
    e.preventDefault();
    if (!app.map.grid) {
      const { map } = app;
      map.camera.x += (0.1 * arrows[0]) / map.camera.k;
      map.camera.y += (0.1 * arrows[1]) / map.camera.k;
      map.moved();
      return;
    }
    const { map } = app,
      from = map.locked >= 0 ? map.locked : map.hovered >= 0 ? map.hovered : (app.panel.row?.i ?? -1);
    const next = from < 0 ? map.grid.nearest(map.camera.x, map.camera.y, 10) : map.step(...arrows, from);
    if (next < 0) return;
    if (map.locked >= 0) app.lock(next);
    else {
      map.hovered = next;
      map.centre(next);
      map.draw();
      app.panel.show(next);
    }
    return;
  }
  const acts = {
    Enter: () => e.target === $("map") && app.lock(app.map.locked >= 0 ? -1 : (app.panel.row?.i ?? -1)),
    Escape: () =>
      document.documentElement.hasAttribute("data-wide")
        ? app.wide(false)
        : app.panel.play.active
          ? app.panel.stopPlay()
          : app.map.locked >= 0
            ? app.lock(-1)
            : app.stacking
              ? app.stack(false)
              : app.clear(),
    "+": () => app.map.zoom(1.5),
    "=": () => app.map.zoom(1.5),
    "-": () => app.map.zoom(1 / 1.5),
    0: () => app.map.reset(),
    1: () => app.setMode("observed"),
    2: () => app.setMode("predicted"),
    3: () => app.setMode("noisy"),
    n: () => app.model && app.newNoise(),
    v: () => document.querySelector("button[data-tool=pan]").click(),
    l: () => document.querySelector("button[data-tool=lasso]").click(),
    b: () => document.querySelector("button[data-tool=box]").click(),
    p: () => app.togglePlay(),
    t: () => app.galaxyTable?.open(),
    s: () => app.stack(!app.stacking),
    m: () => app.setThree(!app.three),
    w: () => app.wide(!document.documentElement.hasAttribute("data-wide")),
    c: () => app.panel.row && app.pins.toggle(app.panel.row.i),
    "?": () => fillAbout(app),
    "/": () => {
      e.preventDefault();
      $("find").focus();
    },
  };
  acts[e.key]?.();
}
