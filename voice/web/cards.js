// What stands between the words: the silence before an answer, and a tool at work.

import { aloud, element, icon } from "./element.js";

const PARTS = [
  ["endpoint_ms", "end of turn"],
  ["transcribe_ms", "recognition"],
  ["think_ms", "thinking"],
  ["speak_ms", "first sound"],
];
const FULL_MS = 2000; // a full bar; longer silences look as long as this one

/**
 * The silence before an answer and its parts, as a small stacked bar.
 * @param {{silence_ms: number, parts: Record<string, number>}} latency
 */
export function silenceBar({ silence_ms: silence, parts }) {
  const bar = element("span", "bar");
  const legend = element("span", "legend");
  for (const [key, name] of PARTS) {
    const ms = parts[key] ?? 0;
    const part = element("i", key);
    part.style.width = `${(100 * ms) / Math.max(silence, FULL_MS)}%`;
    bar.append(part);
    legend.append(element("span", "", element("i", key), `${name} ${Math.round(ms)}`));
  }
  bar.setAttribute("aria-hidden", "true");
  legend.setAttribute("aria-hidden", "true");
  const spoken = PARTS.map(([key, name]) => `${name} ${Math.round(parts[key] ?? 0)}`).join(", ");
  const total = element("b", "", `${Math.round(silence)} ms`);
  total.setAttribute("aria-hidden", "true");
  const line = element("div", "silence", total, bar, legend);
  line.append(aloud(`Silence before this answer: ${Math.round(silence)} milliseconds: ${spoken}.`));
  line.title = "Silence before this answer, in milliseconds";
  return line;
}

/** One tool call: its name and arguments, then its result or what went wrong. */
export class ToolCard {
  /** @param {string} name @param {Record<string, unknown>} given */
  constructor(name, given) {
    this.began = performance.now();
    this.status = element("span", "status", "running…");
    const shown = element("span", "arguments");
    for (const [key, value] of Object.entries(given ?? {})) {
      shown.append(element("span", "argument", element("em", "", words(key)), ` ${plain(value)}`));
    }
    const title = element("span", "name", icon("i-tool"), element("code", "", words(name)));
    this.details = element("details", "", element("summary", "", title, shown, this.status));
    this.item = element("li", "tool running", this.details);
  }

  /** @param {unknown} result @param {boolean} cancelled */
  stop(result, cancelled) {
    const ms = Math.round(performance.now() - this.began);
    const error = /** @type {{error?: unknown} | null} */ (result)?.error;
    const failed = cancelled || Boolean(error);
    // a look-up that ran while the caller still spoke is shown together with its result
    const took = ms >= 10 ? ` in ${ms} ms` : "";
    this.status.textContent = cancelled ? "given up" : failed ? "failed" : `done${took}`;
    this.item.className = failed ? "tool failed" : "tool done";
    if (error) this.details.append(element("p", "error", plain(error)));
    else if (result != null) this.details.append(element("pre", "", pretty(result)));
    if (failed) this.details.setAttribute("open", "");
  }
}

function words(name) {
  return name.replaceAll("_", " ");
}

function plain(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
