// Where a galaxy lies on the sky, where the table says so, and links. Nothing is asked of anybody before one is
// clicked.

const pairs = [
  ["RA", "DEC"],
  ["TARGET_RA", "TARGET_DEC"],
  ["PLUG_RA", "PLUG_DEC"],
  ["MEAN_FIBER_RA", "MEAN_FIBER_DEC"],
  ["ra", "dec"],
];

/** Names of the columns of right ascension and declination, or null. */
export function skyColumns(about) {
  const names = new Set(about.columns.map((c) => c.name));
  return pairs.find((pair) => pair.every((name) => names.has(name))) ?? null;
}

/** [ra, dec] in degrees of galaxy i, or null. */
export async function skyOf(galaxies, i) {
  const names = skyColumns(galaxies.about);
  if (!names) return null;
  const [ra, dec] = await Promise.all(names.map((name) => galaxies.columns.one(`column:${name}`, i)));
  return ra >= 0 && ra <= 360 && Math.abs(dec) <= 90 ? [ra, dec] : null;
}

const viewer = "https://www.legacysurvey.org/viewer";
/** [words, address, what it is] of each link. */
export function linksOf([ra, dec]) {
  const at = `ra=${ra.toFixed(5)}&dec=${dec.toFixed(5)}`;
  return [
    [
      "picture",
      `${viewer}/jpeg-cutout?${at}&layer=ls-dr10&pixscale=0.262&size=256`,
      "A picture of 67″ from the Legacy Surveys",
    ],
    [
      "sky viewer",
      `${viewer}?${at}&layer=ls-dr10&zoom=16&mark=${ra.toFixed(5)},${dec.toFixed(5)}`,
      "The Legacy Surveys' sky viewer",
    ],
    [
      "SIMBAD",
      `https://simbad.cds.unistra.fr/simbad/sim-coo?Coord=${ra.toFixed(5)}` +
        `%20${dec >= 0 ? "%2B" : ""}${dec.toFixed(5)}&Radius=5&Radius.unit=arcsec`,
      "What SIMBAD has within 5″",
    ],
  ];
}

/** Fills a line of the panel: the position, and links that open elsewhere when they are clicked. */
export function fillSky(box, sky) {
  box.hidden = sky === null;
  if (!sky) return;
  const position = document.createElement("span");
  position.textContent = `RA ${sky[0].toFixed(5)}°, Dec ${sky[1] < 0 ? "−" : "+"}${Math.abs(sky[1]).toFixed(5)}°`;
  const links = linksOf(sky).map(([words, address, what]) => {
    const a = document.createElement("a");
    Object.assign(a, { textContent: `${words} ↗`, href: address, target: "_blank", rel: "noopener noreferrer" });
    a.title = `${what}. A click asks that site for this position; nothing is sent before.`;
    return a;
  });
  box.replaceChildren(position, ...links);
}
