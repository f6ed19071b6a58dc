// Prints what the script says in each case, for the test that compares it with the first paint.

import { cases, catalogue, nowMs } from "./cases.mjs";

globalThis.document = { documentElement: { lang: process.env.WORDS ?? "en" } }; // before any module looks
const { learn, locale } = await import("../../static/js/shared/phrases.js");
const { money } = await import("../../static/js/shared/money.js");
const { dayAndHour } = await import("../../static/js/shared/time.js");
const { words } = await import("../../static/js/buyer/words.js");

learn(catalogue);
const [numbers, currencies] = process.argv.slice(2).map((text) => JSON.parse(text));
const months = Array.from({ length: 12 }, (_, at) => String(at + 1).padStart(2, "0"));
console.log(JSON.stringify({
  cases: cases.map(({ name, state }) => {
    const { view, slots, flags, title } = words(state, nowMs);
    return { name, state, view, slots, flags, title };
  }),
  plurals: numbers?.map((n) => new Intl.PluralRules(locale).select(n)),
  money: currencies?.map((currency) => money(123456789, currency)),
  days: months.map((month) => dayAndHour(`2026-${month}-${month}T09:05:00.000Z`)),
}));
