// @ts-check
/** What a prediction takes and gives; nothing of this file reaches a page. */

/**
 * @typedef {{ops: [number[], number[]][], kinds: string, values: string, conducts: string, same: [number, number][],
 *   grow: number[], unrun: number[], shrink: number[], grads: number[], seen: [number, number[]][], noHeal: [string, number[]][],
 *   noCut: [string, string[]][], set: string[], parameters: [string, number[]][], leaves: [string, number[]][],
 *   names: [string, number][], losses: [string, number, string[] | null][], candidates: [string, number][],
 *   held: string[] | null}} Net
 * @typedef {string | [number, number, number] | {value: number, op: number, position: number}} Use
 * @typedef {{cut?: Use[], heal?: number[], frozen?: string[], thaw?: string[], ask?: string[] | null,
 *   hold?: string[], losses?: (string | number)[]}} Change
 * @typedef {{reached: string[], stepped: string[], backwardOps: number | null, edges: string[],
 *   unknown: string[]}} Answer
 * @typedef {{label: string, value: number, ask: Set<number> | null}} Loss
 * @typedef {{net: Net, letters: string[], cut: Set<string>, heal: Set<number>, frozen: Set<number>, thaw: Set<number>,
 *   hold: Set<string>, losses: Loss[], before: Map<number, number>}} Plan
 * @typedef {{needs: Uint8Array, raises: boolean}} Forward
 */


export {};
