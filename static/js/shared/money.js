// Amounts arrive in minor units and are only ever shown, never calculated with fractions.

import { locale } from "./phrases.js";

const formats = new Map();

export function money(minor, currency) {
  if (!formats.has(currency)) formats.set(currency, new Intl.NumberFormat(locale, { style: "currency", currency }));
  const format = formats.get(currency);
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}
