// The waveform: a lane for each channel, or for each speaker of a mono recording.

const seconds = Math.max(call.file.seconds, 0.1);
const wave = $("wave");
const head = $("head");
const WINDOWS = [Infinity, 600, 60, 10]; // s that the waveform shows
const view = { from: 0, to: seconds, zoom: 0 };

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const levels = sound.levels.map(bytes);

const speakers = [...new Set(call.segments.map((segment) => segment.speaker ?? ""))];
const lanes = speakers.map(laneOf).sort((a, b) => a.channel - b.channel);

function laneOf(speaker, colour) {
  const segments = call.segments.filter((segment) => (segment.speaker ?? "") === speaker);
  const channel = segments[0].channel ?? 0;
  const loud = levels[Math.min(channel, levels.length - 1)] ?? new Uint8Array(0);
  // of a channel of their own everything is theirs; else what they said is
  const own = segments[0].channel != null;
  const theirs = new Uint8Array(loud.length).fill(own ? 1 : 0);
  for (const { start, end } of own ? [] : segments) {
    theirs.fill(1, Math.floor(start / sound.step), Math.ceil(end / sound.step));
  }
  return { channel, colour: colour % 6, loud, theirs };
}

// what nobody is known to have said is not hidden: it is drawn, pale, in the first lane
const nobodys = (lanes[0]?.loud ?? []).map((level, at) =>
  lanes.some((lane) => lane.channel !== lanes[0].channel || lane.theirs[at]) ? 0 : level,
);

const colourOf = (name) => {
  // a custom property is not resolved; a colour that is set is
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  wave.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
};

const MARKS = { unintelligible: "--bad", repeated: "--think", invented: "--think" };

function drawWave() {
  const canvas = wave.querySelector("canvas");
  const [width, height, dots] = [wave.clientWidth, wave.clientHeight, devicePixelRatio || 1];
  canvas.width = Math.max(1, Math.round(width * dots));
  canvas.height = Math.max(1, Math.round(height * dots));
  const pen = canvas.getContext("2d");
  pen.scale(dots, dots);
  const [axis, shown] = [14, view.to - view.from];
  const rest = colourOf("--line");
  const room = (height - axis - 4) / Math.max(1, lanes.length);
  lanes.forEach((lane, number) => {
    const middle = room * (number + 0.5);
    const ink = colourOf(`--s${lane.colour}`);
    for (let x = 0; x < width; x += 2) {
      const first = Math.floor((view.from + (shown * x) / width) / sound.step);
      const last = Math.ceil((view.from + (shown * (x + 2)) / width) / sound.step);
      let [loudest, theirs] = [0, 0];
      for (let at = first; at < Math.min(last, lane.loud.length); at++) {
        if (lane.theirs[at] && lane.loud[at] > loudest) loudest = lane.loud[at];
        theirs |= lane.theirs[at];
        if (!number && nobodys[at] > loudest) loudest = nobodys[at];
      }
      const tall = Math.max(1, (loudest / 255) * (room - 4));
      pen.fillStyle = theirs ? ink : rest;
      pen.fillRect(x, middle - tall / 2, 1.4, tall);
    }
  });
  for (const { start, end, outcome } of call.accounts) {
    if (!MARKS[outcome]) continue;
    const x = (width * (start - view.from)) / shown;
    pen.fillStyle = colourOf(MARKS[outcome]);
    pen.fillRect(x, height - axis - 3, Math.max(2, (width * (end - start)) / shown), 3);
  }
  const steps = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((s) => (s / shown) * width >= 64) ?? 7200;
  pen.fillStyle = colourOf("--soft");
  pen.font = "11px system-ui, sans-serif";
  for (let at = Math.ceil(view.from / step) * step; at < view.to; at += step) {
    const x = (width * (at - view.from)) / shown;
    if (x > width - 34) break;
    pen.fillText(clock(at), x + 3, height - 3);
    pen.fillRect(x, height - axis + 2, 1, axis - 2);
  }
}

/** Where the playing is; a view that it leaves turns over like a page. */
function moveHead(at) {
  const shown = view.to - view.from;
  if (view.zoom && (at < view.from || at >= view.to)) {
    view.from = Math.max(0, Math.min(at - shown * 0.05, seconds - shown));
    view.to = view.from + shown;
    drawWave();
  }
  head.style.transform = `translateX(${(wave.clientWidth * (at - view.from)) / shown}px)`;
}

function zoomWave(at) {
  const useful = WINDOWS.filter((size) => size === Infinity || size < seconds);
  view.zoom = (view.zoom + 1) % useful.length;
  const shown = Math.min(useful[view.zoom], seconds);
  view.from = Math.max(0, Math.min(at - shown / 2, seconds - shown));
  view.to = view.from + shown;
  drawWave();
  moveHead(at);
  return view.zoom ? `${clock(shown)}` : "whole";
}

const timeAt = (event) => {
  const box = wave.getBoundingClientRect();
  const part = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  return view.from + part * (view.to - view.from);
};
