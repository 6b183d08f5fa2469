// @ts-check
/** Figures of single numbers can be given other numbers. */

import { numbersPanel } from "./numbers.js";

/** @typedef {import("./types.js").Offer} Offer */

/** @type {Offer} */
const NUMBERS = { mode: "numbers", label: "Other numbers", make: numbersPanel };
/** @type {any} */ (customElements.get("gf-figure")).offer(NUMBERS);
