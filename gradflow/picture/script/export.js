// @ts-check
/** Taking a figure along: the change as code, the picture as a file, both as a link. */

import { LIVE, OWN_KEYS, button, disable, make } from "./dom.js";
import { changes } from "./edits.js";
import { pythonOf } from "./python.js";
import { read, written } from "./share.js";
import { standalone } from "./standalone.js";

/** @typedef {import("./types.js").Host} Host */
/** @typedef {import("./types.js").Net} Net */
/** @typedef {import("./types.js").Panel} Panel */
/** @typedef {import("./types.js").View} View */

const EXPORT_STYLE = "export.css";
const PAUSE = 300; // milliseconds before the address follows
const ANCHOR = /^#gf=(\d+)(?:&|$)/;

/** @type {WeakMap<Element, () => void>} of each figure what does what the address of the page says of it */
export const ARRIVALS = new WeakMap();

/** @param {Host} host @param {Net} net @returns {Panel} */
export function exportPanel(host, net) {
  const { data, figure } = host;
  const code = make("textarea", { class: "code", readonly: "", spellcheck: "false", "aria-label": "Python", hidden: "", ...OWN_KEYS });
  const done = make("span", { class: "done", ...LIVE });
  async function copy(/** @type {string} */ text, /** @type {string} */ what) {
    code.hidden = false;
    code.value = text;
    code.rows = text.split("\n").length + 1;
    code.setAttribute("aria-label", what);
    try {
      await navigator.clipboard.writeText(text);
      done.textContent = `${what} copied.`;
    } catch {
      code.select();
      done.textContent = `${what} selected: copy it with Ctrl+C.`;
    }
  }
  const python = button("Copy as Python", () => copy(pythonOf(host.get().edit, data, net).join("\n"), "Python"));
  const bar = make("div", { class: "bar" }, python, button("Download SVG", () => save(host)), button("Copy link", () => copy(link(), "Link")), done);
  const root = make("div", { class: "panel export" }, make("style", {}, EXPORT_STYLE), bar, code);

  const element = () => /** @type {ShadowRoot} */ (figure.getRootNode()).host;
  const index = () => [...document.querySelectorAll("gf-figure")].indexOf(element());
  const state = () => { const { edit, mode, step } = host.get(); return written(edit, mode, step); };
  const link = () => `${location.href.split("#")[0]}#gf=${index()}&${state()}`;
  let [last, timer] = ["", 0];
  function follow() {
    if (state() === last || host.get().playing) return;
    if (last && ownPage()) {
      clearTimeout(timer);
      timer = window.setTimeout(() => history.replaceState(history.state, "", link()), PAUSE);
    }
    last = state();
  }
  function arrive() {
    if (ANCHOR.exec(location.hash)?.[1] !== String(index())) return;
    const { edit, mode, step } = read(location.hash.slice(1));
    host.edit({ ask: undefined, hold: undefined, losses: undefined, ...edit });
    host.set({ mode: mode === "step" && !data.steps.length ? "" : mode, step: Math.min(Math.max(step, 1), data.steps.length), playing: false });
    clearTimeout(timer);
    requestAnimationFrame(() => figure.scrollIntoView({ block: "start" }));
  }
  // While a panel is made, its figure may not stand in the page yet.
  queueMicrotask(() => {
    ARRIVALS.set(element(), arrive);
    arrive();
  });

  /** @param {View} view */
  function draw({ state: { edit } }) {
    const plain = !changes(edit);
    disable(python, plain);
    python.title = plain ? "Change something under “What if?” first" : "";
    follow();
  }
  return { root, draw };
}

/** @returns {boolean} whether the address is this page's own, and may be changed */
const ownPage = () => window.top === window && /^(https?|file):/.test(location.protocol) && !document.body.dataset.jpThemeLight;

/** @param {Host} host the picture goes to a file */
function save(host) {
  const svg = host.svg();
  if (!svg) return;
  const said = /** @type {HTMLElement | null} */ (host.figure.querySelector(".banner:not([hidden])"));
  const url = URL.createObjectURL(new Blob([standalone(svg, host.figure, said?.textContent ?? "")], { type: "image/svg+xml" }));
  make("a", { href: url, download: "figure.svg" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
