// @ts-check
/** How elements are made. */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} name @param {Record<string, string | null>} attributes @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(name, attributes = {}, ...children) {
  const element = attributed(document.createElement(name), attributes);
  element.append(...children);
  return element;
}

/** @param {string} name @param {Record<string, string | number>} attributes @returns {SVGElement} */
export function drawn(name, attributes) {
  return attributed(/** @type {SVGElement} */ (document.createElementNS("http://www.w3.org/2000/svg", name)), attributes);
}

/**
 * @template {Element} T
 * @param {T} element @param {Record<string, string | number | null>} attributes null for one that is left out
 * @returns {T} the same, with them
 */
export function attributed(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(key, String(value));
  return element;
}

/** Jupyter takes the keys of a control for its own, unless the control says otherwise. */
export const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };

/** What is written there is read aloud. */
export const LIVE = { role: "status", "aria-live": "polite" };

/** @param {string} text @param {() => void} act what a click does, unless it is disabled @param {string | null} [label] */
export function button(text, act, label = null) {
  const made = make("button", { type: "button", "aria-label": label, ...OWN_KEYS }, text);
  made.addEventListener("click", () => made.getAttribute("aria-disabled") !== "true" && act());
  return made;
}

/** Disabled, it keeps the focus. @param {Element} made @param {boolean} when */
export const disable = (made, when) => made.setAttribute("aria-disabled", String(when));

/** @param {KeyboardEvent} event @returns {boolean} whether the key was pressed alone */
export const isPlain = (event) => !event.ctrlKey && !event.metaKey && !event.altKey;
