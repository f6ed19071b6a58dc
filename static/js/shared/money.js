// Amounts arrive in minor units and are only ever shown, never calculated with fractions.

import { locale } from "./phrases.js";

const SIGN_AT_THE_END = /\p{Sc}$/u;
const WITH_ITS_LETTERS = "\u200e"; // US$ is not torn apart where one reads from the right
const formats = new Map();

export function money(minor, currency) {
  if (!formats.has(currency)) formats.set(currency, new Intl.NumberFormat(locale, { style: "currency", currency }));
  const format = formats.get(currency);
  const text = format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
  return SIGN_AT_THE_END.test(text) ? text + WITH_ITS_LETTERS : text;
}
