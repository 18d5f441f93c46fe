// The page: words that follow the sound, clicks, keys, search.

const audio = $("audio");
const article = $("said");
const paragraphs = [...article.querySelectorAll("p[data-from]")];
const firsts = paragraphs.map((p) => Number(p.dataset.from));
let playing = []; // the words that are lit
let hits = [];
let hit = -1;
let scrolled = -Infinity; // when the reader last moved the page: it does not follow for a while

// -- words, made of a paragraph's text when it comes near the view

function look(entry) {
  const { span } = entry;
  if (!span) return;
  span.className = "w";
  if (isDoubtful(entry)) span.classList.add("doubtful");
  if (entry.text !== entry.word) span.classList.add("corrected");
  if (isDoubtful(entry)) span.title = `${Math.round(100 * entry.score)}% sure`;
  else if (entry.text !== entry.word) span.title = `was: ${entry.word}`;
  else span.removeAttribute("title");
  span.textContent = entry.text || "∅";
}

function alive(p) {
  if (p.dataset.alive) return;
  p.dataset.alive = "yes";
  const said = document.createDocumentFragment();
  for (let at = Number(p.dataset.from); at < Number(p.dataset.to); at++) {
    const span = document.createElement("span");
    span.dataset.word = at;
    words[at].span = span;
    look(words[at]);
    said.append(span, " ");
  }
  p.lastElementChild.replaceChildren(said);
  light(p);
}

const near = new IntersectionObserver(
  (seen) => seen.forEach(({ isIntersecting, target }) => isIntersecting && alive(target)),
  { rootMargin: "600px 0px" },
);
paragraphs.forEach((p) => near.observe(p));

const paragraphOf = (word) => paragraphs[after(firsts, word) - 1];

function show(word, where = "center") {
  const p = paragraphOf(word);
  alive(p);
  const { span } = words[word];
  const box = span.getBoundingClientRect();
  const top = $("player").parentElement.getBoundingClientRect().bottom;
  if (where === "center" || box.top < top + 8 || box.bottom > innerHeight - 40) {
    span.scrollIntoView({ block: "center" });
  }
}

// -- the sound

const now = () => (audio ? audio.currentTime : 0);

function seek(at, heard = false) {
  if (!audio) return;
  audio.currentTime = Math.max(0, Math.min(at, seconds - 0.01));
  follow();
  if (heard) play();
}

function follow() {
  const at = now();
  $("now").textContent = clock(at);
  moveHead(at);
  const said = saidAt(at);
  if (said.join() === playing.join()) return;
  for (const word of playing) words[word].span?.classList.remove("now");
  playing = said;
  for (const word of said) {
    alive(paragraphOf(word));
    words[word].span.classList.add("now");
  }
  const free = performance.now() - scrolled > 4000;
  if (said.length && free && audio && !audio.paused && !document.activeElement?.closest(".mend")) {
    show(said[0], "nearest");
  }
}

function tick() {
  follow();
  if (audio && !audio.paused) requestAnimationFrame(tick);
}

// a pause before the sound has begun breaks the promise; what is wrong with a file, its event says
const play = () => audio.play().catch(() => {});

function toggle() {
  if (!audio) return;
  if (audio.paused) play();
  else audio.pause();
}

if (audio) {
  audio.addEventListener("play", () => {
    document.body.dataset.playing = "yes";
    $("play").setAttribute("aria-label", "Pause");
    tick();
  });
  audio.addEventListener("pause", () => {
    delete document.body.dataset.playing;
    $("play").setAttribute("aria-label", "Play");
  });
  audio.addEventListener("seeked", follow);
  audio.addEventListener("error", () => {
    $("now").textContent = "no sound";
    $("now").title = "The recording does not lie where it did when this page was made.";
  });
  $("play").addEventListener("click", toggle);
  $("speed").addEventListener("change", () => (audio.playbackRate = Number($("speed").value)));
} else {
  $("play").disabled = $("speed").disabled = true;
}
addEventListener("wheel", () => (scrolled = performance.now()), { passive: true });
addEventListener("touchmove", () => (scrolled = performance.now()), { passive: true });

wave.addEventListener("pointerdown", (event) => {
  wave.setPointerCapture(event.pointerId);
  seek(timeAt(event));
});
wave.addEventListener("pointermove", (event) => {
  if (wave.hasPointerCapture(event.pointerId)) seek(timeAt(event));
});
const zoom = () => ($("zoom").textContent = zoomWave(now()));
$("zoom").addEventListener("click", zoom);
new ResizeObserver(() => {
  drawWave();
  moveHead(now());
}).observe(wave);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawWave);

// -- corrections

const editing = () => $("edit").getAttribute("aria-pressed") === "true";

function set(entry, text) {
  const before = entry.text;
  if (text === before) return;
  const put = (value) => {
    entry.text = value;
    look(entry);
    doubts();
  };
  put(text);
  changed(() => put(before));
}

function field(host, value, done) {
  const input = document.createElement("input");
  input.value = value;
  input.size = Math.max(4, value.length + 1);
  input.setAttribute("aria-label", "Correction");
  host.classList.add("mend");
  host.replaceChildren(input);
  input.select();
  let over = false;
  const end = (keep) => {
    if (over) return;
    over = true;
    host.classList.remove("mend");
    done(keep ? input.value.trim().replace(/\s+/g, " ") : value);
  };
  input.addEventListener("blur", () => end(true));
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") end(false);
    if (event.key === "Enter") end(true);
    if (event.key === "Tab") {
      event.preventDefault();
      end(true);
      nextDoubt(Number(host.dataset.word), true);
    }
  });
}

function mend(at) {
  const entry = words[at];
  audio?.pause();
  show(at, "nearest");
  field(entry.span, entry.text, (text) => {
    look(entry);
    set(entry, text);
  });
}

function rename(item) {
  const { speaker } = item.dataset;
  const name = item.querySelector(".name");
  const before = name.textContent;
  const put = (value) => {
    name.textContent = value;
    renamed.set(speaker, value);
    for (const p of paragraphs) {
      if (p.dataset.speaker === speaker && p.querySelector("b")) {
        p.querySelector("b").textContent = value;
      }
    }
  };
  field(name, before, (text) => {
    name.textContent = before;
    if (!text || text === before) return;
    put(text);
    changed(() => put(before));
  });
}

function doubts() {
  const count = words.filter(isDoubtful).length;
  $("doubt").hidden = !count;
  $("doubt").textContent = `${count} doubtful`;
}

function nextDoubt(from, edit = false) {
  const order = [...words.keys()];
  const found = [...order.slice(from + 1), ...order.slice(0, from + 1)].find((at) =>
    isDoubtful(words[at]),
  );
  if (found === undefined) return;
  seek(words[found].start);
  show(found);
  if (edit) mend(found);
}

article.addEventListener("click", (event) => {
  const at = event.target.closest(".at");
  if (at) return seek(words[Number(at.parentElement.dataset.from)].start, true);
  const span = event.target.closest("[data-word]");
  if (!span || span.classList.contains("mend")) return;
  if (getSelection().toString().trim()) return; // somebody copies words
  if (editing()) mend(Number(span.dataset.word));
  else seek(words[Number(span.dataset.word)].start, true);
});
article.addEventListener("dblclick", (event) => {
  const span = event.target.closest("[data-word]");
  if (!span || span.classList.contains("mend")) return;
  getSelection().removeAllRanges();
  mend(Number(span.dataset.word));
});
$("edit").addEventListener("click", () => $("edit").setAttribute("aria-pressed", !editing()));
$("doubt").addEventListener("click", () => nextDoubt(playing[0] ?? -1, editing()));
$("save").addEventListener("click", save);
$("speakers")?.addEventListener("click", (event) => {
  const name = event.target.closest("button.name");
  if (name && !name.classList.contains("mend")) rename(name.parentElement);
});
document.querySelector("aside").addEventListener("click", (event) => {
  const at = event.target.closest(".at");
  if (at) seek(Number(at.dataset.at), true);
});

// -- search

function light(p) {
  const [from, to] = [Number(p.dataset.from), Number(p.dataset.to)];
  for (let at = after(hits, from - 1, ([, last]) => last); at < hits.length; at++) {
    const [first, last] = hits[at];
    if (first >= to) break;
    for (let word = Math.max(first, from); word <= Math.min(last, to - 1); word++) {
      words[word].span.classList.add("hit");
      if (at === hit) words[word].span.classList.add("this");
    }
  }
}

function search(phrase, move = true) {
  hits = occurrences(phrase);
  hit = hits.length ? Math.max(0, after(hits, playing[0] ?? 0, ([first]) => first) - 1) : -1;
  if (hit >= 0 && hits[hit][0] < (playing[0] ?? 0)) hit = (hit + 1) % hits.length;
  relight();
  if (move && hit >= 0) show(hits[hit][0]);
}

function relight() {
  for (const span of article.querySelectorAll(".hit")) span.classList.remove("hit", "this");
  for (const p of paragraphs) if (p.dataset.alive) light(p);
  const none = plain($("find").value) ? "none" : "";
  $("found").textContent = hits.length ? `${hit + 1} of ${hits.length}` : none;
}

function nextHit(step) {
  if (!hits.length) return;
  hit = (hit + step + hits.length) % hits.length;
  relight();
  show(hits[hit][0]);
  seek(words[hits[hit][0]].start);
}

$("find").addEventListener("input", () => search($("find").value));
$("find").addEventListener("keydown", (event) => {
  if (event.key === "Enter") nextHit(event.shiftKey ? -1 : 1);
  if (event.key === "Escape") {
    $("find").value = "";
    search("");
    $("find").blur();
  }
});

// -- keys

function paragraphStep(step) {
  const here = paragraphs.indexOf(playing.length ? paragraphOf(playing[0]) : paragraphs[0]);
  const p = paragraphs[Math.max(0, Math.min(paragraphs.length - 1, here + step))];
  if (!p) return;
  seek(words[Number(p.dataset.from)].start + 0.001);
  show(Number(p.dataset.from), "nearest");
}

const KEYS = {
  " ": toggle,
  ArrowLeft: () => seek(now() - 5),
  ArrowRight: () => seek(now() + 5),
  ArrowUp: () => paragraphStep(-1),
  ArrowDown: () => paragraphStep(1),
  "/": () => $("find").select(),
  d: () => nextDoubt(playing[0] ?? -1),
  e: () => playing.length && mend(playing[0]),
  z: zoom,
};

addEventListener("keydown", (event) => {
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key === "s") {
    event.preventDefault();
    if (history.length) save();
    return;
  }
  if (event.target.closest("input, select, textarea")) return;
  if (command && event.key === "z") {
    event.preventDefault();
    undo();
    return;
  }
  if (command || event.altKey) return;
  if (event.key === " " && event.target.closest("button:not(#play)")) return;
  const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

// -- from a link: #t=12.5, or #t=12.5&q=words

doubts();
const asked = new URLSearchParams(location.hash.slice(1));
if (asked.has("q")) {
  $("find").value = asked.get("q");
  search(asked.get("q"), false);
}
if (asked.has("t")) {
  const at = Number(asked.get("t"));
  if (audio) seek(at);
  const [word] = saidAt(at + 0.001);
  if (word !== undefined) show(word);
}
