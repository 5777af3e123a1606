// Faults: break a service on the local stack and watch the shop survive.

import { call, get } from "../lib/api.js";
import { fill, h, toast } from "../lib/dom.js";
import { explain, failed } from "../components/problem.js";

const TROUBLES = [
  ["none", "Works", "Says yes or no as the test card of the checkout does."],
  ["slow", "Slow", "Each answer takes three seconds more. Orders are confirmed, later."],
  ["failing", "Failing", "Each call is answered with an error, and nothing is done. Orders wait, then are cancelled; nothing is charged."],
  ["silent", "Times out", "It does what it is asked, and the answer never comes. Nothing may be charged twice."],
];

/** Return a switch that sends its change, and goes back where that fails. */
function flip(text, name, checked, send) {
  const box = h("input", { type: "checkbox", role: "switch", "aria-label": name, checked, async onchange() {
    box.disabled = true;
    try { await send(box.checked); } catch (error) { box.checked = !box.checked; toast(explain(error)); }
    box.disabled = false;
    box.focus();
  } });
  return h("label", { class: "switch" }, box, text);
}

function card({ service, down, slow }, without) {
  const put = (kind, words) => async (on) => {
    await call("PUT", `/journal/faults/${service}`, { body: { [kind]: on } });
    state();
    toast(`${service} is ${on ? kind : words}.`);
  };
  const switches = { down: flip("Down", `${service} is down`, down, put("down", "up")), slow: flip("Slow", `${service} is slow`, slow, put("slow", "as quick as ever")) };
  const element = h("li", { class: "card fault", "data-fault": service }, h("h3", {}, service), h("p", { class: "small soft" }, without ?? ""), h("div", { class: "row" }, Object.values(switches)));
  const state = () => element.classList.toggle("on", Object.values(switches).some((one) => one.firstChild.checked));
  state();
  return element;
}

/** Return the provider's switch: one trouble at a time, for every call, whatever the card. */
async function provider(place) {
  const { trouble } = await get("/payments/simulator");
  const choose = async (event) => {
    try {
      await call("PUT", "/payments/simulator", { body: { trouble: event.target.value } });
      toast(`The payment provider: ${TROUBLES.find(([name]) => name === event.target.value)[1].toLowerCase()}.`);
    } catch (error) { toast(explain(error)); }
    await provider(place);
    place.querySelector("input:checked")?.focus();
  };
  fill(place, h("fieldset", { class: `card fault${trouble === "none" ? "" : " on"}`, id: "provider" }, h("legend", { class: "visually-hidden" }, "The payment provider"),
    h("div", { class: "choices" }, TROUBLES.map(([name, title, text]) => h("label", {}, h("input", { type: "radio", name: "trouble", value: name, checked: name === trouble, onchange: choose }), h("span", {}, h("strong", {}, title), h("span", { class: "small soft" }, text)))))));
}

export async function faults(body, { left }) {
  const { items } = await get("/journal/faults", { signal: left });
  const map = await (await fetch("/console/map.json", { signal: left })).json();
  const without = new Map(map.services.map((service) => [service.name, service.without]));
  const place = h("div");
  fill(body, h("p", { class: "lead" }, "Break something, buy something in another window, and watch it here under ", h("a", { href: "#pulse" }, "Pulse"), ", ", h("a", { href: "#sagas" }, "Sagas"), " and ", h("a", { href: "#queues" }, "Queues"), ". Only the local stack has these switches."),
    h("h2", {}, "Services"), h("p", { class: "soft small" }, "One that is down takes no call, and its queues wait. One that is slow answers three seconds later."),
    h("ul", { class: "faults" }, items.map((item) => card(item, without.get(item.service)))),
    h("h2", {}, "The payment provider"), place);
  try { await provider(place); } catch (error) { fill(place, failed(error, () => faults(body, { left }))); }
}
