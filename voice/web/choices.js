// Who answers: the agent, the model and the voice, and what one can ask them.

import { element } from "./element.js";

const $ = (/** @type {string} */ id) => document.getElementById(id);

export class Choices {
  /**
   * @param {(what: string) => void} onChange says in words what was chosen
   * @param {(text: string) => void} onExample
   */
  constructor(onChange, onExample) {
    this.onExample = onExample;
    this.agents = [];
    this.selects = { agent: $("agent"), llm: $("llm"), voice: $("voice") };
    for (const select of Object.values(this.selects)) {
      select.onchange = () => {
        this.describe();
        onChange(select.selectedOptions[0].textContent);
      };
    }
  }

  /** Ask the server what there is. Throws when it does not answer. */
  async load() {
    const [models, { agents }] = await Promise.all(["api/models", "api/agents"].map(json));
    this.agents = agents;
    fill(this.selects.agent, agents, (agent) => agent.title || agent.name);
    fill(this.selects.llm, models.llms, (llm) => llm.title + (llm.ready ? "" : " (not fetched)"));
    fill(this.selects.voice, models.voices, (voice) => `${voice.title} · ${voice.language}`);
    for (const [i, llm] of models.llms.entries()) this.selects.llm.options[i].disabled = !llm.ready;
    this.describe();
  }

  get loaded() {
    return this.agents.length > 0;
  }

  /** For the wire's query. */
  get query() {
    return Object.fromEntries(Object.entries(this.selects).map(([name, { value }]) => [name, value]));
  }

  /** Say what one can ask of the chosen agent. */
  describe() {
    const agent = this.agents.find(({ name }) => name === this.selects.agent.value);
    if (!agent) return;
    $("title").textContent = agent.title || agent.name;
    $("about").textContent = agent.description;
    $("examples").replaceChildren(
      ...agent.examples.map((text) => {
        const button = element("button", "", text);
        button.type = "button";
        button.onclick = () => this.onExample(text);
        return element("li", "", button);
      }),
    );
  }
}

async function json(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

function fill(select, items, title) {
  const chosen = select.value;
  select.replaceChildren(
    ...items.map((item) => new Option(title(item), item.name, item.default, item.default)),
  );
  if (items.some(({ name }) => name === chosen)) select.value = chosen;
  select.disabled = false;
}
