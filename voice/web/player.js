// Plays PCM16 in order and counts what was really played of each answer. Knows nothing of the audio
// thread it runs on, so that the page can also use it where there are no worklets.

const START_SECONDS = 0.06; // buffered before an answer begins, against a network's jitter
const FADE_SECONDS = 0.008; // out, at a flush or when the buffer runs dry
const RISE_SECONDS = 0.003; // in, so that a gap in the middle of a word does not end in a click
const REPORT_SECONDS = 0.05;
const TAP_SAMPLES = 4800;

/**
 * @typedef {{answer: number, ms: number, flushed: boolean, ended: boolean}} Played
 * @typedef {{add: ArrayBuffer, answer: number} | {flush: number} | {hold: number} |
 *   {resume: number, ms: number} | {reset: true}} Order
 */

export class Player {
  /**
   * @param {number} rate Hz, of what arrives
   * @param {number} outRate Hz, of the loudspeaker
   * @param {(event: {played: Played} | {tap: Int16Array}) => void} tell
   */
  constructor(rate, outRate, tell) {
    this.rate = rate;
    this.outRate = outRate;
    this.step = rate / outRate;
    this.tell = tell;
    this.tap = new Int16Array(TAP_SAMPLES);
    this.tapped = 0;
    this.tail = [];
    this.reset();
  }

  /** @param {Order} order */
  receive(order) {
    if ("add" in order) this.add(order.answer, new Int16Array(order.add));
    else if ("flush" in order) this.flush(order.flush);
    else if ("hold" in order) this.hold(order.hold);
    else if ("resume" in order) this.resume(order.resume, order.ms);
    else this.reset();
  }

  /** Forget everything: answers are counted from 1 again. */
  reset() {
    if (this.playing) this.fadeOut();
    this.queue = []; // {answer, samples}
    this.queued = 0; // samples
    this.offset = 0; // into the first of the queue, in its samples
    this.playing = false;
    this.waited = 0; // output samples since something waits to be played
    this.rise = 0;
    this.last = 0;
    this.answer = 0;
    this.played = 0; // samples of that answer
    this.flushed = 0; // the newest answer that was cut off
    this.held = 0; // the answer that is silent until it is resumed
    this.sinceReport = 0;
  }

  /** @param {number} answer @param {Int16Array} samples */
  add(answer, samples) {
    if (answer <= this.flushed || answer === this.held) return; // it was on its way when the caller interrupted
    this.queue.push({ answer, samples });
    this.queued += samples.length;
  }

  /** Drop this answer and all before it, and say how much of it was played. @param {number} answer */
  flush(answer) {
    this.flushed = Math.max(this.flushed, answer);
    this.drop(answer);
  }

  /** Silence this answer, and say how much of it was played; it may go on. @param {number} answer */
  hold(answer) {
    this.held = answer;
    this.drop(answer);
  }

  /** What follows of this answer begins at that place of it. @param {number} answer @param {number} ms */
  resume(answer, ms) {
    this.held = 0;
    this.answer = answer;
    this.played = (ms * this.rate) / 1000;
    this.waited = 0;
  }

  /** @param {number} answer */
  drop(answer) {
    if (this.playing && this.answer <= answer) {
      this.fadeOut();
      this.playing = false;
    }
    const kept = this.queue.filter((chunk) => chunk.answer > answer);
    if (kept.length < this.queue.length && kept[0] !== this.queue[0]) this.offset = 0;
    this.queue = kept;
    this.queued = kept.reduce((sum, chunk) => sum + chunk.samples.length, 0);
    const played = this.answer === answer ? this.played : 0;
    this.report({ answer, ms: this.milliseconds(played), flushed: true, ended: false });
  }

  /** @param {Float32Array} out */
  fill(out) {
    if (!this.playing && this.queue.length) {
      this.waited += out.length;
      // what is shorter than the start buffer must be played too
      const enough = Math.max(this.queued / this.rate, this.waited / this.outRate);
      if (enough >= START_SECONDS) {
        this.playing = true;
        this.rise = 0;
      }
    }
    for (let i = 0; i < out.length; i++) {
      const sample = this.tail.length ? this.tail.pop() : this.playing ? this.next() : 0;
      out[i] = sample;
      this.record(sample);
    }
    if (this.playing) {
      this.sinceReport += out.length;
      if (this.sinceReport >= REPORT_SECONDS * this.outRate) this.reportNow(false);
    }
  }

  next() {
    if (!this.queue.length) {
      // the answer is over, or the network is slow
      this.fadeOut();
      this.playing = false;
      this.reportNow(true);
      return this.tail.pop();
    }
    const { answer, samples } = this.queue[0];
    if (answer !== this.answer) {
      if (this.answer) this.reportNow(true);
      this.answer = answer;
      this.played = 0;
    }
    this.waited = 0;
    const rising = Math.min(1, ++this.rise / (RISE_SECONDS * this.outRate));
    this.last = this.at(samples) * rising;
    this.offset += this.step;
    this.played += this.step;
    if (this.offset >= samples.length) {
      this.offset -= samples.length;
      this.queued -= samples.length;
      this.queue.shift();
    }
    return this.last;
  }

  /** The sound at `offset`, between two samples where the rates differ. @param {Int16Array} samples */
  at(samples) {
    const whole = Math.floor(this.offset);
    const part = this.offset - whole;
    if (!part) return samples[whole] / 32768;
    const after = whole + 1 < samples.length ? samples[whole + 1] : (this.queue[1]?.samples[0] ?? 0);
    return (samples[whole] * (1 - part) + after * part) / 32768;
  }

  /** Let the sound go on for a moment while it fades; the last sample where there is no more. */
  fadeOut() {
    const count = Math.round(FADE_SECONDS * this.outRate);
    const tail = new Array(count);
    for (let i = 0; i < count; i++) {
      let sample = this.last;
      if (this.queue.length) {
        sample = this.at(this.queue[0].samples);
        this.offset += this.step;
        if (this.offset >= this.queue[0].samples.length) {
          this.offset -= this.queue[0].samples.length;
          this.queue.shift();
        }
      }
      tail[count - 1 - i] = sample * (1 - (i + 1) / count); // popped from its end
    }
    this.tail = tail;
  }

  /** @param {number} samples */
  milliseconds(samples) {
    return Math.round((1000 * samples) / this.rate);
  }

  /** @param {boolean} ended */
  reportNow(ended) {
    const ms = this.milliseconds(this.played);
    this.report({ answer: this.answer, ms, flushed: false, ended });
  }

  /** @param {Played} played */
  report(played) {
    this.sinceReport = 0;
    this.tell({ played });
  }

  /** @param {number} sample */
  record(sample) {
    this.tap[this.tapped++] = Math.round(Math.max(-1, Math.min(1, sample)) * 32767);
    if (this.tapped < TAP_SAMPLES) return;
    this.tell({ tap: this.tap.slice() });
    this.tapped = 0;
  }
}
