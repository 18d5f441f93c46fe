// Runs on the audio thread: plays the agent's sound in order, counts what was really played of each
// answer, and falls silent within 8 ms when told to flush.

const START_SECONDS = 0.06; // buffered before an answer begins, against a network's jitter
const FADE_SECONDS = 0.008;
const REPORT_SECONDS = 0.2;

class Playback extends AudioWorkletProcessor {
  constructor(options) {
    super();
    this.rate = options.processorOptions.rate; // of what arrives
    this.step = this.rate / sampleRate;
    this.tap = options.processorOptions.tap;
    this.queue = []; // {answer, samples}
    this.offset = 0; // into the first of the queue, in its samples
    this.queued = 0; // samples
    this.started = false;
    this.fade = 0; // samples of fade-out left
    this.last = 0;
    this.answer = 0;
    this.played = 0; // samples of the present answer
    this.sinceReport = 0;
    this.port.onmessage = ({ data }) => (data.flush ? this.flush() : this.add(data));
  }

  add({ answer, pcm }) {
    const ints = new Int16Array(pcm);
    const samples = new Float32Array(ints.length);
    for (let i = 0; i < ints.length; i++) samples[i] = ints[i] / 32768;
    this.queue.push({ answer, samples });
    this.queued += samples.length;
  }

  flush() {
    this.queue = [];
    this.offset = 0;
    this.queued = 0;
    this.started = false;
    this.fade = Math.round(FADE_SECONDS * sampleRate);
    this.report(true);
  }

  report(flushed = false) {
    this.sinceReport = 0;
    const ms = Math.round((1000 * this.played) / this.rate);
    this.port.postMessage({ played: { answer: this.answer, ms, flushed } });
  }

  process(_, outputs) {
    const out = outputs[0][0];
    if (!this.started && this.queued >= START_SECONDS * this.rate) this.started = true;
    for (let i = 0; i < out.length; i++) out[i] = this.next();
    for (const other of outputs[0].slice(1)) other.set(out);
    if (this.started || this.fade > 0) {
      this.sinceReport += out.length;
      if (this.sinceReport >= REPORT_SECONDS * sampleRate) this.report();
    }
    if (this.tap) this.port.postMessage({ tap: out.slice() });
    return true;
  }

  next() {
    if (!this.started || !this.queue.length) {
      if (this.started) {
        // ran dry: the answer is over, or the network is slow
        this.started = false;
        this.fade = Math.round(FADE_SECONDS * sampleRate);
        this.report();
        this.port.postMessage({ drained: this.answer });
      }
      if (this.fade > 0) {
        const total = FADE_SECONDS * sampleRate;
        return this.last * (this.fade-- / total);
      }
      return 0;
    }
    const { answer, samples } = this.queue[0];
    if (answer !== this.answer) {
      this.answer = answer;
      this.played = 0;
    }
    const at = Math.floor(this.offset);
    const part = this.offset - at;
    const after = at + 1 < samples.length ? samples[at + 1] : (this.queue[1]?.samples[0] ?? 0);
    this.last = samples[at] * (1 - part) + after * part;
    this.offset += this.step;
    this.played += this.step;
    if (this.offset >= samples.length) {
      this.offset -= samples.length;
      this.queued -= samples.length;
      this.queue.shift();
    }
    return this.last;
  }
}

registerProcessor("playback", Playback);
