// @ts-check
/** What a reader can choose from in a graph. */

/** @typedef {import("./whatif_types.js").Net} Net */
/** @typedef {{name: string, values: number[], trained: boolean, held: boolean}} Option a parameter */
/** @typedef {{parameters: Option[], losses: [number, string][], from: number[]}} Options */

/** @param {Net} net @returns {Options} */
export function optionsOf(net) {
  const parameters = net.parameters.map(([name, values]) => ({
    name, values, trained: "rL".includes(net.values[values[0]]), held: !net.held || net.held.includes(name),
  }));
  const labels = new Map([...net.candidates, ...net.losses].map(([label, value]) => [value, label]));
  return { parameters, losses: [...labels], from: net.losses.map(([, value]) => value) };
}

/** @param {Net} net @param {string} edge @returns {number | undefined} the op at one of its ends that cuts */
export function cutAt(net, edge) {
  const [value, op] = edge.split(".").map(Number);
  const maker = net.ops.findIndex(([, outputs]) => outputs.includes(value));
  const cuts = (/** @type {number} */ one) => "/oi".includes(net.kinds[one]) || net.noHeal.some(([, ops]) => ops.includes(one));
  return [op, maker].find((one) => one in net.ops && cuts(one));
}

/** @param {Net} net @param {number} op @returns {number[]} the ops that go with it: a block with gradients off is one cut */
export function withIt(net, op) {
  const kind = net.kinds[op];
  if (!"oi".includes(kind)) return [op];
  let [first, last] = [op, op];
  while (net.kinds[first - 1] === kind) first -= 1;
  while (net.kinds[last + 1] === kind) last += 1;
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** @param {Net} net @param {number} op @returns {string} what cuts there */
export const cutName = (net, op) => ({ "/": "detach", o: "no_grad", i: "inference_mode" })[net.kinds[op]] ?? "cut";
