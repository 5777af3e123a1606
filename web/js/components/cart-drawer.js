// The cart drawer: a modal dialog, so the keyboard stays inside and Escape closes it.

import * as cart from "../lib/cart.js";
import { fill, h, toast } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { price } from "../lib/money.js";
import { picture } from "../lib/picture.js";
import { explain } from "./problem.js";

/** Return a line's row with its controls. */
function row(line, currency, refresh) {
  const change = async (quantity) => {
    try { await cart.setLine(line.sku, quantity); } catch (error) { toast(explain(error)); }
    refresh();
  };
  const quantity = h("input", {
    class: "quantity", type: "number", min: 1, max: 999, inputmode: "numeric", value: line.quantity, "aria-label": t("cart.quantity", { title: line.title }),
    onchange: (event) => change(Math.min(999, Math.max(1, Math.trunc(event.target.valueAsNumber) || 1))),
  });
  const notices = new Set(line.notices ?? []);
  return h("li", { class: "line" },
    picture(line.imageUrl, "", line.title),
    h("div", {},
      h("strong", {}, line.title),
      h("div", { class: "small soft mono" }, line.sku),
      notices.has("price_changed") && line.previousUnitPrice != null && h("p", { class: "small notice warn" }, t("cart.changed", { before: price(line.previousUnitPrice, currency) })),
      notices.has("withdrawn") && h("p", { class: "small notice bad" }, t("cart.withdrawn")),
      h("div", { class: "row" }, quantity, h("button", { class: "plain small", onclick: () => change(0) }, t("cart.remove")))),
    h("span", { class: "price" }, price(line.total, currency)));
}

/** Return the drawer; `open()` shows it with the cart as it is now, and says what was just put into it. */
export function drawer() {
  const said = h("p", { class: "notice good", role: "status", hidden: true });
  const lines = h("ul", { class: "drawer-lines" });
  const foot = h("div", { class: "drawer-foot stack" });
  const dialog = h("dialog", { class: "drawer", "aria-labelledby": "cart-title" },
    h("div", { class: "drawer-body" },
      h("div", { class: "drawer-head row between" },
        h("h2", { id: "cart-title" }, t("cart.title")),
        h("button", { class: "icon", "aria-label": t("closing"), onclick: () => dialog.close() }, "✕")),
      said, lines, foot));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  const show = (data) => {
    const items = data?.lines ?? [];
    fill(lines, items.length ? items.map((line) => row(line, data.currency, refresh)) : h("li", { class: "empty" }, h("p", {}, t("cart.empty")), h("a", { class: "button quiet", href: "/products.html" }, t("home.shop"))));
    fill(foot, items.length > 0 && [
      h("div", { class: "totals" }, h("div", { class: "sum" }, h("span", {}, t("cart.subtotal")), h("span", {}, price(data.subtotal, data.currency)))),
      h("a", { class: "button", href: "/checkout.html" }, t("cart.checkout")),
    ]);
  };
  const refresh = async () => {
    try { show(await cart.read()); } catch (error) { fill(lines, h("li", { class: "error", role: "alert" }, explain(error))); }
  };
  document.body.append(dialog);
  return {
    open(news = "") {
      dialog.showModal();
      said.textContent = news;
      said.hidden = !news;
      refresh();
    },
  };
}
