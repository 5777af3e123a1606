// What lines, shipping and tax come to, the same at the checkout and on the order's page.

import { h } from "../lib/dom.js";
import { locale, t } from "../lib/i18n.js";
import { price } from "../lib/money.js";

const percent = (rate) => new Intl.NumberFormat(locale(), { style: "percent", maximumFractionDigits: 4 }).format(rate / 1_000_000);

/** Return rows of a name and an amount; tax stands above the total where it comes on top, below where it is in it. */
export function totals(data, lines, { beside = () => null, more = [] } = {}) {
  const row = (name, amount, style) => h("div", { class: style }, h("span", {}, name), h("span", {}, price(amount, data.currency)));
  const taxes = (key, style) => data.taxes?.filter(({ tax }) => tax > 0).map(({ rate, tax }) => row(t(key, { rate: percent(rate) }), tax, style));
  const onTop = data.taxes ? taxes("checkout.taxAt") : data.tax !== undefined && row(t("checkout.tax"), data.tax);
  return h("div", { class: "totals" },
    lines.map((line) => h("div", {}, h("span", {}, `${line.quantity} × ${line.title}`, beside(line)), h("span", {}, price(line.total, data.currency)))),
    row(t("cart.subtotal"), data.subtotal),
    data.shipping !== undefined && row(t("checkout.shipping"), data.shipping),
    !data.taxIncluded && onTop,
    data.rounding ? row(t("checkout.rounding"), data.rounding) : null,
    data.total !== undefined && row(t("checkout.total"), data.total, "sum"),
    data.taxIncluded && taxes("checkout.taxIn", "small soft"),
    more.map(([key, amount, style]) => row(t(key), amount, style)));
}
