// A soft shape that breathes with whoever speaks.

const POINTS = 96;
const FRAME_MS = 30; // a laptop without a graphics card draws it all the same
const LAYERS = [
  { size: 0.33, alpha: 0.22, wave: 1.0, speed: 0.9, lobes: 3 },
  { size: 0.3, alpha: 0.35, wave: 0.8, speed: -1.2, lobes: 4 },
  { size: 0.265, alpha: 1.0, wave: 0.45, speed: 0.7, lobes: 5 },
];
const COLOURS = {
  idle: "--rest",
  listening: "--rest",
  caller: "--caller",
  thinking: "--think",
  working: "--think",
  agent: "--accent",
};

export class Orb {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => {who: string, level: number}} look
   */
  constructor(canvas, look) {
    this.canvas = canvas;
    this.look = look;
    this.level = 0;
    this.busy = 0; // how far the "thinking" ring is faded in
    this.colour = null;
    this.drawn = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    new ResizeObserver(() => this.resize()).observe(canvas);
    requestAnimationFrame((now) => this.draw(now));
  }

  resize() {
    const size = Math.round(this.canvas.clientWidth * Math.min(2, devicePixelRatio));
    if (size && size !== this.canvas.width) this.canvas.width = this.canvas.height = size;
  }

  /** Glide towards a colour of the style sheet. @param {string} who */
  tint(who) {
    const style = getComputedStyle(this.canvas);
    const wanted = rgb(style.getPropertyValue(COLOURS[who] ?? COLOURS.idle));
    this.colour = this.colour ? this.colour.map((c, i) => c + (wanted[i] - c) * 0.12) : wanted;
  }

  /** @param {number} now ms */
  draw(now) {
    requestAnimationFrame((next) => this.draw(next));
    if (now - this.drawn < FRAME_MS) return;
    this.drawn = now;
    const { who, level } = this.look();
    const busy = who === "thinking" || who === "working";
    this.level += (Math.min(1, level * 2.2) - this.level) * (level > this.level ? 0.35 : 0.12);
    this.busy += ((busy ? 1 : 0) - this.busy) * 0.1;
    this.tint(who);
    const time = this.still.matches ? 0 : now / 1000;
    const c = this.canvas.getContext("2d");
    const size = this.canvas.width;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, size, size);
    c.translate(size / 2, size / 2);
    this.glow(c, size);
    for (const layer of LAYERS) this.layer(c, size, time, layer);
    if (this.busy > 0.02) this.ring(c, size, time);
  }

  glow(c, size) {
    const reach = size * (0.42 + 0.08 * this.level);
    const glow = c.createRadialGradient(0, 0, size * 0.2, 0, 0, reach);
    glow.addColorStop(0, this.rgba(0.22 + 0.2 * this.level));
    glow.addColorStop(1, this.rgba(0));
    c.fillStyle = glow;
    c.fillRect(-size / 2, -size / 2, size, size);
  }

  layer(c, size, time, { size: radius, alpha, wave, speed, lobes }) {
    const breath = 1 + 0.018 * Math.sin(time * 1.4 + lobes);
    const swell = wave * (0.018 + 0.16 * this.level);
    c.beginPath();
    for (let i = 0; i <= POINTS; i++) {
      const angle = (2 * Math.PI * i) / POINTS;
      const ripple =
        Math.sin(lobes * angle + time * speed * 1.9) +
        0.5 * Math.sin((lobes + 2) * angle - time * speed * 1.3);
      const r = size * radius * (breath + 0.1 * this.level + swell * ripple * 0.6);
      c.lineTo(r * Math.cos(angle), r * Math.sin(angle));
    }
    c.closePath();
    const fill = c.createRadialGradient(-size * 0.09, -size * 0.12, 0, 0, 0, size * 0.4);
    fill.addColorStop(0, this.rgba(alpha, 0.38));
    fill.addColorStop(0.6, this.rgba(alpha, 0.06));
    fill.addColorStop(1, this.rgba(alpha, -0.14));
    c.fillStyle = fill;
    c.fill();
  }

  /** Three arcs that go round while the agent thinks. */
  ring(c, size, time) {
    c.lineWidth = Math.max(2, size * 0.012);
    c.lineCap = "round";
    c.strokeStyle = this.rgba(0.8 * this.busy);
    for (let i = 0; i < 3; i++) {
      const from = time * 2.2 + (i * 2 * Math.PI) / 3;
      c.beginPath();
      c.arc(0, 0, size * 0.41, from, from + 0.7);
      c.stroke();
    }
  }

  /** The present colour, lighter (towards white) or darker. */
  rgba(alpha, light = 0) {
    const to = light > 0 ? 255 : 0;
    const [r, g, b] = this.colour.map((part) => Math.round(part + (to - part) * Math.abs(light)));
    return `rgba(${r}, ${g}, ${b}, ${alpha})`;
  }
}

/** @param {string} hex like #0d6e66 */
function rgb(hex) {
  const number = parseInt(hex.trim().slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}
