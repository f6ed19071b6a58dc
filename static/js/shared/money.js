// Amounts arrive in minor units and are only ever shown, never calculated with fractions.

const formats = new Map();

export function money(minor, currency) {
  if (!formats.has(currency)) formats.set(currency, new Intl.NumberFormat("en", { style: "currency", currency, currencyDisplay: "narrowSymbol" }));
  const format = formats.get(currency);
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}
