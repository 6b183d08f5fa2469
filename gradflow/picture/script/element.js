// @ts-check
/**
 * <gf-figure>: a picture whose lines and squares have cards, and which can be stepped through.
 *
 * What the reader did is the state; what follows from it is the view; only draw() changes the page. Whatever the
 * cards and the steps say was written by Python.
 */

import { cardOf, cards, linesOf, marksOf } from "./cards.js";
import { make } from "./dom.js";
import { LINES, boundsOf, holds, placeOf, pointsOf, shows } from "./geometry.js";
import { addBands, isDark, picturesOf, svgOf } from "./page.js";
import { MOST_DOTS, controls } from "./steps.js";

/** @typedef {import("./types.js").Step} Step */
/** @typedef {import("./types.js").Data} Data */
/** @typedef {import("./types.js").Picture} Picture */
/** @typedef {import("./types.js").Point} Point */
/** @typedef {import("./types.js").Mark} Mark */
/** @typedef {import("./types.js").State} State */
/** @typedef {import("./types.js").View} View */

const STYLE = "element.css";
const FIT = 0.95; // the least scale at which a picture is still shown
const NEAR = 12; // half the size of a target, in pixels
const PACE = 600; // milliseconds from step to step

/** @param {State} state @param {Picture[]} pictures @param {Step[]} steps @returns {View} */
function derived(state, pictures, steps) {
  const fitting = pictures.findIndex((picture) => picture.width * FIT <= state.room);
  return {
    picture: fitting < 0 ? pictures.length - 1 : fitting,
    dark: state.dark,
    card: state.hover < 0 ? state.focus : state.hover,
    step: state.step,
    playing: state.playing,
    pending: new Set(steps.slice(state.step).flatMap(([keys]) => keys)),
    current: new Set(state.step < steps.length || state.playing ? steps[state.step - 1]?.[0] : []),
  };
}

/** @param {Mark} mark @param {View} view */
function paint(mark, view) {
  const { group, key } = mark;
  group.classList.toggle("pending", view.pending.has(key));
  group.classList.toggle("current", view.current.has(key));
  if (group.hasAttribute("tabindex")) group.setAttribute("aria-label", linesOf(mark).filter(Boolean).join(", "));
}

class GradflowFigure extends HTMLElement {
  /** @type {State} */
  state = { room: 0, dark: false, hover: -1, focus: -1, step: 0, playing: false };
  /** @type {Mark[]} every line and square of the picture that is shown */
  marks = [];
  /** @type {Mark[]} those that can be pointed at */
  targets = [];
  /** @type {Mark[]} those that the keyboard comes to, from the loss backwards */
  stops = [];
  /** @type {Map<Mark, Point[]>} */
  points = new Map();
  shown = -1;
  timer = 0;

  connectedCallback() {
    if (this.shadowRoot) return this.watch();
    if (this.querySelector("script[type='application/json']")) return this.build();
    // The parser is not past this element yet: what stands in it comes later.
    const wait = new MutationObserver(() => {
      if (!this.querySelector("script[type='application/json']")) return;
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

  build() {
    const json = this.querySelector("script[type='application/json']");
    /** @type {Data} */
    const data = { losses: [], values: [], ops: [], edges: [], parameters: [], ...JSON.parse(json?.textContent || "{}") };
    this.data = data;
    this.pictures = picturesOf(this);
    this.card = make("div", { class: "card", hidden: "" });
    this.frame = make("div", { class: "frame" }, this.card);
    this.strip = make("ol", { class: "strip" });
    this.figure = make("div", { class: "figure" }, this.frame);
    const { steps } = data;
    if (steps.length) {
      this.controls = controls(steps, (change) => this.set(change), () => this.state);
      this.figure.append(this.controls.root, this.strip);
    }
    const table = make("slot", { name: "table" });
    this.attachShadow({ mode: "open" }).append(make("style", {}, STYLE), this.figure, table);
    // Seen from the document, a key pressed in here was pressed on this element.
    this.setAttribute("data-lm-suppress-shortcuts", "true");
    this.listen(this.frame);
    this.state.step = Math.min(1, steps.length); // what comes later is for the reader to foretell
    this.watch();
  }

  /** Follow the width of the element and the colours of the page. */
  watch() {
    const look = () => this.set({ dark: isDark(this.getAttribute("theme") || "auto") });
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
    this.state.dark = isDark(this.getAttribute("theme") || "auto");
    this.set({ room: this.clientWidth });
  }

  /** @param {HTMLElement} frame */
  listen(frame) {
    frame.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch" || this.card?.contains(this.under(event))) return;
      this.set({ hover: this.near(event) });
    });
    frame.addEventListener("pointerleave", () => this.set({ hover: -1 }));
    frame.addEventListener("click", (event) => {
      if (this.card?.contains(this.under(event))) return;
      const mark = this.targets[this.near(event)];
      const stop = mark?.stem ? this.stops.find((one) => one.square && one.key === mark.key.split(".")[0]) : mark;
      this.set({ hover: -1, focus: -1 });
      stop?.group.focus({ preventScroll: true });
    });
    frame.addEventListener("focusin", (event) => {
      this.set({ focus: this.targets.findIndex(({ group }) => group === this.under(event)) });
    });
    frame.addEventListener("focusout", () => this.set({ focus: -1 }));
    frame.addEventListener("keydown", (event) => {
      const at = this.stops.findIndex(({ group }) => group.getAttribute("tabindex") === "0");
      /** @type {Record<string, number>} */
      const aims = {
        ArrowLeft: at + 1, ArrowUp: at + 1, ArrowRight: at - 1, ArrowDown: at - 1, Home: 0, End: this.stops.length - 1,
      };
      if (event.key === "Escape") this.set({ hover: -1, focus: -1 });
      const aim = event.ctrlKey || event.metaKey || event.altKey ? undefined : aims[event.key];
      if (aim === undefined) return;
      event.preventDefault();
      this.stops[Math.max(0, Math.min(aim, this.stops.length - 1))].group.focus();
    });
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
      const distance = inside ? -1 : Math.min(...points.map((p) => Math.hypot(p.x - at.x, p.y - at.y)));
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
    const keys = /** @type {(keyof State)[]} */ (Object.keys(next));
    if (this.shown >= 0 && keys.every((key) => next[key] === this.state[key])) return;
    if (next.room !== this.state.room) this.points.clear();
    this.state = next;
    this.draw(derived(next, this.pictures || [], this.data?.steps || []));
  }

  /** @param {View} view */
  draw(view) {
    this.show(view.picture);
    const theme = this.getAttribute("theme") || "auto";
    this.figure?.classList.toggle("dark", view.dark);
    this.figure?.classList.toggle("grey", theme === "grey");
    for (const rule of this.svg?.querySelector("style")?.sheet?.cssRules || []) {
      if (rule instanceof CSSMediaRule) rule.media.mediaText = view.dark ? "screen" : "not all";
    }
    this.marks.forEach((mark) => paint(mark, view));
    this.drawCard(view.card);
    this.controls?.draw(view);
    this.controls?.fit();
    if (view.playing !== this.timer > 0) this.run(view.playing);
  }

  /** @param {number} picture put in the place of the one that is shown */
  show(picture) {
    if (picture === this.shown || !this.pictures || !this.data) return;
    this.shown = picture;
    const svg = svgOf(this.pictures[picture].source);
    addBands(svg);
    svg.setAttribute("role", "group");
    svg.setAttribute("aria-description", this.querySelector("img")?.alt || "");
    this.svg?.remove();
    this.svg = svg;
    this.frame?.prepend(svg);
    this.marks = marksOf(svg, cards(this.data));
    this.targets = this.marks.filter(shows);
    this.stops = this.targets.filter((mark) => !mark.stem);
    this.stops.forEach(({ group }, i) => {
      group.setAttribute("tabindex", i ? "-1" : "0");
      group.setAttribute("role", "img");
      group.setAttribute("data-lm-suppress-shortcuts", "true");
    });
    this.points.clear();
    this.state.hover = this.state.focus = -1;
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
    const frames = (steps.length > MOST_DOTS ? [] : steps).map(([, label], i) => {
      const view = derived({ ...this.state, step: i + 1, playing: true }, this.pictures || [], steps);
      this.marks.forEach((mark) => paint(mark, view));
      return make("li", {}, `${i + 1}. ${label}`, /** @type {Node} */ (this.svg?.cloneNode(true)));
    });
    this.strip.replaceChildren(...frames);
    const whole = derived({ ...this.state, step: steps.length, playing: false }, this.pictures || [], steps);
    this.marks.forEach((mark) => paint(mark, whole));
  }

  printed() {
    this.strip?.replaceChildren();
    this.draw(derived(this.state, this.pictures || [], this.data?.steps || []));
  }
}

customElements.define("gf-figure", GradflowFigure);
