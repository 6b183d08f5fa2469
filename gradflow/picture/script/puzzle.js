// @ts-check
/** A puzzle: what a reader is to bring about, whether it would be so, and the box above the figure that says it. */

import { OWN_KEYS, make } from "./dom.js";
import { UNCHANGED } from "./edits.js";

/** @typedef {import("./types.js").Edit} Edit */
/** @typedef {import("./types.js").Puzzle} Puzzle */

const PUZZLE_STYLE = "puzzle.css";
const KEPT = "gradflow.solved";
/** @type {Record<string, string>} what kind of change a field of an edit is, where it goes by another word */
const KIND_OF = { frozen: "freeze", thaw: "freeze", losses: "loss" };

/**
 * The conditions that would not hold, or of which that is not known.
 * @param {Puzzle["conditions"]} goal @param {import("./types.js").Forecast} forecast @param {Edit} edit
 */
export function unmet(goal, { before, then }, edit) {
  const cuts = new Set([...edit.cut.map((edge) => edge.split(".")[0]), ...edit.heal]).size;
  const held = (/** @type {string} */ name) => !edit.hold || edit.hold.includes(name);
  const maybeStepped = [...then.stepped, ...then.unknown.filter(held)];
  /** @type {Record<string, (names: string[]) => boolean>} */
  const met = {
    reached: (names) => names.every((name) => then.reached.includes(name)),
    spared: (names) => !names.some((name) => then.reached.includes(name) || then.unknown.includes(name)),
    stepped: (names) => names.every((name) => then.stepped.includes(name)),
    still: (names) => !names.some((name) => maybeStepped.includes(name)),
  };
  const work = (then.backwardOps ?? Infinity) / (before.backwardOps ?? 0);
  const most = (/** @type {string} */ kind, /** @type {number} */ limit) => (kind === "cuts" ? cuts : work) <= limit;
  return goal.filter(([, kind, what]) => !(typeof what === "number" ? most(kind, what) : met[kind](what)));
}

/** @param {Pick<Puzzle, "only" | "allowed">} puzzle @param {Edit} edit @returns {string} why a puzzle does not allow a change; "" if it does */
export function forbidden({ only, allowed }, edit) {
  const made = Object.entries(edit).filter(([field, now]) => (field in UNCHANGED ? now?.length : now !== undefined));
  return made.every(([field]) => only.includes(KIND_OF[field] ?? field)) ? "" : `This puzzle does not allow that. ${allowed}`;
}

/** @returns {string[]} the puzzles that were solved on this machine */
function solved() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT) ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return []; // a page may be denied its storage
  }
}

/** @param {string} key */
function keep(key) {
  try {
    localStorage.setItem(KEPT, JSON.stringify([...new Set([...solved(), key])]));
  } catch {} // then nothing is kept
}

/**
 * @param {import("./types.js").Host} host @param {Puzzle} puzzle
 * @returns {import("./types.js").Panel}
 */
export function puzzlePanel(host, { key, task, conditions, only, allowed, hints, edit, said, python }) {
  const recorded = host.whatif({});
  const hint = make("button", { type: "button", ...OWN_KEYS });
  hint.addEventListener("click", () => host.get().hints < hints.length && host.set({ hints: host.get().hints + 1 }));
  const solution = make("button", { type: "button", ...OWN_KEYS }, "Show the solution");
  solution.addEventListener("click", () => {
    host.set({ hints: hints.length + 1, mode: "whatif" }); // first: what is shown is not kept as solved
    host.edit({ ...UNCHANGED, ask: undefined, hold: undefined, losses: undefined, ...edit });
  });
  const rows = conditions.map(([text]) => {
    const mark = make("b");
    return { mark, row: make("li", {}, mark, " ", text) };
  });
  const told = hints.map((text, i) => make("p", {}, make("b", {}, `Hint ${i + 1}.`), " ", text));
  const answer = make("div", {}, make("p", {}, make("b", {}, "Solution."), " ", said),
    ...(python ? [make("pre", { tabindex: "0" }, make("code", {}, python))] : []));
  const status = make("p", { class: "solved", role: "status", "aria-live": "polite" });
  const past = make("p", {}, solved().includes(key) ? "You solved this before." : "");
  const root = make("section", { class: "puzzle", "aria-label": "Puzzle" }, make("style", {}, PUZZLE_STYLE), make("slot", { name: "puzzle" }),
    make("div", {}, make("p", {}, make("b", {}, "Puzzle."), " ", task), make("ul", {}, ...rows.map(({ row }) => row)),
      ...(allowed ? [make("p", {}, allowed)] : []), status, past,
      make("div", { class: "bar" }, ...(hints.length ? [hint] : []), solution), ...told, answer));

  /** @param {import("./types.js").View} view */
  function draw({ forecast, state }) {
    const fair = !forbidden({ only, allowed }, state.edit); // a link may bring any change
    const left = fair ? unmet(conditions, forecast ?? { before: recorded, then: recorded }, state.edit) : conditions;
    rows.forEach(({ mark, row }, i) => {
      const met = !left.includes(conditions[i]);
      mark.textContent = met ? "✓ met:" : "○ not met:";
      row.className = met ? "met" : "";
    });
    told.forEach((one, i) => { one.hidden = i >= state.hints; });
    answer.hidden = state.hints <= hints.length;
    hint.textContent = state.hints < hints.length ? `Hint ${state.hints + 1} of ${hints.length}` : "No more hints";
    hint.setAttribute("aria-disabled", String(state.hints >= hints.length));
    const news = left.length ? `${conditions.length - left.length} of ${conditions.length} met.`
      : `Solved, as predicted from the graph.${answer.hidden ? "" : " This is after the solution was shown."}`;
    if (status.textContent !== news) status.textContent = news;
    if (!left.length && answer.hidden) keep(key);
  }
  return { root, draw, forbids: (edit) => forbidden({ only, allowed }, edit) };
}
