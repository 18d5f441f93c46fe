// The words of the call: where each is, which is heard at a time, where a phrase is found.

const DOUBTFUL = 0.5; // of a word's confidence

const call = data("call");
const sound = data("sound");

// One entry for each word, in the order of the page; `text` is what stands there now.
const words = call.segments.flatMap((segment) =>
  segment.words.map((word) => ({ ...word, text: word.word, segment, span: null })),
);
const byStart = words.map((_, at) => at).sort((a, b) => words[a].start - words[b].start);

const isDoubtful = (word) => word.text === word.word && word.score < DOUBTFUL;

/** The place in a sorted list before which everything is at most `wanted`. */
function after(list, wanted, value = (item) => item) {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (value(list[middle]) <= wanted) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Every word that is said at `seconds`; in a pause, the last one before it. */
function saidAt(seconds) {
  const last = after(byStart, seconds, (word) => words[word].start) - 1;
  if (last < 0) return [];
  const said = [];
  // somebody who speaks over others is not far behind
  for (let at = last; at >= 0 && at > last - 12; at--) {
    const word = words[byStart[at]];
    if (at === last || word.end > seconds) said.push(byStart[at]);
  }
  return said;
}

let haystack = null; // {text, starts}: made when first searched, and after each correction

function searchable() {
  if (haystack) return haystack;
  const starts = [];
  let text = " ";
  for (const word of words) {
    starts.push(text.length);
    const said = plain(word.text);
    if (said) text += `${said} `;
  }
  return (haystack = { text, starts });
}

/** Where the words of `phrase` stand, the last of them perhaps only begun: [first, last] each. */
function occurrences(phrase) {
  const wanted = plain(phrase);
  if (!wanted) return [];
  const { text, starts } = searchable();
  const found = [];
  for (let at = text.indexOf(` ${wanted}`); at >= 0; at = text.indexOf(` ${wanted}`, at + 1)) {
    // starts[i] is where word i begins, which is after the space
    found.push([after(starts, at + 1) - 1, after(starts, at + wanted.length) - 1]);
  }
  return found;
}
