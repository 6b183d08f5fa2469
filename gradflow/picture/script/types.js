// @ts-check
/** What the modules hand to each other; nothing of this file reaches a page. */

/** @typedef {[name: string, value: number, state: string, size: string]} Loss */
/** @typedef {[id: number, name: string, facts: string]} Value */
/** @typedef {[id: number, outputs: number[], source: string, name: string, module: string]} Op */
/** @typedef {[value: number, op: number, position: number, status: string, string, string]} Edge */
/** @typedef {[number, status: string, string, string, reason: string, why: string, source: string, number]} Parameter */
/** @typedef {[keys: string[], label: string, sentence: string, since?: string[]]} Step */
/** @typedef {[label: string, pictures: [width: number, packed: string][]]} Variant with other modules open */
/** @typedef {{losses: Loss[], values: Value[], ops: Op[], edges: Edge[], parameters: Parameter[], steps: Step[],
 *   views: Variant[], blame: {[value: string]: number[]}, net: Net | null, formulas?: import("./formulas.js").Formulas | null, puzzle?: Puzzle}} Data `blame`
 * has the ops that cut a parameter off */

/** @typedef {import("./whatif_types.js").Answer} Prediction what one backward pass would do */
/** @typedef {import("./whatif_types.js").Net} Net */
/** @typedef {{before: Prediction, then: Prediction & {byLoss: {[loss: string]: Prediction}}}} Forecast */

/** @typedef {[text: string, kind: string, what: string[] | number]} Condition of a puzzle; names, or at most how much */
/**
 * @typedef {object} Puzzle
 * @property {string} key
 * @property {string} task
 * @property {Condition[]} conditions
 * @property {string[]} only kinds of change that are allowed
 * @property {string} allowed the same in words
 * @property {string[]} hints
 * @property {Partial<Edit>} edit what solves it
 * @property {string} said the same in words
 * @property {string} python
 */

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
/**
 * @typedef {Card & {group: SVGGElement, key: string, square: boolean, bundle: string[]}} Mark one thing of the
 * picture; `bundle` has the keys of all that its drawing stands for
 */
/**
 * @typedef {object} Edit what the reader changed; what is left out is as it was recorded
 * @property {string[]} cut edges that get a detach
 * @property {number[]} heal ops whose cut is taken away
 * @property {string[]} frozen names of parameters
 * @property {string[]} thaw names of frozen parameters that would be trained
 * @property {string[] | null} [ask] names given to `inputs=`, null for all
 * @property {string[]} [hold] names that the optimizer holds
 * @property {number[]} [losses] ids of values
 */
/** @typedef {{scale: number, x: number, y: number}} Zoom how large, and the middle of what is shown, as shares */
/**
 * @typedef {object} Look what of a figure is looked at
 * @property {string} why the parameter that is asked about, or ""
 * @property {string} query what is looked for
 * @property {number} hit which of what was found
 * @property {Zoom} zoom
 */
/** @typedef {"" | "whatif" | "step" | "explore" | "numbers" | "export" | "puzzle"} Mode which panel is open */
/**
 * @typedef {object} State
 * @property {number} room
 * @property {boolean} dark
 * @property {number} hover
 * @property {number} focus
 * @property {number} step
 * @property {boolean} playing
 * @property {Mode} mode
 * @property {Edit} edit
 * @property {Edit[]} past what undo gives back, the latest last
 * @property {Look} look
 * @property {number} view 0 as drawn, else which of the pictures with other modules open
 * @property {string} note what could not be done, and why
 * @property {number} hints how many are shown; one more than there are is the solution
 * @property {{[value: number]: number}} values other numbers for leaves
 * @property {number} rate of one step
 */
/**
 * @typedef {object} Host what a panel knows of its figure
 * @property {Data} data
 * @property {() => State} get
 * @property {(change: Partial<State>) => void} set
 * @property {(edit: Partial<Edit>) => void} edit change what is changed, so that it can be undone
 * @property {HTMLElement} figure
 * @property {(change: import("./whatif_types.js").Change) => Forecast["then"]} whatif
 * @property {() => SVGSVGElement} svg the picture that is shown
 * @property {() => Mark[]} marks
 */
/**
 * @typedef {object} Panel
 * @property {HTMLElement} root shown while it is open
 * @property {HTMLElement} [above] what it has above the picture, also while it is closed
 * @property {HTMLElement} [below] the same below the panel
 * @property {(key: string) => void} [ask] why a square got what it got
 * @property {(edit: Edit) => string} [forbids] why a change is not allowed
 * @property {(view: View) => void} draw
 */
/** @typedef {{mode: Mode, label: string, make: (host: Host) => Panel | null}} Offer null where the data do not allow it */
/**
 * @typedef {object} View
 * @property {Picture} picture
 * @property {boolean} dark
 * @property {number} card
 * @property {number} step
 * @property {boolean} playing
 * @property {Set<string>} pending
 * @property {Set<string>} current
 * @property {State} state
 * @property {Forecast | null} forecast what would happen, while anything is changed
 */

export {};
