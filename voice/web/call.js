// One call at a time: starting it, keeping it, and what its messages mean for the page.

import { modelsReady } from "./ready.js";
import * as trouble from "./trouble.js";
import { Wire } from "./wire.js";

const RETRIES_SECONDS = [0.5, 1, 2, 4, 8, 15];
const FULL = 1013;
const REPORT_MS = 200;
const PASSING_MS = 8000; // a complaint of the server about one moment of the call
const ALIVE_MS = 20000; // the server ends calls that send nothing at all
const wait = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @typedef {"idle" | "connecting" | "live" | "reconnecting"} State
 * @typedef {"listening" | "caller" | "thinking" | "working" | "agent"} Who
 */

export class Call {
  /**
   * @param {import("./audio.js").Sound} sound
   * @param {import("./transcript.js").Transcript} transcript
   * @param {() => Record<string, string>} choices agent, llm and voice
   * @param {{state: () => void, trouble: (what: trouble.Trouble | null) => void,
   *   silence: (ms: number) => void}} show
   */
  constructor(sound, transcript, choices, show) {
    this.sound = sound;
    this.transcript = transcript;
    this.choices = choices;
    this.show = show;
    /** @type {State} */
    this.state = "idle";
    /** @type {Who} */
    this.who = "listening";
    this.muted = false;
    this.began = 0; // performance.now() at the first bot-ready
    this.log = [];
    this.session = 0; // grows with every attempt, so that what belongs to an older one is ignored
    this.retries = 0;
    this.answer = 0; // whose audio arrives
    this.audible = false; // the loudspeaker plays an answer
    this.unplayed = false; // sound has arrived that the loudspeaker has not played
    this.reported = 0;
    this.slow = false;
    /** @type {string[]} typed before the call is up */
    this.unsent = [];
    /** @type {trouble.Trouble | null} why there is no microphone */
    this.deaf = null;
    /** @type {Wire | null} */
    this.wire = null;
    sound.handlers.onFrame = (pcm) => !this.muted && this.state === "live" && this.wire?.audio(pcm);
    sound.handlers.onPlayed = (played) => this.played(played);
    sound.handlers.onMicrophoneLeft = () => this.withoutMicrophone(trouble.MICROPHONE_LEFT);
    setInterval(() => (this.muted || !sound.stream) && this.tellMute(), ALIVE_MS);
  }

  /** From a click or a key. @param {string} [device] a microphone */
  async start(device) {
    this.retries = 0;
    this.began = 0;
    this.deaf = null;
    this.show.trouble(null);
    this.become("connecting");
    await this.connect(device);
  }

  /** The loudspeaker, and the microphone if it was not asked for; whether the call may go on. */
  async open(wanted, device) {
    try {
      await this.sound.open();
    } catch (error) {
      if (!wanted()) return false;
      if (error.name === "AbortError") this.closed(1006, ""); // the worklets come from the server
      else {
        this.end();
        this.show.trouble(trouble.noSound(/** @type {Error} */ (error)));
      }
      return false;
    }
    if (wanted() && !this.sound.stream && !this.deaf) await this.listen(device);
    return wanted();
  }

  /** Take the microphone, or say why not; the call goes on without. @param {string} [device] */
  async listen(device) {
    try {
      if (!(await this.sound.listen(device))) return;
      this.deaf = null;
      this.tellMute();
      this.settled();
      this.show.state();
    } catch (error) {
      this.withoutMicrophone(trouble.microphone(/** @type {Error} */ (error)));
    }
  }

  /** @param {trouble.Trouble} what */
  withoutMicrophone(what) {
    this.deaf = what;
    this.tellMute();
    this.settled();
    this.show.state();
  }

  /** What was wrong is over; that there is no microphone still holds. */
  settled() {
    this.show.trouble(this.deaf);
  }

  /** A new call on the server, with the present choices. @param {string} [device] a microphone */
  async connect(device) {
    const session = ++this.session;
    this.hangUp();
    const wanted = () => session === this.session;
    if (!(await this.open(wanted, device))) return;
    let loading = false;
    try {
      await modelsReady(wanted, (waiting) => {
        loading = true;
        this.show.trouble(trouble.loading(waiting));
      });
    } catch {
      if (wanted()) this.closed(1006, "");
      return;
    }
    if (!wanted()) return;
    if (loading) this.settled();
    const query = { in_rate: 16000, out_rate: this.sound.rate, ...this.choices() };
    const mine = (handle) => (...given) => wanted() && handle(...given);
    this.wire = new Wire(query, {
      onAudio: mine((pcm) => this.arrived(pcm)),
      onMessage: mine((type, data) => this.receive(type, data)),
      onClose: mine((code, reason) => this.closed(code, reason)),
      onSlow: mine((slow) => (slow ? this.show.trouble(trouble.SLOW) : this.settled())),
    });
  }

  /** End the call, by the caller or for good. */
  end() {
    this.session++;
    this.hangUp();
    this.sound.close();
    this.unsent = [];
    this.show.trouble(null);
    this.become("idle");
  }

  hangUp() {
    this.wire?.close();
    this.wire = null;
    this.sound.reset();
    this.audible = this.unplayed = false;
    this.answer = 0;
    this.transcript.newCall();
  }

  /** @param {number} code @param {string} reason */
  async closed(code, reason) {
    const session = ++this.session;
    const end = trouble.ending(code, reason);
    // while a call is taken up again, its old place on the server may not be free yet
    const held = code === FULL && this.began && this.retries < RETRIES_SECONDS.length;
    if (end && !held) {
      for (let i = 0; code === 1000 && this.unplayed && i < 40; i++) await wait(50); // its last words
      if (session !== this.session) return;
      this.end();
      this.show.trouble(end);
      return;
    }
    this.hangUp();
    this.become("reconnecting");
    const seconds = RETRIES_SECONDS[Math.min(this.retries++, RETRIES_SECONDS.length - 1)];
    for (let left = seconds; left > 0; left--) {
      this.show.trouble(trouble.gone(Math.ceil(left), held ? reason : ""));
      await wait(1000 * Math.min(1, left));
      if (session !== this.session) return;
    }
    this.show.trouble(trouble.gone(0, held ? reason : ""));
    this.connect();
  }

  /** Other choices hold from a new call on. @param {string} name */
  changed(name) {
    if (this.state === "idle") return;
    this.transcript.note(`${name} takes over: a new call begins`);
    this.become("connecting");
    this.connect();
  }

  /** Say something by keyboard. @param {string} text */
  say(text) {
    if (this.state !== "live") {
      this.unsent.push(text);
      if (this.state === "idle") this.start();
      return;
    }
    this.transcript.heardCaller(text, true);
    this.become("live", "thinking");
    this.wire?.send("send-text", { content: text, options: { run_immediately: true } });
  }

  /** @param {string} text */
  complain(text) {
    this.show.trouble({ text });
    clearTimeout(this.passing);
    this.passing = setTimeout(() => this.state === "live" && this.settled(), PASSING_MS);
  }

  /** Do not wait for the next attempt. */
  retryNow() {
    if (this.state === "reconnecting") this.connect();
  }

  toggleMute() {
    if (this.state === "idle" || !this.sound.stream) return;
    this.muted = !this.muted;
    this.tellMute();
    this.show.state();
  }

  tellMute() {
    this.wire?.tell("mute", { muted: this.muted || !this.sound.stream });
  }

  /** @param {State} state @param {Who} [who] */
  become(state, who = "listening") {
    this.state = state;
    this.who = who;
    this.show.state();
  }

  /** Nobody but the agent may be speaking. */
  quiet() {
    this.become("live", this.audible ? "agent" : "listening");
  }

  /** @param {ArrayBuffer} pcm */
  arrived(pcm) {
    this.unplayed = true;
    this.sound.play(this.answer, pcm);
  }

  /** @param {import("./player.js").Played} played */
  played(played) {
    if (this.state !== "live") return; // of a call that is over
    const now = performance.now();
    const atOnce = played.flushed || played.ended;
    if (atOnce || now - this.reported >= REPORT_MS) {
      const { answer, ms, flushed } = played;
      this.wire?.tell("played", { answer, ms, flushed });
      this.reported = now;
    }
    if (atOnce) this.unplayed = false;
    if (!played.flushed) this.transcript.played(played);
    if (atOnce) this.transcript.silent(played.answer);
    if (this.audible !== !atOnce) {
      this.audible = !atOnce;
      if (this.audible) this.become("live", "agent");
      else if (this.who === "agent") this.quiet();
    }
  }

  /** @param {string} type @param {any} data */
  receive(type, data) {
    this.log.push({ at: performance.now(), type, data });
    switch (type) {
      case "bot-ready":
        this.up();
        break;
      case "user-started-speaking":
        this.transcript.dropCaller();
        if (!this.muted) this.become("live", "caller");
        break;
      case "user-stopped-speaking":
        this.become("live", this.audible ? "agent" : "thinking");
        break;
      case "user-transcription":
        this.transcript.heardCaller(data.text, data.final);
        break;
      case "llm-function-call-in-progress":
        this.transcript.toolStarted(data);
        this.become("live", this.audible ? "agent" : "working");
        break;
      case "llm-function-call-stopped":
        this.transcript.toolStopped(data);
        if (this.who === "working" && !this.transcript.working) this.become("live", "thinking");
        break;
      case "error":
        // of a fatal one the close that follows says more
        if (!data.fatal) this.complain(data.error);
        break;
      case "server-message":
        this.receiveOwn(data);
        break;
    }
  }

  /** @param {any} data */
  receiveOwn(data) {
    switch (data.t) {
      case "answer":
        this.answer = data.answer;
        break;
      case "clause":
        this.transcript.clause(data);
        break;
      case "source":
        this.transcript.source(data);
        break;
      case "heard":
        this.transcript.heard(data);
        break;
      case "held":
        this.sound.hold(data.answer);
        break;
      case "goes_on":
        this.sound.resume(data.answer, data.from_ms);
        break;
      case "interrupted":
        this.sound.flush(data.answer);
        this.transcript.interrupted(data.answer);
        break;
      case "latency":
        this.transcript.silence(data);
        this.show.silence(data.silence_ms);
        break;
      case "dropped":
        this.transcript.dropCaller();
        this.quiet();
        break;
    }
  }

  up() {
    if (this.state === "reconnecting") this.transcript.note("Connected again: a new call begins");
    if (this.retries) this.settled();
    this.retries = 0;
    this.began ||= performance.now();
    this.become("live");
    this.tellMute();
    for (const text of this.unsent.splice(0)) this.say(text);
  }
}
