// The server's time on a clock that no wrong or changed wall clock can touch, and times in words.

let offsetMs = -Infinity;

// A late answer only makes the server look earlier than it is, so the largest offset seen is the truest.
export function learnServerTime(iso) {
  const at = Date.parse(iso);
  if (at) offsetMs = Math.max(offsetMs, at - performance.now());
}

export const serverNowMs = () => (offsetMs > 0 ? offsetMs + performance.now() : Date.now());

const two = (n) => String(n).padStart(2, "0");

// 272_000 → "4:32", with hours and days when there are any.
export function clock(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d) return `${d} d ${h} h`;
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}

export function spanWords(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return s === 1 ? "1 second" : `${s} seconds`;
  const min = Math.round(s / 60);
  if (min < 90) return min === 1 ? "1 minute" : `${min} minutes`;
  const hours = Math.round(min / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}

// [low, high] in seconds → "4 to 7 min".
export function etaWords(range) {
  if (!range) return "working it out";
  const [low, high] = range;
  if (high < 60) return "under a minute";
  const [unit, name] = high < 5400 ? [60, "min"] : [3600, "hours"];
  const from = Math.max(1, Math.floor(low / unit));
  const to = Math.ceil(high / unit);
  return from === to ? `about ${to} ${name}` : `${from} to ${to} ${name}`;
}

const at = (iso, options) => new Date(iso).toLocaleString("en", options);
export const hourOf = (iso) => at(iso, { hour: "2-digit", minute: "2-digit", hour12: false });
export const dayAndHour = (iso) =>
  at(iso, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hour12: false });
