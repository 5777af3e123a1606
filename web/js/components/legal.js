// What the law wants to be said: what a price includes, and where the shop's legal texts are.

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/** The legal pages, which tools/build/pages.py makes. */
export const LEGAL = ["terms", "privacy", "imprint", "shipping", "payment", "withdrawal", "complaints", "accessibility"];

const link = (name, text) => h("a", { href: `/legal/${name}.html` }, text);

export const legalLink = (name) => link(name, t(`legal.${name}`));

/** Return a sentence whose `{terms}`, `{privacy}`… are links to those pages. */
export function linked(key) {
  const kept = Object.fromEntries(LEGAL.map((name) => [name, `{${name}}`]));
  return t(key, kept).split(/\{(\w+)\}/).map((part, index) => (index % 2 ? legalLink(part) : part));
}

/** What prices of the catalog do, as the page's HTML was told (tools/build/pages.py). */
const included = () => document.documentElement.dataset.prices === "include_tax";

/**
 * Return what stands beside a price: "incl. VAT, plus shipping".
 * @param {{taxIncluded?: boolean, ships?: boolean, plain?: boolean}} options `plain`: no link, where the price stands in one
 */
export function priceNote({ taxIncluded = included(), ships = true, plain = false } = {}) {
  const shipping = t("price.shipping");
  return h("span", { class: "price-note small soft" }, t(taxIncluded ? "price.included" : "price.excluded"), ships && [", ", plain ? shipping : link("shipping", shipping)]);
}
