// Checkout on one page: address, payment, and a signed quote with every line of the total. What is shown is what is charged.

import { Problem, call, get, session } from "../lib/api.js";
import * as cart from "../lib/cart.js";
import { debounced, fill, h, sleep } from "../lib/dom.js";
import { locale, t } from "../lib/i18n.js";
import { price } from "../lib/money.js";
import { lacking, levels } from "../lib/stock.js";
import { countries, countrySelect, reoffer } from "../components/countries.js";
import { check, complete, explain, failed, mark, unmark } from "../components/problem.js";
import { linked } from "../components/legal.js";
import { paymentChoice } from "../components/payment-choice.js";
import { totals } from "../components/totals.js";

const place = document.querySelector("#checkout");
/**
 * `quote` is of what was on the screen as `of` tells, `seen` the last quote that was shown, which a press of the button agrees to;
 * `turn` counts the changes, so that a quote asked for before one of them is not taken; `again` is the order beside which, or
 * instead of which where it was cancelled, the buyer wants these items. `served` are all countries that can be bought from.
 */
const state = { cart: null, served: [], levels: new Map(), fields: null, means: null, quote: null, of: null, key: null, seen: null, turn: 0, paying: false, again: null, boughtBy: null };

const field = (name, key, { wide, ...attributes } = {}) => h("label", { class: wide && "wide" }, t(key), h("input", { name, required: true, ...attributes }));

/** Return the countries that what is in the cart can be sold to: goods only where they are delivered. */
const offered = () => state.served.filter(([, , , delivered]) => delivered || !state.cart.requiresShipping);

const whose = h("legend");

function form() {
  const codes = offered().map(([code]) => code);
  const likely = [navigator.language.slice(3), "DE", ...codes].find((code) => codes.includes(code));
  return h("form", { id: "checkout-form", novalidate: true, onsubmit: pay },
    h("fieldset", {}, h("legend", {}, t("checkout.contact")),
      !session.get() && h("p", { class: "small" }, h("a", { href: "/account.html?next=/checkout.html#login" }, t("checkout.login"))),
      h("div", { class: "fields" }, field("email", "checkout.email", { type: "email", autocomplete: "email", wide: true, maxlength: 254 }))),
    h("fieldset", {}, whose,
      h("div", { id: "saved" }),
      h("div", { class: "fields" },
        field("name", "checkout.name", { autocomplete: "name", wide: true, maxlength: 120 }),
        field("line1", "checkout.line1", { autocomplete: "address-line1", wide: true, maxlength: 120 }),
        field("line2", "checkout.line2", { autocomplete: "address-line2", wide: true, required: false, maxlength: 120 }),
        field("postalCode", "checkout.postal", { autocomplete: "postal-code", maxlength: 12 }),
        field("city", "checkout.city", { autocomplete: "address-level2", maxlength: 120 }),
        field("region", "checkout.region", { autocomplete: "address-level1", required: false, maxlength: 120 }),
        h("label", {}, t("checkout.country"), countrySelect(state.served, likely)))),
    h("fieldset", {}, h("legend", {}, t("checkout.payment")), state.means.element));
}

const content = h("div");
const note = h("p", { class: "small soft" });
const trouble = h("p", { class: "error", role: "alert" });
// It says that it binds, with lines, delivery, taxes and total directly above it: Directive 2011/83/EU, art. 8(2).
const button = h("button", { class: "primary", type: "submit", form: "checkout-form" });
const summary = h("aside", { class: "card", "aria-labelledby": "summary" },
  h("h2", { id: "summary" }, t("checkout.summary")), h("p", { class: "small soft later" }, t("checkout.code")),
  h("p", { class: "small" }, linked("checkout.legal")),
  h("div", { "aria-live": "polite" }, content, note), trouble, button);

/** Return the notice that there is less of a line than it asks for. */
function scarce(line) {
  const left = lacking(state.levels.get(line.sku), line.quantity);
  return left !== null && h("span", { class: "small error" }, " · ", t(left ? "cart.scarce" : "cart.gone", { count: left }));
}

const ON_ORDER = new Set(["lines_on_order", "already_ordered"]);
const FOLLOW_EVERY = 1500;  // milliseconds
const FOLLOWED = 60;
const FIELDS = ["email", "name", "line1", "line2", "postalCode", "city", "region", "country"];

/** Return what is on the screen, as a quote is asked for it: the e-mail address and where the goods go. */
function wish(fields) {
  const { email, ...address } = Object.fromEntries(FIELDS.map((name) => [name, fields.elements[name].value.trim()]));
  return [email, Object.fromEntries(Object.entries(address).filter(([, value]) => value))];
}

const current = (fields) => state.quote !== null && state.of === JSON.stringify(wish(fields));
const promised = (quote) => JSON.stringify([quote?.lines, quote?.totals]);

/** Show the cart, or the quote where it is of what is on the screen. */
function show(fields) {
  const { quote, cart: data } = state;
  if (quote) state.seen = quote;
  fill(content, quote ? totals(quote.totals, quote.lines, { beside: scarce }) : totals({ currency: data.currency, subtotal: data.subtotal }, data.lines, { beside: scarce }));
  note.textContent = quote ? t("checkout.held", { time: new Date(quote.expiresAt).toLocaleTimeString(locale(), { timeStyle: "short" }) }) : t(complete(fields) ? "checkout.totalling" : "checkout.enter");
  const { total, currency } = state.seen?.totals ?? {};
  button.textContent = state.paying ? t("checkout.paying") : state.seen ? t("checkout.pay", { price: price(total, currency) }) : t("checkout.review");
}

/** Something on the screen is another: what was quoted is not what would be sent any more. */
function outdated(fields) {
  state.quote = null;
  state.turn += 1;
  show(fields);
}

/** Ask for a new quote where the form is complete; true once there is one of what is on the screen. */
async function requote(fields) {
  outdated(fields);
  if (!complete(fields)) return false;
  const { turn } = state;
  const asked = wish(fields);
  try {
    const quote = await cart.quote(...asked, state.again);
    if (turn !== state.turn) return false;  // something has changed meanwhile, and is asked for on its own
    Object.assign(state, { quote, of: JSON.stringify(asked) });
    trouble.textContent = "";
    unmark(fields);
    show(fields);
  } catch (error) {
    if (turn === state.turn) refused(fields, error);
  }
  return current(fields);
}

/** Say why it did not work, at the field where it is one; whoever is typing elsewhere is left there. */
function refused(fields, error) {
  if (ON_ORDER.has(error.code)) return void bought(fields, error);
  trouble.textContent = mark(fields, error, { focus: false }) ? "" : explain(error);
}

const see = (orderId) => h("a", { href: `/order.html?id=${encodeURIComponent(orderId)}` }, t("checkout.see"));

/** Say that an order buys these items already, with the ways to look at it and to buy them again on purpose. */
function bought(fields, error) {
  const { orderId } = error.parameters;
  state.boughtBy = orderId;
  if (!fields.isConnected && !state.cart?.lines.length) return void nothing();  // the order was confirmed before this answer came
  const again = () => { state.again = orderId; void requote(fields); };
  unmark(fields);
  fill(trouble, h("span", {}, explain(error)), " ", see(orderId), " ",
    h("button", { type: "button", class: "quiet", onclick: again }, t("checkout.again")));
  void follow(fields, orderId);
}

/** While an order keeps these items from being bought: once it is cancelled they are asked for anew, once it is confirmed the cart is read. */
async function follow(fields, orderId) {
  const { turn } = state;
  const waits = () => turn === state.turn && fields.isConnected;
  for (let tries = 0; tries < FOLLOWED && waits(); tries += 1) {
    const order = await get(`/orders/${encodeURIComponent(orderId)}`, { headers: cart.orderTokens.header(orderId) }).catch(() => null);
    if (!order || !waits()) return;
    if (order.status === "cancelled") {
      Object.assign(state, { again: orderId, boughtBy: null });
      if (await requote(fields)) trouble.textContent = t("checkout.off");
      return;
    }
    if (order.status !== "placed") await cart.read().then(cart.outdated, () => null);
    await sleep(FOLLOW_EVERY);
  }
}

async function pay(event) {
  event.preventDefault();
  const fields = event.target;
  if (state.paying || !check(fields)) return;
  paying(fields, true);
  const sent = await order(fields, state.seen).catch((error) => { trouble.textContent = explain(error); });
  if (sent) return;
  paying(fields, false);
  fields.querySelector("[aria-invalid]")?.focus();
}

/** While an order is on its way nothing can be typed: what was on the screen is what is sent. */
function paying(fields, now) {
  state.paying = fields.inert = now;
  if (now) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
  show(fields);
}

/** Order what is on the screen, if it is what the buyer was shown with the button; true once the order is placed. */
async function order(fields, agreed) {
  trouble.textContent = "";
  if (!current(fields) && !(await requote(fields))) return false;
  if (promised(state.quote) !== promised(agreed)) {
    if (agreed) trouble.textContent = t("checkout.changed");
    return false;
  }
  const { quote } = state;
  const token = await state.means.token();
  if (state.quote !== quote) return false;  // the cart was changed elsewhere meanwhile: the button says what it costs now
  const body = { quote: quote.quote, payment: { token } };
  try {
    const { data } = await call("POST", "/orders", { body, headers: { "Idempotency-Key": quote.quoteId } });
    if (data.orderToken) cart.orderTokens.keep(data.orderId, data.orderToken);
    cart.outdated();
    location.assign(`/order.html?id=${encodeURIComponent(data.orderId)}`);
    return true;
  } catch (error) {
    if (error.status === 410 && (await requote(fields))) {
      trouble.textContent = t("checkout.expired");
    } else {
      // Refused for good, the quote is of no more use; with no answer the same one is sent again, and ordered once.
      if (error.status >= 400 && error.status < 500 && error.code !== "request_in_flight") outdated(fields);
      refused(fields, error);
    }
    return false;
  }
}

/** Fill the form: what was typed in this tab before, else what the account knows. */
async function prefill(fields) {
  const kept = cart.delivery.kept();
  for (const name of FIELDS) if (kept?.[name]) fields.elements[name].value = kept[name];
  unserved(fields, kept?.country);
  if (!session.get()) return;
  const [me, book] = await Promise.all([get("/identity/me"), get("/identity/me/addresses")]).catch(() => [null, null]);
  if (!me) return;
  fields.elements.email.value ||= me.email;
  const use = (one) => { for (const name of FIELDS.slice(1)) fields.elements[name].value = one[name] ?? ""; fields.elements.country.dispatchEvent(new Event("change")); unserved(fields, one.country); };
  if (!book.items.length) return;
  fill(document.querySelector("#saved"), h("label", {}, t("checkout.saved"), h("select", { name: "saved", oninput: (event) => event.target.value && use(book.items[event.target.value]) },
    h("option", { value: "" }, "–"), book.items.map((one, index) => h("option", { value: index }, `${one.name}, ${one.line1}, ${one.city}`)))));
  if (!kept?.line1) use(book.items.find((one) => one.default) ?? book.items[0]);
}

/** Have the form ask for what the cart needs: where goods are delivered to, or where the buyer is. */
function fit(fields) {
  const { country } = fields.elements;
  const wanted = country.value;
  whose.textContent = t(state.cart.requiresShipping ? "checkout.address" : "checkout.own");
  reoffer(country, offered());
  unserved(fields, wanted);
}

/** Say beside the choice of a country that the one wanted is not offered, where it is not. */
function unserved(fields, wanted) {
  if (!wanted || fields.elements.country.value) return;
  mark(fields, new Problem(422, { code: "country_not_served", pointer: "/shippingAddress/country" }), { focus: false });
}

/** Take what the cart holds now; a quote of something else is void. */
function take(fields, data) {
  if (cart.contents(data) === cart.contents(state.cart)) return;
  state.cart = data;
  if (!data?.lines.length) return void start();
  fit(fields);
  void requote(fields);
  scan(fields);
}

async function scan(fields) {
  state.levels = await levels(state.cart.lines.map((line) => line.sku));
  show(fields);
}

/** Say that there is nothing to pay for, and which order has it where one was in the way. */
function nothing() {
  const said = state.boughtBy ? [t("problem.already_ordered"), " ", see(state.boughtBy)] : t("cart.empty");
  fill(place, h("p", { class: "notice" }, said), h("a", { class: "button", href: "/products.html" }, t("home.shop")));
}

async function start() {
  try {
    const [data, served] = await Promise.all([cart.read(), countries()]);
    Object.assign(state, { cart: data, served, quote: null, seen: null, turn: state.turn + 1, paying: false, again: new URLSearchParams(location.search).get("again") });
    button.removeAttribute("aria-disabled");
    if (!data?.lines.length) return void nothing();
    state.means = paymentChoice();
    const fields = form();
    fit(fields);
    fill(place, h("div", { class: "checkout" }, fields, summary));
    trouble.textContent = "";
    show(fields);
    void scan(fields);
    const soon = debounced(500, () => requote(fields));
    fields.addEventListener("input", ({ target }) => {
      if (target.name === "token") return;
      cart.delivery.keep(Object.fromEntries(FIELDS.map((name) => [name, fields.elements[name].value])));
      outdated(fields);
      soon();
    });
    state.fields = fields;
    await prefill(fields);
    if (complete(fields)) await requote(fields);
  } catch (error) {
    fill(place, failed(error, start));
  }
}

window.addEventListener("souk:cart", ({ detail }) => { if (state.fields?.isConnected) take(state.fields, detail); });
// From the page cache the page comes back as it was left: with an order under way, and perhaps another cart.
window.addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  fill(place);  // nothing can be pressed until the page knows how things stand
  start();
});
start();
