// Queues: depth of each, dead letters with their reason, and the way back.

import { call, get } from "../lib/api.js";
import { fill, h, sleep, toast } from "../lib/dom.js";
import { explain, failed } from "../components/problem.js";

const DRAINED = 30_000;
const depth = (queue) => (queue ? queue.waiting + queue.inFlight : 0);

/** Return a message's parts: what it is, what it is about, and all of it readable; the text itself where it is no event. */
function decoded(text) {
  try {
    const event = JSON.parse(text);
    const { detail = {} } = event;
    const said = (value) => (typeof value === "string" ? value : null);  // what is in a dead letter may be anything
    return { type: said(detail.type ?? event["detail-type"]), from: said(event.source), about: said(detail.aggregate?.id), trace: said(detail.correlationId), pretty: JSON.stringify(event, null, 1) };
  } catch { return { pretty: text }; }
}

export async function queues(body, { left }) {
  const list = h("tbody");
  const detail = h("section", { class: "stack", "aria-live": "polite" });
  let now = [];
  const find = (name) => now.find((queue) => queue.name === name);

  /** Send dead letters back, and look until neither they nor the queue they went to hold anything. */
  const redrive = async (name, messageId) => {
    const home = name.replace(/-dlq$/, "");
    try {
      const { data } = await call("POST", `/journal/queues/${name}/redrive`, { body: messageId ? { messageId } : {} });
      await open(name);
      const said = h("p", { class: "notice", role: "status" });
      detail.prepend(said);
      const until = Date.now() + DRAINED;
      for (;;) {
        await show();
        const waiting = depth(find(home));
        const back = depth(find(name));
        if (!waiting) {
          said.className = `notice ${back && !messageId ? "warn" : "good"}`;
          said.textContent = back && !messageId ? `${data.moved} sent back, ${back} dead letters here: read why.` : `${data.moved} sent back, and ${home} has drained.`;
          await list_(name);
          return;
        }
        said.textContent = `${data.moved} sent back; ${waiting} still in ${home}…`;
        if (Date.now() > until || left.aborted) return;
        await sleep(500);
      }
    } catch (error) {
      if (error.name !== "AbortError") toast(explain(error));
    }
  };
  /** Delete a dead letter for good; the acts show who did, and why. */
  const remove = async (name, messageId, reason) => {
    try {
      const { data } = await call("POST", `/journal/queues/${name}/deletions`, { body: { messageId, reason } });
      await Promise.all([show(), list_(name)]);
      detail.prepend(h("p", { class: "notice good", role: "status" }, data.left === 1 ? "Deleted. 1 dead letter is left here." : `Deleted. ${data.left} dead letters are left here.`));
    } catch (error) {
      if (error.name !== "AbortError") toast(explain(error));
    }
  };
  const deletion = (name, id) => {
    const why = h("input", { required: true, minlength: 3, maxlength: 200 });
    return h("details", {}, h("summary", { class: "small" }, "Delete it…"),
      h("form", { class: "row", onsubmit: (event) => { event.preventDefault(); remove(name, id, why.value); } },
        h("label", {}, "Why ", why), h("button", { class: "quiet" }, "Delete for good")));
  };
  const messages = h("div", { class: "stack" });
  const list_ = async (name) => {
    const { items } = await get(`/journal/queues/${name}/messages`, { signal: left });
    const stream = !find(name.replace(/-dlq$/, ""));
    const all = Math.max(items.length, depth(find(name)));
    fill(messages, items.length
      ? !stream && h("p", {}, h("button", { class: "primary", onclick: () => redrive(name) }, all === 1 ? "Send it back" : `Send all ${all} back`))
      : h("p", { class: "notice good" }, "Empty: everything has drained."),
    stream && items.length > 0 && h("p", { class: "notice warn" }, "These are records of a stream; there is no queue to send them back to. Mend the cause and write the items again."),
    all > items.length && items.length > 0 && h("p", { class: "soft" }, `${items.length} of ${all} are shown.`),
    items.map((one) => {
      const { type, from, about, trace, pretty } = decoded(one.body);
      return h("article", { class: "card stack letter" },
        h("div", { class: "row between" }, h("h3", {}, type ?? "No event"), !stream && items.length > 1 && h("button", { class: "quiet", onclick: () => redrive(name, one.id) }, "Send back")),
        h("p", { class: "error" }, one.reason),
        h("dl", { class: "facts" }, [["from", from], ["about", about && (about.startsWith("ord_") ? h("a", { class: "mono", href: `#order/${about}` }, about) : h("span", { class: "mono" }, about))], ["correlation", trace && h("span", { class: "mono" }, trace)], ["sent", new Date(one.sentAt).toISOString().replace("T", " ").slice(0, 19)], ["received", `${one.received} times`]]
          .filter(([, value]) => value).map(([name_, value]) => h("div", {}, h("dt", {}, name_), h("dd", {}, value)))),
        h("details", {}, h("summary", { class: "small" }, "The whole message"), h("pre", { tabindex: 0 }, pretty)), deletion(name, one.id));
    }));
  };
  const open = async (name) => {
    fill(detail, h("h2", { class: "first mono" }, name), messages);
    fill(messages, h("p", { class: "soft" }, "Reading…"));
    for (const row of list.children) row.toggleAttribute("data-open", row.dataset.queue === name);
    try { await list_(name); } catch (error) { if (error.name !== "AbortError") fill(messages, failed(error, () => open(name))); }
  };
  const row = (queue) => {
    const state = depth(queue) === 0 ? null : queue.deadLetter ? "bad" : "warn";
    return h("tr", { "data-queue": queue.name, "data-open": detail.querySelector("h2")?.textContent === queue.name },
      h("td", {}, queue.deadLetter ? h("button", { class: "plain mono", onclick: () => open(queue.name) }, queue.name) : h("span", { class: "mono" }, queue.name)),
      h("td", { class: "number" }, state && queue.waiting ? h("span", { class: `badge ${state}` }, String(queue.waiting)) : h("span", { class: "soft" }, String(queue.waiting))), h("td", { class: "number soft" }, String(queue.inFlight)));
  };
  const show = async () => {
    now = (await get("/journal/queues", { signal: left })).items;
    const focus = list.contains(document.activeElement) && document.activeElement.textContent;
    // What needs a look comes first: dead letters, then what waits.
    const rank = (queue) => (depth(queue) === 0 ? 2 : queue.deadLetter ? 0 : 1);
    fill(list, now.toSorted((one, two) => rank(one) - rank(two)).map(row));
    if (focus) [...list.querySelectorAll("button")].find((one) => one.textContent === focus)?.focus();
  };
  fill(detail, h("p", { class: "soft" }, "Choose a dead-letter queue to read what is in it."));
  fill(body, h("div", { class: "split" }, h("div", { class: "scroll", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "Queue"), h("th", { class: "number" }, "Waiting"), h("th", { class: "number" }, "In flight"))), list)), detail));
  await show();
  const timer = setInterval(() => show().catch(() => null), 2500);
  left.addEventListener("abort", () => clearInterval(timer));
}
