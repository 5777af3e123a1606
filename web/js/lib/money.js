// Money is integers in minor units; the browser knows how many decimals a currency has.

import { locale } from "./i18n.js";

const formats = new Map();

function format(currency) {
  const key = `${locale()}/${currency}`;
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(locale(), { style: "currency", currency }));
  return formats.get(key);
}

/** Return `1999, "EUR"` as the reader writes it: €19.99, 19,99 €. */
export function price(amount, currency) {
  const shape = format(currency);
  return shape.format(amount / 10 ** shape.resolvedOptions().maximumFractionDigits);
}

/** Return minor units as a person types them into a field: `1999, "EUR"` is 19.99. */
export function decimal(amount, currency) {
  const digits = format(currency).resolvedOptions().maximumFractionDigits;
  return (amount / 10 ** digits).toFixed(digits);
}

/** Return minor units from what a person typed (`19,99` or `19.99`), null when it is no amount. */
export function minor(text, currency) {
  const digits = format(currency).resolvedOptions().maximumFractionDigits;
  const found = /^\s*(\d{1,9})(?:[.,](\d+))?\s*$/.exec(text);
  if (!found || (found[2] ?? "").length > digits) return null;
  return Number(found[1]) * 10 ** digits + Number((found[2] ?? "").padEnd(digits, "0") || 0);
}
