// Money is integers in minor units. How many decimals a currency has says ISO 4217, told by the API: a browser's own
// table (CLDR) has others for some (HUF, ISK, UGX, IDR…), so it is used for nothing but the way of writing.

import { call } from "./api.js";
import { locale } from "./i18n.js";

const KEPT = "souk.currencies";
const MAX_AMOUNT = 99_999_999_999;

function kept() {
  try { return JSON.parse(localStorage.getItem(KEPT)); } catch { return null; }
}

async function told() {
  const { data } = await call("GET", "/catalog/currencies", { guest: true, signal: AbortSignal.timeout(5000) });
  const table = Object.fromEntries(data.items.map((one) => [one.currency, one.exponent]));
  localStorage.setItem(KEPT, JSON.stringify(table));
  return table;
}

// What was told before serves at once; without any table no amount is shown or taken, rather than a wrong one.
const news = told().catch(() => null);
const exponents = kept() ?? (await news) ?? {};
news.then((table) => table && Object.assign(exponents, table));

const formats = new Map();

function format(currency, digits) {
  const key = `${locale()}/${currency}/${digits}`;
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(locale(), { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits }));
  return formats.get(key);
}

/** Return `1999, "EUR"` as the reader writes it: €19.99, 19,99 €. */
export function price(amount, currency) {
  const text = decimal(amount, currency);
  return text === null ? `– ${currency}` : format(currency, exponents[currency]).format(text);
}

/** Return minor units as a person types them into a field: `1999, "EUR"` is 19.99; null where the currency is unknown. */
export function decimal(amount, currency) {
  const digits = exponents[currency];
  if (digits === undefined) return null;
  const text = String(Math.abs(amount)).padStart(digits + 1, "0");
  const whole = text.slice(0, text.length - digits);
  return `${amount < 0 ? "-" : ""}${whole}${digits ? `.${text.slice(-digits)}` : ""}`;
}

/** Return minor units from what a person typed (`19,99` or `19.99`), null when it is no amount of the currency. */
export function minor(text, currency) {
  const digits = exponents[currency];
  const found = /^\s*(\d{1,11})(?:[.,](\d+))?\s*$/.exec(text);
  const fraction = found?.[2]?.replace(/0+$/, "") ?? "";
  if (!found || digits === undefined || fraction.length > digits) return null;
  const amount = Number(found[1] + fraction.padEnd(digits, "0"));
  return amount <= MAX_AMOUNT ? amount : null;
}
