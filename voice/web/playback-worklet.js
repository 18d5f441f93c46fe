// The loudspeaker's side, on the audio thread.

import { Player } from "./player.js";

class Playback extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.player = new Player(processorOptions.rate, sampleRate, (event) =>
      this.port.postMessage(event),
    );
    this.port.onmessage = ({ data }) => this.player.receive(data);
  }

  process(_, [[left, ...others]]) {
    this.player.fill(left);
    for (const other of others) other.set(left);
    return true;
  }
}

registerProcessor("playback", Playback);
