// Amounts arrive in minor units and are only ever shown, never calculated with fractions.

const formats = new Map();

export function money(minor, currency) {
  if (!formats.has(currency)) formats.set(currency, new Intl.NumberFormat("en", { style: "currency", currency, currencyDisplay: "narrowSymbol" }));
  const format = formats.get(currency);
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

const whole = new Intl.NumberFormat("en");
export const count = (n) => whole.format(n);
export const counted = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;
export const left = (n) => (n > 0 ? `${count(n)} left` : "none left");
