// The socket: PCM16 in binary frames, RTVI messages in text frames.

const SLOW_BYTES = 32000; // 1 s of our audio waiting to be sent
const FLOWING_BYTES = 8000;
const HANDSHAKE_MS = 10000;

/**
 * @typedef {object} Handlers
 * @property {(pcm: ArrayBuffer) => void} onAudio
 * @property {(type: string, data: any) => void} onMessage
 * @property {(code: number, reason: string) => void} onClose
 * @property {(slow: boolean) => void} onSlow
 */

export class Wire {
  /** @param {Record<string, string | number>} query @param {Handlers} handlers */
  constructor(query, handlers) {
    const url = new URL("ws", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.search = url.hash = "";
    for (const [key, value] of Object.entries(query)) if (value) url.searchParams.set(key, `${value}`);
    this.handlers = handlers;
    this.ids = 0;
    this.slow = false;
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () =>
      this.send("client-ready", { version: "2.0.0", about: { library: "openline-web" } });
    this.socket.onmessage = ({ data }) => this.receive(data);
    this.socket.onclose = ({ code, reason }) => this.closed(code, reason);
    // a host that takes the connection and then says nothing
    this.patience = setTimeout(() => this.closed(1006, ""), HANDSHAKE_MS);
  }

  /** @param {string | ArrayBuffer} data */
  receive(data) {
    if (data instanceof ArrayBuffer) {
      this.handlers.onAudio(data);
      return;
    }
    const message = JSON.parse(data);
    if (message.label !== "rtvi-ai") return;
    if (message.type === "bot-ready") clearTimeout(this.patience);
    this.handlers.onMessage(message.type, message.data ?? {});
  }

  get open() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  /** @param {string} type @param {object} data */
  send(type, data) {
    if (!this.open) return;
    this.socket.send(JSON.stringify({ label: "rtvi-ai", type, id: String(++this.ids), data }));
  }

  /** @param {string} t @param {object} d */
  tell(t, d) {
    this.send("client-message", { t, d });
  }

  /** @param {ArrayBuffer} pcm */
  audio(pcm) {
    if (!this.open) return;
    const waiting = this.socket.bufferedAmount;
    const slow = waiting > (this.slow ? FLOWING_BYTES : SLOW_BYTES);
    if (slow !== this.slow) this.handlers.onSlow((this.slow = slow));
    if (!slow) this.socket.send(pcm); // better a gap than a call that lags ever more
  }

  /** Hang up, and hear nothing more of it. */
  close() {
    this.send("disconnect-bot", {});
    this.forget();
    this.socket.close(1000);
  }

  /** @param {number} code @param {string} reason */
  closed(code, reason) {
    this.forget();
    this.socket.close();
    this.handlers.onClose(code, reason);
  }

  forget() {
    clearTimeout(this.patience);
    this.socket.onopen = this.socket.onclose = this.socket.onmessage = null;
  }
}
