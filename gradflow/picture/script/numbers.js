// @ts-check
/** Other numbers for the leaves of a picture of single numbers: what follows is computed in the page. */

import { LIVE, OWN_KEYS, button, make } from "./dom.js";
import { agrees, derivatives, evaluated, factors, stepped } from "./formulas.js";

/** @typedef {import("./formulas.js").Formulas} Formulas */
/** @typedef {{values: {[id: number]: number}, rate: number}} Given only what is not as recorded */
/**
 * @typedef {object} Host
 * @property {{formulas?: Formulas | null}} data @property {() => SVGSVGElement} svg
 * @property {() => Given} get @property {(change: Partial<Given>) => void} set
 */
/** @typedef {{values: number[], sent: {[key: string]: number}, by: {[key: string]: number}}} Computed */
/** @typedef {{text: SVGTextElement, was: Node[], behind: SVGTextElement | undefined, x: number}} Label */

const NUMBERS_STYLE = "numbers.css";
const OBSTACLES = "text, rect:not(.paper), circle, .head, .dot";
const GROWN = 3; // pixels that must stay free around a number that is longer than the recorded one

/**
 * A number as Python's `.4g` writes it, with a true minus sign: half goes to the even digit.
 * @param {number} x @param {number} [digits] 2 or more
 */
export function written(x, digits = 4) {
  if (!Number.isFinite(x)) return String(x).replace("-", "−").replace("Infinity", "inf");
  if (x === 0) return "0";
  const exact = Math.abs(x).toExponential(60);
  const down = /^50*e/.test(exact.slice(digits + 1)) && "02468".includes(exact[digits]);
  const cut = exact.slice(0, digits + 1) + exact.slice(exact.indexOf("e"));
  const near = down ? cut : Math.abs(x).toExponential(digits - 1);
  const [mantissa, power] = near.split("e").map(Number);
  const tail = `e${power < 0 ? "−" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  return (x < 0 ? "−" : "") + (power >= -4 && power < digits ? String(Number(near)) : mantissa + tail);
}

/** @param {Formulas} run @param {Given["values"]} given @returns {Computed} */
function computed(run, given) {
  const values = evaluated(run, given);
  return { values, sent: derivatives(run, values), by: factors(run, values) };
}

/** @param {string[]} factors of the uses that one line stands for */
function product(factors) {
  const each = factors.map((one) => (one.startsWith("−") ? `×(${one})` : `×${one}`));
  if (each.length < 2 || new Set(each).size > 1) return each.join(" and ");
  return `${each[0]} ${each.length === 2 ? "twice" : `${each.length} times`}`;
}

/** @param {SVGTextElement} text @param {Computed} from @returns {number[]} what it says */
function numbersIn(text, { values, sent, by }) {
  const keys = (text.dataset.of || "").split(" ");
  if (text.classList.contains("value")) return keys.map((key) => values[Number(key)]);
  return keys.map((key) => (text.classList.contains("factor") ? by : sent)[key]);
}

/** @param {SVGTextElement} text @param {number[]} numbers @param {number} digits */
function write(text, numbers, digits) {
  const each = numbers.map((one) => (digits ? written(one, digits) : "…"));
  const node = /** @type {Node} */ (text.lastChild);
  const name = text.childElementCount ? " = " : "";
  node.textContent = text.classList.contains("factor") ? product(each) : name + each[0];
}

/** @param {DOMRect} a @param {DOMRect} b @param {number} room */
const meet = (a, b, room) => b.x < a.x + a.width + room && a.x < b.x + b.width + room
  && b.y < a.y + a.height - room && a.y < b.y + b.height - room;

/** @param {SVGTextElement} text @returns {number} */
const start = (text) => Number(text.getAttribute("x"));

/** @param {SVGTextElement} text @param {SVGTextElement[]} texts @returns its derivative in one line, which gives way */
const behind = (text, texts) => text.classList.contains("value") && !text.hasAttribute("text-anchor")
  ? texts.find((one) => one.dataset.of === text.dataset.of && one.classList.contains("derivative")
    && start(one) > start(text) && Math.abs(Number(one.getAttribute("y")) - Number(text.getAttribute("y"))) < 3)
  : undefined;

/**
 * Write numbers with as many digits as there is room for: 0 if there is none.
 * @param {SVGTextElement} text @param {number[]} numbers @param {SVGTextElement | undefined} yields
 */
function fit(text, numbers, yields) {
  const svg = /** @type {SVGSVGElement} */ (text.ownerSVGElement);
  const others = /** @type {NodeListOf<SVGGraphicsElement>} */ (svg.querySelectorAll(OBSTACLES));
  const before = text.getBBox();
  const boxes = [...others].filter((one) => one !== yields).map((one) => one.getBBox());
  const beside = boxes.filter((box) => !meet(before, box, 0));
  return [4, 3, 2, 0].find((digits) => {
    write(text, numbers, digits);
    const box = text.getBBox();
    const inside = box.x >= 0 && box.x + box.width <= svg.viewBox.baseVal.width;
    return box.width <= before.width || (inside && !beside.some((other) => meet(box, other, GROWN)));
  });
}

/** @param {Host} host @returns {{root: HTMLElement, draw: (view: {state: Given}) => void} | null} */
export function numbersPanel(host) {
  const run = host.data.formulas;
  if (!run || !agrees(run)) return null;
  const recorded = computed(run, {});
  /** @type {SVGSVGElement | undefined} */
  let drawnIn;
  /** @type {Label[]} */
  let labels = [];

  const told = make("p", { class: "told", ...LIVE });
  const rows = run.leaves.map(([id, name]) => leafRow(id, name));
  const rate = make("input", { type: "number", step: "any", min: "0", "aria-label": "Rate", ...OWN_KEYS });
  const step = button("Take one step", () => give(stepped(run, host.get().values, host.get().rate)));
  const reset = button("Reset", () => host.set({ values: {} }));
  const moving = run.leaves.filter(([id, , moves]) => moves && recorded.sent[id] !== undefined).map(([, name]) => name);
  const bar = make("div", { class: "row" }, make("label", {}, "rate ", rate), step, reset);
  const note = moving.length ? `One step: ${moving.join(", ")} − rate × derivative.` : "";
  const root = make("div", { class: "numbers", role: "group", "aria-label": "Other numbers" },
    make("style", {}, NUMBERS_STYLE), ...rows.map((row) => row.root), bar, make("p", { class: "rest" }, note), told);
  rate.addEventListener("input", () => rate.value && Number(rate.value) >= 0 && host.set({ rate: Number(rate.value) }));

  /** @param {Given["values"]} values */
  function give(values) {
    const other = Object.entries(values).filter(([id, one]) => one !== recorded.values[Number(id)]);
    if (other.every(([, one]) => Number.isFinite(one))) host.set({ values: Object.fromEntries(other) });
  }

  /** @param {number} id @param {string} name */
  function leafRow(id, name) {
    const span = 10 ** Math.ceil(Math.log10(Math.max(Math.abs(recorded.values[id]), 1) * 1.01));
    const ends = { min: String(-span), max: String(span), step: "any", ...OWN_KEYS };
    const slider = make("input", { type: "range", class: "plain", "aria-label": name, ...ends });
    const field = make("input", { type: "number", "aria-label": `${name}, as a number`, step: "any", ...OWN_KEYS });
    const change = (/** @type {number} */ x) => give({ ...host.get().values, [id]: x });
    slider.addEventListener("input", () => change((Math.round((Number(slider.value) / span) * 100) * span) / 100));
    field.addEventListener("input", () => field.value && change(Number(field.value)));
    /** @param {number} now */
    const show = (now) => {
      slider.value = String(now);
      slider.setAttribute("aria-valuetext", written(now));
      if (Number(field.value) !== now || !field.value) field.value = String(Number(now.toPrecision(6)));
    };
    return { root: make("div", { class: "row" }, make("b", { "aria-hidden": "true" }, name), slider, field), id, show };
  }

  /** @param {SVGSVGElement} svg */
  function find(svg) {
    drawnIn = svg;
    const found = /** @type {NodeListOf<SVGTextElement>} */ (svg.querySelectorAll("text[data-of]"));
    const texts = [...found].sort((a, b) => Number(b.matches(".value")) - Number(a.matches(".value")));
    labels = texts.map((text) => {
      const follower = behind(text, texts);
      return { text, was: [...text.cloneNode(true).childNodes], behind: follower, x: follower ? start(follower) : 0 };
    });
  }

  /** @param {Label} label @param {Computed} now @returns {string} what there was no room for */
  function rewrite({ text, was, behind: follower, x }, now) {
    const [before, numbers] = [numbersIn(text, recorded), numbersIn(text, now)];
    const isOther = numbers.some((one, i) => !Object.is(one, before[i]));
    if (text.classList.contains("recomputed")) text.replaceChildren(...was.map((node) => node.cloneNode(true)));
    text.classList.toggle("recomputed", isOther);
    follower?.setAttribute("x", String(x));
    if (!isOther) return "";
    const { width } = text.getBBox();
    const digits = fit(text, numbers, follower);
    follower?.setAttribute("x", String(x + Math.max(0, text.getBBox().width - width)));
    return digits ? "" : numbers.map((one) => written(one)).join(" and ");
  }

  /** @param {{state: Given}} view */
  function draw({ state }) {
    if (host.svg() !== drawnIn) find(host.svg());
    const now = computed(/** @type {Formulas} */ (run), state.values);
    rows.forEach(({ id, show }) => show(now.values[id]));
    if (Number(rate.value) !== state.rate || !rate.value) rate.value = String(state.rate);
    const hidden = labels.map((one) => rewrite(one, now)).filter(Boolean);
    told.replaceChildren(...say(now, Object.keys(state.values).length > 0, hidden));
  }

  /** @param {Computed} now @param {boolean} isOther @param {string[]} hidden @returns {(Node | string)[]} */
  function say({ values }, isOther, hidden) {
    const { loss } = /** @type {Formulas} */ (run);
    if (!isOther) return [`Observed: the loss is ${written(values[loss])}.`];
    const rest = hidden.length ? ` No room for ${hidden.join("; ")}.` : "";
    const was = written(recorded.values[loss]);
    return [make("b", {}, "Recomputed in this page, not run."), ` Loss ${was} → ${written(values[loss])}.${rest}`];
  }
  return { root, draw };
}
