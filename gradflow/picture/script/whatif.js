// @ts-check
// Where a gradient would go if something were changed: from the graph alone, nothing is run.
// What is not known stays unknown: every answer is no, maybe or yes.

const NO = 0, MAYBE = 1, YES = 2;
/** @type {Record<string, number>} */
const LINKED = { "0": NO, "?": MAYBE, "1": YES, u: YES, m: YES };
/** @type {Record<string, number>} */
const CARRIED = { "0": NO, "?": MAYBE, "1": YES, u: NO, m: MAYBE };

/** @typedef {import("./whatif_types.js").Net} Net */
/** @typedef {import("./whatif_types.js").Use} Use */
/** @typedef {import("./whatif_types.js").Change} Change */
/** @typedef {import("./whatif_types.js").Answer} Answer */
/** @typedef {import("./whatif_types.js").Loss} Loss */
/** @typedef {import("./whatif_types.js").Plan} Plan */
/** @typedef {import("./whatif_types.js").Forward} Forward */

/** @type {(a: number, b: number) => number} */
const both = Math.min;
/** @type {(a: number, b: number) => number} */
const either = Math.max;

/**
 * What a backward pass would do: which parameters it reaches, which an optimizer steps, which recorded ops run
 * backward, and along which uses a gradient goes. `unknown` names the parameters that cannot be told without running.
 * @param {Net} net @param {Change} [change]
 * @returns {Answer & {byLoss: Record<string, Answer>}}
 */
export function predicted(net, change = {}) {
  const plan = planned(net, change), forward = needing(plan);
  /** @type {[string, Answer][]} */
  const alone = plan.losses.map((loss) => [loss.label, backward(plan, forward, [loss])]);
  const whole = alone.length === 1 ? alone[0][1] : backward(plan, forward, plan.losses);
  return { ...whole, byLoss: Object.fromEntries(alone) };
}

/** Why an edge cannot be cut, or an op not be healed, with one meaning; "" if it can.
 * @param {Net} net @param {string | number} at @returns {string} */
export function refusal(net, at) {
  const found = typeof at === "number"
    ? net.noHeal.find(([, ops]) => ops.includes(at)) : net.noCut.find(([, uses]) => uses.includes(at));
  if (found || typeof at !== "number") return found ? found[0] : "";
  return "/oi".includes(net.kinds[at]) ? "" : "it cuts nothing";
}

/** @param {Net} net @param {Change} change @returns {Plan} */
function planned(net, change) {
  let total = 0;
  const letters = net.ops.map(([inputs]) => net.conducts.slice(total, total += inputs.length));
  const cut = new Set((change.cut ?? []).map((use) => cuttable(net, use)));
  const heal = new Set(change.heal ?? []);
  for (const op of heal) {
    const why = Number.isInteger(op) && net.ops[op] ? refusal(net, op) : opsOf(net);
    if (why) throw new Error(`heal: op ${op}: ${why}.`);
  }
  const frozen = flagged(net, change.frozen, "frozen"), thaw = flagged(net, change.thaw, "thaw");
  const hold = change.hold ? change.hold.map((name) => parameter(net, name)) : net.held;
  const asked = change.ask && valuesOf(net, change.ask);
  const losses = (change.losses ?? net.losses.map(([label]) => label)).map((given) => {
    const [label, value, ask] = loss(net, given);
    return { label, value, ask: asked === undefined ? ask ? valuesOf(net, ask) : null : asked };
  });
  const before = new Map(net.same.map(([from, to]) => [to, from]));
  return { net, letters, cut, heal, frozen, thaw, hold: new Set(hold ?? net.parameters.map(([name]) => name)), losses,
    before };
}

/** @param {Net} net */
const opsOf = (net) => `there are ops 0 to ${net.ops.length - 1}`;

/** @param {Net} net @param {Use} use */
function cuttable(net, use) {
  const id = typeof use === "string" ? use
    : Array.isArray(use) ? use.join(".") : `${use.value}.${use.op}.${use.position}`;
  const [value, op, position] = id.split(".").map(Number);
  const inputs = net.ops[op]?.[0];
  if (!inputs || inputs[position] !== value || id !== `${value}.${op}.${position}`) {
    const near = inputs ? `op ${op} takes ${inputs.map((v, p) => `${v}.${op}.${p}`).join(", ") || "nothing"}`
      : opsOf(net);
    throw new Error(`cut: ${id} is no edge; expected value.op.position, and ${near}.`);
  }
  const why = refusal(net, id);
  if (why) throw new Error(`cut: ${id}: ${why}.`);
  return id;
}

/** @param {Net} net @param {string} name @returns {number | undefined} the value with that name */
const named = (net, name) => net.names.find(([known]) => known === name)?.[1];

/** The leaf that answers to a name. @param {Net} net @param {string} name */
function leafOf(net, name) {
  const other = named(net, name) ?? -1;
  return [...net.parameters, ...net.leaves].find(([known, values]) => known === name || values.includes(other));
}

/** @param {Net} net @param {string[] | undefined} names @param {"frozen" | "thaw"} what */
function flagged(net, names, what) {
  return new Set((names ?? []).flatMap((name) => {
    const leaf = leafOf(net, name);
    if (!leaf) throw unknown(net, what, name);
    if (net.set.includes(leaf[0])) throw new Error(`${what}: the program itself sets requires_grad of ${name}.`);
    if (what === "thaw" && net.values[leaf[1][0]] === "n") throw new Error(`thaw: ${name} holds no real numbers.`);
    return leaf[1];
  }));
}

/** @param {Net} net @param {string} name */
function parameter(net, name) {
  const leaf = leafOf(net, name);
  if (leaf && net.parameters.includes(leaf)) return leaf[0];
  throw unknown(net, "hold", name);
}

/** @param {Net} net @param {string[]} names @returns {Set<number>} */
function valuesOf(net, names) {
  return new Set(names.flatMap((name) => {
    const leaf = leafOf(net, name);
    const value = named(net, name) ?? (/^%\d+$/.test(name) ? Number(name.slice(1)) : net.values.length);
    if (!leaf && value >= net.values.length) throw unknown(net, "ask", name);
    return leaf ? leaf[1] : [value];
  }));
}

/** @param {Net} net @param {string | number} given @returns {[string, number, (string[] | null)?]} */
function loss(net, given) {
  const known = [...net.losses, ...net.candidates, ...net.names];
  const found = known.find(([label, value]) => given === label || given === value);
  if (found) return /** @type {[string, number]} */ (found);
  if (typeof given === "string" || !net.values[given]) throw unknown(net, "losses", String(given));
  return [`%${given}`, given];
}

/** @param {Net} net @param {string} where @param {string} name */
function unknown(net, where, name) {
  const all = where === "losses" ? [...net.losses, ...net.candidates] : where === "hold" ? net.parameters
    : [...net.parameters, ...net.leaves];
  const near = all.map(([known]) => known).sort((a, b) => distance(name, a) - distance(name, b)).slice(0, 3);
  return new Error(`${where}: there is no ${name}; expected a name of the graph, as ${near.join(", ")}.`);
}

/** How many letters differ. @param {string} a @param {string} b */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + Number(a[i - 1] !== b[j - 1])));
    }
    row = next;
  }
  return row[b.length];
}

/** What an input of an op brings: whether it requires grad. @param {Plan} plan @param {Uint8Array} needs
 * @param {number} op @param {number} position */
function brought(plan, needs, op, position) {
  const value = plan.net.ops[op][0][position];
  return plan.cut.size && plan.cut.has(`${value}.${op}.${position}`) ? NO : needs[value];
}

/** Whether an op takes part in a backward pass. @param {Plan} plan @param {number} op */
const active = (plan, op) => plan.heal.has(op) || "+=".includes(plan.net.kinds[op]);

/** Which values would require grad, in the order of the program. @param {Plan} plan @returns {Forward} */
function needing(plan) {
  const { net, letters, before } = plan, grow = new Set(net.grow), shrink = new Set(net.shrink);
  const recorded = Uint8Array.from(net.values, (letter) => ("rL".includes(letter) ? YES : NO));
  const needs = recorded.slice();
  for (const value of plan.thaw) needs[value] = YES;
  for (const value of plan.frozen) needs[value] = NO;
  const lastGrad = Math.max(-1, ...net.grads);
  let raises = false;
  net.ops.forEach(([inputs, outputs], op) => {
    const runs = active(plan, op), whole = net.kinds[op] === "=";
    let changed = plan.heal.has(op), result = NO;
    for (let k = 0; k < inputs.length; k += 1) {
      const now = brought(plan, needs, op, k), then = plan.heal.has(op) ? NO : recorded[inputs[k]];
      const letter = letters[op][k];
      if (now > then && (grow.has(op) || (runs && letter === "?"))) raises = true;
      if (now < then && shrink.has(op)) raises = true;
      if (plan.heal.has(op) && now && madeInInference(plan, inputs[k])) raises = true;
      changed = changed || now !== then;
      raises = raises || (changed && op <= lastGrad);
      result = either(result, both(now, whole ? MAYBE : LINKED[letter]));
    }
    for (const value of outputs) {
      const kept = before.get(value), letter = net.values[value];
      if (plan.frozen.has(value) || plan.thaw.has(value)) continue;
      if (kept !== undefined) needs[value] = needs[kept];
      else if (letter === "n" || (letter !== "L" && changed && !runs)) needs[value] = NO;
      else if (letter !== "L") needs[value] = changed ? result : recorded[value];
    }
  });
  return { needs, raises };
}

/** Whether a value still comes from an op in inference mode. @param {Plan} plan @param {number} value */
function madeInInference(plan, value) {
  const op = plan.net.ops.findIndex(([, outputs]) => outputs.includes(value));
  return plan.net.kinds[op] === "i" && !plan.heal.has(op);
}

/** From which values a way leads on to what is asked for. @param {Plan} plan @param {Uint8Array} needs
 * @param {Set<number> | null} ask */
function leading(plan, needs, ask) {
  const { net, letters, before } = plan, values = new Uint8Array(net.values.length), ops = new Uint8Array(net.ops.length);
  if (!ask) return { values: values.fill(YES), ops: ops.fill(YES) };
  for (const value of ask) values[value] = needs[value];
  net.ops.forEach(([inputs, outputs], op) => {
    if (active(plan, op)) {
      for (let k = 0; k < inputs.length; k += 1) {
        const linked = LINKED[letters[op][k]];
        ops[op] = either(ops[op], both(both(brought(plan, needs, op, k), linked), values[inputs[k]]));
      }
    }
    for (const value of outputs) {
      const kept = before.get(value);
      if (kept !== undefined) values[value] = either(values[value], values[kept]);
      else if (net.values[value] !== "L") values[value] = either(values[value], both(needs[value], ops[op]));
    }
  });
  return { values, ops };
}

/** One backward pass from the sum of some losses. @param {Plan} plan @param {Forward} forward @param {Loss[]} losses
 * @returns {Answer} */
function backward(plan, forward, losses) {
  const { net, letters, before } = plan, { needs } = forward, seen = new Map(net.seen), unrun = new Set(net.unrun);
  const ask = losses.some((one) => !one.ask) ? null : new Set(losses.flatMap((one) => [...(one.ask ?? [])]));
  const leads = leading(plan, needs, ask);
  // of each value: whether its backward node runs, and whether what comes to it is a gradient
  const run = new Uint8Array(net.values.length), got = new Uint8Array(net.values.length);
  for (const { value } of losses) run[value] = got[value] = both(needs[value], leads.values[value]);
  /** @type {string[]} */
  const edges = [];
  let count = 0, certain = true, raises = forward.raises;
  for (let op = net.ops.length - 1; op >= 0; op -= 1) {
    const [inputs, outputs] = net.ops[op];
    let runs = NO, gets = NO;
    for (const value of outputs) {
      const kept = before.get(value);
      if (kept !== undefined) {
        run[kept] = either(run[kept], run[value]);
        got[kept] = either(got[kept], got[value]);
      } else if (net.values[value] !== "L") {
        runs = either(runs, both(run[value], needs[value]));
        gets = either(gets, both(got[value], needs[value]));
      }
    }
    runs = both(runs, leads.ops[op]);
    if (!runs || !active(plan, op)) continue;
    raises = raises || unrun.has(op);
    if (!(plan.heal.has(op) && net.kinds[op] === "/")) {
      count += Number(runs === YES);
      certain = certain && runs === YES && !(ask && net.grads.includes(op));
    }
    const asRecorded = net.kinds[op] !== "=" || (gets === runs && sameAsSeen(plan, needs, leads.values, got, op, seen));
    for (let k = 0; k < inputs.length; k += 1) {
      const letter = letters[op][k], value = inputs[k];
      const way = both(brought(plan, needs, op, k), leads.values[value]);
      const linked = both(way, LINKED[letter]), carried = asRecorded ? CARRIED[letter] : letter === "0" ? NO : MAYBE;
      run[value] = either(run[value], both(runs, linked));
      raises = raises || (net.kinds[op] !== "=" && letter === "?" && both(runs, way) > NO);
      const sent = both(asRecorded ? gets : runs, both(way, carried));
      got[value] = either(got[value], sent);
      if (sent === YES) edges.push(`${value}.${op}.${k}`);
    }
  }
  return told(plan, { needs, raises }, ask, got, edges.reverse(), certain ? count : null);
}

/** Whether an op that is known only as it ran would run so again. @param {Plan} plan @param {Uint8Array} needs
 * @param {Uint8Array} leads @param {Uint8Array} got @param {number} op @param {Map<number, number[]>} seen */
function sameAsSeen(plan, needs, leads, got, op, seen) {
  const [inputs, outputs] = plan.net.ops[op], then = seen.get(op);
  return !!then && outputs.every((value) => got[value] === (then.includes(value) ? YES : NO))
    && inputs.every((value, k) => brought(plan, needs, op, k) === ("rL".includes(plan.net.values[value]) ? YES : NO)
      && (!needs[value] || leads[value] === YES));
}

/** @param {Plan} plan @param {Forward} forward @param {Set<number> | null} ask @param {Uint8Array} got
 * @param {string[]} edges @param {number | null} count @returns {Answer} */
function told(plan, forward, ask, got, edges, count) {
  const names = plan.net.parameters;
  /** @type {(level: number) => string[]} */
  const at = (level) => names.filter(([, values]) =>
    Math.max(...values.map((v) => (!ask || ask.has(v) ? both(got[v], forward.needs[v]) : NO))) === level)
    .map(([name]) => name);
  if (forward.raises) {
    return { reached: [], stepped: [], backwardOps: null, edges: [], unknown: names.map(([name]) => name) };
  }
  const reached = at(YES), stepped = reached.filter((name) => plan.hold.has(name));
  return { reached, stepped, backwardOps: count, edges, unknown: at(MAYBE) };
}
