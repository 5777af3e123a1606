// Checkout on one page: address, payment, and a signed quote with every line of the total. What is shown is what is charged.

import { call, get, idempotencyKey, post, session } from "../lib/api.js";
import * as cart from "../lib/cart.js";
import { debounced, fill, h } from "../lib/dom.js";
import { locale, t } from "../lib/i18n.js";
import { price } from "../lib/money.js";
import { countries, countrySelect } from "../components/countries.js";
import { explain, failed, mark } from "../components/problem.js";

const TOKENS = ["tok_visa", "tok_chargeDeclined", "tok_insufficientFunds", "tok_slow", "tok_flaky", "tok_lost"];
const place = document.querySelector("#checkout");
const state = { quote: null, key: null };

const field = (name, key, { wide, ...attributes } = {}) => h("label", { class: wide && "wide" }, t(key), h("input", { name, required: true, ...attributes }));

function form(served) {
  return h("form", { id: "checkout-form", novalidate: true, onsubmit: pay },
    h("fieldset", {}, h("legend", {}, t("checkout.contact")),
      !session.get() && h("p", { class: "small" }, h("a", { href: "/account.html?next=/checkout.html#login" }, t("checkout.login"))),
      h("div", { class: "fields" }, field("email", "checkout.email", { type: "email", autocomplete: "email", wide: true, maxlength: 254 }))),
    h("fieldset", {}, h("legend", {}, t("checkout.address")),
      h("div", { id: "saved" }),
      h("div", { class: "fields" },
        field("name", "checkout.name", { autocomplete: "name", wide: true, maxlength: 120 }),
        field("line1", "checkout.line1", { autocomplete: "address-line1", wide: true, maxlength: 120 }),
        field("line2", "checkout.line2", { autocomplete: "address-line2", wide: true, required: false, maxlength: 120 }),
        field("postalCode", "checkout.postal", { autocomplete: "postal-code", maxlength: 20 }),
        field("city", "checkout.city", { autocomplete: "address-level2", maxlength: 120 }),
        field("region", "checkout.region", { autocomplete: "address-level1", required: false, maxlength: 120 }),
        h("label", {}, t("checkout.country"), countrySelect(served, served.some(([code]) => code === navigator.language.slice(3)) ? navigator.language.slice(3) : "DE")))),
    h("fieldset", {}, h("legend", {}, t("checkout.payment")), h("p", { class: "small soft" }, t("checkout.test")),
      h("div", { class: "pay-choices" }, TOKENS.map((token, index) => h("label", {}, h("input", { type: "radio", name: "token", value: token, checked: index === 0 }), t(`pay.${token}`))))));
}

const summary = h("aside", { class: "card", "aria-labelledby": "summary", "aria-live": "polite" });
const trouble = h("p", { class: "error", role: "alert" });
const button = h("button", { class: "primary", type: "submit", form: "checkout-form", disabled: true });

function totals(data, lines) {
  const { currency } = data;
  const row = (key, amount, style) => h("div", { class: style }, h("span", {}, t(key)), h("span", {}, price(amount, currency)));
  return h("div", { class: "totals" },
    lines.map((line) => h("div", {}, h("span", {}, `${line.quantity} × ${line.title}`), h("span", {}, price(line.total, currency)))),
    row("cart.subtotal", data.subtotal), data.shipping !== undefined && row("checkout.shipping", data.shipping), data.tax !== undefined && row("checkout.tax", data.tax),
    data.total !== undefined && row("checkout.total", data.total, "sum"));
}

function show(content, note) {
  fill(summary, h("h2", { id: "summary" }, t("checkout.summary")), content, h("p", { class: "small soft" }, note), h("p", { class: "small soft later" }, t("checkout.code")), trouble, button);
  button.textContent = state.quote ? t("checkout.pay", { price: price(state.quote.totals.total, state.quote.totals.currency) }) : t("checkout.review");
  button.disabled = !state.quote;
}

const address = (fields) => {
  const { email, token, saved, ...rest } = Object.fromEntries(new FormData(fields));
  return Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
};

/** Ask for a new quote once the address is complete. */
async function requote() {
  const fields = document.querySelector("#checkout-form");
  if (![...fields.elements].every((element) => element.validity.valid)) return;
  state.quote = null;
  button.disabled = true;
  try {
    state.quote = await cart.quote(fields.elements.email.value.trim(), address(fields));
    state.key = idempotencyKey();
    trouble.textContent = "";
    mark(fields, {});
    show(totals(state.quote.totals, state.quote.lines), t("checkout.held", { time: new Date(state.quote.expiresAt).toLocaleTimeString(locale(), { timeStyle: "short" }) }));
  } catch (error) {
    if (!mark(fields, error)) trouble.textContent = explain(error);
  }
}

async function pay(event) {
  event.preventDefault();
  const fields = event.target;
  const invalid = [...fields.elements].find((element) => !element.validity.valid);
  if (invalid) return void invalid.reportValidity();
  if (!state.quote) return void requote();
  button.disabled = true;
  button.textContent = t("checkout.paying");
  const body = { quote: state.quote.quote, payment: { token: fields.elements.token.value } };
  try {
    const { data } = await call("POST", "/orders", { body, headers: { "Idempotency-Key": state.key } });
    if (data.orderToken) cart.orderTokens.keep(data.orderId, data.orderToken);
    location.assign(`/order.html?id=${encodeURIComponent(data.orderId)}`);
  } catch (error) {
    if (error.status === 410) {
      trouble.textContent = t("checkout.expired");
      await requote();
    } else {
      trouble.textContent = explain(error);
    }
    show(totals(state.quote?.totals ?? {}, state.quote?.lines ?? []), "");
  }
}

async function savedAddresses(fields) {
  if (!session.get()) return;
  const [me, book] = await Promise.all([get("/identity/me"), get("/identity/me/addresses")]).catch(() => [null, null]);
  if (!me) return;
  fields.elements.email.value = me.email;
  const use = (one) => { for (const name of ["name", "line1", "line2", "postalCode", "city", "region", "country"]) fields.elements[name].value = one[name] ?? ""; fields.elements.country.dispatchEvent(new Event("change")); requote(); };
  if (!book.items.length) return void requote();
  fill(document.querySelector("#saved"), h("label", {}, t("checkout.saved"), h("select", { name: "saved", onchange: (event) => event.target.value && use(book.items[event.target.value]) },
    h("option", { value: "" }, "–"), book.items.map((one, index) => h("option", { value: index }, `${one.name}, ${one.line1}, ${one.city}`)))));
  use(book.items.find((one) => one.default) ?? book.items[0]);
}

async function start() {
  try {
    const [data, served] = await Promise.all([cart.read(), countries()]);
    if (!data?.lines.length) return void fill(place, h("p", { class: "notice" }, t("cart.empty")), h("a", { class: "button", href: "/products.html" }, t("home.shop")));
    const fields = form(served);
    fill(place, h("div", { class: "checkout" }, fields, summary));
    show(totals({ currency: data.currency, subtotal: data.subtotal }, data.lines), t("checkout.enter"));
    const soon = debounced(500, requote);
    fields.addEventListener("input", (event) => { if (event.target.name !== "token") soon(); });
    window.addEventListener("souk:cart", requote);
    await savedAddresses(fields);
  } catch (error) {
    fill(place, failed(error, start));
  }
}

start();
