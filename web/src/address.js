// The state of the page in the address: everything after '#', so that no server sees it.

const round = (x) => Number(x.toPrecision(6));

/** state -> text; empty and default entries are left out. */
export function toHash(state) {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) {
    if (value === null || value === undefined || value === "" || value === false) continue;
    if (Array.isArray(value))
      out.set(
        key,
        value.map((v) => (Array.isArray(v) ? v.map(round).join(",") : typeof v === "number" ? round(v) : v)).join(";"),
      );
    else out.set(key, typeof value === "number" ? String(round(value)) : String(value));
  }
  return out.toString();
}

export function fromHash(hash) {
  const out = {};
  for (const [key, value] of new URLSearchParams(hash.replace(/^#/, ""))) out[key] = value;
  return out;
}

/** "x,y;x,y" -> outline, or null. */
export function outlineOf(text) {
  const points = (text ?? "").split(";").map((p) => p.split(",").map(Number));
  return points.length > 2 && points.length < 2000 && points.every((p) => p.length === 2 && p.every(Number.isFinite))
    ? points
    : null;
}

/** An outline as the address can hold it, of at most `most` corners of five digits: the corner that spans the least
 * area with its neighbours goes first (Visvalingam and Whyatt 1993). Doing it twice changes nothing. */
export function thin(outline, most = 60) {
  const kept = outline.map((p) => p.map((v) => Number(v.toPrecision(5))));
  const area = (k) => {
    const a = kept.at(k - 1),
      b = kept[k],
      c = kept[(k + 1) % kept.length];
    return Math.abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
  };
  while (kept.length > most) {
    let at = 0,
      least = Infinity;
    for (let k = 0; k < kept.length; ++k) {
      const size = area(k);
      if (size < least) {
        least = size;
        at = k;
      }
    }
    kept.splice(at, 1);
  }
  return kept;
}
