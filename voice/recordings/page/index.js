// Search over all calls.

const MOST = 5; // passages shown of a call
const addresses = data("addresses");
const bodies = [...document.querySelectorAll("#calls tbody")];
const titles = bodies.map((body) => plain(body.textContent));
let said = null; // of each call: [start, speaker, text, the text as it is searched]
let latest = 0;

async function unpack() {
  const packed = Uint8Array.from(atob(data("said")), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const calls = await new Response(stream).json();
  return calls.map((call) => call.map((part) => [...part, ` ${plain(part[2])} `]));
}

/** The passage around the first words that are found, those marked. */
function passage(text, wanted) {
  const parts = text.split(/(\s+)/);
  let searched = " ";
  const starts = parts.map((part) => {
    const at = searched.length;
    const word = plain(part);
    if (word) searched += `${word} `;
    return at;
  });
  const found = searched.indexOf(` ${wanted}`) + 1;
  const first = starts.findLastIndex((at) => at <= found);
  const last = starts.findLastIndex((at) => at < found + wanted.length);
  const before = parts.slice(Math.max(0, first - 16), first).join("");
  const mark = document.createElement("mark");
  mark.textContent = parts.slice(first, last + 1).join("").trim();
  return [
    first > 16 ? "… " : "",
    before,
    mark,
    " ",
    parts.slice(last + 1, last + 25).join("").trim(),
    parts.length > last + 25 ? " …" : "",
  ];
}

function hitsRow(call, hits, phrase, wanted) {
  const row = document.createElement("tr");
  row.className = "hits";
  const cell = row.insertCell();
  cell.colSpan = 6;
  for (const [start, speaker, text] of hits.slice(0, MOST)) {
    const line = document.createElement(addresses[call] ? "a" : "div");
    if (addresses[call]) {
      const asked = new URLSearchParams({ t: start, q: phrase });
      line.href = `${addresses[call]}#${asked}`;
    }
    const time = document.createElement("time");
    time.textContent = clock(start);
    const who = document.createElement("b");
    who.textContent = speaker;
    line.append(time, " ", who, " ", ...passage(text, wanted));
    cell.append(line);
  }
  if (hits.length > MOST) cell.append(`and ${hits.length - MOST} more`);
  return row;
}

async function search(phrase) {
  const asking = ++latest;
  const wanted = plain(phrase);
  if (wanted) said ??= await unpack();
  if (asking !== latest) return; // something else was typed meanwhile
  let [passages, calls] = [0, 0];
  bodies.forEach((body, call) => {
    body.querySelector(".hits")?.remove();
    const hits = wanted ? said[call].filter((part) => part[3].includes(` ${wanted}`)) : [];
    const named = wanted && titles[call].includes(wanted);
    body.hidden = Boolean(wanted && !hits.length && !named);
    if (hits.length) body.append(hitsRow(call, hits, phrase, wanted));
    passages += hits.length;
    calls += body.hidden ? 0 : 1;
  });
  $("found").textContent = wanted ? `${passages} in ${calls} calls` : "";
}

$("find").addEventListener("input", () => search($("find").value));
addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input")) {
    event.preventDefault();
    $("find").select();
  }
});
if ($("find").value) search($("find").value); // the browser's back button
