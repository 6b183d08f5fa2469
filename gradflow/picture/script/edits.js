// @ts-check
/** What a reader has changed in a figure: plain data, and functions that give new data. */

/** @typedef {import("./types.js").Edit} Edit */

/** @type {Edit} */
export const UNCHANGED = { cut: [], heal: [], frozen: [], thaw: [] };

/** @template T @param {T[]} list @param {T[]} items @returns {T[]} with all of them, or without if it had all */
export function toggled(list, items) {
  const others = list.filter((one) => !items.includes(one));
  return items.every((one) => list.includes(one)) ? others : [...others, ...items];
}

/** @param {Edit} edit @returns {boolean} whether anything is changed */
export function changes({ cut, heal, frozen, thaw, ask, hold, losses }) {
  return [cut, heal, frozen, thaw].some((list) => list.length) || [ask, hold, losses].some((list) => list !== undefined);
}

/** @param {string[]} words @param {number} most @returns {string} as a sentence lists them */
export function listed(words, most = 4) {
  const shown = words.length > most ? [...words.slice(0, most - 1), `${words.length - most + 1} more`] : words;
  return shown.length < 2 ? shown.join("") : `${shown.slice(0, -1).join(", ")} and ${shown[shown.length - 1]}`;
}

/**
 * @param {string[]} names of parameters @param {string[]} all of them
 * @returns {string[]} the same, modules for their parameters where all of one are meant
 */
export function grouped(names, all) {
  const meant = new Set(names);
  const parents = (/** @type {string} */ name) => name.split(".").slice(0, -1).map((_, i, parts) => parts.slice(0, i + 1).join("."));
  const whole = new Map();
  for (const name of all) for (const path of parents(name)) whole.set(path, (whole.get(path) ?? true) && meant.has(name));
  return [...new Set(names.map((name) => parents(name).find((path) => whole.get(path)) ?? name))];
}
