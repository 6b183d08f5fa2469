// @ts-check
/** What the cards of lines and squares say. */

import { make } from "./dom.js";

/** @typedef {import("./types.js").Data} Data */
/** @typedef {import("./types.js").Mark} Mark */
/** @typedef {import("./types.js").Card} Card */

/** @param {Data} data @returns {(key: string, square: boolean) => Card} */
export function cards(data) {
  const values = new Map(data.values.map((row) => [row[0], row]));
  const ops = new Map(data.ops.map((row) => [row[0], row]));
  const makers = new Map(data.ops.flatMap((row) => row[1].map((value) => [value, row[0]])));
  const edges = new Map(data.edges.map((row) => [row.slice(0, 3).join("."), row]));
  const parameters = new Map(data.parameters.map((row) => [String(row[0]), row]));
  const losses = new Map(data.losses.map((row) => [String(row[1]), row]));
  /** @param {number | undefined} op */
  const line = (op) => (op === undefined ? "" : ops.get(op)?.[2] || "");

  return (key, square) => {
    const value = Number(key.split(".")[0]);
    const [, name = "", facts = ""] = values.get(value) || [];
    const parameter = square && parameters.get(key);
    if (parameter) {
      const [, status, state, size, reason, why, source, op] = parameter;
      const about = { name, value, status, reason };
      return { lines: [name, state, size, facts, source, why], order: [-op, 2, value], stem: false, about };
    }
    const edge = edges.get(key);
    if (edge) {
      const [, op, position, status, state, size] = edge;
      const lines = [name, state, size, facts, line(makers.get(value) ?? op), ""];
      const stem = parameters.has(String(value)) && data.edges.filter((row) => row[0] === value).length === 1;
      return { lines, order: [-op, 1, position], stem, about: { value, op, position, status } };
    }
    const [loss = name, , state = "", size = ""] = losses.get(key) || [];
    const maker = makers.get(value) ?? 0;
    const lines = [loss, state, size, facts, line(maker), ""];
    return { lines, order: [-maker, 0, value], stem: false, about: { value } };
  };
}

/** @param {SVGSVGElement} svg @param {ReturnType<cards>} card @returns {Mark[]} from the loss backwards */
export function marksOf(svg, card) {
  const groups = /** @type {NodeListOf<SVGGElement>} */ (svg.querySelectorAll("g[data-key]"));
  const marks = [...groups].map((group) => {
    const { key = "" } = group.dataset;
    const square = group.classList.contains("parameter");
    const said = card(key, square);
    for (const [name, text] of Object.entries(said.about)) if (text !== "") group.dataset[name] ??= String(text);
    return { group, key, square, bundle: bundleOf(group), ...said };
  });
  const before = (/** @type {number[]} */ a, /** @type {number[]} */ b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
  return marks.sort((a, b) => before(a.order, b.order));
}

/** @param {SVGGElement} group @returns {string[]} the keys of all that its drawing stands for */
function bundleOf(group) {
  const keys = [group.dataset.key || ""];
  let next = /** @type {SVGGElement | null} */ (group.nextElementSibling);
  for (; next?.dataset?.key && !next.childElementCount; next = /** @type {SVGGElement | null} */ (next.nextElementSibling)) {
    keys.push(next.dataset.key);
  }
  return keys;
}

/** @param {Mark} mark @returns {string[]} what its card says: of a gradient that is still to come, nothing */
export function linesOf({ group, lines }) {
  const [name, , , facts, source] = lines;
  return group.classList.contains("pending") ? [name, "still to come", "", facts, source, ""] : lines;
}

/** @param {Mark} mark @returns {Node[]} */
export function cardOf(mark) {
  const [name, state, size, facts, source, why] = linesOf(mark);
  const rest = [...size.split("\n"), facts].filter(Boolean).map((line) => make("p", {}, line));
  const where = source ? [make("p", { class: "source" }, source)] : [];
  return [make("p", {}, make("b", {}, name), state), ...rest, ...where, ...(why ? [make("p", {}, why)] : [])];
}
