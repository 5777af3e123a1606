// The bank of the simulated provider: it asks whether the buyer pays, and leads back to the order.

import { call, get } from "../lib/api.js";
import { orderTokens } from "../lib/cart.js";
import { fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { price } from "../lib/money.js";
import { failed } from "../components/problem.js";

const place = document.querySelector("#bank");
const id = new URLSearchParams(location.search).get("id") ?? "";
const headers = () => orderTokens.header(id);
const back = `/order.html?id=${encodeURIComponent(id)}`;

async function answer(approve) {
  for (const button of place.querySelectorAll("button")) button.disabled = true;
  try {
    await call("POST", `/payments/simulator/${encodeURIComponent(id)}/answer`, { body: { approve }, headers: headers() });
    location.replace(back);
  } catch (error) {
    fill(place, failed(error, ask));
  }
}

async function ask() {
  try {
    const { totals } = await get(`/orders/${encodeURIComponent(id)}`, { headers: headers() });
    const { data } = await call("POST", `/payments/${encodeURIComponent(id)}/action`, { headers: headers() });
    if (!data.until) return void fill(place, h("p", { class: "notice" }, t("bank.nothing")), h("a", { class: "button", href: back }, t("checkout.see")));
    fill(place, h("div", { class: "card stack" },
      h("p", {}, t("bank.asks", { price: price(totals.total, totals.currency) })),
      h("div", { class: "row" }, h("button", { class: "primary", onclick: () => answer(true) }, t("bank.yes")), h("button", { onclick: () => answer(false) }, t("bank.no")))));
  } catch (error) {
    fill(place, failed(error, ask));
  }
}

ask();
