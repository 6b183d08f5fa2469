// @ts-check
/** Coming closer to a picture, and moving it about: which part of it is shown. */

import { apart, middleOf } from "./geometry.js";

/** @typedef {import("./types.js").Host} Host */
/** @typedef {import("./types.js").Point} Point */
/** @typedef {import("./types.js").Zoom} Zoom */

/** @type {Zoom} */
export const WHOLE = { scale: 1, x: 0.5, y: 0.5 };
const CLOSEST = 8;
const SHAKE = 4; // pixels that a pointer may move in a click

/** @param {Zoom} zoom @returns {Zoom} without anything beside the picture */
function within({ scale, x, y }) {
  const half = 0.5 / scale;
  const held = (/** @type {number} */ at) => Math.min(Math.max(at, half), 1 - half);
  return scale === 1 ? WHOLE : { scale, x: held(x), y: held(y) };
}

/** @param {Zoom} zoom @param {number} factor @param {Point} at the place that stays, as a share of what is shown */
export function closer({ scale, x, y }, factor, at = { x: 0.5, y: 0.5 }) {
  const next = Math.min(Math.max(scale * factor, 1), CLOSEST);
  const gone = 1 / scale - 1 / next;
  return within({ scale: next, x: x + (at.x - 0.5) * gone, y: y + (at.y - 0.5) * gone });
}

/** @param {Zoom} zoom @param {number} right @param {number} down shares of what is shown */
const moved = ({ scale, x, y }, right, down) => within({ scale, x: x - right / scale, y: y - down / scale });

/** @param {Zoom} zoom @param {SVGSVGElement} svg @param {Element} mark @returns {Zoom} with that mark in it */
export function revealing(zoom, svg, mark) {
  const at = shareOf(svg, middleOf(mark.getBoundingClientRect()));
  const seen = [at.x, at.y].every((share) => share > 0.03 && share < 0.97);
  return seen || zoom.scale === 1 ? zoom : moved(zoom, 0.5 - at.x, 0.5 - at.y);
}

/** @param {SVGSVGElement} svg @param {Zoom} zoom */
export function applyZoom(svg, { scale, x, y }) {
  const [w, h] = [svg.getAttribute("width"), svg.getAttribute("height")].map(Number);
  const box = [(x - 0.5 / scale) * w, (y - 0.5 / scale) * h, w / scale, h / scale];
  svg.setAttribute("viewBox", box.map((n) => Number(n.toFixed(2))).join(" "));
  svg.classList.toggle("zoomed", scale > 1);
}

/** @param {Element} svg @param {Point} at in the window @returns {Point} */
function shareOf(svg, at) {
  const { x, y, width, height } = svg.getBoundingClientRect();
  return { x: (at.x - x) / width, y: (at.y - y) / height };
}

/** @param {Iterable<{clientX: number, clientY: number}>} pointers @returns {Point[]} where they are in the window */
const placesOf = (pointers) => [...pointers].map(({ clientX: x, clientY: y }) => ({ x, y }));

/**
 * Wheel, pinch and drag. A page that is not zoomed keeps its own wheel and fingers.
 * @param {Host} host @param {(zoom: Zoom) => void} set
 */
export function listenZoom({ figure, get, svg }, set) {
  const frame = /** @type {HTMLElement} */ (figure.querySelector(".frame"));
  /** @type {Point[]} where the pointers were */
  let was = [];
  let dragging = false;
  const mean = (/** @type {Point[]} */ of, /** @type {"x" | "y"} */ side) => of.reduce((sum, one) => sum + one[side], 0) / of.length;
  const middle = (/** @type {Point[]} */ of) => ({ x: mean(of, "x"), y: mean(of, "y") });
  const spread = (/** @type {Point[]} */ [a, b = a]) => apart(a, b) || 1;
  const start = (/** @type {Parameters<placesOf>[0]} */ pointers) => {
    was = placesOf(pointers);
    dragging = false;
  };
  /** @param {Event} event @param {Parameters<placesOf>[0]} pointers */
  function follow(event, pointers) {
    const now = placesOf(pointers);
    const picture = svg();
    const { look: { zoom }, mode } = get();
    const mine = zoom.scale > 1 || (mode === "explore" && now.length > 1);
    if (!picture || !mine || now.length !== was.length) return;
    const [from, to] = [middle(was), middle(now)];
    const far = apart(from, to) >= SHAKE;
    if (event.cancelable) event.preventDefault();
    if (!dragging && !far && now.length < 2) return;
    dragging = true;
    const [a, b] = [shareOf(picture, from), shareOf(picture, to)];
    set(moved(closer(zoom, spread(now) / spread(was), a), b.x - a.x, b.y - a.y));
    was = now;
  }
  frame.addEventListener("mousedown", (event) => start([event]));
  frame.addEventListener("mousemove", (event) => event.buttons & 1 && follow(event, [event]));
  frame.addEventListener("touchstart", (event) => start(event.touches), { passive: true });
  frame.addEventListener("touchmove", (event) => follow(event, event.touches), { passive: false });
  frame.addEventListener("touchend", (event) => { was = placesOf(event.touches); });
  frame.addEventListener("click", (event) => {
    if (dragging) event.stopImmediatePropagation();
    dragging = false;
  }, { capture: true });
  frame.addEventListener("wheel", (event) => {
    const { look: { zoom }, mode } = get();
    const picture = svg();
    if (!picture || !event.ctrlKey || !(zoom.scale > 1 || (mode === "explore" && event.deltaY < 0))) return;
    event.preventDefault();
    set(closer(zoom, Math.exp(-event.deltaY / 200), shareOf(picture, placesOf([event])[0])));
  }, { passive: false });
}
