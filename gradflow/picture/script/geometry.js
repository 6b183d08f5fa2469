// @ts-check
/** Where marks are, and where there is room beside them. */

/** @typedef {import("./types.js").Point} Point */
/** @typedef {import("./types.js").Rect} Rect */
/** @typedef {import("./types.js").Mark} Mark */

const GAP = 10; // between a card and its mark
export const LINES = "path, rect, circle";

/** @param {Mark} mark whether it shows anything (of a bundle only the first does), and has a card */
export const shows = (mark) => mark.lines[0] !== ""
  && [...mark.group.querySelectorAll(LINES)].some((shape) => getComputedStyle(shape).display !== "none");

/**
 * @param {SVGGElement} group @param {string} shapes a selector
 * @returns {Point[]} points on its lines and borders, in pixels of the picture
 */
export function pointsOf(group, shapes) {
  const found = /** @type {NodeListOf<SVGGeometryElement>} */ (group.querySelectorAll(shapes));
  return [...found].flatMap((shape) => {
    const matrix = shape.getCTM();
    if (!matrix || getComputedStyle(shape).display === "none") return [];
    const { x, y, width, height } = shape.getBBox();
    const corners = [[x, y], [x + width, y], [x, y + height], [x + width, y + height]];
    if (!shape.getTotalLength) return corners.map(([a, b]) => new DOMPoint(a, b).matrixTransform(matrix));
    const length = shape.getTotalLength();
    const parts = Math.ceil(length / 5) || 1;
    return Array.from({ length: parts + 1 }, (_, i) =>
      shape.getPointAtLength((length * i) / parts).matrixTransform(matrix));
  });
}

/** @param {Point[]} points @returns {Rect} */
export function boundsOf(points) {
  const [xs, ys] = [points.map((p) => p.x), points.map((p) => p.y)];
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { x, y, w: Math.max(...xs) - x, h: Math.max(...ys) - y };
}

/** @param {Point} a @param {Point} b */
export const apart = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);

/** @param {DOMRect} box @returns {Point} */
export const middleOf = ({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 });

/** @param {DOMRect} box @param {number} room @returns a box around it */
export const grown = ({ x, y, width, height }, room) =>
  ({ x: x - room, y: y - room, width: width + 2 * room, height: height + 2 * room });

/** @param {Rect} rect @param {Point} p @param {number} room around it */
export const holds = (rect, p, room) =>
  p.x > rect.x - room && p.x < rect.x + rect.w + room && p.y > rect.y - room && p.y < rect.y + rect.h + room;

/**
 * Where a card stands beside its mark and never on it.
 * @param {Point[]} points of the mark @param {Point[]} texts what is written at it
 * @param {{w: number, h: number}} card @param {{w: number, h: number}} frame
 * @returns {Point}
 */
export function placeOf(points, texts, card, frame) {
  const taken = [...points, ...texts];
  const all = boundsOf(taken);
  const middle = points[points.length >> 1];
  const clamped = (/** @type {number} */ x) => Math.max(0, Math.min(x, frame.w - card.w));
  const places = [
    { x: middle.x - card.w / 2, y: middle.y + GAP },
    { x: middle.x - card.w / 2, y: middle.y - GAP - card.h },
    { x: middle.x + GAP, y: middle.y - card.h / 2 },
    { x: middle.x - GAP - card.w, y: middle.y - card.h / 2 },
    { x: all.x + all.w / 2 - card.w / 2, y: all.y + all.h + GAP },
  ].map((place) => ({ x: clamped(place.x), y: place.y }));
  const free = (/** @type {Point} */ at) =>
    at.y >= 0 && !taken.some((p) => holds({ ...at, w: card.w, h: card.h }, p, GAP / 2));
  return places.find(free) || places[places.length - 1];
}
