// @ts-check
/** What the modules hand to each other; nothing of this file reaches a page. */

/** @typedef {[name: string, value: number, state: string, size: string]} Loss */
/** @typedef {[id: number, name: string, facts: string]} Value */
/** @typedef {[id: number, outputs: number[], source: string]} Op */
/** @typedef {[value: number, op: number, position: number, status: string, string, string]} Edge */
/** @typedef {[number, status: string, string, string, reason: string, why: string, source: string, number]} Parameter */
/** @typedef {[keys: string[], label: string, sentence: string]} Step */
/** @typedef {{losses: Loss[], values: Value[], ops: Op[], edges: Edge[], parameters: Parameter[], steps: Step[]}} Data */

/** @typedef {{width: number, source: string}} Picture */
/** @typedef {{x: number, y: number}} Point */
/** @typedef {{x: number, y: number, w: number, h: number}} Rect */
/**
 * @typedef {object} Card
 * @property {string[]} lines
 * @property {number[]} order
 * @property {boolean} stem whether it says what the square at its end says
 * @property {{[name: string]: string | number | undefined}} about what is known of its mark
 */
/** @typedef {Card & {group: SVGGElement, key: string, square: boolean}} Mark */
/** @typedef {{room: number, dark: boolean, hover: number, focus: number, step: number, playing: boolean}} State */
/**
 * @typedef {object} View
 * @property {number} picture
 * @property {boolean} dark
 * @property {number} card
 * @property {number} step
 * @property {boolean} playing
 * @property {Set<string>} pending
 * @property {Set<string>} current
 */

export {};
