// What the script of the page is: the page, the page of tiles, or, in a worker, the noise.
import { App } from "./app.js";
import { TiledApp } from "./tiled.js";
import { work } from "./noise.js";

if (typeof document === "undefined") work();
else {
  const app = document.querySelector('meta[name="starglow-tiles"]') ? new TiledApp() : new App();
  window.starglow = app; // for tests and the curious
  app.start().catch((e) => {
    const p = document.createElement("p");
    p.id = "failed";
    p.setAttribute("role", "alert");
    p.textContent = `The page cannot be shown: ${e.message}`;
    document.querySelector("main").replaceChildren(p);
    document.getElementById("loading").hidden = true;
    document.documentElement.dataset.ready = "failed";
    throw e;
  });
}
