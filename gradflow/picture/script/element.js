// @ts-check
/**
 * <gf-figure>: a picture whose lines and squares have cards, which can be stepped through, and in which a reader
 * changes the way of the gradient and sees what would follow.
 *
 * What the reader did is the state; what follows from it is the view; only draw() changes the page. Whatever the
 * cards and the steps say was written by Python.
 */

import { cardOf, cards, linesOf, marksOf } from "./cards.js";
import { OWN_KEYS, attributed, button, isPlain, make } from "./dom.js";
import { UNCHANGED, changes } from "./edits.js";
import { PLAIN, drawLook, explorePanel } from "./explore.js";
import { LINES, apart, boundsOf, holds, placeOf, pointsOf, shows } from "./geometry.js";
import { drawForecast } from "./overlay.js";
import { addBands, isDark, picturesOf, svgOf } from "./page.js";
import { act, whatifPanel } from "./panel.js";
import { MOST_DOTS, stepsPanel } from "./steps.js";
import { addDoors, doorAt, doorOf, unpackable, unpacked, viewsControl } from "./views.js";
import { predicted } from "./whatif.js";
import { WHOLE, revealing } from "./zoom.js";

/** @typedef {import("./types.js").Edit} Edit */
/** @typedef {import("./types.js").Forecast} Forecast */
/** @typedef {import("./types.js").Host} Host */
/** @typedef {import("./types.js").Mode} Mode */
/** @typedef {import("./types.js").Net} Net */
/** @typedef {import("./types.js").Offer} Offer */
/** @typedef {import("./types.js").Panel} Panel */
/** @typedef {import("./types.js").Data} Data */
/** @typedef {import("./types.js").Picture} Picture */
/** @typedef {import("./types.js").Point} Point */
/** @typedef {import("./types.js").Mark} Mark */
/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").View} View */

const STYLE = "element.css" + "explore.css";
const FIT = 0.95; // the least scale at which a picture is still shown
const NEAR = 12; // half the size of a target, in pixels
const PACE = 600; // milliseconds from step to step

/** @param {State} state @param {Picture[]} pictures @param {Data} data @returns {View} */
function derived(state, pictures, { steps, net }) {
  const fitting = pictures.find((picture) => picture.width * FIT <= state.room);
  const stepping = state.mode === "step";
  return {
    picture: fitting ?? pictures[pictures.length - 1],
    dark: state.dark,
    card: state.hover < 0 ? state.focus : state.hover,
    step: state.step,
    playing: state.playing,
    pending: new Set(stepping ? steps.slice(state.step).flatMap(([keys, , , since = []]) => [...keys, ...since]) : []),
    current: new Set(stepping && (state.step < steps.length || state.playing) ? steps[state.step - 1]?.[0] : []),
    state,
    forecast: net && changes(state.edit) ? forecastOf(net, state.edit) : null,
  };
}

/** @type {WeakMap<Edit, Forecast>} */
const forecasts = new WeakMap();

/** @param {Net} net @param {Edit} edit @returns {Forecast} */
function forecastOf(net, edit) {
  const known = forecasts.get(edit) ?? { before: predicted(net, {}), then: predicted(net, edit) };
  forecasts.set(edit, known);
  return known;
}

/** @param {Mark} mark @param {View} view */
function paint(mark, view) {
  const { group, key } = mark;
  group.classList.toggle("pending", view.pending.has(key));
  group.classList.toggle("current", view.current.has(key));
  if (group.hasAttribute("tabindex")) group.setAttribute("aria-label", linesOf(mark).filter(Boolean).join(", "));
}

/** @type {Offer[]} what a figure can do, in the order of its buttons */
const OFFERS = [
  { mode: "whatif", label: "What if?", make: (host) => host.data.net && whatifPanel(host, host.data.net) },
  { mode: "step", label: "Step by step", make: (host) => (host.data.steps.length ? stepsPanel(host) : null) },
  { mode: "explore", label: "Explore", make: (host) => host.data.net && explorePanel(host, host.data.net) },
];
/** @type {Set<GradflowFigure>} those on the page */
const FIGURES = new Set();

class GradflowFigure extends HTMLElement {
  /** Another script gives all figures something more to do, once. @param {Offer} offer */
  static offer(offer) {
    if (OFFERS.some(({ mode }) => mode === offer.mode)) return;
    OFFERS.push(offer);
    for (const figure of FIGURES) {
      figure.take(offer);
      figure.draw(figure.derived(figure.state));
    }
  }

  /** @type {State} */
  state = {
    room: 0, dark: false, hover: -1, focus: -1, step: 0, playing: false, mode: "", edit: UNCHANGED, past: [], note: "",
    hints: 0,
    values: {}, rate: 0.1,
    look: PLAIN, view: 0,
  };
  /** @type {{mode: Mode, tab: HTMLElement | null, panel: Panel}[]} */
  panels = [];
  /** @type {Mark[]} every line and square of the picture that is shown */
  marks = [];
  /** @type {Mark[]} those that can be pointed at */
  targets = [];
  /** @type {Mark[]} those that the keyboard comes to, from the loss backwards */
  stops = [];
  /** @type {Map<Mark, Point[]>} */
  points = new Map();
  /** @type {Picture[][]} by the number of the view; those that were asked for */
  pictures = [];
  /** @type {Picture | null} */
  shown = null;
  timer = 0;

  connectedCallback() {
    if (this.shadowRoot) return this.watch();
    if (this.json) return this.build();
    // The parser is not past this element yet: what stands in it comes later.
    const wait = new MutationObserver(() => {
      if (!this.json) return;
      wait.disconnect();
      this.build();
    });
    wait.observe(this, { childList: true });
  }

  disconnectedCallback() {
    this.unwatch?.abort();
    clearInterval(this.timer);
    this.timer = 0;
    this.state.playing = false;
  }

  /** What its data stand in. */
  get json() {
    return this.querySelector("script[type='application/json']");
  }

  get theme() {
    return this.getAttribute("theme") || "auto";
  }

  build() {
    /** @type {Data} */
    const none = { net: null, losses: [], blame: {}, values: [], ops: [], edges: [], parameters: [], steps: [], views: [] };
    /** @type {Data} */
    const data = { ...none, ...JSON.parse(this.json?.textContent || "{}") };
    data.views = unpackable(data.views);
    this.data = data;
    this.pictures = [picturesOf(this)];
    this.card = make("div", { class: "card", hidden: "" });
    this.frame = make("div", { class: "frame" }, this.card);
    this.strip = make("ol", { class: "strip" });
    this.tabs = make("div", { class: "bar tabs", role: "group", "aria-label": "What this figure can do" });
    this.figure = make("div", { class: "figure" }, this.frame, this.strip);
    OFFERS.forEach((offer) => this.take(offer));
    if (data.views.length) {
      this.modules = viewsControl(this.host(), data.views);
      this.tabs.append(this.modules.root);
      if (!this.panels.length) this.strip.before(this.tabs);
    }
    FIGURES.add(this);
    const table = make("slot", { name: "table" });
    this.attachShadow({ mode: "open" }).append(make("style", {}, STYLE), this.figure, table);
    // Seen from the document, a key pressed in here was pressed on this element.
    attributed(this, OWN_KEYS);
    this.listen(this.frame);
    this.state.step = Math.min(1, data.steps.length); // what comes later is for the reader to foretell
    this.state.mode = /** @type {Mode} */ (this.getAttribute("mode") || "");
    this.watch();
  }

  /** One thing more that it can do, if the data allow it, and the button for it. @param {Offer} offer */
  take({ mode, label, make: made }) {
    const { frame, strip, tabs } = this;
    const panel = made(this.host());
    if (!panel || !frame || !strip || !tabs) return;
    const tab = label ? button(label, () => this.set({ mode: this.state.mode === mode ? "" : mode, playing: false })) : null;
    this.panels.push({ mode, tab, panel });
    if (!tab) return this.figure?.prepend(panel.root);
    if (!tabs.parentNode) strip.before(tabs);
    tabs.insertBefore(tab, this.modules?.root ?? null);
    if (panel.above) frame.before(panel.above);
    strip.before(panel.root);
    if (panel.below) strip.before(panel.below);
  }

  /**
   * What would happen if the program were changed: reach, steps and work of one backward pass, from the graph alone.
   *
   * An edge is named as in `t.graph`: "value.op.position", or the three numbers.
   * @param {import("./whatif_types.js").Change} change
   * @returns {ReturnType<typeof predicted>}
   */
  whatif(change) {
    if (!this.data?.net) throw new Error("whatif: no graph to predict from; draw a Graph, a Flow or a Comparison.");
    return predicted(this.data.net, change);
  }

  /** @returns {Host} */
  host() {
    return {
      data: /** @type {Data} */ (this.data),
      figure: /** @type {HTMLElement} */ (this.figure),
      get: () => this.state,
      set: (change) => this.set(change),
      edit: (change) => {
        const { edit, past } = this.state;
        const next = { ...edit, ...change };
        const refused = this.panels.map(({ panel }) => panel.forbids?.(next)).find(Boolean);
        const refuse = (/** @type {string} */ note) => [this.set({ note: "" }), this.set({ note })];
        if (refused) return refuse(refused);
        try {
          this.whatif(next);
          this.set({ edit: next, past: [...past, edit], note: "" });
        } catch (error) {
          refuse(error instanceof Error ? error.message : String(error));
        }
      },
      whatif: (change) => this.whatif(change),
      svg: () => /** @type {SVGSVGElement} */ (this.svg),
      marks: () => this.marks,
    };
  }

  /** Follow the width of the element and the colours of the page. */
  watch() {
    const look = () => this.set({ dark: isDark(this.theme) });
    const measure = () => this.clientWidth && this.set({ room: this.clientWidth });
    const size = new ResizeObserver(measure);
    const colours = new MutationObserver(look);
    const attributeFilter = ["class", "theme", "data-theme", "data-jp-theme-light"];
    size.observe(this);
    for (const root of [document.documentElement, document.body]) colours.observe(root, { attributeFilter });
    this.unwatch = new AbortController();
    const { signal } = this.unwatch;
    signal.addEventListener("abort", () => [size, colours].forEach((observer) => observer.disconnect()));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look, { signal });
    addEventListener("beforeprint", () => this.print(), { signal });
    addEventListener("afterprint", () => this.printed(), { signal });
    this.state.dark = isDark(this.theme);
    this.set({ room: this.clientWidth });
  }

  /** @param {HTMLElement} frame */
  listen(frame) {
    frame.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch" || this.card?.contains(this.under(event))) return;
      const hover = this.near(event);
      frame.classList.toggle("door", hover < 0 && Boolean(this.doorAt(event)));
      this.set({ hover });
    });
    frame.addEventListener("pointerleave", () => this.set({ hover: -1 }));
    frame.addEventListener("click", (event) => {
      if (this.card?.contains(this.under(event))) return;
      const mark = this.targets[this.near(event)];
      const door = mark ? undefined : this.doorAt(event);
      const stop = mark?.stem ? this.stops.find((one) => one.square && one.key === mark.key.split(".")[0]) : mark;
      if (this.state.mode === "whatif") mark && this.act(mark);
      else this.act(stop);
      this.set({ hover: -1, focus: -1 });
      stop?.group.focus({ preventScroll: true });
      if (door) this.pass(door);
    });
    frame.addEventListener("focusin", (event) => {
      const focus = this.targets.findIndex(({ group }) => group === this.under(event));
      const { look } = this.state;
      const zoom = this.svg && focus >= 0 ? revealing(look.zoom, this.svg, this.targets[focus].group) : look.zoom;
      this.set({ focus, look: zoom === look.zoom ? look : { ...look, zoom } });
    });
    frame.addEventListener("focusout", () => this.set({ focus: -1 }));
    frame.addEventListener("keydown", (event) => {
      const at = this.stops.findIndex(({ group }) => group.getAttribute("tabindex") === "0");
      /** @type {Record<string, number>} */
      const aims = {
        ArrowLeft: at + 1, ArrowUp: at + 1, ArrowRight: at - 1, ArrowDown: at - 1, Home: 0, End: this.stops.length - 1,
      };
      const focused = /** @type {SVGElement} */ (this.under(event));
      if ((event.key === "Enter" || event.key === " ") && focused.dataset?.view) {
        event.preventDefault();
        return this.pass(focused);
      }
      const plain = isPlain(event);
      if (event.key === "Escape") this.set({ hover: -1, focus: -1, look: { ...this.state.look, why: "" } });
      if (event.key === "w" && at >= 0 && plain) this.explain(this.stops[at]);
      if ((event.key === "Enter" || event.key === " ") && at >= 0 && this.act(this.stops[at])) event.preventDefault();
      const aim = plain ? aims[event.key] : undefined;
      if (aim === undefined) return;
      event.preventDefault();
      this.stops[Math.max(0, Math.min(aim, this.stops.length - 1))].group.focus();
    });
  }

  /** @param {Mark | undefined} mark that was chosen @returns {boolean} whether that did anything */
  act(mark) {
    const { net } = /** @type {Data} */ (this.data);
    if (!net || this.state.mode === "step") return false;
    if (this.state.mode !== "whatif") return this.explain(mark);
    if (mark) act(this.host(), net, mark);
    return true;
  }

  /** Why a square got what it got; nothing, or what is no square, ends that. @param {Mark | undefined} mark */
  explain(mark) {
    this.panels.forEach(({ panel }) => panel.ask?.(mark?.square ? mark.key : ""));
    return Boolean(mark?.square);
  }

  /** @param {MouseEvent} event @returns {SVGElement | undefined} the module below the pointer that opens or closes */
  doorAt(event) {
    return this.svg && this.data?.views.length ? doorAt(this.svg, event) : undefined;
  }

  /** @param {SVGElement} door the name of a module that was chosen */
  pass(door) {
    const { view, module } = door.dataset;
    if (this.svg) doorOf(this.svg, module)?.focus({ preventScroll: true });
    this.set({ view: Number(view) });
  }

  /** @param {Event} event @returns {Node} what it happened to */
  under(event) {
    return /** @type {Node} */ (event.composedPath()[0]);
  }

  /** @param {MouseEvent} event @returns {number} the target next to the pointer, or -1 */
  near(event) {
    const corner = /** @type {HTMLElement} */ (this.frame).getBoundingClientRect();
    const at = { x: event.clientX - corner.x, y: event.clientY - corner.y };
    let [best, least] = [-1, NEAR];
    this.targets.forEach((mark, i) => {
      const points = this.pointsOf(mark);
      const inside = mark.square && points.length && holds(boundsOf(points), at, 1);
      const distance = inside ? -1 : Math.min(...points.map((p) => apart(p, at)));
      if (distance <= least) [best, least] = [i, distance];
    });
    return best;
  }

  /** @param {Mark} mark */
  pointsOf(mark) {
    const known = this.points.get(mark) || pointsOf(mark.group, LINES);
    this.points.set(mark, known);
    return known;
  }

  /** @param {Partial<State>} change */
  set(change) {
    const next = { ...this.state, ...change };
    if (next.view && !this.data?.views[next.view - 1]?.[1].length) next.view = 0;
    const keys = /** @type {(keyof State)[]} */ (Object.keys(next));
    if (this.shown && keys.every((key) => next[key] === this.state[key])) return;
    if (next.room !== this.state.room || next.look.zoom !== this.state.look.zoom) this.points.clear();
    this.state = next;
    if (this.pictures[next.view] || !next.view) this.redraw();
    else this.unpack(next.view);
  }

  /** @param {number} view of which the pictures are not there yet; until they are, the last one stays */
  async unpack(view) {
    this.redraw();
    const found = await unpacked(/** @type {Data} */ (this.data).views[view - 1], this.pictures[0]);
    this.pictures[view] ??= found;
    this.redraw();
  }

  /** Draw, and give the focus back to what had it where the picture is another one. */
  redraw() {
    const active = /** @type {SVGElement | null | undefined} */ (this.shadowRoot?.activeElement);
    const had = active && this.svg?.contains(active) ? active.dataset : null;
    const before = this.shown;
    this.draw(this.derived(this.state));
    if (!had || before === this.shown || !this.svg) return;
    const again = had.key === undefined ? doorOf(this.svg, had.module) : this.stops.find(({ key }) => key === had.key)?.group;
    (again ?? this.stops[0]?.group)?.focus({ preventScroll: true });
  }

  /** @param {State} state @returns {View} */
  derived(state) {
    const shown = this.pictures.find((each) => this.shown !== null && each?.includes(this.shown));
    return derived(state, this.pictures[state.view] ?? shown ?? this.pictures[0], /** @type {Data} */ (this.data));
  }

  /** @param {View} view */
  draw(view) {
    this.show(view.picture);
    this.figure?.classList.toggle("dark", view.dark);
    this.figure?.classList.toggle("grey", this.theme === "grey");
    for (const rule of this.svg?.querySelector("style")?.sheet?.cssRules || []) {
      if (rule instanceof CSSMediaRule) rule.media.mediaText = view.dark ? "screen" : "not all";
    }
    this.marks.forEach((mark) => paint(mark, view));
    if (this.svg && this.data?.net) drawLook(this.svg, this.marks, view.state.look, this.data, this.data.net);
    this.drawCard(view.card);
    this.modules?.draw(view);
    this.panels.forEach(({ mode, tab, panel }) => {
      const open = view.state.mode === mode;
      tab?.setAttribute("aria-expanded", String(open));
      panel.root.hidden = tab !== null && !open;
      panel.draw(view);
    });
    this.figure?.classList.toggle("whatif", view.state.mode === "whatif" || view.forecast !== null);
    if (this.svg) drawForecast(this.svg, this.marks, view, this.data?.net ?? null);
    if (view.playing !== this.timer > 0) this.run(view.playing);
  }

  /** @param {Picture} picture put in the place of the one that is shown */
  show(picture) {
    if (picture === this.shown || !this.data) return;
    this.shown = picture;
    const svg = svgOf(picture.source);
    addBands(svg);
    attributed(svg, { role: "group", "aria-description": this.querySelector("img")?.alt || "" });
    addDoors(svg, this.data.views);
    this.svg?.remove();
    this.svg = svg;
    this.frame?.prepend(svg);
    this.marks = marksOf(svg, cards(this.data));
    this.targets = this.marks.filter(shows);
    this.stops = this.targets.filter((mark) => !mark.stem);
    this.stops.forEach(({ group }, i) => attributed(group, { tabindex: i ? -1 : 0, role: "img", ...OWN_KEYS }));
    this.points.clear();
    this.state.hover = this.state.focus = -1;
    this.state.look = { ...this.state.look, zoom: WHOLE };
  }

  /** @param {number} index of the target it belongs to, or -1 */
  drawCard(index) {
    const { card, frame, stops } = this;
    const mark = this.targets[index];
    if (!card || !frame) return;
    card.hidden = !mark;
    if (!mark) return;
    mark.group.classList.add("current");
    if (this.state.focus === index) stops.forEach((stop) => stop.group.setAttribute("tabindex", stop === mark ? "0" : "-1"));
    card.replaceChildren(...cardOf(mark));
    card.style.left = card.style.top = "0";
    const room = { w: frame.clientWidth, h: frame.clientHeight };
    const place = placeOf(this.pointsOf(mark), pointsOf(mark.group, "text"), { w: card.offsetWidth, h: card.offsetHeight }, room);
    card.style.left = `${place.x}px`;
    card.style.top = `${place.y}px`;
  }

  /** @param {boolean} playing */
  run(playing) {
    clearInterval(this.timer);
    const last = this.data?.steps.length || 0;
    const tick = () => this.set({ step: Math.min(this.state.step + 1, last), playing: this.state.step + 1 < last });
    this.timer = playing ? window.setInterval(tick, PACE) : 0;
  }

  /** Paper cannot be stepped through: it gets the whole picture, and every step as a small one. */
  print() {
    const steps = this.data?.steps || [];
    if (!this.strip) return;
    const whole = { ...this.state, view: 0 };
    this.show(this.derived(whole).picture);
    const walked = this.state.mode === "step" && steps.length <= MOST_DOTS;
    const frames = (walked ? steps : []).map(([, label], i) => {
      const view = this.derived({ ...whole, step: i + 1, playing: true, mode: "step" });
      this.marks.forEach((mark) => paint(mark, view));
      return make("li", {}, `${i + 1}. ${label}`, /** @type {Node} */ (this.svg?.cloneNode(true)));
    });
    this.strip.replaceChildren(...frames);
    this.draw(this.derived({ ...whole, hover: -1, focus: -1, playing: false, mode: "", edit: UNCHANGED, look: PLAIN }));
  }

  printed() {
    this.strip?.replaceChildren();
    this.draw(this.derived(this.state));
  }
}

customElements.define("gf-figure", GradflowFigure);
