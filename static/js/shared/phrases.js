// The words of the pages. They live in templates/words; this finds one by its name and fills in its figures.

// The page's language, with the digits that its clocks and codes are written in.
export const locale = `${globalThis.document?.documentElement.lang || "en"}-u-nu-latn`;
export const isEnglish = locale.startsWith("en");
const rules = new Intl.PluralRules(locale);
const whole = new Intl.NumberFormat(locale);
let catalogue = {};

export const count = (n) => whole.format(n);
export const learn = (words) => { catalogue = words; };
export const knows = (name) => Object.hasOwn(catalogue, name);

// Numbers among the figures are written with separators; `n` also chooses among the forms of the language.
export function phrase(name, figures = {}) {
  let text = catalogue[name];
  if (typeof text === "object") text = (figures.n === 0 ? text.zero : undefined) ?? text[rules.select(figures.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, key) => (typeof figures[key] === "number" ? count(figures[key]) : figures[key]));
}
