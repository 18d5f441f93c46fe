// The page: its controls, and one call behind them.
//
// For tests there is `window.openline`: `ready`, a promise that the choices are shown; `state`;
// `who`; `log`, every message of the server as {at, type, data}; and `heard()`, what the loudspeaker
// got: {rate, base64} of PCM16, the last two minutes of it.

import { Sound } from "./audio.js";
import { Call } from "./call.js";
import { Choices } from "./choices.js";
import { icon } from "./element.js";
import { Orb } from "./orb.js";
import { Transcript } from "./transcript.js";
import { SERVER_SILENT } from "./trouble.js";

const $ = (/** @type {string} */ id) => document.getElementById(id);
const STATES = {
  idle: "Ready",
  connecting: "Connecting",
  live: "On the line",
  reconnecting: "Reconnecting",
};
const SPEAKERS = {
  listening: "Listening",
  caller: "You are speaking",
  thinking: "Thinking",
  working: "Looking it up",
  agent: "The agent is speaking",
};
const ACTIONS = { again: "Try now", microphone: "Try the microphone again", reload: "Reload" };

let level = 0; // of the microphone, 0 to 1
const silences = []; // ms, of this page's answers

const sound = new Sound({
  onFrame: () => {},
  onPlayed: () => {},
  onMicrophoneLeft: () => {},
  onLevel: (peak) => (level = call.muted ? 0 : peak),
});
const choices = new Choices(
  (name) => call.changed(name),
  (text) => call.say(text),
);
const call = new Call(sound, new Transcript($("log")), () => choices.query, {
  state: showState,
  trouble: showTrouble,
  silence: showSilence,
});

// -- what is shown -------------------------------------------------------------------------

function showState() {
  const { state, who, muted } = call;
  const idle = state === "idle";
  document.body.dataset.state = state;
  document.body.dataset.who = idle ? "idle" : who;
  say($("state-name"), STATES[state]);
  $("timer").hidden = !call.began || idle;
  $("start").replaceChildren(icon(idle ? "i-call" : "i-end"), idle ? "Start" : "End");
  $("mute").hidden = idle;
  $("mute").disabled = !sound.stream;
  $("mute").setAttribute("aria-pressed", String(muted));
  $("mute").replaceChildren(icon(muted ? "i-muted" : "i-microphone"), muted ? "Unmute" : "Mute");
  if (!sound.stream || muted) level = 0;
  say($("who"), headline());
  say($("hint"), hint());
  if (!idle) $("empty").hidden = true;
  showMicrophones();
}

/** Setting the same text again would have it read out again. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function headline() {
  if (call.state === "idle") return "Press Start and speak";
  if (call.state !== "live") return `${STATES[call.state]}…`;
  if (call.who === "listening" && !sound.stream) return "Type to the agent";
  if (call.who === "listening" && call.muted) return "You are muted";
  return SPEAKERS[call.who];
}

function hint() {
  if (call.state === "idle") return "No microphone? Typing works too.";
  if (call.state !== "live") return "";
  if (!sound.stream) return "No microphone: you hear the answers all the same.";
  if (call.muted) return "The agent does not hear you.";
  if (call.who === "agent") return "Just speak to interrupt.";
  return "";
}

function showTrouble(what) {
  $("notice").hidden = !what;
  $("notice-text").textContent = what?.text ?? "";
  const act = $("notice-act");
  act.hidden = !what?.action;
  if (!what?.action) return;
  act.textContent = ACTIONS[what.action];
  act.onclick = () => {
    if (what.action === "reload") location.reload();
    else if (call.state === "idle") call.start($("microphone").value);
    else if (what.action === "microphone") call.listen();
    else call.retryNow();
  };
}

function showSilence(ms) {
  silences.push(ms);
  const sorted = [...silences].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  $("figures").hidden = false;
  $("median").textContent = `${Math.round(median)} ms`;
  $("median-of").textContent =
    silences.length > 1 ? `median silence of ${silences.length} answers` : "silence before the answer";
}

async function showMicrophones() {
  if (!sound.stream) return;
  const devices = await sound.microphones();
  const used = sound.stream?.getAudioTracks()[0]?.getSettings().deviceId;
  $("microphone").replaceChildren(
    ...devices.map(({ label, deviceId }, i) => {
      const current = deviceId === used;
      return new Option(label || `Microphone ${i + 1}`, deviceId, current, current);
    }),
  );
  $("microphone-choice").hidden = devices.length < 2;
}

function showLevel() {
  const percent = Math.round(100 * Math.min(1, level * 1.6));
  $("meter").setAttribute("aria-valuenow", String(percent));
  /** @type {HTMLElement} */ ($("meter").firstElementChild).style.transform =
    `scaleX(${percent / 100})`;
}

function showTimer() {
  if (!call.began) return;
  const seconds = Math.floor((performance.now() - call.began) / 1000);
  $("timer").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

// -- controls ------------------------------------------------------------------------------

const startOrEnd = () => (call.state === "idle" ? call.start($("microphone").value) : call.end());
$("start").onclick = startOrEnd;
$("mute").onclick = () => call.toggleMute();
$("microphone").onchange = () => call.state !== "idle" && call.listen($("microphone").value);
$("typed").onsubmit = (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  $("text").value = "";
  if (text) call.say(text);
};
document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.key === "Escape" && target === $("text")) target.blur();
  const typing = target.closest("input, select, textarea, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const keys = { s: startOrEnd, m: () => call.toggleMute(), "/": () => $("text").focus() };
  const act = keys[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});
addEventListener("online", () => call.retryNow());
document.addEventListener("visibilitychange", () => call.state !== "idle" && sound.wake());
addEventListener("pagehide", () => call.end());

const dark = matchMedia("(prefers-color-scheme: dark)");
function showTheme() {
  const theme = localStorage.getItem("openline-theme") ?? (dark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
  const other = theme === "dark" ? "light" : "dark";
  $("theme").setAttribute("aria-label", `Change to ${other} colours`);
  $("theme").replaceChildren(icon(`i-${other}`));
  return other;
}
$("theme").onclick = () => {
  localStorage.setItem("openline-theme", showTheme());
  showTheme();
};
dark.onchange = showTheme;

const wide = matchMedia("(min-width: 800px)");
const showChoices = () => $("choices").toggleAttribute("open", wide.matches);
wide.onchange = showChoices;

// -- begin ---------------------------------------------------------------------------------

showTheme();
showChoices();
showState();
setInterval(showLevel, 60);
setInterval(showTimer, 250);
new Orb($("orb"), () => ({
  who: document.body.dataset.who,
  level: call.who === "agent" ? sound.level() : level,
}));
const ready = choices.load().catch(() => showTrouble(SERVER_SILENT));

Object.assign(window, {
  openline: {
    ready,
    log: call.log,
    heard: () => sound.heard(),
    get state() {
      return call.state;
    },
    get who() {
      return call.who;
    },
  },
});
