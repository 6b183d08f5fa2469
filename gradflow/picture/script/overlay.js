// @ts-check
/** What would happen, drawn under and over what happened, and never like it. */

import { drawn } from "./dom.js";
import { UNCHANGED } from "./edits.js";
import { apart, grown, middleOf } from "./geometry.js";

/** @typedef {import("./types.js").Mark} Mark */
/** @typedef {import("./types.js").Net} Net */
/** @typedef {import("./types.js").Prediction} Prediction */
/** @typedef {import("./types.js").View} View */

const NEAR_BAR = 16; // from the end of a line to the bars that cut it, at most

/** @param {SVGSVGElement} svg @param {Mark[]} marks @param {View} view @param {Net | null} net */
export function drawForecast(svg, marks, { forecast, state }, net) {
  const losses = state.edit.losses ?? net?.losses.map(([, value]) => value) ?? [];
  const reachOf = (/** @type {Prediction} */ one) => keysOf(one, /** @type {Net} */ (net), losses);
  svg.querySelectorAll(".forecast").forEach((old) => old.remove());
  svg.querySelectorAll(".healed").forEach((bar) => bar.classList.remove("healed"));
  const before = forecast && reachOf(forecast.before);
  const then = forecast && reachOf(forecast.then);
  const each = forecast ? Object.values(forecast.then.byLoss).slice(0, 2).map(reachOf) : [];
  const { cut, heal, frozen, thaw } = forecast ? state.edit : UNCHANGED;
  for (const mark of marks) {
    const { group, square, bundle } = mark;
    if (!group.childElementCount) continue;
    const some = (/** @type {Set<string> | null} */ keys) => keys !== null && bundle.some((key) => keys.has(key));
    group.classList.toggle("would", some(then));
    group.classList.toggle("wouldnot", some(before) && !some(then));
    if (square && some(then)) halo(group);
    if (each.length > 1 && some(each[1])) second(group);
    if (cut.some((key) => bundle.includes(key))) svg.append(bars(group));
    const name = net?.parameters.find(([, values]) => values.includes(Number(mark.key)))?.[0] ?? "";
    if (square && (frozen.includes(name) || thaw.includes(name))) svg.append(lock(group, thaw.includes(name)));
    if (heal.length && bundle.some((key) => heal.includes(Number(key.split(".")[1])))) strike(svg, group);
  }
}

/** @param {Prediction} prediction @param {Net} net @param {number[]} losses @returns {Set<string>} lines and squares */
function keysOf({ edges, reached }, net, losses) {
  const squares = net.parameters.filter(([name]) => reached.includes(name)).flatMap(([, values]) => values);
  const used = new Set(edges.flatMap((edge) => net.ops[Number(edge.split(".")[1])][1]));
  return new Set([...edges, ...[...squares, ...losses.filter((value) => used.has(value))].map(String)]);
}

/** @param {SVGGElement} group a square gets a pale rim */
function halo(group) {
  const box = /** @type {SVGGraphicsElement | null} */ (group.querySelector(".box, .small"));
  if (!box) return;
  const inner = box.getBBox();
  const room = inner.width < 12 ? 2 : 4;
  group.prepend(drawn("rect", { class: "forecast halo", rx: 3, ...grown(inner, room), "stroke-width": room }));
}

/** @param {SVGGElement} group what a second loss would reach gets a rim of dashes */
function second(group) {
  const shape = group.querySelector(":scope > .band") ?? group.querySelector(":scope > .halo, :scope > .box");
  const rim = /** @type {SVGElement | undefined} */ (shape?.cloneNode());
  rim?.setAttribute("class", `forecast also ${shape?.localName}`);
  if (rim) group.prepend(rim);
}

/** @param {SVGGElement} group @returns {SVGGeometryElement | null} its line */
const lineOf = (group) => group.querySelector(".line") ?? group.querySelector(".band");

/** @param {SVGGElement} group @returns {SVGElement} two dotted bars across its line */
function bars(group) {
  const line = lineOf(group);
  const length = line?.getTotalLength() ?? 0;
  const at = (/** @type {number} */ share) => line?.getPointAtLength(length * share) ?? { x: 0, y: 0 };
  const [middle, from, to] = [at(0.5), at(0.45), at(0.55)];
  const along = Math.abs(to.x - from.x) > Math.abs(to.y - from.y);
  const { x, y } = middle;
  const ways = [-3.2, 3.2].map((side) => (along ? `M${x + side} ${y - 10}v20` : `M${x - 10} ${y + side}h20`));
  return drawn("path", { class: "forecast newcut", d: ways.join("") });
}

/** @param {SVGGElement} group @param {boolean} open @returns {SVGElement} a dotted lock at the corner of a square */
function lock(group, open) {
  const box = /** @type {SVGGraphicsElement} */ (group.querySelector(".box, .small") ?? group);
  const { x, y, width, height } = box.getBBox();
  const shackle = open ? "m2 0v-3a3 3 0 0 1 6 0" : "m2 0v-3a3 3 0 0 1 6 0v3";
  return drawn("path", { class: "forecast newlock", d: `M${x + width - 2} ${y + height - 3}h10v7h-10z${shackle}` });
}

/** @param {SVGSVGElement} svg @param {SVGGElement} group the bars beside its line are taken away */
function strike(svg, group) {
  for (const bar of barsAt(svg, group)) bar.classList.add("healed");
}

/** @param {SVGSVGElement} svg @param {SVGGElement} group @returns {SVGGraphicsElement[]} the bars beside its line */
export function barsAt(svg, group) {
  const line = lineOf(group);
  if (!line) return [];
  const ends = [0, line.getTotalLength()].map((at) => line.getPointAtLength(at));
  return [.../** @type {NodeListOf<SVGGraphicsElement>} */ (svg.querySelectorAll(".bar"))].filter((bar) => {
    const middle = middleOf(bar.getBBox());
    return ends.some((end) => apart(end, middle) < NEAR_BAR);
  });
}
