// The microphone at the context's rate to 16 kHz, by a windowed-sinc low-pass (Hann, 16 zero
// crossings a side): plain decimation would fold hiss into the speech band.

export const RATE = 16000;
const CROSSINGS = 16;
const CUTOFF = 0.94; // of the lower Nyquist frequency: 7.5 kHz, and silence from 8.2 kHz on
const PHASES = 64; // filters for fractions of a sample; at 16 bits more are not heard
const BLOCK = 8192;

export class Resampler {
  /** @param {number} rate Hz, of what comes in @param {(sample: number) => void} push */
  constructor(rate, push) {
    this.push = push;
    this.step = rate / RATE;
    this.cutoff = CUTOFF * Math.min(1, RATE / rate);
    this.half = Math.ceil(CROSSINGS / this.cutoff);
    this.kernels = Array.from({ length: PHASES + 1 }, (_, phase) => this.kernel(phase / PHASES));
    this.samples = new Float32Array(BLOCK);
    this.filled = this.half; // silence before the first sample
    this.position = this.half; // of the next output sample
  }

  /** @param {number} fraction */
  kernel(fraction) {
    const kernel = new Float32Array(2 * this.half);
    let sum = 0;
    for (let i = 0; i < kernel.length; i++) {
      const x = i - this.half + 1 - fraction;
      const angle = Math.PI * x * this.cutoff;
      const sinc = Math.abs(angle) < 1e-6 ? 1 : Math.sin(angle) / angle;
      kernel[i] = sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / (this.half + 1)));
      sum += kernel[i];
    }
    return kernel.map((weight) => weight / sum);
  }

  /** @param {Float32Array} input at most a few thousand samples */
  add(input) {
    if (this.filled + input.length > BLOCK) this.moveUp();
    this.samples.set(input, this.filled);
    this.filled += input.length;
    while (Math.floor(this.position) + this.half < this.filled) {
      const middle = Math.floor(this.position);
      const kernel = this.kernels[Math.round((this.position - middle) * PHASES)];
      const first = middle - this.half + 1;
      let sum = 0;
      for (let i = 0; i < kernel.length; i++) sum += this.samples[first + i] * kernel[i];
      this.push(sum);
      this.position += this.step;
    }
  }

  moveUp() {
    const from = Math.floor(this.position) - this.half;
    this.samples.copyWithin(0, from, this.filled);
    this.filled -= from;
    this.position -= from;
  }
}
