// The transcript: the caller's words, the agent's as they are heard, tools at work.

const PARTS = [
  ["endpoint_ms", "waiting for the end"],
  ["transcribe_ms", "recognising"],
  ["think_ms", "thinking"],
  ["speak_ms", "first sound"],
];

/** @param {string} tag @param {string} [name] @param {string} [text] */
function element(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
}

export class Transcript {
  /** @param {HTMLOListElement} log */
  constructor(log) {
    this.log = log;
    this.caller = null; // the caller's bubble that is not final yet
    this.answers = new Map(); // number -> {item, line, words: [{span, ms}]}
    this.tools = new Map();
    this.latencies = new Map(); // arrive before the answer's first word
  }

  add(item) {
    const near = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 120;
    this.log.append(item);
    if (near) this.log.scrollTop = this.log.scrollHeight;
    return item;
  }

  note(text) {
    this.add(element("li", "note", text));
  }

  heardCaller(text, final) {
    if (!this.caller) this.caller = this.add(element("li", "caller partial"));
    this.caller.textContent = text;
    if (final) {
      this.caller.classList.remove("partial");
      this.caller = null;
    }
    this.log.scrollTop = this.log.scrollHeight;
  }

  dropCaller() {
    this.caller?.remove();
    this.caller = null;
  }

  answer(number) {
    let answer = this.answers.get(number);
    if (!answer) {
      const item = this.add(element("li", "agent"));
      const line = element("div");
      item.append(line);
      answer = { item, line, words: [] };
      this.answers.set(number, answer);
      if (this.latencies.has(number)) this.silence(number, this.latencies.get(number));
    }
    return answer;
  }

  /** Words have no times of their own: they are spread over the clause by their letters. */
  clause({ answer: number, text, start_ms, duration_ms }) {
    const answer = this.answer(number);
    const words = text.split(/\s+/).filter(Boolean);
    const letters = words.reduce((sum, word) => sum + word.length + 1, 0);
    let position = 0;
    for (const word of words) {
      const ms = start_ms + (duration_ms * position) / letters;
      position += word.length + 1;
      const span = element("span", "word", word);
      answer.line.append(span, " ");
      answer.words.push({ span, ms });
    }
    this.log.scrollTop = this.log.scrollHeight;
  }

  played({ answer: number, ms }) {
    for (const word of this.answers.get(number)?.words ?? []) {
      if (word.ms < ms) word.span.classList.add("spoken");
    }
  }

  heard({ answer: number, said, heard, final }) {
    if (!final || !said) return;
    const answer = this.answer(number);
    answer.line.replaceChildren();
    if (heard) answer.line.append(element("span", "word spoken", heard));
    const rest = said.slice(heard.length).trim();
    if (rest) {
      const cut = element("s", "", rest);
      cut.title = "not heard: the agent was interrupted";
      answer.line.append(" ", cut);
    }
    answer.words = [];
  }

  silence(number, latency) {
    this.latencies.set(number, latency);
    const answer = this.answers.get(number);
    if (!answer) return;
    const { silence_ms, parts } = latency;
    const bar = element("span", "bar");
    const legend = element("span", "legend");
    for (const [name, words] of PARTS) {
      const part = element("i", name);
      part.style.width = `${(100 * parts[name]) / Math.max(1, silence_ms)}%`;
      bar.append(part);
      const entry = element("span");
      entry.append(element("i", name), `${words} ${Math.round(parts[name])}`);
      legend.append(entry);
    }
    bar.setAttribute("aria-hidden", "true");
    const line = element("div", "silence");
    line.append(element("span", "", `${Math.round(silence_ms)} ms`), bar, legend);
    line.title = "The silence before this answer, in milliseconds";
    answer.item.append(line);
  }

  toolStarted({ tool_call_id: id, function_name: name, arguments: args }) {
    const item = element("li", "tool");
    const details = element("details");
    const summary = element("summary");
    const shown = Object.entries(args ?? {}).map(([key, value]) => `${key}: ${value}`);
    const status = element("span", "status", "running…");
    summary.append(element("code", "", `${name}(${shown.join(", ")})`), status);
    details.append(summary);
    item.append(details);
    this.tools.set(id, { item, details, status, began: performance.now() });
    this.add(item);
  }

  toolStopped({ tool_call_id: id, cancelled, result }) {
    const tool = this.tools.get(id);
    if (!tool) return;
    const ms = Math.round(performance.now() - tool.began);
    const failed = cancelled || Boolean(result?.error);
    tool.item.classList.toggle("failed", failed);
    tool.status.textContent = cancelled ? "given up" : failed ? "failed" : `done, ${ms} ms`;
    if (result) tool.details.append(element("pre", "", JSON.stringify(result, null, 2)));
  }
}
