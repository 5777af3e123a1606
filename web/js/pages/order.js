// The order page: the checkout as it happens, and the reason where it ends badly.

import { call, get, idempotencyKey } from "../lib/api.js";
import { delivery, orderTokens, outdated, read } from "../lib/cart.js";
import { fill, h, sleep, toast } from "../lib/dom.js";
import { clock, countryName, day, moment, t } from "../lib/i18n.js";
import { price } from "../lib/money.js";
import { askBuyer, paymentChoice } from "../components/payment-choice.js";
import { explain, failed } from "../components/problem.js";
import { totals } from "../components/totals.js";

const place = document.querySelector("#order");
const asked = new URLSearchParams(location.search);
const id = asked.get("id") ?? "";
// A link's token stands in its fragment, which no server sees; the query is taken as well.
const given = new URLSearchParams(location.hash.slice(1)).get("token") ?? asked.get("token");
const headers = () => orderTokens.header(id, given);
const link = () => orderTokens.all()[id] && `/order.html?id=${encodeURIComponent(id)}#token=${encodeURIComponent(orderTokens.all()[id])}`;
const LATE = 20_000;
const DECLINES = new Set(["card_declined", "insufficient_funds", "invalid_token", "authentication_failed", "authentication_required"]);
const SETTLED = 60_000;
const back = { told: false, until: null };

/** Return which of the four steps are done, from the timeline's entries. */
function steps(order, timeline) {
  const seen = new Set(timeline.map((entry) => entry.type));
  const done = [true, seen.has("StockReserved"), seen.has("PaymentAuthorized"), order.status !== "placed" && order.status !== "cancelled"];
  const bad = { out_of_stock: 1, payment_declined: 2 }[order.reason] ?? 3;
  return ["placed", "stock", "payment", "confirmed"].map((name, index) => {
    let state = done[index] || (order.status === "confirmed") ? "done" : order.status === "placed" ? "now" : "waiting";
    if (order.status === "cancelled" && index === bad) state = "failed";
    return h("li", { "data-state": state, "data-step": name, "aria-current": state === "now" && "step" }, t(`order.${name}`));
  });
}

/** Return what a step adds to its name: an amount, missing SKUs, why a card was declined, an operator's words. */
function detail(entry) {
  const words = {
    StockRejected: entry.detail,
    PaymentActionRequired: entry.detail && t("order.untilTime", { time: clock(entry.detail) }),
    PaymentDeclined: entry.detail && t(`decline.${DECLINES.has(entry.detail) ? entry.detail : "other"}`),
    OrderCancelled: entry.detail?.startsWith("operator: ") && entry.detail.slice("operator: ".length),
  }[entry.type] ?? (entry.amount && price(entry.amount.amount, entry.amount.currency));
  return words ? h("span", { class: "soft" }, ` · ${words}`) : null;
}

const sameDay = (one, two) => new Date(one).toDateString() === new Date(two).toDateString();

/** Tell whether another means of payment was given, and nobody has said yet whether it pays. */
const paying = (order) => order.status === "confirmed" && order.paymentStatus === "capture_failed" && !order.unpaid;

/** Return until when the buyer's bank asks them, null where it does not. */
const asking = (order) => (paying(order) ? back.until : order.status === "placed" && order.paymentStatus === "action_required" ? order.decideBy : null);

function message(order, late, timeline) {
  if (asking(order)) return h("div", { class: "notice stack", role: "alert", id: "bank" }, h("p", {}, t("order.bank", { time: clock(asking(order)) })), h("div", {}, h("button", { class: "primary", onclick: toBank }, t("order.toBank"))));
  if (order.status === "placed") return h("p", { role: "status" }, t(late ? "order.late" : "order.working"));
  if (order.status === "cancelled") {
    const retry = ["out_of_stock", "payment_declined", "timeout"].includes(order.reason);
    return h("div", { class: "notice bad", role: "alert" }, h("p", {}, t(`reason.${order.reason}`), timeline.filter((entry) => entry.type === "PaymentDeclined").map((entry) => ` ${t(`decline.${DECLINES.has(entry.detail) ? entry.detail : "other"}`)}.`)), retry && h("a", { class: "button", href: `/checkout.html?again=${encodeURIComponent(id)}` }, t("order.again")));
  }
  if (order.unpaid) {
    const means = paymentChoice();
    return h("form", { class: "notice bad stack", role: "alert", onsubmit: (event) => pay(event, means) }, h("p", {}, t("order.unpaid")), means.element, h("div", {}, h("button", { class: "primary" }, t("order.pay", { price: price(order.totals.total, order.totals.currency) }))));
  }
  if (paying(order)) return h("p", { role: "status" }, t("order.paying"));
  return h("p", { class: "notice good", role: "status" }, t("order.done", { email: order.email }));
}

/** Lead the buyer to where their bank asks them, or have the provider ask here; where that is, is another each time. */
async function toBank(event) {
  event.target.disabled = true;
  try {
    const { url, clientSecret } = await get(`/payments/${encodeURIComponent(id)}/action`, { headers: headers() });
    if (url) return void location.assign(url);
    await askBuyer(clientSecret);
    back.told = false;
  } catch (error) {
    back.told = false;
    toast(explain(error));
  }
  event.target.disabled = false;
}

/** Have the shop ask the bank what it was told: once each time the buyer comes back to this page, and while they pay by other means. */
async function fromBank(order) {
  if (!paying(order) && (order.paymentStatus !== "action_required" || back.told)) return;
  back.told = true;
  const answer = await call("POST", `/payments/${encodeURIComponent(id)}/action`, { headers: headers() }).catch(() => { back.told = false; });
  back.until = answer?.data.until ?? null;
}

/** Pay an order that could not be charged by the means chosen. */
async function pay(event, means) {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  const token = await means.token().catch((error) => void toast(explain(error)));
  if (!token) {
    button.disabled = false;
    return;
  }
  try {
    await call("POST", `/orders/${encodeURIComponent(id)}/payment`, { body: { payment: { token } }, headers: { ...headers(), "Idempotency-Key": idempotencyKey() } });
  } catch (error) {
    toast(explain(error));
  }
  watch();
}

function view(order, timeline, late) {
  const { shippingAddress: to } = order;
  return [
    h("p", { class: "row" }, h("span", { class: "mono" }, t("order.number", { number: order.number })), h("span", { class: "small soft" }, day(order.placedAt)), h("span", { class: `badge ${{ confirmed: "good", cancelled: "bad" }[order.status] ?? "warn"}`, id: "status" }, t(`status.${order.status}`))),
    h("ol", { class: "saga" }, steps(order, timeline)),
    message(order, late, timeline),
    h("div", { class: "checkout" },
      h("section", { class: "card" }, h("h2", {}, t("order.history")), h("ol", { class: "timeline", id: "timeline" }, timeline.map((entry) => h("li", { "data-fact": entry.type }, h("time", { datetime: entry.time }, sameDay(entry.time, order.placedAt) ? clock(entry.time) : moment(entry.time)), h("span", {}, t(`fact.${entry.type}`), detail(entry)))))),
      h("aside", { class: "card stack" },
        totals(order.totals, order.lines, { more: ["refunded", "refunding", "refundFailed", "disputed"].filter((name) => order[name].amount > 0).map((name) => [`order.${name}`, order[name].amount, name]) }),
        h("div", {}, h("h3", {}, t("order.deliver")), h("address", {}, [to.name, to.line1, to.line2, `${to.postalCode} ${to.city}`, to.region, countryName(to.country)].filter(Boolean).map((text) => h("div", {}, text)))),
        cancelling(order),
        link() && h("p", { class: "small" }, h("a", { href: link() }, t("order.link"))),
        h("a", { href: "/products.html" }, t("order.back")))),
  ];
}

/** Return what an order is cancelled with, and until when that can be done; it goes by itself then. */
function cancelling({ status, cancellableUntil: until }) {
  const left = until ? new Date(until) - Date.now() : Infinity;
  if (status === "cancelled" || left <= 0) return null;
  const part = h("div", { id: "cancel" },
    h("button", { class: "quiet danger", onclick: cancel }, t("order.cancel")),
    until && h("p", { class: "small soft" }, t("order.until", { time: sameDay(until, Date.now()) ? clock(until) : moment(until) })));
  if (until) setTimeout(() => part.remove(), left);
  return part;
}

async function cancel(event) {
  if (!confirm(t("order.sure"))) return;
  event.target.disabled = true;
  event.target.textContent = t("order.cancelling");
  try {
    await call("POST", `/orders/${encodeURIComponent(id)}/cancel`, { headers: headers() });
  } catch (error) {
    toast(explain(error));
  }
  watch();
}

/** Tell whether nothing more is to come of a decided order: its money is taken, or given up. */
const settled = (order) => (order.status === "confirmed" ? ["captured", "partially_refunded", "refunded"] : ["declined", "voided", "refunded"]).includes(order.paymentStatus);

/** Show the order, and again while it is open: often at first, then less. */
async function watch() {
  if (!id) return void fill(place, h("p", { class: "notice" }, t("order.none")));
  const began = Date.now();
  let decided = 0;
  let calm = 0;
  for (let wait = 300, shown = ""; ; wait = Math.min(wait * 1.3, 5000)) {
    try {
      const path = `/orders/${encodeURIComponent(id)}`;
      const [order, timeline] = await Promise.all([get(path, { headers: headers() }), get(`${path}/timeline`, { headers: headers() })]);
      if (given) orderTokens.keep(id, given);  // not before it opened the order: a link cut short must not replace one that does
      await fromBank(order);
      const late = Date.now() - began > LATE;
      const now = JSON.stringify([order.status, order.paymentStatus, order.unpaid, timeline.items.length, late, back.until]);
      if (now !== shown) fill(place, view(order, timeline.items, late));
      shown = now;
      if (order.status !== "placed") {
        decided ||= Date.now();
        if (order.status !== "cancelled") delivery.forget();
        read().then(outdated, () => null);  // the cart empties a moment later
        // Order and timeline are two answers: what one knows, the other may tell only next time.
        if ((settled(order) && ++calm > 3) || Date.now() - decided > SETTLED) return;
      }
    } catch (error) {
      if (error.status === 404 || error.status === 401) return void fill(place, h("p", { class: "notice" }, t("order.none")));
      if (!shown) fill(place, failed(error));  // and on it goes: an order that was just placed is not to look lost
    }
    await sleep(wait);
  }
}

document.addEventListener("visibilitychange", () => { back.told &&= document.hidden; });
window.addEventListener("pageshow", () => {
  back.told = false;
  for (const button of place.querySelectorAll("#bank button")) button.disabled = false;  // back from the page cache
});
// Some providers lead back with more in the address than where to: it stays in no history.
const ours = new URLSearchParams([...asked].filter(([name]) => ["id", "token"].includes(name)));
if (ours.size < asked.size) history.replaceState(null, "", `?${ours}${location.hash}`);
watch();
