// A product in a grid.

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { price } from "../lib/money.js";
import { picture } from "../lib/picture.js";
import { priceNote } from "./legal.js";

/** Return the price of a product: one, or where the cheapest variant starts. */
export function priceOf({ price: range, compareAt }) {
  const { min, max } = range;
  const text = price(min.amount, min.currency);
  return h("span", { class: "price" }, min.amount === max.amount ? text : t("from", { price: text }),
    compareAt && compareAt.amount > min.amount && h("s", {}, h("span", { class: "visually-hidden" }, t("was", { price: "" })), price(compareAt.amount, compareAt.currency)));
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
