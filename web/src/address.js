// The state of the page in the address: everything after '#', so that no server sees it.

const round = (x) => Number(x.toPrecision(6));

/** state -> text; empty and default entries are left out. */
export function toHash(state) {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) {
    if (value === null || value === undefined || value === '' || value === false) continue;
    if (Array.isArray(value)) out.set(key, value.map((v) => (Array.isArray(v) ? v.map(round).join(',') : typeof v === 'number' ? round(v) : v)).join(';'));
    else out.set(key, typeof value === 'number' ? String(round(value)) : String(value));
  }
  return out.toString();
}

export function fromHash(hash) {
  const out = {};
  for (const [key, value] of new URLSearchParams(hash.replace(/^#/, ''))) out[key] = value;
  return out;
}

/** "x,y;x,y" -> outline, or null. */
export function outlineOf(text) {
  const points = (text ?? '').split(';').map((p) => p.split(',').map(Number));
  return points.length > 2 && points.length < 2000 && points.every((p) => p.length === 2 && p.every(Number.isFinite)) ? points : null;
}

/** Fewer points of an outline, at most `most`, evenly taken. */
export const thin = (outline, most = 60) => (outline.length <= most ? outline : Array.from({ length: most }, (_, k) => outline[Math.floor((k * outline.length) / most)]));
