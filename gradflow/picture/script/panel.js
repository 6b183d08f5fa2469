// @ts-check
/** What would happen if: the tag above a picture, and the controls and words below it. */

import { LIVE, OWN_KEYS, button, disable, make } from "./dom.js";
import { UNCHANGED, changes, grouped, listed, toggled } from "./edits.js";
import { cutAt, cutName, optionsOf, withIt } from "./options.js";
import { refusal } from "./whatif.js";

/** @typedef {import("./types.js").Data} Data */
/** @typedef {import("./types.js").Edit} Edit */
/** @typedef {import("./types.js").Forecast} Forecast */
/** @typedef {import("./types.js").Host} Host */
/** @typedef {import("./types.js").Net} Net */
/** @typedef {import("./types.js").Panel} Panel */
/** @typedef {import("./types.js").Prediction} Prediction */
/** @typedef {import("./types.js").View} View */

const HINT = "Click a line to cut it or to heal it, and a square to freeze it.";
const PALE = "Pale bands are predicted from the graph, not run.";

/** @param {Forecast} forecast @param {string[]} all names @returns {string} who would be reached, and who no longer */
export function consequence({ before, then }, all) {
  const without = (/** @type {Prediction} */ a, /** @type {Prediction} */ b) => a.reached.filter((name) => !b.reached.includes(name));
  const said = (/** @type {string[]} */ names, /** @type {string} */ fate) => names.length ? [`${listed(grouped(names, all))} would ${fate}`] : [];
  const parts = [...said(without(then, before), "be reached as well"), ...said(without(before, then), "no longer be reached")];
  return `Then ${parts.join(", and ") || `${then.reached.length ? "the same parameters" : "no parameter"} would be reached`}.`;
}

/** @param {Forecast} forecast @param {number} total @returns {string} the same in numbers */
export function counted({ before, then }, total) {
  const change = (/** @type {number} */ now, /** @type {number} */ was) => (now === was ? `${now}` : `${now} instead of ${was}`);
  const parts = [
    `Reached, zero or not: ${change(then.reached.length, before.reached.length)} of ${total} parameters.`,
    `Stepped: ${change(then.stepped.length, before.stepped.length)}.`,
    ...(then.backwardOps === null || before.backwardOps === null ? []
      : [`Backward operations: ${change(then.backwardOps, before.backwardOps)}.`]),
    then.unknown.length ? `Not known without a run: ${listed(then.unknown)}.` : "Sizes take a run.",
  ];
  return parts.join(" ");
}

/** @param {Edit} edit @param {Data} data @param {Net} net @returns {string[]} what is changed, each in a few words */
function spoken({ cut, heal, frozen, thaw, ask, hold, losses }, data, net) {
  const names = new Map(data.values.map(([id, name]) => [id, name]));
  const value = (/** @type {number} */ id) => names.get(id) ?? `value ${id}`;
  const sources = new Map(data.ops.map(([id, , source]) => [id, source]));
  const all = net.parameters.map(([name]) => name);
  const labels = new Map(optionsOf(net).losses);
  const taken = (/** @type {number} */ op) => [cutName(net, op), sources.get(op)].filter(Boolean).join(" at ");
  const many = (/** @type {string[]} */ list) => listed(grouped(list, all));
  return [
    ...(cut.length ? [`${listed([...new Set(cut.map((key) => value(Number(key.split(".")[0]))))])} cut`] : []),
    ...(heal.length ? [`${listed([...new Set(heal.map(taken))])} taken away`] : []),
    ...(frozen.length ? [`${many(frozen)} frozen`] : []),
    ...(thaw.length ? [`${many(thaw)} trained`] : []),
    ...(ask ? [`asked for: ${many(ask) || "nothing"}`] : []),
    ...(hold ? [`the optimizer holds ${many(hold) || "nothing"}`] : []),
    ...(losses ? [`backward from ${listed(losses.map((one) => labels.get(one) ?? value(one))) || "nothing"}`] : []),
  ];
}

/** @param {Host} host @param {Net} net @returns {Panel} */
export function whatifPanel(host, net) {
  const { parameters, losses: offered, from: recorded } = optionsOf(net);
  const all = parameters.map(({ name }) => name);
  const changed = make("span");
  const banner = make("p", { class: "banner", hidden: "" }, make("b", { class: "tag" }, "What if"), changed);
  const bold = make("b");
  const numbers = make("span");
  const note = make("p", { class: "note" });
  const status = make("div", { class: "outcome", ...LIVE }, make("p", {}, bold, " ", numbers), note);
  const undo = button("Undo", () => {
    const { past } = host.get();
    host.set({ edit: past[past.length - 1] ?? UNCHANGED, past: past.slice(0, -1), note: "" });
  });
  const reset = button("Reset", () => host.edit({ ...UNCHANGED, ask: undefined, hold: undefined, losses: undefined }));

  /** @type {(() => void)[]} what brings each box up to date */
  const boxes = [];
  /** @param {string} label @param {() => boolean} is @param {() => Partial<Edit>} change what a click changes */
  function box(label, is, change) {
    const input = make("input", { type: "checkbox", "aria-label": label, ...OWN_KEYS });
    input.addEventListener("change", () => host.edit(change()));
    boxes.push(() => { input.checked = is(); });
    return input;
  }
  const edit = () => host.get().edit;
  const asked = () => edit().ask ?? all;
  const held = () => edit().hold ?? parameters.filter((one) => one.held).map(({ name }) => name);
  const from = () => edit().losses ?? recorded;

  const cells = parameters.map(({ name, trained }) => {
    const cell = make("td");
    const frozen = () => (trained ? edit().frozen.includes(name) : !edit().thaw.includes(name));
    const ticks = [
      box(`freeze ${name}`, frozen, () => freezing(edit(), name, trained)),
      box(`ask for ${name}`, () => asked().includes(name), () => ({ ask: toggled(asked(), [name]) })),
      box(`${name} in the optimizer`, () => held().includes(name), () => ({ hold: toggled(held(), [name]) })),
    ];
    const row = make("tr", {}, make("th", { scope: "row" }, name), ...ticks.map((tick) => make("td", {}, tick)), cell);
    return { name, cell, row };
  });
  const heading = make("th", { scope: "col" }, "would be");
  const head = make("tr", {}, ...["parameter", "frozen", "asked for", "held"].map((text) => make("th", { scope: "col" }, text)), heading);
  const table = make("details", { class: "all" }, make("summary", { ...OWN_KEYS }, "Ask, hold, freeze: each parameter"),
    make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Parameters" },
      make("table", {}, make("thead", {}, head), make("tbody", {}, ...cells.map(({ row }) => row)))));
  const choices = offered.map(([value, label]) =>
    make("label", {}, box(`loss ${label}`, () => from().includes(value), () => ({ losses: toggled(from(), [value]) })), ` ${label}`));
  const losses = make("fieldset", { class: "losses" }, make("legend", {}, "Backward from"), ...choices);
  losses.hidden = choices.length < 2;
  const root = make("div", { class: "panel" }, status, make("div", { class: "bar" }, undo, reset), losses, table);

  /** @param {View} view */
  function draw({ forecast, state }) {
    const { past, note: trouble } = state;
    banner.hidden = state.mode !== "whatif" && !forecast;
    changed.textContent = forecast ? `${listed(spoken(state.edit, host.data, net), 6)}. ${PALE}` : HINT;
    bold.textContent = forecast ? consequence(forecast, all) : "";
    numbers.textContent = forecast ? counted(forecast, all.length) : "Nothing is changed yet.";
    note.textContent = trouble;
    disable(undo, !past.length);
    disable(reset, !changes(state.edit));
    boxes.forEach((update) => update());
    choices.forEach((choice, i) => { choice.className = from().length > 1 ? `of${from().indexOf(offered[i][0])}` : ""; });
    const shown = forecast?.then;
    const each = shown ? Object.entries(shown.byLoss) : [];
    heading.textContent = each.length > 1 ? `reached by ${each.map(([loss]) => loss).join(" · ")}` : "would be";
    for (const { name, cell } of cells) cell.textContent = shown ? fate(name, shown, each) : "";
  }
  return { root, above: banner, draw };
}

/** @param {Edit} edit @param {string} name @param {boolean} trained as recorded @returns {Partial<Edit>} frozen or no longer */
const freezing = ({ frozen, thaw }, name, trained) => trained ? { frozen: toggled(frozen, [name]) } : { thaw: toggled(thaw, [name]) };

/** @param {string} name @param {Prediction} then @param {[string, Prediction][]} each */
function fate(name, then, each) {
  if (then.unknown.includes(name)) return "not known without a run";
  if (each.length > 1) return each.map(([, one]) => (one.reached.includes(name) ? "yes" : "–")).join(" · ");
  if (!then.reached.includes(name)) return "not reached";
  return then.stepped.includes(name) ? "reached, stepped" : "reached, not stepped";
}

/**
 * What a click does: it cuts or heals a line, and freezes or thaws a square.
 * @param {Host} host @param {Net} net @param {import("./types.js").Mark} mark
 */
export function act(host, net, { key, square, bundle }) {
  const { edit } = host.get();
  if (square) {
    const one = optionsOf(net).parameters.find(({ values }) => values.includes(Number(key)));
    if (!one) return host.set({ note: "This is no parameter: nothing to freeze." });
    return host.edit(freezing(edit, one.name, one.trained));
  }
  const edges = bundle.filter((one) => one.split(".").length === 3);
  const at = edges.map((edge) => cutAt(net, edge)).filter((op) => op !== undefined);
  const found = [...new Set(at.flatMap((op) => withIt(net, op)))];
  const reasons = (found.length ? found : edges).map((at) => refusal(net, at)).filter(Boolean);
  if (!edges.length) host.set({ note: "No op uses this line: a cut here would change nothing." });
  else if (reasons.length) host.set({ note: `This cannot be ${found.length ? "healed" : "cut"} here: ${reasons[0]}.` });
  else host.edit(found.length ? { heal: toggled(edit.heal, found) } : { cut: toggled(edit.cut, edges) });
}
