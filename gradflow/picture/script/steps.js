// @ts-check
/** The bar with which a reader walks through the backward pass. */

import { make, OWN_KEYS } from "./dom.js";

/** @typedef {import("./types.js").Host} Host */
/** @typedef {import("./types.js").Panel} Panel */
/** @typedef {import("./types.js").View} View */

export const MOST_DOTS = 12;

/** @param {Host} host @returns {Panel} */
export function stepsPanel({ data: { steps }, set, get }) {
  const last = steps.length;
  const button = (/** @type {string} */ text) => make("button", { type: "button", ...OWN_KEYS }, text);
  const [earlier, later, play] = [button("◂ earlier"), button("later ▸"), button("play")];
  const dotted = last <= MOST_DOTS;
  const range = make("input", {
    type: "range", min: "1", max: String(last), class: dotted ? "dotted" : "plain", "aria-label": "Step", ...OWN_KEYS,
  });
  const dots = make("ol", { class: "dots", "aria-hidden": "true" }, ...steps.map((step) => make("li", {}, step[1])));
  const count = make("span", { class: "count" });
  const told = make("p", { class: "told", role: "status", "aria-live": "polite" });
  const rest = make("p", { class: "rest" });
  const bar = make("div", { class: "bar", role: "group", "aria-label": "Steps of the backward pass" },
    earlier, later, play, make("div", { class: "track" }, range, ...(dotted ? [dots] : [])), count);
  const root = make("div", { class: "steps" }, bar, told, rest);

  const go = (/** @type {number} */ step) => set({ step: Math.max(1, Math.min(step, last)), playing: false });
  const toggle = () => set({ playing: !get().playing, step: get().step < last || get().playing ? get().step : 1 });
  earlier.addEventListener("click", () => go(get().step - 1));
  later.addEventListener("click", () => go(get().step + 1));
  play.addEventListener("click", toggle);
  range.addEventListener("input", () => go(Number(range.value)));
  bar.addEventListener("keydown", (event) => {
    const { step } = get();
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => go(step - 1), ArrowRight: () => go(step + 1), Home: () => go(1), End: () => go(last),
      Escape: () => set({ playing: false }),
    };
    if (event.target === range) keys[" "] = toggle;
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  /** @param {View} view */
  function draw({ step, playing, state }) {
    if (state.mode !== "step") return;
    const [, label, sentence] = steps[step - 1];
    const ahead = steps.slice(step).map((one) => one[1]);
    const more = ahead.length > 6 ? ` and ${ahead.length - 6} more` : "";
    range.value = String(step);
    range.setAttribute("aria-valuetext", `${step} of ${last}: ${label}`);
    earlier.setAttribute("aria-disabled", String(step === 1));
    later.setAttribute("aria-disabled", String(step === last));
    play.textContent = playing ? "pause" : "play";
    [...dots.children].forEach((dot, i) => {
      dot.className = `${i < step ? "done" : ""} ${i === step - 1 ? "now" : ""}`;
    });
    count.textContent = `${step} of ${last}`;
    told.setAttribute("aria-live", playing && step < last ? "off" : "polite");
    told.replaceChildren(make("b", {}, `Step ${step}: ${label}.`), ` ${sentence}`);
    rest.textContent = ahead.length ? `Still to come: ${ahead.slice(0, 6).join(", ")}${more}.` : "";
    fit();
  }

  function fit() {
    dots.classList.remove("tight");
    const pitch = dots.clientWidth / last;
    const wide = [...dots.children].some((dot) => dot.scrollWidth > pitch);
    dots.classList.toggle("tight", wide);
  }
  return { root, draw };
}
