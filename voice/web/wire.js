// The socket: PCM in binary frames, RTVI messages in text frames.

const SLOW_BYTES = 32000; // 1 s of our audio waiting to be sent

export class Wire {
  /**
   * @param {Record<string, string|number>} query
   * @param {{onAudio: (pcm: ArrayBuffer) => void, onMessage: (type: string, data: any) => void,
   *   onClose: (code: number, reason: string) => void, onSlow: (slow: boolean) => void}} handlers
   */
  constructor(query, handlers) {
    const url = new URL("ws", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    for (const [key, value] of Object.entries(query)) if (value) url.searchParams.set(key, value);
    this.handlers = handlers;
    this.ids = 0;
    this.slow = false;
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () =>
      this.send("client-ready", { version: "2.0.0", about: { library: "openline-web" } });
    this.socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) handlers.onAudio(data);
      else {
        const message = JSON.parse(data);
        handlers.onMessage(message.type, message.data ?? {});
      }
    };
    this.socket.onclose = ({ code, reason }) => handlers.onClose(code, reason);
  }

  get open() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(type, data) {
    if (!this.open) return;
    this.socket.send(JSON.stringify({ label: "rtvi-ai", type, id: String(++this.ids), data }));
  }

  tell(t, d) {
    this.send("client-message", { t, d });
  }

  audio(pcm) {
    if (!this.open) return;
    const slow = this.socket.bufferedAmount > SLOW_BYTES;
    if (slow !== this.slow) this.handlers.onSlow((this.slow = slow));
    if (!slow) this.socket.send(pcm); // better a gap than a call that lags ever more
  }

  close() {
    this.socket.onclose = null;
    this.socket.onmessage = null;
    this.socket.close(1000);
  }
}
