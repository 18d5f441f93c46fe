// The transcript: the caller's words as they are recognised, the agent's as they are heard.

import { ToolCard, silenceBar } from "./cards.js";
import { aloud, element } from "./element.js";

const NEAR_END = 120; // px: who has scrolled further up is reading and must not be moved

/** @typedef {{item: HTMLElement, line: HTMLElement, words: {span: HTMLElement, ms: number}[]}} Answer */

export class Transcript {
  /** @param {HTMLElement} log an ordered list */
  constructor(log) {
    this.log = log;
    /** @type {{item: HTMLElement, words: HTMLElement} | null} the bubble that is not final yet */
    this.caller = null;
    /** @type {Map<number, Answer>} */
    this.answers = new Map();
    /** @type {Map<string, ToolCard>} */
    this.tools = new Map();
    /** @type {Map<number, any>} come before the answer's first word */
    this.latencies = new Map();
    this.following = true; // the end of the log is kept in sight
    log.onscroll = () => {
      const { scrollHeight, scrollTop, clientHeight } = log;
      this.following = scrollHeight - scrollTop - clientHeight < NEAR_END;
    };
    new ResizeObserver(() => this.follow()).observe(log);
  }

  /** A call is over; answers and tool calls are numbered anew in the next. */
  newCall() {
    this.dropCaller();
    for (const [number, { words }] of this.answers) {
      this.silent(number);
      if (words.some(({ span }) => !span.classList.contains("spoken"))) this.interrupted(number);
    }
    for (const card of this.tools.values()) card.stop(null, true);
    this.answers.clear();
    this.tools.clear();
    this.latencies.clear();
  }

  follow() {
    if (this.following) this.log.scrollTop = this.log.scrollHeight;
  }

  /** Change the log; its end stays in sight if it was. @param {() => void} change */
  change(change) {
    change();
    this.follow();
  }

  /** @param {HTMLElement} item */
  add(item) {
    this.change(() => this.log.append(item));
  }

  /** @param {string} text */
  note(text) {
    this.add(element("li", "note", text));
  }

  /** @param {string} text @param {boolean} final */
  heardCaller(text, final) {
    if (final && !text.trim()) {
      this.dropCaller();
      return;
    }
    if (!this.caller) {
      const words = element("span");
      const item = element("li", "caller partial", aloud("You: "), words);
      item.setAttribute("aria-busy", "true"); // partials change too often to be read out
      this.caller = { item, words };
      this.add(item);
    }
    const { item, words } = this.caller;
    this.change(() => (words.textContent = text));
    if (!final) return;
    item.classList.remove("partial");
    item.removeAttribute("aria-busy");
    this.caller = null;
  }

  /** The partial bubble was not speech, or nobody will finish it. */
  dropCaller() {
    this.caller?.item.remove();
    this.caller = null;
  }

  /** @param {number} number @returns {Answer} */
  answer(number) {
    let answer = this.answers.get(number);
    if (!answer) {
      const line = element("p", "", aloud("Agent: "));
      const item = element("li", "agent", line);
      answer = { item, line, words: [] };
      this.answers.set(number, answer);
      this.add(item);
      if (this.latencies.has(number)) this.silence(this.latencies.get(number));
    }
    return answer;
  }

  /** Words have no times of their own: they are spread over their clause by their letters. */
  clause({ answer: number, text, start_ms: start, duration_ms: duration }) {
    const answer = this.answer(number);
    const words = text.split(/\s+/).filter(Boolean);
    const letters = words.reduce((sum, word) => sum + word.length + 1, 0);
    let position = 0;
    this.change(() => {
      for (const word of words) {
        const span = element("span", "word", word);
        answer.words.push({ span, ms: start + (duration * position) / letters });
        answer.line.append(span, " ");
        position += word.length + 1;
      }
    });
  }

  /** The loudspeaker has got this far. @param {{answer: number, ms: number}} played */
  played({ answer: number, ms }) {
    const words = this.answers.get(number)?.words ?? [];
    const spoken = words.filter((word) => word.ms < ms);
    for (const { span } of spoken) span.classList.add("spoken");
    for (const { span } of words) span.classList.toggle("now", span === spoken.at(-1)?.span);
  }

  /** The loudspeaker is silent: no word is being spoken. @param {number} number */
  silent(number) {
    for (const { span } of this.answers.get(number)?.words ?? []) span.classList.remove("now");
  }

  /** Strike through what was not spoken; the server's `heard` follows and decides. */
  interrupted(number) {
    this.silent(number);
    const answer = this.answers.get(number);
    if (!answer) return;
    answer.item.classList.add("cut");
    for (const { span } of answer.words) {
      span.classList.toggle("unheard", !span.classList.contains("spoken"));
    }
  }

  /** What the caller was given to hear of what was said. */
  heard({ answer: number, said, heard, final }) {
    if (!final || !said) return;
    const answer = this.answer(number);
    const rest = said.startsWith(heard) ? said.slice(heard.length).trim() : "";
    if (!rest) {
      answer.item.classList.remove("cut");
      for (const { span } of answer.words) {
        span.classList.remove("unheard");
        span.classList.add("spoken");
      }
      return;
    }
    const unheard = element("s", "", rest);
    this.change(() => {
      answer.line.replaceChildren(aloud("Agent: "));
      if (heard.trim()) answer.line.append(element("span", "word spoken", heard.trim()), " ");
      answer.line.append(unheard, aloud(" (not heard: you interrupted)"));
    });
    answer.item.classList.add("cut");
    answer.words = [];
  }

  /** @param {{answer: number, silence_ms: number, parts: Record<string, number>}} latency */
  silence(latency) {
    this.latencies.set(latency.answer, latency);
    const answer = this.answers.get(latency.answer);
    if (answer) this.change(() => answer.item.append(silenceBar(latency)));
  }

  /** What the answer rests on. @param {{answer: number, file: string, heading: string, text: string}} source */
  source({ answer: number, file, heading, text }) {
    const where = element("small", "source", `Source: ${[file, heading].filter(Boolean).join(", ")}`);
    where.title = text;
    this.change(() => this.answer(number).item.append(where));
  }

  toolStarted({ tool_call_id: id, function_name: name, arguments: given }) {
    const card = new ToolCard(name, given);
    this.tools.set(id, card);
    this.add(card.item);
  }

  toolStopped({ tool_call_id: id, cancelled, result }) {
    this.change(() => this.tools.get(id)?.stop(result, Boolean(cancelled)));
    this.tools.delete(id);
  }

  /** Whether a tool is at work. */
  get working() {
    return this.tools.size > 0;
  }
}
