// The page: choices, one call at a time, and what to say when something is wrong.
//
// For tests, `window.openline` has: `state`; `log`, an array of {at, type, data} with every message
// of the server; and, where the address ends in ?tap, `heard()`, everything the loudspeaker got
// since the page's start as {rate, base64} of PCM16.

import { NoMicrophone, Sound } from "./audio.js";
import { Orb } from "./orb.js";
import { Transcript } from "./view.js";
import { Wire } from "./wire.js";

const $ = (id) => document.getElementById(id);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const RETRIES_MS = [500, 1000, 2000, 4000, 8000];

const transcript = new Transcript($("log"));
const log = [];
let state = "idle";
let wire = null;
let sound = null;
let retries = 0;
let began = 0;
let answer = 0; // whose audio arrives now
let who = "idle";
let microphone = 0;
let session = 0; // grows with every start, so that a stale close is ignored

const STATES = {
  idle: "Ready",
  connecting: "Connecting…",
  live: "On the line",
  reconnecting: "Reconnecting…",
};
const SPEAKERS = {
  idle: "Listening",
  caller: "You are speaking",
  thinking: "Thinking",
  agent: "The agent is speaking",
};

function setState(next) {
  state = next;
  document.body.dataset.state = next;
  $("state").textContent = STATES[next];
  $("start").textContent = next === "idle" ? "Start" : "End";
  $("mute").hidden = next !== "live" || !sound?.stream;
  $("timer").hidden = next !== "live";
  if (next === "idle") setWho("idle");
}

function setWho(next) {
  who = next;
  const waiting = state === "idle" ? "Press start and speak" : SPEAKERS[next];
  $("who").textContent = sound?.muted && next === "idle" ? "Muted" : waiting;
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

// -- choices -------------------------------------------------------------------------------

async function loadChoices() {
  try {
    const [models, agents] = await Promise.all(
      ["api/models", "api/agents"].map(async (path) => (await fetch(path)).json()),
    );
    fill($("agent"), agents.agents, (a) => a.title);
    fill($("llm"), models.llms, (m) => m.title + (m.ready ? "" : " (not fetched)"));
    fill($("voice"), models.voices, (v) => `${v.title} (${v.language})`);
    for (const [index, model] of models.llms.entries()) {
      $("llm").options[index].disabled = !model.ready;
    }
    describe(agents.agents);
    $("agent").onchange = () => (describe(agents.agents), changed("agent"));
  } catch {
    notice("The server does not answer. Start it with: make demo");
  }
}

function fill(select, items, title) {
  const chosen = select.value;
  if (select.options.length === items.length) return; // an open list must not be replaced
  select.replaceChildren(
    ...items.map((item) => new Option(title(item), item.name, item.default, item.default)),
  );
  if (items.some((item) => item.name === chosen)) select.value = chosen;
}

function describe(agents) {
  const agent = agents.find((a) => a.name === $("agent").value) ?? agents[0];
  if (!agent) return;
  $("greeting").textContent = agent.title;
  $("about").textContent = agent.description;
  $("examples").replaceChildren(
    ...agent.examples.map((text) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.onclick = () => say(text);
      item.append(button);
      return item;
    }),
  );
}

function changed(id) {
  if (state === "idle") return;
  const name = $(id).selectedOptions[0]?.textContent;
  transcript.note(`Changed to ${name}: the call starts anew`);
  connect();
}

// -- the call ------------------------------------------------------------------------------

async function start() {
  notice("");
  setState("connecting");
  const mine = ++session;
  sound = new Sound({
    onFrame: (pcm) => wire?.audio(pcm),
    onLevel: showLevel,
    onPlayed: (played) => {
      transcript.played(played);
      wire?.tell("played", played);
    },
    onDrained: () => who === "agent" && setWho("idle"),
    tap: new URLSearchParams(location.search).has("tap"),
  });
  await sound.open();
  try {
    await sound.listen();
  } catch (error) {
    if (!(error instanceof NoMicrophone)) throw error;
    notice(error.message);
  }
  if (mine === session) await connect();
}

async function connect() {
  const mine = ++session;
  wire?.close();
  sound.flush();
  if (!(await modelsReady(mine))) return;
  const query = {
    in_rate: 16000,
    out_rate: sound.rate,
    agent: $("agent").value,
    llm: $("llm").value,
    voice: $("voice").value,
  };
  wire = new Wire(query, {
    onAudio: (pcm) => sound.play(answer, pcm),
    onMessage: (type, data) => mine === session && receive(type, data),
    onClose: (code, reason) => mine === session && closed(code, reason),
    onSlow: (slow) => notice(slow ? "Slow connection: some of what you say is not sent." : ""),
  });
}

async function modelsReady(mine) {
  for (;;) {
    try {
      const response = await fetch("readyz");
      if (response.ok) return mine === session;
      const { waiting_for: waiting } = await response.json();
      $("state").textContent = `Loading the models (${waiting.join(", ")})…`;
    } catch {
      if (mine === session) closed(1006, "");
      return false;
    }
    await wait(500);
    if (mine !== session) return false;
  }
}

function end() {
  session++;
  wire?.close();
  wire = null;
  sound?.close();
  retries = 0;
  transcript.dropCaller();
  setState("idle");
  showLevel(0);
}

async function closed(code, reason) {
  sound.flush();
  transcript.dropCaller();
  const words = {
    1000: reason || "The call has ended.",
    1003: "This page and the server do not understand each other. Reload the page.",
    1013: `${capital(reason || "All lines are busy")}.`,
    4400: `The server refused: ${reason}`,
    4408: `The call was ended: ${reason}.`,
  };
  if (code in words) {
    end();
    notice(words[code]);
    return;
  }
  const mine = ++session;
  setState("reconnecting");
  const delay = RETRIES_MS[Math.min(retries++, RETRIES_MS.length - 1)];
  notice("The server is gone. Trying again; if it was stopped, start it with: make demo");
  await wait(delay);
  if (mine === session) connect();
}

function receive(type, data) {
  log.push({ at: performance.now(), type, data });
  switch (type) {
    case "bot-ready":
      if (state === "reconnecting") transcript.note("Connected again: a new call");
      if (retries) notice("");
      retries = 0;
      began = performance.now();
      $("empty").hidden = true;
      setState("live");
      setWho("idle");
      break;
    case "user-started-speaking":
      setWho("caller");
      break;
    case "user-stopped-speaking":
      setWho("thinking");
      break;
    case "user-transcription":
      transcript.heardCaller(data.text, data.final);
      break;
    case "bot-stopped-speaking":
      if (who === "agent") setWho("idle");
      break;
    case "llm-function-call-in-progress":
      transcript.toolStarted(data);
      break;
    case "llm-function-call-stopped":
      transcript.toolStopped(data);
      break;
    case "error":
      if (!data.fatal) notice(data.error);
      break;
    case "server-message":
      receiveOwn(data);
      break;
  }
}

function receiveOwn(data) {
  switch (data.t) {
    case "answer":
      answer = data.answer;
      setWho("agent");
      break;
    case "clause":
      transcript.clause(data);
      break;
    case "heard":
      transcript.heard(data);
      break;
    case "interrupted":
      sound.flush();
      break;
    case "latency":
      transcript.silence(data.answer, data);
      break;
    case "dropped":
      transcript.dropCaller();
      if (who === "thinking") setWho("idle");
      break;
  }
}

async function say(text) {
  if (state === "idle") await start();
  for (let i = 0; i < 100 && state !== "live"; i++) await wait(100);
  if (state !== "live") return;
  transcript.heardCaller(text, true);
  setWho("thinking");
  wire.send("send-text", { content: text, options: { run_immediately: true } });
}

// -- controls ------------------------------------------------------------------------------

function showLevel(peak) {
  microphone = peak;
  const percent = Math.round(100 * Math.min(1, peak * 1.6));
  $("meter").setAttribute("aria-valuenow", percent);
  $("meter").firstElementChild.style.transform = `scaleX(${percent / 100})`;
}

function toggleMute() {
  if (!sound || state !== "live") return;
  sound.muted = !sound.muted;
  $("mute").setAttribute("aria-pressed", sound.muted);
  $("mute").textContent = sound.muted ? "Unmute" : "Mute";
  wire.tell("mute", { muted: sound.muted });
  setWho(who);
}

function theme(next) {
  document.documentElement.dataset.theme = next;
  localStorage.setItem("openline-theme", next);
}

const dark = matchMedia("(prefers-color-scheme: dark)");
theme(localStorage.getItem("openline-theme") ?? (dark.matches ? "dark" : "light"));
$("theme").onclick = () =>
  theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
$("start").onclick = () => (state === "idle" ? start() : end());
$("mute").onclick = toggleMute;
$("llm").onchange = () => changed("llm");
$("voice").onchange = () => changed("voice");
$("typed").onsubmit = (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  $("text").value = "";
  if (text) say(text);
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, button, summary");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.code === "Space") $("start").click();
  else if (event.key === "m") toggleMute();
  else if (event.key === "/") $("text").focus();
  else return;
  event.preventDefault();
});
setInterval(() => {
  const seconds = Math.floor((performance.now() - began) / 1000);
  $("timer").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}, 500);
new Orb($("orb"), () => ({
  who: state === "live" ? who : "idle",
  level: who === "agent" ? (sound?.level() ?? 0) : microphone,
}));
loadChoices();

window.openline` has: `state`; `log`, an array of {at, type, data} with every message
// of the server; and, where the address ends in ?tap, `heard()`, everything the loudspeaker got
// since the page's start as {rate, base64} of PCM16.

import { NoMicrophone, Sound } from "./audio.js";
import { Orb } from "./orb.js";
import { Transcript } from "./view.js";
import { Wire } from "./wire.js";

const $ = (id) => document.getElementById(id);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const RETRIES_MS = [500, 1000, 2000, 4000, 8000];

const transcript = new Transcript($("log"));
const log = [];
let state = "idle";
let wire = null;
let sound = null;
let retries = 0;
let began = 0;
let answer = 0; // whose audio arrives now
let who = "idle";
let microphone = 0;
let session = 0; // grows with every start, so that a stale close is ignored

const STATES = {
  idle: "Ready",
  connecting: "Connecting…",
  live: "On the line",
  reconnecting: "Reconnecting…",
};
const SPEAKERS = {
  idle: "Listening",
  caller: "You are speaking",
  thinking: "Thinking",
  agent: "The agent is speaking",
};

function setState(next) {
  state = next;
  document.body.dataset.state = next;
  $("state").textContent = STATES[next];
  $("start").textContent = next === "idle" ? "Start" : "End";
  $("mute").hidden = next !== "live" || !sound?.stream;
  $("timer").hidden = next !== "live";
  if (next === "idle") setWho("idle");
}

function setWho(next) {
  who = next;
  const waiting = state === "idle" ? "Press start and speak" : SPEAKERS[next];
  $("who").textContent = sound?.muted && next === "idle" ? "Muted" : waiting;
}

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

// -- choices -------------------------------------------------------------------------------

async function loadChoices() {
  try {
    const [models, agents] = await Promise.all(
      ["api/models", "api/agents"].map(async (path) => (await fetch(path)).json()),
    );
    fill($("agent"), agents.agents, (a) => a.title);
    fill($("llm"), models.llms, (m) => m.title + (m.ready ? "" : " (not fetched)"));
    fill($("voice"), models.voices, (v) => `${v.title} (${v.language})`);
    for (const [index, model] of models.llms.entries()) {
      $("llm").options[index].disabled = !model.ready;
    }
    describe(agents.agents);
    $("agent").onchange = () => (describe(agents.agents), changed("agent"));
  } catch {
    notice("The server does not answer. Start it with: make demo");
  }
}

function fill(select, items, title) {
  const chosen = select.value;
  if (select.options.length === items.length) return; // an open list must not be replaced
  select.replaceChildren(
    ...items.map((item) => new Option(title(item), item.name, item.default, item.default)),
  );
  if (items.some((item) => item.name === chosen)) select.value = chosen;
}

function describe(agents) {
  const agent = agents.find((a) => a.name === $("agent").value) ?? agents[0];
  if (!agent) return;
  $("greeting").textContent = agent.title;
  $("about").textContent = agent.description;
  $("examples").replaceChildren(
    ...agent.examples.map((text) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text;
      button.onclick = () => say(text);
      item.append(button);
      return item;
    }),
  );
}

function changed(id) {
  if (state === "idle") return;
  const name = $(id).selectedOptions[0]?.textContent;
  transcript.note(`Changed to ${name}: the call starts anew`);
  connect();
}

// -- the call ------------------------------------------------------------------------------

async function start() {
  notice("");
  setState("connecting");
  const mine = ++session;
  sound = new Sound({
    onFrame: (pcm) => wire?.audio(pcm),
    onLevel: showLevel,
    onPlayed: (played) => {
      transcript.played(played);
      wire?.tell("played", played);
    },
    onDrained: () => who === "agent" && setWho("idle"),
    tap: new URLSearchParams(location.search).has("tap"),
  });
  await sound.open();
  try {
    await sound.listen();
  } catch (error) {
    if (!(error instanceof NoMicrophone)) throw error;
    notice(error.message);
  }
  if (mine === session) await connect();
}

async function connect() {
  const mine = ++session;
  wire?.close();
  sound.flush();
  if (!(await modelsReady(mine))) return;
  const query = {
    in_rate: 16000,
    out_rate: sound.rate,
    agent: $("agent").value,
    llm: $("llm").value,
    voice: $("voice").value,
  };
  wire = new Wire(query, {
    onAudio: (pcm) => sound.play(answer, pcm),
    onMessage: (type, data) => mine === session && receive(type, data),
    onClose: (code, reason) => mine === session && closed(code, reason),
    onSlow: (slow) => notice(slow ? "Slow connection: some of what you say is not sent." : ""),
  });
}

async function modelsReady(mine) {
  for (;;) {
    try {
      const response = await fetch("readyz");
      if (response.ok) return mine === session;
      const { waiting_for: waiting } = await response.json();
      $("state").textContent = `Loading the models (${waiting.join(", ")})…`;
    } catch {
      if (mine === session) closed(1006, "");
      return false;
    }
    await wait(500);
    if (mine !== session) return false;
  }
}

function end() {
  session++;
  wire?.close();
  wire = null;
  sound?.close();
  retries = 0;
  transcript.dropCaller();
  setState("idle");
  showLevel(0);
}

async function closed(code, reason) {
  sound.flush();
  transcript.dropCaller();
  const words = {
    1000: reason || "The call has ended.",
    1003: "This page and the server do not understand each other. Reload the page.",
    1013: `${capital(reason || "All lines are busy")}.`,
    4400: `The server refused: ${reason}`,
    4408: `The call was ended: ${reason}.`,
  };
  if (code in words) {
    end();
    notice(words[code]);
    return;
  }
  const mine = ++session;
  setState("reconnecting");
  const delay = RETRIES_MS[Math.min(retries++, RETRIES_MS.length - 1)];
  notice("The server is gone. Trying again; if it was stopped, start it with: make demo");
  await wait(delay);
  if (mine === session) connect();
}

function receive(type, data) {
  log.push({ at: performance.now(), type, data });
  switch (type) {
    case "bot-ready":
      if (state === "reconnecting") transcript.note("Connected again: a new call");
      if (retries) notice("");
      retries = 0;
      began = performance.now();
      $("empty").hidden = true;
      setState("live");
      setWho("idle");
      break;
    case "user-started-speaking":
      setWho("caller");
      break;
    case "user-stopped-speaking":
      setWho("thinking");
      break;
    case "user-transcription":
      transcript.heardCaller(data.text, data.final);
      break;
    case "bot-stopped-speaking":
      if (who === "agent") setWho("idle");
      break;
    case "llm-function-call-in-progress":
      transcript.toolStarted(data);
      break;
    case "llm-function-call-stopped":
      transcript.toolStopped(data);
      break;
    case "error":
      if (!data.fatal) notice(data.error);
      break;
    case "server-message":
      receiveOwn(data);
      break;
  }
}

function receiveOwn(data) {
  switch (data.t) {
    case "answer":
      answer = data.answer;
      setWho("agent");
      break;
    case "clause":
      transcript.clause(data);
      break;
    case "heard":
      transcript.heard(data);
      break;
    case "interrupted":
      sound.flush();
      break;
    case "latency":
      transcript.silence(data.answer, data);
      break;
    case "dropped":
      transcript.dropCaller();
      if (who === "thinking") setWho("idle");
      break;
  }
}

async function say(text) {
  if (state === "idle") await start();
  for (let i = 0; i < 100 && state !== "live"; i++) await wait(100);
  if (state !== "live") return;
  transcript.heardCaller(text, true);
  setWho("thinking");
  wire.send("send-text", { content: text, options: { run_immediately: true } });
}

// -- controls ------------------------------------------------------------------------------

function showLevel(peak) {
  microphone = peak;
  const percent = Math.round(100 * Math.min(1, peak * 1.6));
  $("meter").setAttribute("aria-valuenow", percent);
  $("meter").firstElementChild.style.transform = `scaleX(${percent / 100})`;
}

function toggleMute() {
  if (!sound || state !== "live") return;
  sound.muted = !sound.muted;
  $("mute").setAttribute("aria-pressed", sound.muted);
  $("mute").textContent = sound.muted ? "Unmute" : "Mute";
  wire.tell("mute", { muted: sound.muted });
  setWho(who);
}

function theme(next) {
  document.documentElement.dataset.theme = next;
  localStorage.setItem("openline-theme", next);
}

const dark = matchMedia("(prefers-color-scheme: dark)");
theme(localStorage.getItem("openline-theme") ?? (dark.matches ? "dark" : "light"));
$("theme").onclick = () =>
  theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
$("start").onclick = () => (state === "idle" ? start() : end());
$("mute").onclick = toggleMute;
$("llm").onchange = () => changed("llm");
$("voice").onchange = () => changed("voice");
$("typed").onsubmit = (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  $("text").value = "";
  if (text) say(text);
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, button, summary");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.code === "Space") $("start").click();
  else if (event.key === "m") toggleMute();
  else if (event.key === "/") $("text").focus();
  else return;
  event.preventDefault();
});
setInterval(() => {
  const seconds = Math.floor((performance.now() - began) / 1000);
  $("timer").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}, 500);
new Orb($("orb"), () => ({
  who: state === "live" ? who : "idle",
  level: who === "agent" ? (sound?.level() ?? 0) : microphone,
}));
loadChoices();
// further voices are loaded after the server is ready
for (const id of ["llm", "voice"]) $(id).addEventListener("focus", loadChoices);

window.openline = {
  log,
  get state() {
    return state;
  },
  heard() {
    const samples = sound?.tapped.flatMap((chunk) => [...chunk]) ?? [];
    const pcm = Int16Array.from(samples, (s) => Math.max(-1, Math.min(1, s)) * 32767);
    const bytes = new Uint8Array(pcm.buffer);
    let text = "";
    for (let i = 0; i < bytes.length; i += 32768) {
      text += String.fromCharCode(...bytes.subarray(i, i + 32768));
    }
    return { rate: sound?.context.sampleRate ?? 0, base64: btoa(text) };
  },
};

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
