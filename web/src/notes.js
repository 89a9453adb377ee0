// Notes on galaxies, kept by the browser under their ids at every keystroke: every page of a galaxy shows the same
// note.
const prefix = "starglow:";

/** The note on a galaxy, '' without one, null where this browser keeps none. */
export function noteOn(id) {
  try {
    return localStorage.getItem(prefix + id) ?? "";
  } catch {
    return null;
  }
}

export function keepNote(id, text) {
  try {
    if (text) localStorage.setItem(prefix + id, text);
    else localStorage.removeItem(prefix + id);
  } catch {
    /* full, or not allowed: noteOn said so */
  }
}

/** All notes, by id. */
export function notesOf() {
  try {
    return new Map(
      Object.keys(localStorage)
        .filter((key) => key.startsWith(prefix))
        .map((key) => [key.slice(prefix.length), localStorage.getItem(key)]),
    );
  } catch {
    return new Map();
  }
}
