// @ts-check
/** A picture that leaves its page. */

import { attributed, drawn } from "./dom.js";

const LETTER = 6.6; // pixels, about
const LINE = 18;

/**
 * @param {SVGSVGElement} svg @param {HTMLElement} figure around it @param {string} said what stands above it
 * @returns {string} the whole picture as it looks on paper, with all that it needs
 */
export function standalone(svg, figure, said) {
  const copy = /** @type {SVGSVGElement} */ (svg.cloneNode(true));
  const [w, h] = [svg.width, svg.height].map((length) => length.baseVal.value);
  const lines = wrapped(said, Math.floor(w / LETTER));
  const height = h + lines.length * LINE + (lines.length ? LINE / 2 : 0);
  attributed(copy, { viewBox: `0 0 ${w} ${height}`, height });
  for (const one of [copy, ...copy.querySelectorAll("*")]) {
    for (const { name } of [...one.attributes]) if (/^(tabindex|role|aria-desc|data-lm)/.test(name)) one.removeAttribute(name);
  }
  copy.classList.remove("zoomed");
  copy.querySelector(".paper")?.setAttribute("height", String(height));
  lines.forEach((line, i) => {
    const text = drawn("text", { x: 12, y: h + (i + 1) * LINE, "font-size": 13 });
    text.textContent = line;
    copy.append(text);
  });
  const style = copy.querySelector("style") ?? copy.insertBefore(drawn("style", {}), copy.firstChild);
  style.textContent = `${plain(svg.querySelector("style"), () => true)}${around(svg, figure)}`;
  return new XMLSerializer().serializeToString(copy);
}

/** @param {SVGSVGElement} svg @param {HTMLElement} figure @returns {string} what the page adds to the looks of the picture */
function around(svg, figure) {
  const style = /** @type {ShadowRoot} */ (figure.getRootNode()).querySelector("style");
  const dark = figure.classList.contains("dark") && !svg.querySelector("style")?.textContent?.includes("@media");
  const grounds = [".figure", ...(dark ? [".dark"] : []), ...(figure.classList.contains("grey") ? [".grey"] : [])];
  const rules = plain(style, (selector) => grounds.includes(selector) || svg.querySelector(selector) !== null);
  return rules.replace(/(^|\n)\.(figure|dark|grey)\s\{/g, "$1svg {");
}

/** @param {HTMLStyleElement | SVGStyleElement | null} style @param {(selector: string) => boolean} fits @returns {string} */
const plain = (style, fits) => [...(style?.sheet?.cssRules ?? [])]
  .filter((rule) => rule instanceof CSSStyleRule && fits(rule.selectorText)).map((rule) => rule.cssText).join("\n") + "\n";

/** @param {string} text @param {number} most @returns {string[]} */
const wrapped = (text, most) => text.match(new RegExp(`.{1,${most}}(?:\\s|$)`, "gu")) ?? [];
