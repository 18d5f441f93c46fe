// A ring that breathes with whoever speaks.

const POINTS = 72;

export class Orb {
  /** @param {HTMLCanvasElement} canvas @param {() => {level: number, who: string}} look */
  constructor(canvas, look) {
    this.canvas = canvas;
    this.look = look;
    this.level = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    requestAnimationFrame((now) => this.draw(now));
  }

  draw(now) {
    const { level, who } = this.look();
    this.level += (Math.min(1, level * 2.2) - this.level) * 0.18;
    const style = getComputedStyle(document.documentElement);
    const colours = { caller: "--hear", agent: "--speak", thinking: "--think", idle: "--wait" };
    const colour = style.getPropertyValue(colours[who] ?? "--wait").trim();
    const c = this.canvas.getContext("2d");
    const size = this.canvas.width;
    c.clearRect(0, 0, size, size);
    const time = this.still.matches ? 0 : now / 1000;
    for (let ring = 0; ring < 3; ring++) {
      c.beginPath();
      for (let i = 0; i <= POINTS; i++) {
        const angle = (2 * Math.PI * i) / POINTS;
        const wave =
          Math.sin(3 * angle + time * (1.1 + ring * 0.4)) +
          0.6 * Math.sin(5 * angle - time * (0.8 + ring * 0.3));
        const swell = who === "thinking" ? 0.03 * (1 + Math.sin(time * 4)) : 0.006;
        const radius = size * (0.27 + 0.045 * ring + wave * (swell + 0.07 * this.level));
        const x = size / 2 + radius * Math.cos(angle);
        const y = size / 2 + radius * Math.sin(angle);
        if (i) c.lineTo(x, y);
        else c.moveTo(x, y);
      }
      c.closePath();
      c.globalAlpha = ring ? 0.22 - 0.06 * ring : 0.9;
      c.fillStyle = colour;
      if (ring === 0) c.fill();
      else {
        c.lineWidth = size * 0.018;
        c.strokeStyle = colour;
        c.stroke();
      }
    }
    c.globalAlpha = 1;
    requestAnimationFrame((next) => this.draw(next));
  }
}
