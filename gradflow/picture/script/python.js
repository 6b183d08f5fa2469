// @ts-check
/** The changes of a reader as lines of a program. */

import { cutName, optionsOf } from "./options.js";

/** @typedef {import("./types.js").Data} Data */
/** @typedef {import("./types.js").Edit} Edit */
/** @typedef {import("./types.js").Net} Net */

const IDENTIFIER = /^[\p{L}_][\p{L}\p{N}_]*$/u;

/** @param {Edit} edit @param {Data} data @param {Net} net @returns {string[]} */
export function pythonOf({ cut, heal, frozen, thaw, ask, hold, losses }, { values, ops }, net) {
  const names = new Map(values.map(([id, name]) => [id, name]));
  const rows = new Map(ops.map((row) => [row[0], row]));
  const options = optionsOf(net);
  const at = (/** @type {number} */ op) => rows.get(op)?.[2] || `op ${op} of the graph`;
  const called = (/** @type {number} */ op) => rows.get(op)?.[3] ?? "its call";
  const tensor = (/** @type {string} */ name) => (IDENTIFIER.test(name) ? name : `model.get_parameter(${quoted(name)})`);
  const tensors = (/** @type {string[]} */ list) => `[${list.map(tensor).join(", ")}]`;
  const trained = (/** @type {string} */ name) => !frozen.includes(name)
    && (thaw.includes(name) || options.parameters.some((one) => one.name === name && one.trained));

  const own = new Set(options.parameters.flatMap((one) => one.values));
  const uses = (/** @type {number} */ value) =>
    net.ops.flatMap(([inputs], op) => inputs.flatMap((one, i) => (one === value ? [`${value}.${op}.${i}`] : [])));
  const cuts = [...new Set(cut.map((edge) => Number(edge.split(".")[0])))].flatMap((value) => {
    const mine = cut.filter((edge) => edge.startsWith(`${value}.`));
    const name = names.get(value) ?? `%${value}`;
    const variable = IDENTIFIER.test(name) && !own.has(value);
    const [, op] = mine[0].split(".").map(Number);
    if (variable && uses(value).every((edge) => mine.includes(edge))) {
      return [`${name} = ${name}.detach()  # before ${at(op)}: ${called(op)}`];
    }
    const made = ops.find((row) => row[1].includes(value))?.[2];
    const from = made && !variable ? ` (from ${made})` : "";
    return mine.map((edge) => {
      const [, into, position] = edge.split(".").map(Number);
      return `# ${at(into)}: .detach() at ${name}${from} as tensor ${position + 1} of ${called(into)}`;
    });
  });
  const loss = (/** @type {number} */ value) => {
    const label = options.losses.find(([one]) => one === value)?.[1] ?? "";
    return IDENTIFIER.test(label) ? label : `loss_${value}`;
  };
  const recorded = net.losses.length === 1 ? net.losses[0][2] : null;
  const from = losses ?? options.from;
  const inputs = (ask === undefined ? (losses ? null : recorded) : ask)?.filter(trained);
  const sum = from.length > 1 ? `(${from.map(loss).join(" + ")})` : from.map(loss).join("");
  const nothing = !sum || (inputs && !inputs.length);
  const only = inputs ? `inputs=${tensors(inputs)}` : "";
  const backward = nothing ? "# no backward(): nothing is asked for" : `${sum}.backward(${only})`;
  const healed = (/** @type {number} */ op) => (net.kinds[op] === "/" ? ".detach()" : `torch.${cutName(net, op)}()`);
  const holds = hold?.length ? `optimizer = torch.optim.SGD(${tensors(hold)}, lr=lr)` : "# no optimizer.step(): it holds nothing";
  const lines = [
    ...frozen.map((name) => `${tensor(name)}.requires_grad_(False)`),
    ...thaw.map((name) => `${tensor(name)}.requires_grad_(True)`),
    ...cuts,
    ...heal.map((op) => `# ${at(op)}: without ${healed(op)}`),
    ...(ask !== undefined || losses ? [backward] : []),
    ...(hold ? [holds] : []),
  ];
  const named = from.filter((value) => loss(value) === `loss_${value}`).map((value) => `# loss_${value}: ${names.get(value) ?? ""}`);
  const model = lines.some((line) => line.includes("model.")) ? ["# model: the module whose parameters have these names"] : [];
  return [...model, ...(lines.includes(backward) ? named : []), ...lines];
}

/** @param {string} name @returns {string} as Python writes it, with all that does not print escaped */
const quoted = (name) => JSON.stringify(name).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (one) =>
  `\\U${(one.codePointAt(0) ?? 0).toString(16).padStart(8, "0")}`);
