// The cart drawer: a modal dialog, so the keyboard stays inside and Escape closes it.

import * as cart from "../lib/cart.js";
import { fill, h, toast } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { price } from "../lib/money.js";
import { picture } from "../lib/picture.js";
import { lacking, levels } from "../lib/stock.js";
import { priceNote } from "./legal.js";
import { explain } from "./problem.js";

/** Return a line's row with its controls; `change(line, quantity)` is what they do. */
function row(line, currency, known, change) {
  const { sku, title } = line;
  const quantity = h("input", {
    class: "quantity", type: "number", min: 1, max: 999, inputmode: "numeric", value: line.quantity, "aria-label": t("cart.quantity", { title }), "data-control": `quantity ${sku}`,
    onchange: (event) => change(line, Math.min(999, Math.max(1, Math.trunc(event.target.valueAsNumber) || 1))),
  });
  const notices = new Set(line.notices ?? []);
  const left = lacking(known.get(sku), line.quantity);
  if (left !== null) {
    quantity.setAttribute("aria-invalid", "true");
    quantity.setAttribute("aria-describedby", `scarce-${sku}`);
  }
  return h("li", { class: "line" },
    picture(line.imageUrl, "", title),
    h("div", {},
      h("strong", {}, title),
      h("div", { class: "small soft mono" }, sku),
      notices.has("price_changed") && line.previousUnitPrice != null && h("p", { class: "small notice warn" }, t("cart.changed", { before: price(line.previousUnitPrice, currency) })),
      notices.has("withdrawn") && h("p", { class: "small notice bad" }, t("cart.withdrawn")),
      left !== null && h("p", { class: "small notice warn row", id: `scarce-${sku}` }, t(left ? "cart.scarce" : "cart.gone", { count: left }),
        left > 0 && h("button", { class: "plain small", "data-control": `quantity ${sku}`, onclick: () => change(line, left) }, t("cart.reduce", { count: left }))),
      h("div", { class: "row" }, quantity, h("button", { class: "plain small", "aria-label": `${t("cart.remove")}: ${title}`, "data-control": `remove ${sku}`, onclick: () => change(line, 0) }, t("cart.remove")))),
    h("span", { class: "price" }, price(line.total, currency)));
}

/** Return the drawer; `open()` shows it with the cart as it is now, or as a change was just answered, and says what was put into it. */
export function drawer() {
  const said = h("p", { class: "notice good", role: "status", hidden: true });
  const lines = h("ul", { class: "drawer-lines" });
  const foot = h("div", { class: "drawer-foot stack" });
  const title = h("h2", { id: "cart-title", tabindex: -1 }, t("cart.title"));
  const dialog = h("dialog", { class: "drawer", "aria-labelledby": "cart-title" },
    h("div", { class: "drawer-body" },
      h("div", { class: "drawer-head row between" },
        title,
        h("button", { class: "icon", "aria-label": t("closing"), onclick: () => dialog.close() }, "✕")),
      said, lines, foot));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  let known = new Map();
  let shown = null;

  const say = (news) => {
    said.textContent = news;
    said.hidden = !news;
  };
  /** Draw the cart anew; the keyboard stays at the control it was at, or goes to the title where that is gone. */
  const show = (data) => {
    shown = data;
    const items = data?.lines ?? [];
    const at = lines.contains(document.activeElement) ? document.activeElement.dataset.control ?? "" : null;
    fill(lines, items.length ? items.map((line) => row(line, data.currency, known, change)) : h("li", { class: "empty" }, h("p", {}, t("cart.empty")), h("a", { class: "button quiet", href: "/products.html" }, t("home.shop"))));
    if (at !== null) (lines.querySelector(`input[data-control="${CSS.escape(at)}"]`) ?? lines.querySelector(`[data-control="${CSS.escape(at)}"]`) ?? title).focus();
    fill(foot, items.length > 0 && [
      h("div", { class: "totals" }, h("div", { class: "sum" }, h("span", {}, t("cart.subtotal")), h("span", {}, price(data.subtotal, data.currency)))),
      h("p", {}, priceNote({ taxIncluded: data.taxIncluded, ships: data.requiresShipping })),
      h("a", { class: "button", href: "/checkout.html" }, t("cart.checkout")),
    ]);
  };
  const change = async (line, quantity) => {
    try {
      show(await cart.setLine(line.sku, quantity));
      say(t(quantity ? "cart.now" : "cart.removed", { title: line.title, count: quantity }));
    } catch (error) {
      toast(explain(error));
      if (shown) show(shown);  // the field shows what is in the cart, not what was refused
    }
  };
  const refresh = async (answered) => {
    try {
      const data = answered ?? await cart.read();
      show(data);
      known = await levels((data?.lines ?? []).map((line) => line.sku));
      show(shown);
    } catch (error) { fill(lines, h("li", { class: "error", role: "alert" }, explain(error))); }
  };
  window.addEventListener("souk:cart", ({ detail }) => { if (dialog.open) show(detail); });
  document.body.append(dialog);
  return {
    open(news = "", data) {
      dialog.showModal();
      say(news);
      refresh(data);
    },
  };
}
