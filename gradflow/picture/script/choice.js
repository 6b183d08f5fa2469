// @ts-check
/**
 * <gf-choice>: one of several figures, chosen by the reader.
 *
 * Each figure waits in a <template>; what was chosen is the state, and the only state. Without scripts there is no
 * choice, but the picture of all of them.
 */

/** @typedef {{label: string, options: string[]}} Question */
/** @typedef {{questions: Question[], states: number[][], said: string[]}} Choices */

const STYLE = "choice.css";

/**
 * One question as a group of radio buttons.
 *
 * @param {Question} question
 * @param {number} index
 * @param {(option: number) => void} choose
 */
function group({ label, options }, index, choose) {
  const fieldset = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = label;
  fieldset.append(legend);
  options.forEach((text, option) => {
    const line = document.createElement("label");
    const input = document.createElement("input");
    input.type = "radio";
    input.name = `question ${index}`;
    input.checked = option === 0;
    // Jupyter takes arrow keys from controls that do not say this.
    input.setAttribute("data-lm-suppress-shortcuts", "true");
    input.addEventListener("change", () => choose(option));
    line.append(input, ` ${text}`);
    fieldset.append(line);
  });
  return fieldset;
}

class GradflowChoice extends HTMLElement {
  /** @type {number[]} the option chosen of each question */
  chosen = [];

  connectedCallback() {
    if (this.shadowRoot) return;
    if (this.ready()) return this.build();
    // The parser is not past this element yet: what stands in it comes later.
    const wait = new MutationObserver(() => {
      if (!this.ready()) return;
      wait.disconnect();
      this.build();
    });
    wait.observe(this, { childList: true });
  }

  /** The data comes last. */
  ready() {
    return this.querySelector(":scope > script[type='application/json']");
  }

  build() {
    /** @type {Choices} */
    const choices = JSON.parse(this.ready()?.textContent || "{}");
    this.choices = choices;
    const { questions } = choices;
    this.chosen = questions.map(() => 0);
    this.said = document.createElement("p");
    this.said.setAttribute("role", "status");
    this.slots = document.createElement("slot");
    this.slots.name = "chosen";
    const style = document.createElement("style");
    style.textContent = STYLE;
    const form = document.createElement("div");
    form.className = "questions";
    form.append(...questions.map((question, at) => group(question, at, (option) => this.choose(at, option))));
    this.attachShadow({ mode: "open" }).append(style, form, this.said, this.slots, document.createElement("slot"));
    this.setAttribute("data-lm-suppress-shortcuts", "true");
    this.draw();
  }

  /** @param {number} question @param {number} option */
  choose(question, option) {
    this.chosen[question] = option;
    this.draw();
  }

  draw() {
    if (!this.choices || !this.said) return;
    const { states, said } = this.choices;
    const at = states.findIndex((state) => state.every((option, question) => option === this.chosen[question]));
    this.said.textContent = at < 0 ? "This combination was not run." : said[at];
    this.querySelector(":scope > [slot=chosen]")?.remove();
    const template = this.querySelectorAll(":scope > template")[at];
    if (!(template instanceof HTMLTemplateElement)) return;
    const figure = document.importNode(template.content, true).firstElementChild;
    figure?.setAttribute("slot", "chosen");
    if (figure) this.append(figure);
  }
}

customElements.define("gf-choice", GradflowChoice);
