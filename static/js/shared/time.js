// The server's time on a clock that no wrong or changed wall clock can touch, and times in words.

import { locale, phrase } from "./phrases.js";

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
  const [days, hours, minutes] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (days) return phrase("time.days", { days, hours });
  return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

// 150_000 → "3 minutes".
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return phrase("span.seconds", { n: s });
  const minutes = Math.round(s / 60);
  if (minutes < 90) return phrase("span.minutes", { n: minutes });
  const hours = Math.round(minutes / 60);
  return hours < 48 ? phrase("span.hours", { n: hours }) : phrase("span.days", { n: Math.round(hours / 24) });
}

// [low, high] in seconds → "in 4 to 7 min".
export function eta(range) {
  if (!range) return phrase("eta.unknown");
  const [low, high] = range;
  if (high < 60) return phrase("eta.soon");
  const [unit, name] = high < 5400 ? [60, "minutes"] : [3600, "hours"];
  const from = Math.max(1, Math.floor(low / unit));
  const to = Math.ceil(high / unit);
  return from === to ? phrase(`eta.about_${name}`, { n: to }) : phrase(`eta.${name}`, { low: from, high: to });
}

const part = (iso, options) => new Date(iso).toLocaleString(locale, options);
// In the reader's own zone: "19:30", and "Mon 23 Nov, 19:30".
export const hourOf = (iso) => part(iso, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const dayAndHour = (iso) =>
  phrase("time.day_and_hour", {
    weekday: part(iso, { weekday: "short" }),
    day: String(new Date(iso).getDate()),
    month: part(iso, { month: "short" }),
    hour: hourOf(iso),
  });
