// Pulse: the services as the templates draw them, facts travelling between them, and each queue's state.

import { get } from "../lib/api.js";
import { fill, h, sleep, svg } from "../lib/dom.js";
import { failed } from "../components/problem.js";

const SIZE = { width: 1000, height: 620, box: { width: 168, height: 76 } };
const WINDOW = 60_000;

/** Return a place for each service: around an ellipse, in the order of the map. */
function places(services) {
  return new Map(services.map((service, index) => {
    const angle = (index / services.length) * 2 * Math.PI - Math.PI / 2;
    return [service.name, { x: SIZE.width / 2 + Math.cos(angle) * 380, y: SIZE.height / 2 + Math.sin(angle) * 235 }];
  }));
}

function curve(from, to) {
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  const pull = { x: middle.x + (SIZE.width / 2 - middle.x) * 0.45, y: middle.y + (SIZE.height / 2 - middle.y) * 0.45 };
  return `M${from.x} ${from.y}Q${pull.x} ${pull.y} ${to.x} ${to.y}`;
}

function drawn(map) {
  const at = places(map.services);
  const edges = map.edges.map((edge) => svg("path", { class: "edge", d: curve(at.get(edge.from), at.get(edge.to)), "data-from": edge.from, "data-to": edge.to }, svg("title", {}, `${edge.from} → ${edge.to}: ${edge.facts.join(", ")}`)));
  const boxes = map.services.map((service) => {
    const { x, y } = at.get(service.name);
    const { width, height } = SIZE.box;
    return svg("g", { class: "service", "data-service": service.name, transform: `translate(${x - width / 2} ${y - height / 2})` },
      svg("title", {}, `${service.functions.length} functions, table ${service.table}, ${service.queues.length} queues`),
      svg("rect", { class: "frame", width, height, rx: 12 }),
      svg("text", { x: 14, y: 26 }, service.name),
      svg("text", { class: "detail", x: 14, y: 45 }, `${service.functions.length} functions · ${service.queues.length} queues`),
      svg("text", { class: "detail state", x: 14, y: 62 }, "…"));
  });
  return svg("svg", { class: "map", viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": "Services and the facts between them" }, edges, boxes);
}

/** Let a dot travel along the edges a fact takes. */
function travel(picture, map, fact) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const edge of map.edges.filter((one) => one.from === fact.source && one.facts.includes(fact.type))) {
    const path = picture.querySelector(`path[data-from="${edge.from}"][data-to="${edge.to}"]`);
    const dot = svg("circle", { class: "fact", r: 5 });
    const length = path.getTotalLength();
    const began = performance.now();
    picture.append(dot);
    path.dataset.hot = "";
    const step = (time) => {
      const share = Math.min(1, (time - began) / 900);
      const point = path.getPointAtLength(length * share);
      dot.setAttribute("cx", point.x);
      dot.setAttribute("cy", point.y);
      if (share < 1) requestAnimationFrame(step);
      else { dot.remove(); delete path.dataset.hot; }
    };
    requestAnimationFrame(step);
  }
}

function state(service, facts, queues, health) {
  const mine = queues.filter((queue) => queue.service === service);
  const dead = mine.filter((queue) => queue.deadLetter).reduce((sum, queue) => sum + queue.waiting, 0);
  const waiting = mine.filter((queue) => !queue.deadLetter).reduce((sum, queue) => sum + queue.waiting + queue.inFlight, 0);
  const rate = facts.filter((fact) => fact.source === service).length;
  const bits = [`${rate} facts/min`, `${waiting} waiting`];
  if (dead) bits.push(`${dead} dead`);
  if (health === false) bits.push("down");
  return { text: bits.join(" · "), level: health === false || dead ? "bad" : waiting > 20 ? "warn" : rate ? "busy" : "idle", rate, waiting, dead };
}

export async function pulse(body, { left }) {
  const map = await (await fetch("/console/map.json")).json();
  const picture = drawn(map);
  const table = h("tbody");
  const feed = h("ul", { class: "feed", "aria-label": "Newest facts" });
  const trouble = h("div");
  fill(body, trouble, h("div", { class: "split" }, h("div", {}, picture, h("h2", {}, "Services"), h("div", { class: "scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, ["Service", "Facts a minute", "Waiting", "Dead letters", "Answers"].map((text) => h("th", {}, text)))), table))), h("div", {}, h("h2", {}, "Facts"), feed)));
  const segment = (name) => (name === "cart" ? "carts" : name);
  let facts = [];
  const known = new Set();
  while (!left.aborted) {
    try {
      const [{ items }, { items: queues }, health] = await Promise.all([
        get("/journal/events?limit=200", { signal: left }), get("/journal/queues", { signal: left }),
        Promise.all(map.services.map((service) => fetch(`/${segment(service.name)}/health`, { signal: left }).then((answer) => answer.ok, () => false))),
      ]);
      const fresh = items.filter((fact) => !known.has(fact.id));
      if (known.size) fresh.slice(-12).forEach((fact, index) => setTimeout(() => travel(picture, map, fact), index * 80));
      for (const fact of items) known.add(fact.id);
      facts = items.filter((fact) => Date.now() - Date.parse(fact.time) < WINDOW);
      fill(table, map.services.map((service, index) => {
        const now = state(service.name, facts, queues, health[index]);
        const box = picture.querySelector(`[data-service="${service.name}"]`);
        box.dataset.state = now.level;
        box.querySelector(".state").textContent = now.text;
        return h("tr", {}, h("td", {}, service.name), h("td", { class: "number" }, String(now.rate)), h("td", { class: "number" }, String(now.waiting)),
          h("td", { class: "number" }, now.dead ? h("a", { href: "#queues" }, String(now.dead)) : "0"), h("td", {}, h("span", { class: `badge ${health[index] ? "good" : "bad"}` }, health[index] ? "yes" : "no")));
      }));
      fill(feed, items.slice(-60).reverse().map((fact) => h("li", {}, h("time", { datetime: fact.time }, fact.time.slice(11, 23)),
        h("span", {}, h("strong", {}, fact.type), " ", fact.subject.startsWith("ord_") ? h("a", { class: "mono", href: `#order/${fact.subject}` }, fact.subject) : h("span", { class: "mono" }, fact.subject)))));
      fill(trouble);
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(trouble, failed(error));
    }
    await sleep(1500);
  }
}
