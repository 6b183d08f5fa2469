// @ts-check
/** Coming closer to a picture, and moving it about: which part of it is shown. */

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
  const { x, y, width, height } = mark.getBoundingClientRect();
  const at = shareOf(svg, { clientX: x + width / 2, clientY: y + height / 2 });
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

/** @param {Element} svg @param {{clientX: number, clientY: number}} at @returns {Point} */
function shareOf(svg, { clientX, clientY }) {
  const { x, y, width, height } = svg.getBoundingClientRect();
  return { x: (clientX - x) / width, y: (clientY - y) / height };
}

/**
 * Wheel, pinch and drag. A page that is not zoomed keeps its own wheel and fingers.
 * @param {HTMLElement} frame @param {() => SVGSVGElement | undefined} svg
 * @param {() => {zoom: Zoom, open: boolean}} get @param {(zoom: Zoom) => void} set
 */
export function listenZoom(frame, svg, get, set) {
  /** @type {{clientX: number, clientY: number}[]} where the pointers were */
  let was = [];
  let dragging = false;
  const middle = (/** @type {typeof was} */ of) => ({
    clientX: of.reduce((sum, one) => sum + one.clientX, 0) / of.length,
    clientY: of.reduce((sum, one) => sum + one.clientY, 0) / of.length,
  });
  const spread = ([a, b = { clientX: a.clientX + 1, clientY: a.clientY }] = was) =>
    Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) || 1;
  const start = (/** @type {typeof was} */ now) => {
    was = now;
    dragging = false;
  };
  /** @param {Event} event @param {typeof was} now */
  function follow(event, now) {
    const picture = svg();
    const { zoom, open } = get();
    const mine = zoom.scale > 1 || (open && now.length > 1);
    if (!picture || !mine || now.length !== was.length) return;
    const [from, to] = [middle(was), middle(now)];
    const far = Math.hypot(to.clientX - from.clientX, to.clientY - from.clientY) >= SHAKE;
    if (event.cancelable) event.preventDefault();
    if (!dragging && !far && now.length < 2) return;
    dragging = true;
    const [a, b] = [shareOf(picture, from), shareOf(picture, to)];
    set(moved(closer(zoom, spread(now) / spread(was), a), b.x - a.x, b.y - a.y));
    was = now;
  }
  frame.addEventListener("mousedown", (event) => start([event]));
  frame.addEventListener("mousemove", (event) => event.buttons & 1 && follow(event, [event]));
  frame.addEventListener("touchstart", (event) => start([...event.touches]), { passive: true });
  frame.addEventListener("touchmove", (event) => follow(event, [...event.touches]), { passive: false });
  frame.addEventListener("touchend", (event) => { was = [...event.touches]; });
  frame.addEventListener("click", (event) => {
    if (dragging) event.stopImmediatePropagation();
    dragging = false;
  }, { capture: true });
  frame.addEventListener("wheel", (event) => {
    const { zoom, open } = get();
    const picture = svg();
    if (!picture || !event.ctrlKey || !(zoom.scale > 1 || (open && event.deltaY < 0))) return;
    event.preventDefault();
    set(closer(zoom, Math.exp(-event.deltaY / 200), shareOf(picture, event)));
  }, { passive: false });
}
