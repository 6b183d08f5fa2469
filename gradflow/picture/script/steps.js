// @ts-check
/** The bar with which a reader walks through the backward pass. */

import { LIVE, OWN_KEYS, button, disable, isPlain, make } from "./dom.js";

/** @typedef {import("./types.js").Host} Host */
/** @typedef {import("./types.js").Panel} Panel */
/** @typedef {import("./types.js").View} View */

export const MOST_DOTS = 12;

/** @param {Host} host @returns {Panel} */
export function stepsPanel({ data: { steps }, set, get }) {
  const last = steps.length;
  const go = (/** @type {number} */ step) => set({ step: Math.max(1, Math.min(step, last)), playing: false });
  const toggle = () => set({ playing: !get().playing, step: get().step < last || get().playing ? get().step : 1 });
  const earlier = button("◂ earlier", () => go(get().step - 1));
  const later = button("later ▸", () => go(get().step + 1));
  const play = button("play", toggle);
  const dotted = last <= MOST_DOTS;
  const range = make("input", {
    type: "range", min: "1", max: String(last), class: dotted ? "dotted" : "plain", "aria-label": "Step", ...OWN_KEYS,
  });
  const dots = make("ol", { class: "dots", "aria-hidden": "true" }, ...steps.map((step) => make("li", {}, step[1])));
  const count = make("span", { class: "count" });
  const told = make("p", { class: "told", ...LIVE });
  const rest = make("p", { class: "rest" });
  const bar = make("div", { class: "bar", role: "group", "aria-label": "Steps of the backward pass" },
    earlier, later, play, make("div", { class: "track" }, range, ...(dotted ? [dots] : [])), count);
  const root = make("div", { class: "steps" }, bar, told, rest);

  range.addEventListener("input", () => go(Number(range.value)));
  bar.addEventListener("keydown", (event) => {
    const { step } = get();
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => go(step - 1), ArrowRight: () => go(step + 1), Home: () => go(1), End: () => go(last),
      Escape: () => set({ playing: false }),
    };
    if (event.target === range) keys[" "] = toggle;
    const act = isPlain(event) ? keys[event.key] : undefined;
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
    disable(earlier, step === 1);
    disable(later, step === last);
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
