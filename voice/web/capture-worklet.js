// The microphone's side, on the audio thread: 20 ms frames of PCM16 at 16 kHz.

import { RATE, Resampler } from "./resample.js";

const FRAME = RATE / 50;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.peak = 0;
    this.resampler = new Resampler(sampleRate, (sample) => this.push(sample));
  }

  process([[input]]) {
    if (input) this.resampler.add(input);
    return true;
  }

  push(sample) {
    const clipped = Math.max(-1, Math.min(1, sample));
    this.peak = Math.max(this.peak, Math.abs(clipped));
    this.frame[this.filled++] = Math.round(clipped * 32767);
    if (this.filled < FRAME) return;
    const pcm = this.frame.slice().buffer;
    this.port.postMessage({ pcm, peak: this.peak }, [pcm]);
    this.filled = 0;
    this.peak = 0;
  }
}

registerProcessor("capture", Capture);
