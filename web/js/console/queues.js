// Queues: depth of each, dead letters with their reason, and the way back.

import { call, get } from "../lib/api.js";
import { fill, h, toast } from "../lib/dom.js";
import { explain } from "../components/problem.js";

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 1); } catch { return text; }
}

export async function queues(body, { left }) {
  const list = h("tbody");
  const detail = h("div");
  const redrive = async (name, messageId) => {
    try {
      const { data } = await call("POST", `/journal/queues/${name}/redrive`, { body: messageId ? { messageId } : {} });
      toast(`${data.moved} sent back.`);
    } catch (error) { toast(explain(error)); }
    await show();
    await open(name);
  };
  const open = async (name) => {
    fill(detail, h("h2", {}, name), h("p", { class: "soft" }, "Reading…"));
    const { items } = await get(`/journal/queues/${name}/messages`, { signal: left });
    fill(detail, h("h2", {}, name), items.length ? h("p", {}, h("button", { class: "primary", onclick: () => redrive(name) }, "Send all back")) : h("p", { class: "notice good" }, "Empty: everything has drained."),
      items.map((one) => h("article", { class: "card stack" }, h("p", {}, h("strong", {}, one.reason)), h("p", { class: "small soft" }, `sent ${new Date(one.sentAt).toISOString()}, received ${one.received} times`), h("pre", { tabindex: 0 }, pretty(one.body)), h("div", {}, h("button", { class: "quiet", onclick: () => redrive(name, one.id) }, "Send back")))));
  };
  const show = async () => {
    const { items } = await get("/journal/queues", { signal: left });
    fill(list, items.map((queue) => h("tr", {}, h("td", {}, queue.deadLetter ? h("button", { class: "plain mono", onclick: () => open(queue.name) }, queue.name) : h("span", { class: "mono" }, queue.name)),
      h("td", { class: "number" }, String(queue.waiting)), h("td", { class: "number" }, String(queue.inFlight)), h("td", {}, queue.deadLetter && queue.waiting > 0 && h("span", { class: "badge bad" }, "look")))));
  };
  fill(body, h("div", { class: "split" }, h("div", { class: "scroll", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "Queue"), h("th", { class: "number" }, "Waiting"), h("th", { class: "number" }, "In flight"), h("th", {}, ""))), list)), detail));
  await show();
  const timer = setInterval(() => show().catch(() => null), 2500);
  left.addEventListener("abort", () => clearInterval(timer));
}
