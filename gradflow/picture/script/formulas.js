// @ts-check
/**
 * A run of single numbers, its backward pass and a step of the optimizer, computed by PyTorch's formulas in its
 * double precision. Nothing here knows a page.
 */

/** @typedef {number | [number | null]} Operand the id of a value, or a number (null: left out) */
/** @typedef {[id: number, name: string, output: number, operands: Operand[], conducts: string]} Row */
/**
 * @typedef {object} Formulas as `picture/formulas.py` writes them
 * @property {number} loss @property {number} seed @property {number} tolerance @property {number[]} values
 * @property {[id: number, name: string, moves: number][]} leaves @property {Row[]} ops
 * @property {{[key: string]: number}} sent
 */
/** @typedef {{[id: number]: number}} Leaves by id; those left out are as they were recorded */
/** @typedef {[value: (...x: any[]) => number, back: (gradient: number, ...x: any[]) => number[]]} Formula */

const { abs, exp, log, sqrt, tanh, trunc, floor, ceil, sin, cos, tan } = Math;
const none = () => [0];
/** @param {number} a @param {number} b as in C: 1 to any power is 1 */
const power = (a, b) => (a === 1 || (a === -1 && abs(b) === Infinity) ? 1 : a ** b);
/** @param {number} a a half goes to the even neighbour */
const round = (a) => (abs(a % 1) === 0.5 ? 2 * Math.round(a / 2) : Math.round(a));
/** @param {number} a where it is not a number, PyTorch says 0 */
const sign = (a) => Number(a > 0) - Number(a < 0);
/** @param {number} g @param {number} a @param {number} b to what is not less; beside what is no number, to both */
const toLarger = (g, a, b) => (a === b ? [g / 2, g / 2] : [a < b ? 0 : g, a > b ? 0 : g]);
/** @param {number} g @param {number} a @param {number} b the base may be 0, where log is not finite */
const toExponent = (g, a, b) => (a === 0 && b >= 0 ? 0 : g * (power(a, b) * log(a)));
const logistic = (/** @type {number} */ a) => 1 / (1 + exp(-a));

/** @type {Record<string, Formula>} */
export const FORMULAS = {
  abs: [abs, (g, a) => [g * sign(a)]],
  add: [(a, b, k = 1) => a + k * b, (g, a, b, k = 1) => [g, g * k]],
  ceil: [ceil, none],
  clamp: [
    (a, low = -Infinity, high = Infinity) => Math.min(Math.max(a, low), high),
    (g, a, low = -Infinity, high = Infinity) => [a >= low && a <= high ? g : 0],
  ],
  cos: [cos, (g, a) => [g * -sin(a)]],
  div: [(a, b) => a / b, (g, a, b) => [g / b, -g * (a / b / b)]],
  elu: [(a, k = 1) => (a > 0 ? a : k * Math.expm1(a)), (g, a, k = 1) => [a > 0 ? g : g * k * exp(a)]],
  exp: [exp, (g, a) => [g * exp(a)]],
  floor: [floor, none],
  leaky_relu: [(a, k = 0.01) => (a > 0 ? a : a * k), (g, a, k = 0.01) => [a > 0 ? g : g * k]],
  log: [log, (g, a) => [g / a]],
  maximum: [Math.max, toLarger],
  minimum: [Math.min, (g, a, b) => toLarger(g, -a, -b)],
  mul: [(a, b) => a * b, (g, a, b) => [g * b, g * a]],
  neg: [(a) => -a, (g) => [-g]],
  pow: [power, (g, a, b) => [b === 0 ? 0 : g * (b * power(a, b - 1)), toExponent(g, a, b)]],
  rdiv: [(a, b) => (1 / a) * b, (g, a, b) => [-(g * b) / a / a, g / a]],
  reciprocal: [(a) => 1 / a, (g, a) => [-g / a / a]],
  relu: [(a) => Math.max(a, 0), (g, a) => [a <= 0 ? 0 : g]],
  round: [round, none],
  rpow: [(a, b) => power(b, a), (g, a, b) => [toExponent(g, b, a), a === 0 ? 0 : g * (a * power(b, a - 1))]],
  rsqrt: [(a) => 1 / sqrt(a), (g, a) => [(-0.5 * g) / (sqrt(a) * a)]],
  rsub: [(a, b, k = 1) => b - k * a, (g, a, b, k = 1) => [-g * k, g]],
  same: [(a) => a, (g) => [g]],
  sigmoid: [logistic, (g, a) => [g * (1 - logistic(a)) * logistic(a)]],
  sign: [sign, none],
  sin: [sin, (g, a) => [g * cos(a)]],
  softplus: [
    (a, k = 1, most = 20) => (a * k > most ? a : Math.log1p(exp(a * k)) / k),
    (g, a, k = 1, most = 20) => [a * k > most ? g : (g * exp(a * k)) / (exp(a * k) + 1)],
  ],
  sqrt: [sqrt, (g, a) => [g / (2 * sqrt(a))]],
  square: [(a) => a * a, (g, a) => [g * (2 * a)]],
  sub: [(a, b, k = 1) => a - k * b, (g, a, b, k = 1) => [g, -g * k]],
  tan: [tan, (g, a) => [g * (1 + tan(a) ** 2)]],
  tanh: [tanh, (g, a) => [g * (1 - tanh(a) ** 2)]],
  trunc: [trunc, none],
};

/** @param {Operand[]} operands @param {number[]} values */
const numbersOf = (operands, values) =>
  operands.map((one) => (typeof one === "number" ? values[one] : one[0] ?? undefined));

/** @param {Formulas} run @param {Leaves} leaves @returns {number[]} the number of every value, by id */
export function evaluated(run, leaves) {
  const values = run.values.map((recorded, id) => leaves[id] ?? recorded);
  for (const [, name, output, operands] of run.ops) values[output] = FORMULAS[name][0](...numbersOf(operands, values));
  return values;
}

/**
 * @param {Row} row @param {number[]} values @param {number} gradient at its output
 * @returns {[value: number, position: number, gradient: number][]} what goes on to each of its inputs
 */
function passed([, name, , operands, conducts], values, gradient) {
  const back = FORMULAS[name][1](gradient, ...numbersOf(operands, values));
  const inputs = operands.flatMap((one, i) => (typeof one === "number" ? [[one, back[i]]] : []));
  return inputs.flatMap(([value, sent], position) => (conducts[position] === "1" ? [[value, position, sent]] : []));
}

/**
 * @param {Formulas} run @param {number[]} values @param {number} loss the value that the pass starts from
 * @returns {{[key: string]: number}} what arrives at values ("3") and along edges ("3.1.0"); nothing where none does
 */
export function derivatives(run, values, loss = run.loss) {
  /** @type {{[key: string]: number}} */
  const found = { [loss]: run.seed };
  for (const row of [...run.ops].reverse()) {
    if (found[row[2]] === undefined) continue;
    for (const [value, position, sent] of passed(row, values, found[row[2]])) {
      found[`${value}.${row[0]}.${position}`] = sent;
      found[value] = (found[value] ?? 0) + sent;
    }
  }
  return found;
}

/** @param {Formulas} run @param {number[]} values @returns {{[key: string]: number}} of each edge, what an op multiplies by */
export function factors(run, values) {
  return Object.fromEntries(run.ops.flatMap((row) => passed(row, values, 1).map(([value, position, factor]) =>
    [`${value}.${row[0]}.${position}`, factor])));
}

/**
 * One step of gradient descent: value − rate × derivative.
 * @param {Formulas} run @param {Leaves} leaves @param {number} rate @returns {Leaves} what is not as recorded then
 */
export function stepped(run, leaves, rate) {
  const values = evaluated(run, leaves);
  const gradients = derivatives(run, values);
  const moved = run.leaves.filter(([id, , moves]) => moves && gradients[id] !== undefined);
  return { ...leaves, ...Object.fromEntries(moved.map(([id]) => [id, values[id] - rate * gradients[id]])) };
}

/** @param {Formulas} run whether the recorded run comes out as it was seen, with every derivative and no other */
export function agrees(run) {
  const values = evaluated(run, {});
  const found = derivatives(run, values);
  /** @param {number} a @param {number} b */
  const alike = (a, b) => abs(a - b) <= run.tolerance * Math.max(abs(b), 0.01);
  return values.every((one, id) => alike(one, run.values[id]))
    && Object.keys(found).length === Object.keys(run.sent).length
    && Object.entries(run.sent).every(([key, one]) => alike(found[key], one));
}
