// Runs on the audio thread: the microphone at the context's rate to 20 ms frames of PCM16 at 16 kHz.
// A windowed-sinc filter, because plain decimation folds hiss into the speech band.

const RATE = 16000;
const FRAME = 320;
const PHASES = 64;
const HALF = 16; // zero crossings on each side of the filter

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE;
    const cutoff = Math.min(1, RATE / sampleRate) * 0.94;
    this.width = Math.ceil(HALF / cutoff);
    this.cutoff = cutoff;
    this.history = new Float32Array(0);
    this.position = this.width; // of the next output sample, within the history
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.peak = 0;
    this.kernels = [];
  }

  /** @param {number} x distance in input samples */
  weight(x) {
    const t = Math.PI * x * this.cutoff;
    const sinc = Math.abs(t) < 1e-6 ? 1 : Math.sin(t) / t;
    const w = x / (this.width + 1);
    return sinc * this.cutoff * (0.5 + 0.5 * Math.cos(Math.PI * w));
  }

  /** The filter for a fraction of a sample; 64 of them are as good as any number at 16 bits. */
  kernel(fraction) {
    const phase = Math.round(fraction * PHASES);
    return (this.kernels[phase] ??= Float32Array.from({ length: 2 * this.width }, (_, i) =>
      this.weight(i - this.width + 1 - phase / PHASES),
    ));
  }

  process(inputs) {
    const input = inputs[0][0];
    if (!input) return true;
    const joined = new Float32Array(this.history.length + input.length);
    joined.set(this.history);
    joined.set(input, this.history.length);
    while (this.position + this.width + 1 < joined.length) {
      const middle = Math.floor(this.position);
      const kernel = this.kernel(this.position - middle);
      const first = middle - this.width + 1;
      let sum = 0;
      for (let i = Math.max(0, -first); i < kernel.length; i++) sum += joined[first + i] * kernel[i];
      this.push(sum);
      this.position += this.step;
    }
    const drop = Math.max(0, Math.floor(this.position) - this.width);
    this.history = joined.slice(drop);
    this.position -= drop;
    return true;
  }

  push(sample) {
    const clipped = Math.max(-1, Math.min(1, sample));
    this.peak = Math.max(this.peak, Math.abs(clipped));
    this.frame[this.filled++] = Math.round(clipped * 32767);
    if (this.filled === FRAME) {
      const pcm = this.frame.slice().buffer;
      this.port.postMessage({ pcm, peak: this.peak }, [pcm]);
      this.filled = 0;
      this.peak = 0;
    }
  }
}

registerProcessor("capture", Capture);
