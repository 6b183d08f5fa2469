// @ts-check
/** How elements are made. */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} name @param {Record<string, string | null>} attributes @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Jupyter takes the keys of a control for its own, unless the control says otherwise. */
export const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };
