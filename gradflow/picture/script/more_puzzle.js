// @ts-check
/** Figures with a puzzle have its box above them. */

import { puzzlePanel } from "./puzzle.js";

/** @typedef {import("./types.js").Offer} Offer */

/** @type {Offer} */
const PUZZLE = {
  mode: "puzzle",
  label: "",
  make: (host) => (host.data.net && host.data.puzzle ? puzzlePanel(host, host.data.puzzle) : null),
};
/** @type {any} */ (customElements.get("gf-figure")).offer(PUZZLE);
