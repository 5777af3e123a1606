// Faults: break a service on the local stack and watch the shop survive.

import { call, get } from "../lib/api.js";
import { fill, h, toast } from "../lib/dom.js";
import { explain } from "../components/problem.js";

export async function faults(body) {
  const { items } = await get("/journal/faults");
  const flip = (one) => async (event) => {
    const down = event.target.checked;
    try { await call("PUT", `/journal/faults/${one.service}`, { body: { down } }); toast(`${one.service} is ${down ? "down" : "up"}.`); } catch (error) { event.target.checked = !down; toast(explain(error)); }
  };
  fill(body, h("p", {}, "A service that is down takes no call: its pages say so, its queues wait, everything else goes on. Switch it back and watch the queues drain under Pulse."),
    h("p", { class: "soft" }, "A payment provider that is slow, fails or loses its answer is chosen at the checkout, by the test card."),
    h("ul", { class: "stack" }, items.map((one) => h("li", { class: "card" }, h("label", { class: "switch" }, h("input", { type: "checkbox", checked: one.down, onchange: flip(one) }), `${one.service} is down`)))));
}
