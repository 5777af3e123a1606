// A product in a grid.

import { h } from "../lib/dom.js";
import { locale, t } from "../lib/i18n.js";
import { price } from "../lib/money.js";
import { picture } from "../lib/picture.js";
import { priceNote } from "./legal.js";

/** Return the price of a product: one, or where the cheapest variant starts. */
export function priceOf({ price: range, priorPrice }) {
  const { min, max } = range;
  const text = price(min.amount, min.currency);
  return h("span", { class: "price" }, min.amount === max.amount ? text : t("from", { price: text }), reduction(min, priorPrice));
}

/** Return what a price is reduced from, the lowest of the 30 days before, and by how much of that; nothing where it is not. */
export function reduction(now, prior) {
  if (!prior || prior.amount <= now.amount) return null;
  const less = Math.floor(((prior.amount - now.amount) * 100) / prior.amount);
  return [less > 0 && h("span", { class: "less" }, new Intl.NumberFormat(locale(), { style: "percent" }).format(-less / 100)),
    h("span", { class: "prior" }, t("prior"), " ", h("s", {}, price(prior.amount, prior.currency)))];
}

export function card(product, { eager = false } = {}) {
  return h("li", {}, h("a", { class: "product", href: `/product.html?p=${encodeURIComponent(product.slug)}` },
    picture(product.image?.src, product.image?.alt, product.title, { eager }),
    h("span", { class: "text" },
      h("span", { class: "name" }, product.title),
      h("span", { class: "small soft" }, product.vendor),
      priceOf(product),
      priceNote({ plain: true }))));
}

/** Return stand-ins of the cards' size, so that nothing moves when they arrive. */
export const skeletons = (count) => Array.from({ length: count }, () => h("li", { class: "skeleton product", "aria-hidden": "true" }, h("div", { class: "picture" }), h("div", { class: "text" }, h("br"), h("br"), h("br"), h("br"))));
