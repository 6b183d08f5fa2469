// @ts-check
/** What a reader did with a figure as a piece of an address, and back. */

import { UNCHANGED } from "./edits.js";

/** @typedef {import("./types.js").Edit} Edit */
/** @typedef {import("./types.js").Mode} Mode */

const LONGEST = 20000;
const MODES = ["", "whatif", "step", "explore", "numbers", "export"];
const EDGE = /^\d{1,9}\.\d{1,9}\.\d{1,9}$/;
const NUMBER = /^\d{1,9}$/;

/** @param {Edit} edit @param {Mode} mode @param {number} step @returns {string} */
export function written(edit, mode, step) {
  const { ask, ...lists } = edit;
  const parts = Object.entries({ ...lists, ...(ask ? { ask } : {}) })
    .filter(([key, list]) => list && (list.length || !(key in UNCHANGED)))
    .map(([key, list]) => `${key}=${list.map(encodeURIComponent).join(",")}`);
  return [...parts, ...(ask === null ? ["all"] : []), `mode=${mode}`, `step=${step}`].join("&");
}

/**
 * The same back again. It may have been written by anybody: what has not its form is left out.
 * @param {string} text @returns {{edit: Edit, mode: Mode, step: number}}
 */
export function read(text) {
  const parts = new Map(text.slice(0, LONGEST).split("&").map((part) => {
    const [key, ...rest] = part.split("=");
    return [key, rest.join("=")];
  }));
  const list = (/** @type {string} */ key) => (parts.get(key) ?? "").split(",").map(decoded).filter(Boolean);
  const edges = list("cut").filter((one) => EDGE.test(one));
  const numbers = (/** @type {string} */ key) => list(key).filter((one) => NUMBER.test(one)).map(Number);
  const mode = parts.get("mode") ?? "";
  return {
    edit: {
      cut: edges, heal: numbers("heal"), frozen: list("frozen"), thaw: list("thaw"),
      ...(parts.has("all") ? { ask: null } : parts.has("ask") ? { ask: list("ask") } : {}),
      ...(parts.has("hold") ? { hold: list("hold") } : {}),
      ...(parts.has("losses") ? { losses: numbers("losses") } : {}),
    },
    mode: /** @type {Mode} */ (MODES.includes(mode) ? mode : ""),
    step: NUMBER.test(parts.get("step") ?? "") ? Number(parts.get("step")) : 1,
  };
}

/** @param {string} text @returns {string} "" for what is no text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
