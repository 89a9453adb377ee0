// For tsc --checkJs (jsconfig.json). Members that are set by Object.assign or by another module, and those of the
// kinds of elements behind an id, are taken for known; calls, arguments, imports and arithmetic are checked.
declare global {
  interface EventTarget {
    [member: string]: any;
  }
  interface Window {
    [member: string]: any;
  }
}
declare module "./density.js" {
  interface Density {
    [member: string]: any;
  }
}
declare module "./galaxies.js" {
  interface Galaxies {
    [member: string]: any;
  }
}
declare module "./galaxy_panel.js" {
  interface GalaxyPanel {
    [member: string]: any;
  }
}
declare module "./grid.js" {
  interface Grid {
    [member: string]: any;
  }
}
declare module "./kernel.js" {
  interface Kernel {
    [member: string]: any;
  }
}
declare module "./live.js" {
  interface LiveSpectrum {
    [member: string]: any;
  }
}
declare module "./model.js" {
  interface Model {
    [member: string]: any;
  }
}
declare module "./pane.js" {
  interface Pane {
    [member: string]: any;
  }
}
declare module "./page_base.js" {
  interface Page {
    [member: string]: any;
  }
}
declare module "./ratio_diagram.js" {
  interface RatioDiagram {
    [member: string]: any;
  }
}
declare module "./pins.js" {
  interface Pins {
    [member: string]: any;
  }
}
declare module "./play.js" {
  interface Play {
    [member: string]: any;
  }
}
declare module "./points.js" {
  interface Points {
    [member: string]: any;
  }
}
declare module "./safetensors.js" {
  interface SafeTensors {
    [member: string]: any;
  }
}
declare module "./selection.js" {
  interface Selection {
    [member: string]: any;
  }
}
declare module "./source.js" {
  interface Columns {
    [member: string]: any;
  }
}
declare module "./spectrum.js" {
  interface SpectrumPanel {
    [member: string]: any;
  }
}
declare module "./story.js" {
  interface Story {
    [member: string]: any;
  }
}
declare module "./table.js" {
  interface GalaxyTable {
    [member: string]: any;
  }
}
declare module "./tile_view.js" {
  interface TileView {
    [member: string]: any;
  }
}
declare module "./tiled.js" {
  interface TiledApp {
    [member: string]: any;
  }
}
declare module "./tiles.js" {
  interface Tiles {
    [member: string]: any;
  }
}
declare module "./view.js" {
  interface MapView {
    [member: string]: any;
  }
}
export {};
