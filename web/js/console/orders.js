// Orders: the list of a day, one order across all services, and the checkouts still open.

import { call, get, idempotencyKey, page as filled } from "../lib/api.js";
import { fill, h, sleep, toast } from "../lib/dom.js";
import { decimal, minor, price } from "../lib/money.js";
import { explain, failed } from "../components/problem.js";

const tone = { confirmed: "good", cancelled: "bad" };
const badge = (status, reason) => h("span", { class: `badge ${tone[status] ?? "warn"}` }, reason ? `${status}: ${reason}` : status);
const link = (id, number) => h("a", { class: "mono", href: `#order/${id}`, title: id }, number ?? id);
/** An order's number as people write it: two of its letters and digits, four more, with a dash or without. */
const NUMBER = /^[2-9B-DF-HJ-NP-RTV-Z]{2}[\s-]?[2-9B-DF-HJ-NP-RTV-Z]{4}$/i;
const WORK = { http: "call", inbox: "delivery", publish: "facts published", sweep: "sweep", mail: "mail", import: "import" };
/** When an order is looked at again after an act of staff, each so many milliseconds after the look before. */
const FOLLOWED = [600, 1500, 4000];
const short = (name) => name.replace(/^souk-[a-z0-9]+-/, "");
const time = (iso) => h("time", { datetime: iso }, iso?.replace("T", " ").slice(0, 23) ?? "");

/** Return the orders that a number, an e-mail address, a name or a SKU finds, newest first. */
async function found(text) {
  const search = (kind) => get(`/orders/search?limit=100&${kind}=${encodeURIComponent(text)}`).then((page) => page.items);
  const own = async () => {
    const { items } = await get(`/identity/customers?email=${encodeURIComponent(text)}`);
    return items.length ? (await get(`/orders?limit=100&customerId=${encodeURIComponent(items[0].customerId)}`)).items : [];
  };
  const asked = text.includes("@") ? [search("email"), own()] : NUMBER.test(text) ? [search("number"), search("sku"), search("name")] : [search("name"), search("sku")];
  const every = (await Promise.all(asked)).flat();
  return [...new Map(every.map((one) => [one.orderId, one])).values()].toSorted((one, two) => two.placedAt.localeCompare(one.placedAt));
}

export async function orders(body, { left }) {
  const day = h("input", { type: "date", value: new Date().toISOString().slice(0, 10), onchange: () => list() });
  const wanted = h("input", { type: "search", placeholder: "K7-4R92, an e-mail address, a name, a SKU", "aria-label": "Number, e-mail address, name or SKU of an order" });
  const rows = h("tbody");
  const more = h("div");
  let latest = 0;  // what was asked for last is shown, whichever answer comes last
  const find = async (event) => {
    event.preventDefault();
    const text = wanted.value.trim();
    if (text.startsWith("ord_")) return void (location.hash = `order/${text}`);
    const mine = ++latest;
    try {
      const items = await found(text);
      if (mine !== latest) return;
      fill(more);
      fill(rows, !items.length && h("tr", {}, h("td", { colspan: 4, class: "soft" }, "No decided order is found by this; one that still waits is among the open checkouts.")), items.map((one) => h("tr", {}, h("td", {}, time(one.placedAt)), h("td", {}, link(one.orderId, one.number)), h("td", {}, badge(one.status, one.reason)), h("td", { class: "number" }, price(one.totals.total, one.totals.currency)))));
    } catch (error) { toast(explain(error)); }
  };
  const list = async (cursor) => {
    const mine = cursor ? latest : ++latest;
    const page = await filled(`/journal/orders?day=${day.value}&limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, { signal: left });
    if (mine !== latest) return;
    if (!cursor) fill(rows);
    rows.append(...page.items.map((one) => h("tr", {}, h("td", {}, time(one.placedAt)), h("td", {}, link(one.orderId, one.number)), h("td", {}, badge(one.status, one.reason)), h("td", { class: "number" }, one.currency ? price(one.total, one.currency) : ""))));
    if (!rows.children.length) fill(rows, h("tr", {}, h("td", { colspan: 4, class: "soft" }, "No orders on this day.")));
    fill(more, page.nextCursor && h("button", { class: "quiet", onclick: () => list(page.nextCursor) }, "Show more"));
  };
  const unpaid = h("div");
  const unsettled = h("div");
  fill(body, unpaid, unsettled, h("form", { class: "tools", role: "search", onsubmit: find }, h("label", {}, "Day (UTC)", day), h("label", {}, "Find", wanted), h("button", { class: "quiet" }, "Find")),
    h("div", { class: "scroll", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "Placed"), h("th", {}, "Order"), h("th", {}, "Status"), h("th", { class: "number" }, "Total"))), rows)), more);
  await Promise.all([list(), showUnpaid(unpaid, left), showUnsettled(unsettled, left)]);
}

/** Show the confirmed orders that could not be charged, above all others; nothing where there are none. */
async function showUnpaid(place, left) {
  const { items } = await get("/orders/unpaid", { signal: left });
  if (items.length) fill(place, h("section", { class: "notice bad", id: "unpaid" }, h("h2", {}, "Confirmed, and could not be charged"), h("p", { class: "small" }, "Their buyers were asked by mail for another means of payment. The goods are kept until they pay, or you cancel."), h("ul", { class: "plain-list" }, items.map((one) => h("li", {}, time(one.placedAt), " ", link(one.orderId), ` ${price(one.totals.total, one.totals.currency)}`)))));
}

/** Show the orders of which a refund failed or that are disputed, with what there is to do; nothing where there are none. */
async function showUnsettled(place, left) {
  const { items } = await get("/orders/unsettled", { signal: left });
  const why = ({ refundFailed: owed }) => (owed.amount > 0 ? ` refund of ${price(owed.amount, owed.currency)} failed` : " disputed at the bank");
  if (items.length) fill(place, h("section", { class: "notice bad", id: "unsettled" }, h("h2", {}, "Money to see to"), h("p", { class: "small" }, "A refund that failed is with the shop again: refund it once more on the order's page, or ask the buyer for another way to pay it. A dispute is answered at the payment provider, before its date."), h("ul", { class: "plain-list" }, items.map((one) => h("li", {}, time(one.placedAt), " ", link(one.orderId, one.number), why(one))))));
}

/** Ask before what cannot be taken back, and say what else will happen; `go` runs where the answer is yes. */
function sure(title, says, yes, go, left) {
  const asked = h("dialog", { class: "ask", "aria-labelledby": "sure" });
  asked.addEventListener("close", () => asked.remove());
  left.addEventListener("abort", () => asked.remove());
  fill(asked, h("form", { class: "stack", method: "dialog", onsubmit: go }, h("h2", { id: "sure" }, title), says.map((line) => h("p", {}, line)),
    h("div", { class: "row" }, h("button", { class: "primary" }, yes), h("button", { class: "quiet", type: "button", onclick: () => asked.close() }, "Leave it"))));
  document.body.append(asked);
  asked.showModal();
}

/** One order, from every service that knows of it; a service that is down leaves its part out and says so. */
export async function order(body, { argument: id, left }) {
  const again = () => order(body, { argument: id, left });
  const part = async (path) => get(path, { signal: left }).catch((error) => { if (error.name === "AbortError") throw error; return { error }; });
  const asked = get(`/orders/${id}`, { signal: left });
  const [main, timeline, journal, payment, ledger, held, mails] = await Promise.all([
    asked, part(`/orders/${id}/timeline`), part(`/journal/subjects/${id}`), part(`/payments/${id}`), part(`/payments/${id}/ledger`), asked.then(({ lines }) => part(`/inventory/reservations/${id}?sku=${encodeURIComponent(lines[0].sku)}`)), part(`/orders/${id}/mails`),
  ]);
  const facts = (journal.items ?? []).map((fact) => ({ time: fact.time, kind: "fact", what: fact.type, where: fact.source, why: fact.causationId, actor: fact.actor, trace: fact.correlationId, data: fact.data }));
  const steps = (timeline.items ?? []).filter((step) => !facts.some((fact) => fact.what === step.type)).map((step) => ({ time: step.time, kind: "fact", what: step.type, where: "orders' timeline", why: [step.detail, step.cause].filter(Boolean).join(" · ") }));
  const money = (ledger.items ?? []).map((entry) => ({ time: entry.time, kind: "money", what: `${price(entry.amount.amount, entry.amount.currency)} ${entry.debit} → ${entry.credit}`, where: "payments' ledger", why: entry.refundId ?? entry.disputeId ?? entry.kind }));
  const post = (mails.items ?? []).map((mail) => ({ time: mail.sentAt, kind: "mail", what: `Mail: ${mail.kind}`, where: `to ${main.email}`, why: mail.by ? "sent again" : "", actor: mail.by }));
  const trace = facts.find((fact) => fact.what === "OrderPlaced")?.trace ?? facts[0]?.trace;
  const since = facts[0] ? `?since=${encodeURIComponent(new Date(Date.parse(facts[0].time) - 60_000).toISOString())}` : "";
  const runs = trace ? await part(`/journal/traces/${encodeURIComponent(trace)}${since}`) : { items: [] };
  const work = (runs.items ?? []).map((run) => ({
    time: new Date(run.time).toISOString(), kind: run.error ? "error" : "work", where: short(run.function), data: run.fields,
    what: `${WORK[run.function.split("-").at(-1)] ?? run.kind} · ${run.outcome}${run.error ? ` · ${run.error}` : ""}`, why: `${run.durationMs} ms${run.coldStart ? ", cold start" : ""}`,
  }));
  const all = [...facts, ...steps, ...money, ...post, ...work].toSorted((one, two) => one.time.localeCompare(two.time));
  const act = (path, body_, done) => async (event) => {
    event.target.disabled = true;
    try { await call("POST", path, { body: body_?.(), headers: { "Idempotency-Key": idempotencyKey() } }); toast(done); } catch (error) { toast(explain(error)); }
    for (const wait of FOLLOWED) {  // what it leads to comes to the other services one after the other
      await sleep(wait);
      if (left.aborted || body.querySelector("input:focus")) return;
      await again().catch(() => null);
    }
  };
  const { currency } = main.totals;
  const amount = h("input", { inputmode: "decimal", value: payment.refundable ? decimal(payment.refundable.amount, currency) : "" });
  const reason = h("input", { value: "goodwill", maxlength: 200 });
  const refund = (event) => {
    const units = minor(amount.value, currency);
    if (!units) return void toast("The amount is not a sum of money.");
    const { amount: most } = payment.refundable;
    if (units > most) return void toast(`At most ${price(most, currency)} can still be paid back.`);
    const { target } = event;
    const send = act(`/payments/${id}/refunds`, () => ({ amount: { amount: units, currency }, reason: reason.value }), "The refund is under way.");
    sure("Refund this payment?", [`${price(units, currency)} of ${price(most, currency)} that can still be paid back.`, "The money goes back the way it came. The order stays as it is, and its goods stay sold: to take those back too, cancel the order instead."],
      `Refund ${price(units, currency)}`, () => send({ target }), left);
  };
  const cancel = ({ target }) => {
    const due = payment.refundable?.amount ?? 0;
    const units = main.lines.reduce((sum, line) => sum + line.quantity, 0);
    sure("Cancel this order?", [
      payment.error ? "Whether money was taken cannot be seen now: what was is paid back, what is held is let go." : due > 0 ? `${price(due, currency)} of ${price(main.totals.total, currency)} go back to the buyer.` : "No money goes back: nothing that is still to be paid back was taken. What is held is let go.",
      `${units === 1 ? "The unit goes" : `All ${units} units go`} back into stock.`, "The buyer gets a mail. This cannot be undone.",
    ], "Cancel the order", () => act(`/orders/${id}/cancel`, null, "Cancelled.")({ target }), left);
  };
  const missing = Object.entries({ timeline, journal, payment, ledger, held, mails, logs: runs }).filter(([, value]) => value.error && value.error.status !== 404);
  const { shippingAddress: to } = main;
  const sum = (name, value) => h("tr", {}, h("td", { class: "soft" }, name), h("td", { class: "number" }, price(value, currency)));
  fill(body, h("p", { class: "row" }, h("strong", { class: "mono" }, main.number), h("span", { class: "mono" }, id), badge(main.status, main.reason), h("span", { class: "badge soft" }, `payment ${payment.status ?? main.paymentStatus ?? "–"}`), held.status && h("span", { class: "badge soft" }, `stock ${held.status}`)),
    missing.map(([name, { error }]) => h("p", { class: "notice warn" }, `${name}: ${explain(error)}`)),
    h("div", { class: "split" },
      h("div", { class: "scroll", tabindex: 0 }, h("table", { id: "story" }, h("thead", {}, h("tr", {}, ["Time", "What", "Where", "Led to by"].map((text) => h("th", {}, text)))),
        h("tbody", {}, all.map((row) => h("tr", { "data-kind": row.kind }, h("td", {}, h("time", { datetime: row.time }, row.time.slice(11, 23))), h("td", {}, row.data && Object.keys(row.data).length > 0 ? h("details", {}, h("summary", {}, h("strong", {}, row.what)), h("pre", { tabindex: 0 }, JSON.stringify(row.data, null, 1))) : h("strong", {}, row.what)), h("td", {}, row.where, row.actor && h("div", { class: "small soft mono" }, `by ${row.actor}`)), h("td", { class: "mono small" }, (row.why ?? "").replace(/^ord_\w+\.\d+\./, ""))))))),
      h("aside", { class: "stack" },
        h("section", { class: "card stack" }, h("h2", {}, "Bought"),
          h("table", {}, h("tbody", {}, main.lines.map((line) => h("tr", {}, h("td", {}, `${line.quantity} × ${line.title}`), h("td", { class: "number" }, price(line.total, currency)))),
            sum("Shipping", main.totals.shipping), sum(main.totals.taxIncluded ? "Tax, included" : "Tax", main.totals.tax), main.totals.rounding ? sum("Rounding", main.totals.rounding) : null, h("tr", {}, h("th", { scope: "row" }, "Total"), h("td", { class: "number" }, h("strong", {}, price(main.totals.total, currency)))))),
          payment.amount && h("p", { class: "small" }, `Taken ${price(payment.captured.amount, payment.captured.currency)}, paid back ${price(payment.refunded.amount, currency)}${payment.refunding.amount ? `, on its way back ${price(payment.refunding.amount, currency)}` : ""}${payment.disputed.amount ? `, taken back for disputes ${price(payment.disputed.amount, currency)}` : ""}`),
          payment.refunds?.filter((one) => one.status === "failed").map((one) => h("p", { class: "notice bad small" }, `A refund of ${price(one.amount.amount, one.amount.currency)} failed (${one.code}): the buyer did not get it.`)),
          h("p", { class: "small soft" }, [to.name, to.line1, to.line2, `${to.postalCode} ${to.city}`, to.country].filter(Boolean).join(", "))),
        h("section", { class: "card stack", id: "mails" }, h("h2", {}, "Mails"),
          post.length ? h("ul", { class: "plain-list small" }, post.map((mail) => h("li", {}, h("strong", {}, mail.what.slice("Mail: ".length)), ` ${mail.time.slice(11, 19)}`, mail.actor && h("span", { class: "soft" }, `, sent again by ${mail.actor}`)))) : h("p", { class: "small soft" }, main.status === "placed" ? "One follows when the order is decided." : "None sent yet."),
          main.status !== "placed" && h("div", {}, h("button", { class: "quiet", onclick: act(`/orders/${id}/mails`, null, "The mail is on its way.") }, main.unpaid ? "Ask for another payment" : "Send again"))),
        payment.refundable?.amount > 0 && h("section", { class: "card stack" }, h("h2", {}, "Refund"), h("div", { class: "fields" }, h("label", {}, `Amount to refund (${currency})`, amount), h("label", {}, "Reason of the refund", reason)), h("div", {}, h("button", { class: "quiet", onclick: refund }, "Refund"))),
        main.status !== "cancelled" && h("section", { class: "card stack" }, h("h2", {}, "Call it off"), h("p", { class: "small soft" }, "Stock goes back on the shelf, money back to the buyer."), h("div", {}, h("button", { class: "quiet danger", onclick: cancel }, "Cancel order"))),
        h("p", { class: "small soft" }, "Correlation ", h("span", { class: "mono" }, trace ?? "–")))));
}

const OWED = { stock: "inventory", payment: "payments" };
const SAID = { StockReserved: { stock: "reserved" }, PaymentAuthorized: { payment: "authorised" } };
/** The journal is asked about so many orders at a time. */
const ASKED = 20;

/**
 * Add to open orders what the journal has heard of them. An order hears its votes together, with the last (docs/adr/0031):
 * who waits for one that is late is to see what the others have said. `known` keeps the votes heard, by order.
 */
async function heard(items, known, left) {
  const unsaid = (one) => Object.keys(OWED).some((vote) => !one.votes[vote] && !known[one.orderId]?.[vote]);
  await Promise.all(items.filter(unsaid).slice(0, ASKED).map(async ({ orderId }) => {
    const { items: facts } = await get(`/journal/subjects/${orderId}`, { signal: left }).catch((error) => { if (error.name === "AbortError") throw error; return { items: [] }; });
    known[orderId] = Object.assign({}, ...facts.map(({ type }) => SAID[type]));
  }));
  return items.map((one) => ({ ...one, votes: Object.fromEntries(Object.entries(one.votes).map(([vote, word]) => [vote, word ?? known[one.orderId]?.[vote] ?? null])) }));
}

/** The payment's vote of an order whose bank asks its buyer first: there is none yet. */
const ASKS = "action_required";

/** Say what is done about what is missing: who owes it, and what waits there to be tried again. */
function owed(one, queues) {
  if (one.votes.payment === ASKS) return h("div", {}, "the buyer has not answered their bank");
  const missing = Object.entries(OWED).filter(([vote]) => !one.votes[vote]).map(([, service]) => service);
  return (missing.length ? missing : ["orders"]).map((service) => {
    const depth = (suffix) => { const queue = queues.find(({ name }) => name.endsWith(`-${service}-inbox${suffix}`)); return (queue?.waiting ?? 0) + (queue?.inFlight ?? 0); };
    const dead = depth("-dlq");
    return h("div", {}, dead ? h("a", { href: "#queues" }, `${dead} dead letters of ${service}`) : depth("") ? `${service} has ${depth("")} to handle; tried again each minute` : missing.length ? `no answer of ${service} yet` : "the votes are on their way to orders");
  });
}

/** Return how long until a time, or since: `1:05 left`, `0:20 over`. */
function clock(iso) {
  const seconds = Math.round((Date.parse(iso) - Date.now()) / 1000);
  const span = Math.abs(seconds);
  return `${Math.floor(span / 60)}:${String(span % 60).padStart(2, "0")} ${seconds < 0 ? "over" : "left"}`;
}

export async function sagas(body, { left }) {
  const rows = h("tbody");
  const known = {};
  const asked = h("dialog", { class: "ask", "aria-labelledby": "ask" });
  body.after(asked);
  left.addEventListener("abort", () => asked.remove());
  const decide = (one) => () => {
    const reason = h("input", { required: true, maxlength: 200 });
    const send = async () => {
      try { await call("POST", `/orders/${one.orderId}/decision`, { body: { decision: "cancel", reason: reason.value } }); toast("Decided."); } catch (error) { toast(explain(error)); }
      show().catch(() => null);
    };
    fill(asked, h("form", { class: "stack", method: "dialog", onsubmit: send }, h("h2", { id: "ask" }, "Cancel this order"), h("p", { class: "mono" }, one.number),
      h("label", {}, "Why? The buyer reads this.", reason), h("div", { class: "row" }, h("button", { class: "primary" }, "Cancel the order"), h("button", { class: "quiet", type: "button", onclick: () => asked.close() }, "Leave it"))));
    asked.showModal();
  };
  const vote = (word) => h("td", {}, h("span", { class: `badge ${word && word !== ASKS ? "good" : "warn"}` }, word === ASKS ? "bank asks" : word ?? "waiting"));
  const row = (one, queues) => {
    const stuck = Date.parse(one.decideBy) < Date.now();
    const step = stuck ? "past its deadline" : one.votes.payment === ASKS ? "its bank asks the buyer" : one.votes.stock ? "stock held" : one.votes.payment ? "payment authorised" : "placed";
    return h("tr", { "data-stuck": stuck }, h("td", {}, link(one.orderId, one.number)), h("td", {}, h("span", { class: `badge ${stuck ? "bad" : "soft"}` }, stuck ? "stuck" : "open"), h("div", { class: "small soft" }, step)),
      vote(one.votes.stock), vote(one.votes.payment), h("td", {}, clock(one.decideBy), h("div", { class: "small soft" }, time(one.decideBy))),
      h("td", { class: "small" }, stuck && "cancelled by the next sweep, within a minute", owed(one, queues)),
      h("td", { class: "number" }, price(one.total.amount, one.total.currency)), h("td", {}, h("button", { class: "quiet danger", "data-id": one.orderId, onclick: decide(one) }, "Cancel")));
  };
  const show = async () => {
    const [items, { items: queues }] = await Promise.all([get("/orders/open", { signal: left }).then((open) => heard(open.items, known, left)), get("/journal/queues", { signal: left }).catch((error) => { if (error.name === "AbortError") throw error; return { items: [] }; })]);
    const sorted = items.toSorted((one, two) => one.decideBy.localeCompare(two.decideBy));
    const focus = rows.contains(document.activeElement) && document.activeElement.dataset.id;
    fill(rows, sorted.length ? sorted.map((one) => row(one, queues)) : h("tr", {}, h("td", { colspan: 8, class: "soft empty" }, "No open checkouts: every order is decided.")));
    if (focus) rows.querySelector(`[data-id="${CSS.escape(focus)}"]`)?.focus();
  };
  fill(body, h("p", { class: "lead" }, "Orders that wait for a vote, the nearest deadline first. At its deadline an order is cancelled by itself; one that has passed it is stuck until the next sweep."),
    h("div", { class: "scroll", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, ["Order", "Step", "Stock", "Payment", "Deadline", "Retry", "Total", ""].map((text, index) => h("th", { class: index === 6 && "number" }, text)))), rows)));
  await show();
  const timer = setInterval(() => show().catch((error) => error.name !== "AbortError" && fill(rows, h("tr", {}, h("td", { colspan: 8 }, failed(error))))), 3000);
  left.addEventListener("abort", () => clearInterval(timer));
}
