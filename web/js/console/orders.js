// Orders: the list of a day, one order across all services, and the checkouts still open.

import { call, get, idempotencyKey } from "../lib/api.js";
import { fill, h, toast } from "../lib/dom.js";
import { minor, price } from "../lib/money.js";
import { explain, failed } from "../components/problem.js";

const tone = { confirmed: "good", cancelled: "bad" };
const badge = (status, reason) => h("span", { class: `badge ${tone[status] ?? "warn"}` }, reason ? `${status}: ${reason}` : status);
const link = (id) => h("a", { class: "mono", href: `#order/${id}` }, id);
const WORK = { http: "call", inbox: "delivery", publish: "facts published", sweep: "sweep", mail: "mail", import: "import" };
const short = (name) => name.replace(/^souk-[a-z0-9]+-/, "");
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
      if (!person.items.length) return void toast("Nobody has that address.");
      const { items } = await get(`/orders?limit=100&customerId=${encodeURIComponent(person.items[0].customerId)}`);
      fill(more);
      fill(rows, !items.length && h("tr", {}, h("td", { colspan: 4, class: "soft" }, "No orders by this customer.")), items.map((one) => h("tr", {}, h("td", {}, time(one.placedAt)), h("td", {}, link(one.orderId)), h("td", {}, badge(one.status, one.reason)), h("td", { class: "number" }, price(one.totals.total, one.totals.currency)))));
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
    h("div", { class: "scroll", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "Placed"), h("th", {}, "Order"), h("th", {}, "Status"), h("th", { class: "number" }, "Total"))), rows)), more);
  await list();
}

/** One order, from every service that knows of it; a service that is down leaves its part out and says so. */
export async function order(body, { argument: id }) {
  const again = () => order(body, { argument: id });
  const part = async (path) => get(path).catch((error) => ({ error }));
  const [main, timeline, journal, payment, ledger, held] = await Promise.all([
    get(`/orders/${id}`), part(`/orders/${id}/timeline`), part(`/journal/subjects/${id}`), part(`/payments/${id}`), part(`/payments/${id}/ledger`), part(`/inventory/reservations/${id}`),
  ]);
  const facts = (journal.items ?? []).map((fact) => ({ time: fact.time, kind: "fact", what: fact.type, where: fact.source, why: fact.causationId, actor: fact.actor, trace: fact.correlationId, data: fact.data }));
  const steps = (timeline.items ?? []).filter((step) => !facts.some((fact) => fact.what === step.type)).map((step) => ({ time: step.time, what: step.type, where: "orders' timeline", why: [step.detail, step.cause].filter(Boolean).join(" · ") }));
  const money = (ledger.items ?? []).map((entry) => ({ time: entry.time, kind: "money", what: `${price(entry.amount.amount, entry.amount.currency)} ${entry.debit} → ${entry.credit}`, where: "payments' ledger", why: entry.refundId ?? entry.kind }));
  const trace = facts.find((fact) => fact.what === "OrderPlaced")?.trace ?? facts[0]?.trace;
  const since = facts[0] ? `?since=${encodeURIComponent(new Date(Date.parse(facts[0].time) - 60_000).toISOString())}` : "";
  const runs = trace ? await part(`/journal/traces/${encodeURIComponent(trace)}${since}`) : { items: [] };
  const work = (runs.items ?? []).map((run) => ({
    time: new Date(run.time).toISOString(), kind: run.error ? "error" : "work", where: short(run.function), data: run.fields,
    what: `${WORK[run.function.split("-").at(-1)] ?? run.kind} · ${run.outcome}${run.error ? ` · ${run.error}` : ""}`, why: `${run.durationMs} ms${run.coldStart ? ", cold start" : ""}`,
  }));
  const all = [...facts, ...steps, ...money, ...work].toSorted((one, two) => one.time.localeCompare(two.time));
  const act = (path, body_, done) => async (event) => {
    event.target.disabled = true;
    try { await call("POST", path, { body: body_?.(), headers: { "Idempotency-Key": idempotencyKey() } }); toast(done); } catch (error) { toast(explain(error)); }
    setTimeout(again, 600);
  };
  const amount = h("input", { inputmode: "decimal", "aria-label": "Amount to refund", placeholder: "Amount", value: payment.refundable ? (payment.refundable.amount / 100).toFixed(2) : "" });
  const reason = h("input", { "aria-label": "Reason of the refund", placeholder: "Reason", value: "goodwill" });
  const missing = Object.entries({ timeline, journal, payment, ledger, held, logs: runs }).filter(([, value]) => value.error && value.error.status !== 404);
  fill(body, h("p", { class: "row" }, h("span", { class: "mono" }, id), badge(main.status, main.reason), h("span", { class: "badge soft" }, `payment ${main.paymentStatus ?? "–"}`), held.status && h("span", { class: "badge soft" }, `stock ${held.status}`)),
    missing.map(([name, { error }]) => h("p", { class: "notice warn" }, `${name}: ${explain(error)}`)),
    h("div", { class: "split" },
      h("div", { class: "scroll", tabindex: 0 }, h("table", { id: "story" }, h("thead", {}, h("tr", {}, ["Time", "What", "Where", "Led to by"].map((text) => h("th", {}, text)))),
        h("tbody", {}, all.map((row) => h("tr", { "data-kind": row.kind ?? "fact" }, h("td", { class: "number" }, h("time", { datetime: row.time }, row.time.slice(11, 23))), h("td", {}, h("strong", {}, row.what), row.data && h("details", {}, h("summary", { class: "small soft" }, "data"), h("pre", { tabindex: 0 }, JSON.stringify(row.data, null, 1)))), h("td", {}, row.where, row.actor && h("div", { class: "small soft mono" }, row.actor)), h("td", { class: "mono small" }, row.why ?? "")))))),
      h("aside", { class: "card stack" },
        h("p", { class: "small" }, "Correlation ", h("span", { class: "mono" }, trace ?? "–")),
        h("p", { class: "small soft" }, "The shop sends no mail about orders yet, so there is none to send again."),
        h("table", {}, h("tbody", {}, main.lines.map((line) => h("tr", {}, h("td", {}, `${line.quantity} × ${line.title}`), h("td", { class: "number" }, price(line.total, main.totals.currency)))), h("tr", {}, h("th", {}, "Total"), h("th", { class: "number" }, price(main.totals.total, main.totals.currency))))),
        payment.amount && h("p", { class: "small" }, `Taken ${price(payment.captured.amount, payment.captured.currency)}, paid back ${price(payment.refunded.amount, payment.refunded.currency)}`),
        main.status !== "cancelled" && h("button", { class: "quiet danger", onclick: act(`/orders/${id}/cancel`, null, "Cancelled.") }, "Cancel order"),
        payment.refundable?.amount > 0 && h("div", { class: "stack" }, h("h3", {}, "Refund"), amount, reason, h("button", { class: "quiet", onclick: (event) => {
          const units = minor(amount.value, main.totals.currency);
          if (!units) return void toast("The amount is not a sum of money.");
          return act(`/payments/${id}/refunds`, () => ({ amount: { amount: units, currency: main.totals.currency }, reason: reason.value }), "Refunded.")(event);
        } }, "Refund")))));
}

export async function sagas(body, { left }) {
  const rows = h("tbody");
  const asked = h("dialog", { class: "ask", "aria-labelledby": "ask" });
  body.after(asked);
  left.addEventListener("abort", () => asked.remove());
  const decide = (one, decision) => () => {
    const reason = h("input", { required: true, maxlength: 200 });
    const send = async () => {
      try { await call("POST", `/orders/${one.orderId}/decision`, { body: { decision, reason: reason.value } }); toast("Decided."); } catch (error) { toast(explain(error)); }
      show();
    };
    fill(asked, h("form", { class: "stack", method: "dialog", onsubmit: send }, h("h2", { id: "ask" }, "Cancel this order"), h("p", { class: "mono" }, one.orderId),
      h("label", {}, "Why? The buyer reads this.", reason), h("div", { class: "row" }, h("button", { class: "primary" }, "Cancel the order"), h("button", { class: "quiet", type: "button", onclick: () => asked.close() }, "Leave it"))));
    asked.showModal();
  };
  const show = async () => {
    const { items } = await get("/orders/open", { signal: left });
    const late = (one) => one.decideBy < new Date().toISOString();
    const sorted = items.toSorted((one, two) => one.decideBy.localeCompare(two.decideBy));
    fill(rows, sorted.length ? sorted.map((one) => h("tr", {}, h("td", {}, link(one.orderId)), h("td", {}, late(one) ? h("span", { class: "badge bad" }, "stuck") : h("span", { class: "badge warn" }, "open")),
      h("td", {}, time(one.decideBy)), h("td", { class: "number" }, price(one.total.amount, one.total.currency)), h("td", {}, one.votes.stock ?? "waiting"), h("td", {}, one.votes.payment ?? "waiting"),
      h("td", { class: "row" }, h("button", { class: "quiet danger", onclick: decide(one, "cancel") }, "Cancel"))))
      : h("tr", {}, h("td", { colspan: 7, class: "soft" }, "No open checkouts: every order is decided.")));
  };
  fill(body, h("p", { class: "soft" }, "Orders that wait for a vote. The sweeper cancels each at its deadline; a stuck one has passed it."),
    h("div", { class: "scroll", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, ["Order", "State", "Deadline", "Total", "Stock", "Payment", ""].map((text) => h("th", {}, text)))), rows)));
  await show();
  const timer = setInterval(() => show().catch((error) => error.name !== "AbortError" && fill(rows, failed(error))), 3000);
  left.addEventListener("abort", () => clearInterval(timer));
}
