// The microphone and the loudspeaker, in one AudioContext that lives as long as the page.

import { Player } from "./player.js";

const TAP_SECONDS = 120;

export class Sound {
  /**
   * @param {object} handlers
   * @param {(pcm: ArrayBuffer) => void} handlers.onFrame 20 ms of the microphone, 16 kHz
   * @param {(peak: number) => void} handlers.onLevel of the microphone, 0 to 1
   * @param {(played: import("./player.js").Played) => void} handlers.onPlayed
   * @param {() => void} handlers.onMicrophoneLeft
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.rate = 0; // Hz, what the loudspeaker wants
    this.asked = 0; // grows with every request for the microphone: the last one holds
    /** @type {AudioContext | null} */
    this.context = null;
    /** @type {MediaStream | null} */
    this.stream = null;
    /** @type {MediaStreamAudioSourceNode | null} */
    this.source = null;
    /** @type {Promise<void> | null} */
    this.built = null;
    /** @type {Int16Array[]} */
    this.tapped = [];
  }

  /**
   * Start the loudspeaker; browsers allow it after a click or a key only. Throws when the server,
   * which has the worklets, is gone.
   */
  async open() {
    this.context ??= new AudioContext({ latencyHint: "interactive" });
    this.built ??= this.build(this.context);
    clearTimeout(this.rest);
    await Promise.all([this.built, this.context.resume()]);
  }

  /** @param {AudioContext} context */
  async build(context) {
    try {
      this.rate = Math.min(48000, Math.max(8000, context.sampleRate));
      this.analyser = context.createAnalyser();
      this.analyser.fftSize = 512;
      this.samples = new Float32Array(this.analyser.fftSize);
      const output = context.audioWorklet
        ? await this.worklet(context)
        : this.scriptProcessor(context);
      output.connect(this.analyser).connect(context.destination);
    } catch (error) {
      // a context remembers a module that did not load, so only a new one can try again
      this.context = this.built = null;
      context.close();
      throw error;
    }
  }

  /** @param {AudioContext} context */
  async worklet(context) {
    await context.audioWorklet.addModule("playback-worklet.js");
    await context.audioWorklet.addModule("capture-worklet.js");
    const node = new AudioWorkletNode(context, "playback", {
      numberOfInputs: 0,
      outputChannelCount: [1],
      processorOptions: { rate: this.rate },
    });
    node.port.onmessage = ({ data }) => this.happened(data);
    this.order = (order, moved = []) => node.port.postMessage(order, moved);
    return node;
  }

  /** Pages on plain http have no worklets, but may play sound. @param {AudioContext} context */
  scriptProcessor(context) {
    const node = context.createScriptProcessor(1024, 1, 1);
    const player = new Player(this.rate, context.sampleRate, (event) => this.happened(event));
    node.onaudioprocess = ({ outputBuffer }) => player.fill(outputBuffer.getChannelData(0));
    this.order = (order) => player.receive(order);
    return node;
  }

  happened(event) {
    if (event.played) this.handlers.onPlayed(event.played);
    if (event.tap) {
      this.tapped.push(event.tap);
      const most = (TAP_SECONDS * this.context.sampleRate) / event.tap.length;
      if (this.tapped.length > most) this.tapped.shift();
    }
  }

  /**
   * Ask for the microphone. False when it was asked for again, or given up, before it was there.
   * Throws what getUserMedia throws. @param {string} [device] @returns {Promise<boolean>}
   */
  async listen(device) {
    if (!navigator.mediaDevices?.getUserMedia || !this.context?.audioWorklet) {
      throw Object.assign(new Error("no secure context"), { name: "InsecureContext" });
    }
    this.stopListening();
    const asked = ++this.asked;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: {
          ...(device && { deviceId: { exact: device } }),
          echoCancellation: true,
          noiseSuppression: true,
          autoGainControl: true,
          channelCount: 1,
        },
      });
    } catch (error) {
      if (asked !== this.asked) return false;
      throw error;
    }
    if (asked !== this.asked) {
      for (const track of stream.getTracks()) track.stop();
      return false;
    }
    this.stream = stream;
    for (const track of stream.getAudioTracks()) {
      track.onended = () => {
        this.stopListening();
        this.handlers.onMicrophoneLeft();
      };
    }
    this.capture = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    this.capture.port.onmessage = ({ data }) => {
      if (this.stream !== stream) return;
      this.handlers.onLevel(data.peak);
      this.handlers.onFrame(data.pcm);
    };
    this.source = this.context.createMediaStreamSource(stream);
    this.source.connect(this.capture);
    return true;
  }

  stopListening() {
    this.asked++;
    this.stream?.getTracks().forEach((track) => {
      track.onended = null;
      track.stop();
    });
    this.source?.disconnect();
    this.stream = this.source = null;
  }

  /** @returns {Promise<MediaDeviceInfo[]>} */
  async microphones() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return devices.filter((device) => device.kind === "audioinput" && device.deviceId);
  }

  /** @param {number} answer @param {ArrayBuffer} pcm */
  play(answer, pcm) {
    this.order({ add: pcm, answer }, [pcm]);
  }

  /** Silence this answer now; `onPlayed` says how much of it was played. @param {number} answer */
  flush(answer) {
    this.order({ flush: answer });
  }

  /** Silence this answer until it is resumed; `onPlayed` as above. @param {number} answer */
  hold(answer) {
    this.order({ hold: answer });
  }

  /** It goes on from there. @param {number} answer @param {number} ms */
  resume(answer, ms) {
    this.order({ resume: answer, ms });
  }

  /** Forget what waits to be played; answers count from 1 again. */
  reset() {
    this.order?.({ reset: true });
  }

  /** Phones take the sound away for a call or a lock screen. */
  wake() {
    if (this.context?.state !== "running") this.context?.resume();
  }

  /** The loudspeaker's level now, 0 to 1. */
  level() {
    if (!this.analyser) return 0;
    this.analyser.getFloatTimeDomainData(this.samples);
    let most = 0;
    for (const sample of this.samples) most = Math.max(most, Math.abs(sample));
    return most;
  }

  /** Let go of the microphone; the loudspeaker is kept for the next call. */
  close() {
    this.stopListening();
    this.reset();
    this.rest = setTimeout(() => this.context?.suspend(), 200); // after the fade
  }

  /** The last two minutes of what the loudspeaker got, as PCM16. */
  heard() {
    let text = "";
    for (const chunk of this.tapped) {
      text += String.fromCharCode(...new Uint8Array(chunk.buffer));
    }
    return { rate: this.context?.sampleRate ?? 0, base64: btoa(text) };
  }
}
