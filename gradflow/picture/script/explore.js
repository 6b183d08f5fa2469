// @ts-check
/** Reading a figure: why a parameter got what it got, finding things, and coming closer. */

import { LIVE, OWN_KEYS, button, disable, drawn, make } from "./dom.js";
import { grown } from "./geometry.js";
import { barsAt } from "./overlay.js";
import { WHOLE, applyZoom, closer, listenZoom, revealing } from "./zoom.js";

/** @typedef {import("./types.js").Data} Data */
/** @typedef {import("./types.js").Host} Host */
/** @typedef {import("./types.js").Look} Look */
/** @typedef {import("./types.js").Mark} Mark */
/** @typedef {import("./types.js").Net} Net */
/** @typedef {import("./types.js").Panel} Panel */
/** @typedef {import("./types.js").View} View */
/** @typedef {{name: string, mark: Mark | undefined, place: string}} Hit */

/** @type {Look} */
export const PLAIN = { why: "", query: "", hit: 0, zoom: WHOLE };

/**
 * The ways between a value and the losses: of a value that was reached, those on which gradients came.
 * @param {string} key of the value @param {Data} data @param {Net} net @returns {Set<string>} of lines and squares
 */
export function wayOf(key, { edges, parameters, blame }, net) {
  const status = parameters.find(([id]) => String(id) === key)?.[1] ?? "";
  const came = /zero/.test(status);
  const silent = new Set(edges.filter((edge) => came && !/zero/.test(edge[3])).map((edge) => edge.slice(0, 3).join(".")));
  const goals = new Set(net.losses.map(([, value]) => value));
  const cuts = new Set(blame?.[key]);
  const leads = new Set([...net.ops.keys()].reverse().filter((op) => {
    const [inputs, outputs] = net.ops[op];
    const does = cuts.has(op) || outputs.some((value) => goals.has(value));
    if (does) inputs.forEach((value) => goals.add(value));
    return does;
  }));
  const before = new Map(net.same.map(([from, to]) => [to, from]));
  const reach = new Set([Number(key)]);
  const way = new Set([key]);
  net.ops.forEach(([inputs, outputs], op) => {
    const used = inputs.flatMap((value, i) => (leads.has(op) && reach.has(value) ? [`${value}.${op}.${i}`] : []));
    const mine = used.filter((edge) => !silent.has(edge));
    mine.forEach((edge) => way.add(edge));
    outputs.filter((value) => mine.length || reach.has(before.get(value) ?? -1)).forEach((value) => reach.add(value));
  });
  net.losses.filter(([, value]) => reach.has(value)).forEach(([, value]) => way.add(String(value)));
  return way;
}

/** @param {string} key of a parameter @param {Data} data @returns {[name: string, rest: string]} the sentence about it */
export function whyOf(key, { values, parameters }) {
  const name = values.find(([id]) => String(id) === key)?.[1] ?? "";
  const [, , state = "", size = "", reason = "", why = ""] = parameters.find(([id]) => String(id) === key) ?? [];
  const facts = [state, ...size.split("\n")].filter(Boolean).join(", ");
  if (why && reason !== "RECEIVED") return [name, ` ${why[0].toLowerCase()}${why.slice(1)}`];
  return [name, facts ? `: ${facts}. ${why}` : ": no backward pass was recorded."];
}

/** @param {string} query @param {Data} data @param {Net} net @param {Mark[]} marks @returns {Hit[]} in the order of the run */
export function hitsOf(query, { values, ops }, net, marks) {
  const meant = query.trim().toLowerCase();
  const makers = new Map(ops.flatMap((row) => row[1].map((value) => [value, row])));
  const known = new Set(values.map(([id]) => id));
  const hidden = net.parameters.filter(([, [value]]) => !known.has(value)).map(([name, [value]]) => ({ id: value, name }));
  const all = [...values.map(([id, name]) => ({ id, name })), ...hidden];
  const texts = (/** @type {{id: number, name: string}} */ { id, name }) => [name, makers.get(id)?.[3] ?? ""];
  const found = all.filter((one) => meant && texts(one).some((text) => text.toLowerCase().includes(meant)));
  return found.map(({ id, name }) => {
    const shown = marks.filter(({ group, bundle }) => group.childElementCount && bundle.some((key) => Number(key.split(".")[0]) === id));
    const own = net.parameters.some(([, list]) => list.includes(id)) ? name.split(".").slice(0, -1).join(".") : "";
    return { name, mark: shown.find(({ square }) => square) ?? shown[0], place: own || (makers.get(id)?.[4] ?? "") };
  });
}

/** @param {SVGSVGElement} svg @param {Mark[]} marks @param {Look} look @param {Data} data @param {Net} net */
export function drawLook(svg, marks, look, data, net) {
  applyZoom(svg, look.zoom);
  svg.querySelectorAll(".pointer").forEach((old) => old.remove());
  const way = look.why ? wayOf(look.why, data, net) : null;
  for (const { group, bundle } of marks) {
    const on = !way || bundle.some((key) => way.has(key));
    if (group.childElementCount) group.classList.toggle("aside", !on);
  }
  const cuts = (look.why && data.blame?.[look.why]) || [];
  const touched = new Set(cuts.flatMap((op) => net.ops[op][1]));
  const beside = marks.filter(({ bundle }) => bundle.some((key) => {
    const [value, op] = key.split(".").map(Number);
    return cuts.includes(op) || touched.has(value);
  }));
  const bars = new Set(beside.flatMap(({ group }) => barsAt(svg, group)));
  const hit = look.query ? hitsOf(look.query, data, net, marks)[look.hit]?.mark : undefined;
  for (const one of [...bars, ...(hit ? [hit.group] : [])]) svg.append(ring(one, one === hit?.group));
}

/** @param {SVGGraphicsElement} around @param {boolean} hit */
const ring = (around, hit) => drawn("rect", { class: `pointer ${hit ? "hit" : ""}`, rx: 4, ...grown(around.getBBox(), 5) });

/** @param {Host} host @param {Net} net @returns {Panel} */
export function explorePanel(host, net) {
  const { data } = host;
  const look = (/** @type {Partial<Look>} */ change) => host.set({ look: { ...host.get().look, ...change } });
  const sentence = make("span", { class: "because", ...LIVE });
  const because = make("div", { class: "bar" }, sentence, button("Show all", () => look({ why: "" })));
  const zoomBy = (/** @type {number} */ factor) => look({ zoom: closer(host.get().look.zoom, factor) });
  const fit = button("Fit", () => look({ zoom: WHOLE }), "Fit the whole picture");
  const zoom = make("div", { class: "bar", role: "group", "aria-label": "Zoom" },
    button("−", () => zoomBy(1 / 1.5), "Zoom out"), button("+", () => zoomBy(1.5), "Zoom in"), fit);
  const below = make("div", { class: "reading" }, because, zoom);

  const field = make("input", { type: "search", class: "field", "aria-label": "Find by name", placeholder: "name or operation", ...OWN_KEYS });
  const count = make("span", { class: "hits", ...LIVE });
  const hits = () => hitsOf(host.get().look.query, data, net, host.marks());
  function go(/** @type {number} */ by) {
    const found = hits();
    const hit = found.length ? (host.get().look.hit + by + found.length) % found.length : 0;
    const { mark } = found[hit] ?? {};
    const svg = host.svg();
    look({ hit, ...(mark && svg ? { zoom: revealing(host.get().look.zoom, svg, mark.group) } : {}) });
    mark?.group.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  field.addEventListener("input", () => { look({ query: field.value, hit: 0 }); go(0); });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") { field.value = ""; look({ query: "" }); }
    if (event.key === "ArrowDown") hits()[host.get().look.hit]?.mark?.group.focus();
  });

  const root = make("div", { class: "panel explore" }, make("div", { class: "bar" }, make("label", {}, "Find ", field),
    button("◂", () => go(-1), "Previous match"), button("▸", () => go(1), "Next match"), count));

  listenZoom(host, (zoom) => look({ zoom }));

  /** @param {View} view */
  function draw({ state: { look: { why, query, hit, zoom: { scale } }, mode } }) {
    const [name, rest] = why ? whyOf(why, data) : ["", ""];
    because.hidden = !why;
    if (sentence.textContent !== name + rest) sentence.replaceChildren(make("b", {}, name), rest);
    zoom.hidden = mode !== "explore" && scale === 1;
    disable(fit, scale === 1);
    const found = hits();
    const { mark, place = "", name: of = "" } = found[hit] ?? {};
    const where = mark || !of ? "" : place ? ` lies inside ${place}, which is closed here` : " is not drawn by itself";
    const told = !query ? "" : found.length ? `${hit + 1} of ${found.length}: ${of}${where}` : "nothing found";
    if (count.textContent !== told) count.textContent = told;
  }
  return { root, below, draw, ask: (key) => look({ why: host.get().look.why === key ? "" : key }) };
}
