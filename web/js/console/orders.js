// Orders: the list of a day, one order across all services, and the checkouts still open.

import { call, get, idempotencyKey } from "../lib/api.js";
import { fill, h, toast } from "../lib/dom.js";
import { minor, price } from "../lib/money.js";
import { explain, failed } from "../components/problem.js";

const tone = { confirmed: "good", cancelled: "bad" };
const badge = (status, reason) => h("span", { class: `badge ${tone[status] ?? "warn"}` }, reason ? `${status}: ${reason}` : status);
const link = (id) => h("a", { class: "mono", href: `#order/${id}` }, id);
const time = (iso) => h("time", { datetime: iso }, iso?.replace("T", " ").slice(0, 23) ?? "");

export async function orders(body) {
  const day = h("input", { type: "date", value: new Date().toISOString().slice(0, 10), onchange: () => list() });
  const wanted = h("input", { type: "search", placeholder: "ord_… or an e-mail address", "aria-label": "Order id or e-mail address" });
  const rows = h("tbody");
  const more = h("div");
  const find = async (event) => {
    event.preventDefault();
    const text = wanted.value.trim();
    if (text.startsWith("ord_")) return void (location.hash = `order/${text}`);
    try {
      const person = await get(`/identity/customers?email=${encodeURIComponent(text)}`);
      const found = person.items?.[0] ?? person;
      const { items } = await get(`/orders?customerId=${encodeURIComponent(found.customerId)}`);
      fill(more);
      fill(rows, items.map((one) => h("tr", {}, h("td", {}, time(one.placedAt)), h("td", {}, link(one.orderId)), h("td", {}, badge(one.status, one.reason)), h("td", { class: "number" }, price(one.totals.total, one.totals.currency)))));
    } catch (error) { toast(explain(error)); }
  };
  const list = async (cursor) => {
    const page = await get(`/journal/orders?day=${day.value}&limit=50${cursor ? `&cursor=${cursor}` : ""}`);
    if (!cursor) fill(rows);
    rows.append(...page.items.map((one) => h("tr", {}, h("td", {}, time(one.placedAt)), h("td", {}, link(one.orderId)), h("td", {}, badge(one.status, one.reason)), h("td", { class: "number" }, one.currency ? price(one.total, one.currency) : ""))));
    if (!rows.children.length) fill(rows, h("tr", {}, h("td", { colspan: 4, class: "soft" }, "No orders on this day.")));
    fill(more, page.nextCursor && h("button", { class: "quiet", onclick: () => list(page.nextCursor) }, "Show more"));
  };
  fill(body, h("form", { class: "tools", role: "search", onsubmit: find }, h("label", {}, "Day (UTC)", day), h("label", {}, "Find", wanted), h("button", { class: "quiet" }, "Find")),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "Placed"), h("th", {}, "Order"), h("th", {}, "Status"), h("th", { class: "number" }, "Total"))), rows)), more);
  await list();
}

/** One order, from every service that knows of it; a service that is down leaves its part out and says so. */
export async function order(body, { argument: id }) {
  const again = () => order(body, { argument: id });
  const part = async (path) => get(path).catch((error) => ({ error }));
  const [main, timeline, journal, payment, ledger, held] = await Promise.all([
    get(`/orders/${id}`), part(`/orders/${id}/timeline`), part(`/journal/subjects/${id}`), part(`/payments/${id}`), part(`/payments/${id}/ledger`), part(`/inventory/reservations/${id}`),
  ]);
  const facts = (journal.items ?? []).map((fact) => ({ time: fact.time, what: fact.type, where: fact.source, why: fact.causationId, actor: fact.actor, trace: fact.correlationId, data: fact.data }));
  const steps = (timeline.items ?? []).map((step) => ({ time: step.time, what: step.type, where: "orders' timeline", why: step.cause ?? step.causeId ?? null }));
  const money = (ledger.items ?? []).map((entry) => ({ time: entry.time, what: `${entry.debit ?? ""} → ${entry.credit ?? ""} ${price(entry.amount?.amount ?? entry.amount, entry.amount?.currency ?? main.totals.currency)}`, where: "ledger", why: entry.reason ?? entry.kind ?? null }));
  const all = [...facts, ...steps, ...money].toSorted((one, two) => one.time.localeCompare(two.time));
  const act = (path, body_, done) => async (event) => {
    event.target.disabled = true;
    try { await call("POST", path, { body: body_?.(), headers: { "Idempotency-Key": idempotencyKey() } }); toast(done); } catch (error) { toast(explain(error)); }
    setTimeout(again, 600);
  };
  const amount = h("input", { inputmode: "decimal", "aria-label": "Amount to refund", placeholder: "Amount" });
  const reason = h("input", { "aria-label": "Reason of the refund", placeholder: "Reason", value: "goodwill" });
  const missing = Object.entries({ timeline, journal, payment, ledger, held }).filter(([, value]) => value.error && value.error.status !== 404);
  fill(body, h("p", { class: "row" }, h("span", { class: "mono" }, id), badge(main.status, main.reason), h("span", { class: "badge soft" }, `payment ${main.paymentStatus ?? "–"}`), held.status && h("span", { class: "badge soft" }, `stock ${held.status}`)),
    missing.map(([name, { error }]) => h("p", { class: "notice warn" }, `${name}: ${explain(error)}`)),
    h("div", { class: "split" },
      h("div", { class: "scroll" }, h("table", { id: "story" }, h("thead", {}, h("tr", {}, ["Time", "What", "Where", "Led to by"].map((text) => h("th", {}, text)))),
        h("tbody", {}, all.map((row) => h("tr", {}, h("td", {}, time(row.time)), h("td", {}, h("strong", {}, row.what), row.data && h("details", {}, h("summary", { class: "small soft" }, "data"), h("pre", {}, JSON.stringify(row.data, null, 1)))), h("td", {}, row.where, row.actor && h("div", { class: "small soft mono" }, row.actor)), h("td", { class: "mono small" }, row.why ?? "")))))),
      h("aside", { class: "card stack" },
        h("p", { class: "small" }, "Correlation ", h("span", { class: "mono" }, facts[0]?.trace ?? "–")),
        h("table", {}, h("tbody", {}, main.lines.map((line) => h("tr", {}, h("td", {}, `${line.quantity} × ${line.title}`), h("td", { class: "number" }, price(line.total, main.totals.currency)))), h("tr", {}, h("th", {}, "Total"), h("th", { class: "number" }, price(main.totals.total, main.totals.currency))))),
        h("button", { class: "quiet danger", onclick: act(`/orders/${id}/cancel`, null, "Cancelled.") }, "Cancel order"),
        h("div", { class: "stack" }, h("h3", {}, "Refund"), amount, reason, h("button", { class: "quiet", onclick: (event) => {
          const units = minor(amount.value, main.totals.currency);
          if (!units) return toast("The amount is not a sum of money.");
          return act(`/payments/${id}/refunds`, () => ({ amount: { amount: units, currency: main.totals.currency }, reason: reason.value }), "Refunded.")(event);
        } }, "Refund")))));
}

export async function sagas(body, { left }) {
  const rows = h("tbody");
  const decide = (one, decision) => async () => {
    const reason = prompt(`${decision} ${one.orderId}: why?`);
    if (!reason) return;
    try { await call("POST", `/orders/${one.orderId}/decision`, { body: { decision, reason } }); toast("Decided."); } catch (error) { toast(explain(error)); }
    show();
  };
  const show = async () => {
    const { items } = await get("/orders/open", { signal: left });
    const late = (one) => one.decideBy < new Date().toISOString();
    const sorted = items.toSorted((one, two) => one.decideBy.localeCompare(two.decideBy));
    fill(rows, sorted.length ? sorted.map((one) => h("tr", {}, h("td", {}, link(one.orderId)), h("td", {}, late(one) ? h("span", { class: "badge bad" }, "stuck") : h("span", { class: "badge warn" }, "open")),
      h("td", {}, time(one.decideBy)), h("td", {}, one.votes.stock ?? "waiting"), h("td", {}, one.votes.payment ?? "waiting"),
      h("td", { class: "row" }, h("button", { class: "quiet danger", onclick: decide(one, "cancel") }, "Cancel"))))
      : h("tr", {}, h("td", { colspan: 6, class: "soft" }, "No open checkouts: every order is decided.")));
  };
  fill(body, h("p", { class: "soft" }, "Orders that wait for a vote. The sweeper cancels each at its deadline; a stuck one has passed it."),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["Order", "State", "Deadline", "Stock", "Payment", ""].map((text) => h("th", {}, text)))), rows)));
  await show();
  const timer = setInterval(() => show().catch((error) => error.name !== "AbortError" && fill(rows, failed(error))), 3000);
  left.addEventListener("abort", () => clearInterval(timer));
}
