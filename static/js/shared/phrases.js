// The words of the pages. They live in templates/words; this finds one by its name and fills in its figures.

const rules = new Intl.PluralRules("en");
const whole = new Intl.NumberFormat("en");
let catalogue = {};

export const count = (n) => whole.format(n);
export const learn = (words) => { catalogue = words; };
export const knows = (name) => Object.hasOwn(catalogue, name);

// Numbers among the figures are written with separators; `n` also chooses between one and many.
export function phrase(name, figures = {}) {
  let text = catalogue[name];
  if (typeof text === "object") text = (figures.n === 0 ? text.zero : undefined) ?? text[rules.select(figures.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, key) => (typeof figures[key] === "number" ? count(figures[key]) : figures[key]));
}
