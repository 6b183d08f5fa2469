// @ts-check
/** Figures can be taken along, and shown as a link says. */

import { ARRIVALS, exportPanel } from "./export.js";

/** @typedef {import("./types.js").Offer} Offer */

/** @type {Offer} */
const EXPORT = { mode: "export", label: "Export", make: (host) => host.data.net && exportPanel(host, host.data.net) };
/** @type {any} */ (customElements.get("gf-figure")).offer(EXPORT);
addEventListener("hashchange", () => document.querySelectorAll("gf-figure").forEach((one) => ARRIVALS.get(one)?.()));
