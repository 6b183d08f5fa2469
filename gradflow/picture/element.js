// @ts-check
/**
 * <gradflow-figure>: a picture whose lines and squares have cards, and which can be stepped through.
 *
 * What the reader did is the state; what follows from it is the view; only draw() changes the page. Whatever the
 * cards and the steps say was written by Python.
 *
 * This file stands in every page as it is, except for its comments and the white space at the start of its lines;
 * "element.css" stands for what is in that file.
 */

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

(() => {
  if (customElements.get("gradflow-figure")) return;

  const STYLE = "element.css";
  const FIT = 0.95; // the least scale at which a picture is still shown
  const NEAR = 12; // half the size of a target, in pixels
  const PACE = 600; // milliseconds from step to step
  const MOST_DOTS = 12;
  const GAP = 10; // between a card and its mark

  // What can be read from the page.

  /** @param {HTMLElement} element @returns {Picture[]} widest first */
  function picturesOf(element) {
    const found = [...element.querySelectorAll("picture > *")].map((one) => ({
      width: Number(one.getAttribute("width")),
      source: one.getAttribute(one.localName === "img" ? "src" : "srcset") || "",
    }));
    return found.sort((a, b) => b.width - a.width);
  }

  /** @param {string} source a data URI @returns {SVGSVGElement} */
  function svgOf(source) {
    const text = decodeURIComponent(source.slice(source.indexOf(",") + 1));
    const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
    return /** @type {any} */ (document.importNode(parsed.documentElement, true));
  }

  /** @param {SVGSVGElement} svg its lines that show the whole way get a band of the same way */
  function addBands(svg) {
    for (const line of svg.querySelectorAll("g.wire > .line:first-child")) {
      const band = /** @type {Element} */ (line.cloneNode());
      band.setAttribute("class", "band");
      line.before(band);
    }
  }

  /** @param {string} theme as asked for @returns {boolean} whether the ground is dark */
  function isDark(theme) {
    if (theme !== "auto") return theme === "dark";
    const { dataset } = document.documentElement;
    const page = dataset.theme || document.documentElement.getAttribute("theme") || "";
    if (/^(dark|light)$/.test(page)) return page === "dark";
    const { jpThemeLight } = document.body.dataset;
    if (jpThemeLight) return jpThemeLight === "false";
    const code = /\bvscode-(dark|light|high-contrast)(?!-light)\b/.exec(document.body.className);
    if (code) return code[1] !== "light";
    return matchMedia("(prefers-color-scheme: dark)").matches;
  }

  // What follows from it.

  /** @param {Data} data @returns {(key: string, square: boolean) => Card} */
  function cards(data) {
    const values = new Map(data.values.map((row) => [row[0], row]));
    const ops = new Map(data.ops.map((row) => [row[0], row]));
    const makers = new Map(data.ops.flatMap((row) => row[1].map((value) => [value, row[0]])));
    const edges = new Map(data.edges.map((row) => [row.slice(0, 3).join("."), row]));
    const parameters = new Map(data.parameters.map((row) => [String(row[0]), row]));
    const losses = new Map(data.losses.map((row) => [String(row[1]), row]));
    /** @param {number | undefined} op */
    const line = (op) => (op === undefined ? "" : ops.get(op)?.[2] || "");

    return (key, square) => {
      const value = Number(key.split(".")[0]);
      const [, name = "", facts = ""] = values.get(value) || [];
      const parameter = square && parameters.get(key);
      if (parameter) {
        const [, status, state, size, reason, why, source, op] = parameter;
        const about = { name, value, status, reason };
        return { lines: [name, state, size, facts, source, why], order: [-op, 2, value], stem: false, about };
      }
      const edge = edges.get(key);
      if (edge) {
        const [, op, position, status, state, size] = edge;
        const lines = [name, state, size, facts, line(makers.get(value) ?? op), ""];
        const stem = parameters.has(String(value)) && data.edges.filter((row) => row[0] === value).length === 1;
        return { lines, order: [-op, 1, position], stem, about: { value, op, position, status } };
      }
      const [loss = name, , state = "", size = ""] = losses.get(key) || [];
      const maker = makers.get(value) ?? 0;
      const lines = [loss, state, size, facts, line(maker), ""];
      return { lines, order: [-maker, 0, value], stem: false, about: { value } };
    };
  }

  /** @param {SVGSVGElement} svg @param {ReturnType<cards>} card @returns {Mark[]} from the loss backwards */
  function marksOf(svg, card) {
    const groups = /** @type {NodeListOf<SVGGElement>} */ (svg.querySelectorAll("g[data-key]"));
    const marks = [...groups].map((group) => {
      const { key = "" } = group.dataset;
      const square = group.classList.contains("parameter");
      const said = card(key, square);
      for (const [name, text] of Object.entries(said.about)) if (text !== "") group.dataset[name] ??= String(text);
      return { group, key, square, ...said };
    });
    const before = (/** @type {number[]} */ a, /** @type {number[]} */ b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
    return marks.sort((a, b) => before(a.order, b.order));
  }

  const LINES = "path, rect, circle";

  /** @param {Mark} mark whether it shows anything (of a bundle only the first does), and has a card */
  const shows = (mark) => mark.lines[0] !== ""
    && [...mark.group.querySelectorAll(LINES)].some((shape) => getComputedStyle(shape).display !== "none");

  /**
   * @param {SVGGElement} group @param {string} shapes a selector
   * @returns {Point[]} points on its lines and borders, in pixels of the picture
   */
  function pointsOf(group, shapes) {
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
  function boundsOf(points) {
    const [xs, ys] = [points.map((p) => p.x), points.map((p) => p.y)];
    const [x, y] = [Math.min(...xs), Math.min(...ys)];
    return { x, y, w: Math.max(...xs) - x, h: Math.max(...ys) - y };
  }

  /** @param {Rect} rect @param {Point} p @param {number} room around it */
  const holds = (rect, p, room) =>
    p.x > rect.x - room && p.x < rect.x + rect.w + room && p.y > rect.y - room && p.y < rect.y + rect.h + room;

  /**
   * Where a card stands beside its mark and never on it.
   * @param {Point[]} points of the mark @param {Point[]} texts what is written at it
   * @param {{w: number, h: number}} card @param {{w: number, h: number}} frame
   * @returns {Point}
   */
  function placeOf(points, texts, card, frame) {
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

  // What is put on the page.

  /**
   * @template {keyof HTMLElementTagNameMap} T
   * @param {T} name @param {Record<string, string | null>} attributes @param {(Node | string)[]} children
   * @returns {HTMLElementTagNameMap[T]}
   */
  function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  /** Jupyter takes the keys of a control for its own, unless the control says otherwise. */
  const OWN_KEYS = { "data-lm-suppress-shortcuts": "true" };

  /** @param {Mark} mark @param {View} view */
  function paint(mark, view) {
    const { group, key } = mark;
    group.classList.toggle("pending", view.pending.has(key));
    group.classList.toggle("current", view.current.has(key));
    if (group.hasAttribute("tabindex")) group.setAttribute("aria-label", linesOf(mark).filter(Boolean).join(", "));
  }

  /** @param {Mark} mark @returns {string[]} what its card says: of a gradient that is still to come, nothing */
  function linesOf({ group, lines }) {
    const [name, , , facts, source] = lines;
    return group.classList.contains("pending") ? [name, "still to come", "", facts, source, ""] : lines;
  }

  /** @param {Mark} mark @returns {Node[]} */
  function cardOf(mark) {
    const [name, state, size, facts, source, why] = linesOf(mark);
    const rest = [...size.split("\n"), facts].filter(Boolean).map((line) => make("p", {}, line));
    const where = source ? [make("p", { class: "source" }, source)] : [];
    return [make("p", {}, make("b", {}, name), state), ...rest, ...where, ...(why ? [make("p", {}, why)] : [])];
  }

  /** @param {Step[]} steps @param {(change: Partial<State>) => void} set @param {() => State} get */
  function controls(steps, set, get) {
    const last = steps.length;
    const button = (/** @type {string} */ text) => make("button", { type: "button", ...OWN_KEYS }, text);
    const [earlier, later, play] = [button("◂ earlier"), button("later ▸"), button("play")];
    const dotted = last <= MOST_DOTS;
    const range = make("input", {
      type: "range", min: "1", max: String(last), class: dotted ? "dotted" : "plain", "aria-label": "Step", ...OWN_KEYS,
    });
    const dots = make("ol", { class: "dots", "aria-hidden": "true" }, ...steps.map((step) => make("li", {}, step[1])));
    const count = make("span", { class: "count" });
    const told = make("p", { class: "told", role: "status", "aria-live": "polite" });
    const rest = make("p", { class: "rest" });
    const bar = make("div", { class: "bar", role: "group", "aria-label": "Steps of the backward pass" },
      earlier, later, play, make("div", { class: "track" }, range, ...(dotted ? [dots] : [])), count);
    const root = make("div", { class: "steps" }, bar, told, rest);

    const go = (/** @type {number} */ step) => set({ step: Math.max(1, Math.min(step, last)), playing: false });
    const toggle = () => set({ playing: !get().playing, step: get().step < last || get().playing ? get().step : 1 });
    earlier.addEventListener("click", () => go(get().step - 1));
    later.addEventListener("click", () => go(get().step + 1));
    play.addEventListener("click", toggle);
    range.addEventListener("input", () => go(Number(range.value)));
    bar.addEventListener("keydown", (event) => {
      const { step } = get();
      /** @type {Record<string, () => void>} */
      const keys = {
        ArrowLeft: () => go(step - 1), ArrowRight: () => go(step + 1), Home: () => go(1), End: () => go(last),
        Escape: () => set({ playing: false }),
      };
      if (event.target === range) keys[" "] = toggle;
      const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });

    /** @param {View} view */
    function draw({ step, playing }) {
      const [, label, sentence] = steps[step - 1];
      const ahead = steps.slice(step).map((one) => one[1]);
      const more = ahead.length > 6 ? ` and ${ahead.length - 6} more` : "";
      range.value = String(step);
      range.setAttribute("aria-valuetext", `${step} of ${last}: ${label}`);
      earlier.setAttribute("aria-disabled", String(step === 1));
      later.setAttribute("aria-disabled", String(step === last));
      play.textContent = playing ? "pause" : "play";
      [...dots.children].forEach((dot, i) => {
        dot.className = `${i < step ? "done" : ""} ${i === step - 1 ? "now" : ""}`;
      });
      count.textContent = `${step} of ${last}`;
      told.setAttribute("aria-live", playing && step < last ? "off" : "polite");
      told.replaceChildren(make("b", {}, `Step ${step}: ${label}.`), ` ${sentence}`);
      rest.textContent = ahead.length ? `Still to come: ${ahead.slice(0, 6).join(", ")}${more}.` : "";
    }

    function fit() {
      dots.classList.remove("tight");
      const pitch = dots.clientWidth / last;
      const wide = [...dots.children].some((dot) => dot.scrollWidth > pitch);
      dots.classList.toggle("tight", wide);
    }
    return { root, draw, fit };
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

  customElements.define("gradflow-figure", GradflowFigure);
})();
