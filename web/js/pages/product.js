// One product: pictures, variants, price, stock. What is not known of the stock comes from inventory; the page works without it.

import { get } from "../lib/api.js";
import * as cart from "../lib/cart.js";
import { fill, h, toast } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { price } from "../lib/money.js";
import { picture } from "../lib/picture.js";
import { MOST_TOLD, levels as stockOf, soldOut } from "../lib/stock.js";
import { priceNote } from "../components/legal.js";
import { explain, failed } from "../components/problem.js";
import { reduction } from "../components/product-card.js";

const place = document.querySelector("#product");
const slug = new URLSearchParams(location.search).get("p") ?? "";

async function show() {
  fill(place, h("div", { class: "detail" }, h("div", { class: "skeleton picture" }), h("div", { class: "skeleton" }, h("br"))));
  let product;
  if (!slug) return void fill(place, missing());
  try {
    product = await get(`/catalog/products/${encodeURIComponent(slug)}`, { guest: true });
  } catch (error) {
    fill(place, error.status === 404 ? missing() : failed(error, show));
    return;
  }
  document.title = `${product.title} · Souk`;
  const page = view(product);
  fill(place, page.element);
  page.stocked(new Map([...told(product), ...await stockOf(product.variants.filter(({ stock }) => !stock).map(({ sku }) => sku))]));
}

/** Return what the catalog has heard of the variants' stock, by SKU; inventory is asked for the others. */
const told = ({ variants }) => variants.filter(({ stock }) => stock).map(({ sku, stock }) => [sku, stock]);

const missing = () => [h("p", { class: "notice" }, t("product.missing")), h("a", { class: "button", href: "/products.html" }, t("home.shop"))];

/** Return what a buyer reads of a SKU's stock, and how it looks; undefined: not known yet, null: inventory gave no answer. */
function availability(known) {
  if (known === undefined) return [" ", "unknown"];
  switch (known?.availability) {
    case undefined: return [t("product.unknown"), "unknown"];
    case "out": return [t("product.out"), "none"];
    case "back_order": return [t("product.backorder"), "good"];
    case "untracked": return [t("product.untracked"), "good"];
    default: return stocked(known);
  }
}

/** Return what a buyer reads of units that can leave at once: that few are left only where no more can be ordered. */
function stocked({ available, backOrderable }) {
  if (available >= MOST_TOLD) return [t("product.plenty", { count: available }), "good"];
  if (backOrderable) return [t("product.more", { count: available }), "good"];
  return available <= 5 ? [t("product.low", { count: available }), "low"] : [t("product.stock", { count: available }), "good"];
}

function view(product) {
  let levels = null;
  let chosen = product.variants.find((variant) => variant.sku === location.hash.slice(1)) ?? product.variants[0];
  const images = product.images ?? [];
  const frame = h("div");
  const thumbs = h("div", { class: "thumbs", role: "group" });
  const amount = h("p", { class: "price" });
  const note = h("p");
  const stock = h("p", { class: "stock", role: "status" });
  const quantity = h("input", { class: "quantity", type: "number", name: "quantity", min: 1, max: 999, value: 1, inputmode: "numeric" });
  const add = h("button", { class: "primary", type: "submit" }, t("product.add"));

  const look = (image) => {
    fill(frame, picture(image?.src, image?.alt || product.title, product.title, { eager: true }));
    for (const button of thumbs.children) button.setAttribute("aria-pressed", String(button.dataset.src === image?.src));
  };
  const refresh = () => {
    const { price: now, priorPrice } = chosen;
    fill(amount, price(now.amount, now.currency), reduction(now, priorPrice));
    const known = levels ? levels.get(chosen.sku) ?? null : undefined;
    [stock.textContent, stock.dataset.level] = availability(known);
    add.disabled = soldOut(known ?? undefined);
    fill(note, priceNote({ ships: chosen.requiresShipping }));
    markGone(choices, product, chosen, levels);
  };
  /** Take the levels; where nobody has chosen yet and the first variant is sold out, another is shown. */
  const stocked = (found) => {
    levels = found;
    const buyable = product.variants.find((variant) => !soldOut(levels.get(variant.sku)));
    if (!location.hash && buyable && soldOut(levels.get(chosen.sku))) {
      chosen = buyable;
      if (chosen.image) look(images.find((image) => image.src === chosen.image) ?? { src: chosen.image });
      names(product).forEach((_, at) => { choices.querySelector(`[name=option-${at}][value="${CSS.escape(valuesOf(chosen)[at])}"]`).checked = true; });
    }
    refresh();
  };
  const choices = h("div", { class: "stack" });
  const choose = (variant) => {
    chosen = variant;
    history.replaceState(null, "", `#${variant.sku}`);
    if (variant.image) look(images.find((image) => image.src === variant.image) ?? { src: variant.image });
    refresh();
  };
  const submit = async (event) => {
    event.preventDefault();
    add.disabled = true;
    try {
      const current = cart.recent() ?? await cart.read();
      const has = current?.lines.find((line) => line.sku === chosen.sku)?.quantity ?? 0;
      const now = await cart.setLine(chosen.sku, Math.min(999, has + Math.max(1, Math.trunc(quantity.valueAsNumber) || 1)));
      document.querySelector("souk-header").open(t("product.added", { title: product.title }), now);
    } catch (error) {
      toast(explain(error));
    }
    refresh();
  };

  if (images.length > 1) {
    fill(thumbs, images.map((image, index) => h("button", { type: "button", "data-src": image.src, "aria-label": image.alt || t("product.picture", { number: index + 1 }), onclick: () => look(image) }, picture(image.src, "", `${product.title}${index}`))));
  }
  look(images[0]);
  fill(choices, options(product, () => chosen, choose));
  refresh();
  return {
    stocked,
    element: h("article", { class: "detail" },
      h("div", {}, frame, thumbs),
      h("form", { class: "stack", onsubmit: submit },
        h("div", {},
          product.category && h("p", { class: "small" }, h("a", { href: `/products.html?category=${encodeURIComponent(product.category)}` }, product.category)),
          h("h1", {}, product.title), product.vendor && h("p", { class: "soft" }, t("product.by", { vendor: product.vendor }))),
        h("div", {}, h("div", { class: "row" }, amount, stock), note),
        choices,
        h("div", { class: "buy" }, h("label", {}, t("product.quantity"), quantity), add),
        h("p", { class: "description" }, product.description ?? ""),
        h("section", { class: "later", "aria-labelledby": "reviews" }, h("h2", { id: "reviews" }, t("product.reviews")), h("p", { class: "soft" }, t("product.reviews.later"))))),
  };
}

/** Return the choice of variants: one group per option, or nothing where there is only one variant. */
function options(product, current, choose) {
  if (product.variants.length === 1) return null;
  return names(product).map((name, index) => {
    const values = [...new Set(product.variants.map((variant) => valuesOf(variant)[index]))];
    return h("fieldset", {}, h("legend", { class: "small" }, name || product.title), h("div", { class: "options" }, values.map((value) => h("label", {},
      h("input", {
        type: "radio", name: `option-${index}`, value, checked: valuesOf(current())[index] === value,
        onchange: (event) => {
          const fields = event.target.form.elements;
          const picked = names(product).map((_, at) => fields.namedItem(`option-${at}`).value);
          const exact = product.variants.find((variant) => valuesOf(variant).every((one, at) => one === picked[at]));
          choose(exact ?? product.variants.find((variant) => valuesOf(variant)[index] === value));
          names(product).forEach((_, at) => { fields.namedItem(`option-${at}`).value = valuesOf(current())[at]; });
        },
      }), h("span", {}, value, h("span", { class: "visually-hidden gone", hidden: true }, `(${t("product.gone")})`))))));
  });
}

const names = (product) => (product.options?.length ? product.options : [""]);
const valuesOf = (variant) => variant.options ?? [variant.title];

/** Mark the values that, with the others as they are chosen, lead to nothing that can be had. They can be looked at still. */
function markGone(choices, product, chosen, levels) {
  if (!levels) return;
  for (const input of choices.querySelectorAll("input")) {
    const at = Number(input.name.slice("option-".length));
    const wanted = valuesOf(chosen).map((one, index) => (index === at ? input.value : one));
    const variant = product.variants.find((one) => valuesOf(one).every((value, index) => value === wanted[index]));
    const gone = !variant || soldOut(levels.get(variant.sku));
    input.toggleAttribute("data-gone", gone);
    input.parentElement.querySelector(".gone").hidden = !gone;
  }
}

show();
