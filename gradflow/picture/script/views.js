// @ts-check
/** Other pictures of a figure, in which other modules are open: how they are unpacked and chosen. */

import { OWN_KEYS, make } from "./dom.js";

/** @typedef {import("./types.js").Host} Host */
/** @typedef {import("./types.js").Panel} Panel */
/** @typedef {import("./types.js").Picture} Picture */
/** @typedef {import("./types.js").Variant} Variant */

const DRAWN = "as drawn";
const DOOR = "[data-view]";

/** @param {Variant[]} views @returns {Variant[]} those that this browser can show, and what it only names */
export const unpackable = (views) => ("DecompressionStream" in window ? views : []);

/** @param {Variant} view @param {Picture[]} drawn some of which it shows, too @returns {Promise<Picture[]>} widest first */
export async function unpacked([, pictures], drawn) {
  const found = await Promise.all(pictures.map(async ([width, text]) => {
    const same = text ? undefined : drawn.find((one) => one.width === width);
    return same ?? { width, source: await inflated(text) };
  }));
  return found.sort((a, b) => b.width - a.width);
}

/** @param {string} text @returns {Promise<string>} */
function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
}

/** The list of views, for the bar of a figure. @param {Host} host @param {Variant[]} views @returns {Panel} */
export function viewsControl(host, views) {
  const options = views.map(([label, pictures], i) =>
    make("option", { value: String(i + 1), disabled: pictures.length ? null : "" }, label));
  const select = make("select", OWN_KEYS, make("option", { value: "0" }, DRAWN), ...options);
  const said = make("span", { class: "unseen", role: "status" });
  select.addEventListener("change", () => host.set({ view: Number(select.value) }));
  return {
    root: make("span", { class: "modules" }, make("label", {}, "Modules ", select), said),
    draw: ({ state: { view } }) => {
      select.value = String(view);
      const now = `Modules: ${view ? views[view - 1][0] : DRAWN}`;
      if (said.textContent !== now && (said.textContent || view)) said.textContent = now;
    },
  };
}

/** The names of modules in a picture become buttons. @param {SVGSVGElement} svg @param {Variant[]} views */
export function addDoors(svg, views) {
  for (const door of views.length ? doorsOf(svg) : []) {
    const { view = "", module = "" } = door.dataset;
    const label = Number(view) ? views[Number(view) - 1]?.[0] : `${module}: ${DRAWN}`;
    const title = document.createElementNS(svg.namespaceURI, "title");
    title.textContent = label ?? "";
    door.append(title);
    if (door.localName !== "text") continue;
    for (const [name, text] of Object.entries({ ...OWN_KEYS, tabindex: "0", role: "button", "aria-label": label ?? "" })) door.setAttribute(name, text);
  }
}

/** @param {SVGSVGElement} svg @param {MouseEvent} event @returns {SVGElement | undefined} the innermost below the pointer */
export function doorAt(svg, { clientX: x, clientY: y }) {
  return doorsOf(svg).reverse().find((door) => {
    const { left, right, top, bottom } = door.getBoundingClientRect();
    return left <= x && x <= right && top <= y && y <= bottom;
  });
}

/** @param {SVGSVGElement} svg @param {string | undefined} module @returns {SVGElement | undefined} its name */
export const doorOf = (svg, module) => doorsOf(svg).find((door) => door.localName === "text" && door.dataset.module === module);

/** @param {SVGSVGElement} svg @returns {SVGElement[]} */
const doorsOf = (svg) => [.../** @type {NodeListOf<SVGElement>} */ (svg.querySelectorAll(DOOR))];
