// The microphone and the loudspeaker of one call, in one AudioContext.

/** Why there is no microphone, in words, with what to do. */
export class NoMicrophone extends Error {}

export class Sound {
  /**
   * @param {{onFrame: (pcm: ArrayBuffer) => void, onLevel: (peak: number) => void,
   *   onPlayed: (p: {answer: number, ms: number, flushed: boolean}) => void,
   *   onDrained: (answer: number) => void, tap?: boolean}} handlers
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.muted = false;
    this.tapped = [];
  }

  /** Start the loudspeaker; must be called from a click. */
  async open() {
    this.context = new AudioContext({ latencyHint: "interactive" });
    await this.context.resume();
    await this.context.audioWorklet.addModule("playback-worklet.js");
    this.rate = Math.min(48000, Math.max(8000, this.context.sampleRate));
    this.playback = new AudioWorkletNode(this.context, "playback", {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions: { rate: this.rate, tap: this.handlers.tap },
    });
    this.playback.port.onmessage = ({ data }) => {
      if (data.played) this.handlers.onPlayed(data.played);
      if ("drained" in data) this.handlers.onDrained(data.drained);
      if (data.tap) this.tapped.push(data.tap);
    };
    this.analyser = this.context.createAnalyser();
    this.analyser.fftSize = 512;
    this.playback.connect(this.analyser).connect(this.context.destination);
  }

  /** Ask for the microphone. Throws NoMicrophone. */
  async listen() {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new NoMicrophone(
        "This address gives no access to the microphone: browsers allow it on https and on localhost only. You can type instead.",
      );
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        audio: {
          echoCancellation: true,
          noiseSuppression: true,
          autoGainControl: true,
          channelCount: 1,
        },
      });
    } catch (error) {
      throw new NoMicrophone(wordsFor(error));
    }
    await this.context.audioWorklet.addModule("capture-worklet.js");
    const capture = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    capture.port.onmessage = ({ data }) => {
      this.handlers.onLevel(this.muted ? 0 : data.peak);
      if (!this.muted) this.handlers.onFrame(data.pcm);
    };
    this.context.createMediaStreamSource(this.stream).connect(capture);
  }

  /** @param {number} answer @param {ArrayBuffer} pcm */
  play(answer, pcm) {
    this.playback.port.postMessage({ answer, pcm }, [pcm]);
  }

  flush() {
    this.playback.port.postMessage({ flush: true });
  }

  /** The loudspeaker's level now, 0 to 1. */
  level() {
    if (!this.analyser) return 0;
    const samples = new Float32Array(this.analyser.fftSize);
    this.analyser.getFloatTimeDomainData(samples);
    return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  }

  async close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    if (this.context && this.context.state !== "closed") await this.context.close();
  }
}

function wordsFor(error) {
  switch (error.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "The microphone was refused. Allow it in the address bar and start again, or type instead.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "No microphone was found. Plug one in and start again, or type instead.";
    case "NotReadableError":
      return "The microphone is in use by another program. Close it and start again, or type instead.";
    default:
      return `The microphone cannot be used (${error.message}). You can type instead.`;
  }
}
