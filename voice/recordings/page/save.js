// Corrections: kept, undone, and saved as the JSON of a transcript.

const history = []; // what to do to take the last corrections back, one function each
const renamed = new Map(); // speaker: name
const saving = $("save");

/** Split in so many words, each has a share of the time by its letters. */
function splitWord(entry, texts) {
  const letters = texts.reduce((sum, text) => sum + text.length, 0);
  const thousandth = (n) => Math.round(1000 * n) / 1000;
  let start = entry.start;
  return texts.map((text, number) => {
    const share = (entry.end - entry.start) * (text.length / letters);
    const last = number === texts.length - 1;
    const end = last ? entry.end : Math.max(thousandth(start + share), thousandth(start + 0.001));
    const made = { word: text, start, end, score: 1 };
    if (entry.speaker) made.speaker = entry.speaker;
    start = end;
    return made;
  });
}

/** The transcript with every correction in it, as `openline transcripts export` reads it. */
function corrected() {
  const now = new Map(words.map((entry) => [entry.segment, []]));
  const corrections = [...(call.corrections ?? [])];
  for (const entry of words) {
    const { word, start, end, score, speaker } = entry;
    if (entry.text === word) {
      now.get(entry.segment).push({ word, start, end, score, ...(speaker ? { speaker } : {}) });
      continue;
    }
    corrections.push({ start, end, was: word, text: entry.text });
    if (entry.text) now.get(entry.segment).push(...splitWord(entry, entry.text.split(/\s+/)));
  }
  const segments = call.segments
    .map((segment) => ({ ...segment, words: now.get(segment) }))
    .filter((segment) => segment.words.length)
    .map((segment) => ({
      ...segment,
      start: segment.words[0].start,
      end: segment.words.at(-1).end,
      text: segment.words.map(({ word }) => word).join(" "),
    }));
  const names = call.names.filter(({ speaker }) => !renamed.has(speaker));
  for (const [speaker, name] of renamed) {
    if (name) names.push({ speaker, name, rests_on: "corrected by hand" });
  }
  const { segments: _, language, ...ours } = call;
  return {
    segments,
    word_segments: segments.flatMap((segment) => segment.words),
    language,
    ...ours,
    names,
    corrections,
  };
}

function changed(undo) {
  history.push(undo);
  haystack = null;
  saving.disabled = false;
  saving.textContent = `Save ${history.length}`;
}

function undo() {
  history.pop()?.();
  haystack = null;
  saving.disabled = !history.length;
  saving.textContent = history.length ? `Save ${history.length}` : "Save";
}

/** To the server that the page came from, where it takes corrections; else as a download. */
async function save() {
  const content = new Blob([`${JSON.stringify(corrected())}\n`], { type: "application/json" });
  if (location.protocol.startsWith("http")) {
    const answer = await fetch(sound.file, { method: "POST", body: content }).catch(() => null);
    if (answer?.ok) return saved("Saved");
  }
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = decodeURIComponent(sound.file);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  return saved("Downloaded");
}

function saved(how) {
  history.length = 0;
  saving.disabled = true;
  saving.textContent = how;
}

addEventListener("beforeunload", (event) => {
  if (history.length) event.preventDefault();
});
