// @ts-check
/** What can be read from the page. */

/** @typedef {import("./types.js").Picture} Picture */

/** @param {HTMLElement} element @returns {Picture[]} widest first */
export function picturesOf(element) {
  const found = [...element.querySelectorAll("picture > *")].map((one) => ({
    width: Number(one.getAttribute("width")),
    source: one.getAttribute(one.localName === "img" ? "src" : "srcset") || "",
  }));
  return found.sort((a, b) => b.width - a.width);
}

/** @param {string} source markup, or a data URI of it @returns {SVGSVGElement} */
export function svgOf(source) {
  const text = source.startsWith("data:") ? decodeURIComponent(source.slice(source.indexOf(",") + 1)) : source;
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
  return /** @type {any} */ (document.importNode(parsed.documentElement, true));
}

/** @param {SVGSVGElement} svg its lines that show the whole way get a band of the same way */
export function addBands(svg) {
  for (const line of svg.querySelectorAll("g.wire > .line:first-child")) {
    const band = /** @type {Element} */ (line.cloneNode());
    band.setAttribute("class", "band");
    line.before(band);
  }
}

/** @param {string} theme as asked for @returns {boolean} whether the ground is dark */
export function isDark(theme) {
  if (theme !== "auto") return theme === "dark";
  const { dataset } = document.documentElement;
  const page = dataset.theme || document.documentElement.getAttribute("theme") || "";
  if (/^(dark|light)$/.test(page)) return page === "dark";
  const { jpThemeLight } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === "false";
  const code = /\bvscode-(dark|light|high-contrast)(?!-light)\b/.exec(document.body.className);
  if (code) return code[1] !== "light";
  return matchMedia("(prefers-color-scheme: dark)").matches;
}
