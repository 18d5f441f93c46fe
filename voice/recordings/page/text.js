// What both pages need. A page's scripts are joined into one module, in the order that page.py or
// index.py names them.

const $ = (id) => document.getElementById(id);
const data = (id) => JSON.parse($(id).textContent);

const clock = (seconds) => {
  const whole = Math.floor(seconds);
  const two = (n) => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
};

/** Letters and digits alone, without case and accents. */
const plain = (text) =>
  text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
