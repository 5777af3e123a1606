// Pulse: the services as the templates draw them, facts travelling between them, and each queue's state.

import { get } from "../lib/api.js";
import { fill, h, sleep, svg } from "../lib/dom.js";
import { failed } from "../components/problem.js";

const SIZE = { width: 1000, height: 640, box: { width: 200, height: 96 } };
const WINDOW = 60_000;

/** Return a place for each service: around an ellipse, in the order of the map; the journal, which hears all, inside. */
function places(services) {
  const around = services.filter(({ name }) => name !== "journal");
  const at = new Map(around.map((service, index) => {
    const angle = ((index + 0.5) / around.length) * 2 * Math.PI - Math.PI / 2;
    return [service.name, { x: SIZE.width / 2 + Math.cos(angle) * 385, y: SIZE.height / 2 + Math.sin(angle) * 250 }];
  }));
  return at.set("journal", { x: SIZE.width / 2, y: SIZE.height / 2 });
}

function curve(from, to) {
  const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
  const pull = { x: middle.x + (SIZE.width / 2 - middle.x) * 0.3, y: middle.y + (SIZE.height / 2 - middle.y) * 0.3 };
  return `M${from.x} ${from.y}Q${pull.x} ${pull.y} ${to.x} ${to.y}`;
}

/** Draw what a service is made of, named on hover: a circle for a function, a drum for the table, a bar for a queue. */
function parts(service) {
  const short = (name) => name.replace(`souk-local-${service.name}-`, "");
  let x = 20;
  const next = (width) => { const at = x; x += width; return at; };
  const named = (name, ...shapes) => svg("g", { class: "part" }, svg("title", {}, name), shapes);
  return [
    service.functions.map((name) => { const at = next(15); return named(`function ${short(name)}`, svg("circle", { class: "function", cx: at, cy: 51, r: 5.5 })); }),
    service.table && (() => { const at = next(24); return named(`table ${service.table}`, svg("path", { class: "table", d: `M${at} 46a8 3 0 0 1 16 0v10a8 3 0 0 1-16 0zm0 0a8 3 0 0 0 16 0` })); })(),
    service.queues.map((name) => { const at = next(13); return named(`queue ${short(name)}`, svg("rect", { class: "queue", "data-queue": name, x: at, y: 45, width: 9, height: 13, rx: 2 })); }),
  ].flat(2).filter(Boolean);
}

function drawn(map) {
  const at = places(map.services);
  const edges = map.edges.map((edge) => svg("path", { class: "edge", d: curve(at.get(edge.from), at.get(edge.to)), "data-from": edge.from, "data-to": edge.to }, svg("title", {}, `${edge.from} → ${edge.to}: ${edge.facts.join(", ")}`)));
  const boxes = map.services.map((service) => {
    const { x, y } = at.get(service.name);
    const { width, height } = SIZE.box;
    return svg("g", { class: "service", "data-service": service.name, transform: `translate(${x - width / 2} ${y - height / 2})` },
      svg("rect", { class: "frame", width, height, rx: 14 }),
      svg("text", { x: 14, y: 27 }, service.name),
      parts(service),
      svg("text", { class: "detail state", x: 14, y: 84 }, "…"));
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

/**
 * Return the age of a service's oldest message in seconds, null where none waits; Infinity past what the facts reach back.
 * Queues do not tell it: with so many messages waiting, the oldest is that many facts back of those the service reads.
 */
function oldest(service, facts, waiting) {
  if (!waiting) return null;
  const read = facts.filter((fact) => service.consumes.includes(fact.type) && fact.source !== service.name);
  const first = read[read.length - waiting];
  return first ? Math.max(0, Math.round((Date.now() - Date.parse(first.time)) / 1000)) : Infinity;
}

const SLOW = 1500;
const answersOf = (took) => (took === undefined ? ["soft", "…"] : took === false ? ["bad", "no"] : took > SLOW ? ["warn", `slow, ${(took / 1000).toFixed(1)} s`] : ["good", "yes"]);

function state(service, facts, queues, health, counted) {
  const mine = queues.filter((queue) => queue.service === service);
  const dead = mine.filter((queue) => queue.deadLetter).reduce((sum, queue) => sum + queue.waiting, 0);
  const waiting = mine.filter((queue) => !queue.deadLetter).reduce((sum, queue) => sum + queue.waiting + queue.inFlight, 0);
  const rate = facts.filter((fact) => fact.source === service).length;
  const { errors = 0, coldStarts = 0 } = counted.find((one) => one.service === service) ?? {};
  const slow = health > SLOW;
  const bits = [health === false ? "does not answer" : slow ? "slow" : `${rate} facts/min`];
  if (waiting) bits.push(`${waiting} waiting`);
  if (dead) bits.push(`${dead} dead`);
  const level = health === false || dead ? "bad" : waiting > 20 || errors || slow ? "warn" : rate ? "busy" : "idle";
  return { text: bits.join(" · "), level, rate, waiting, dead, errors, coldStarts };
}

/** Ask again and again until the view is left: `work` each `wait` milliseconds; a failure is told and does not end it. */
async function again(left, wait, work, trouble) {
  while (!left.aborted) {
    try {
      await work();
      fill(trouble);
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(trouble, failed(error));
    }
    await sleep(document.hidden ? wait * 5 : wait);
  }
}

export async function pulse(body, { left }) {
  const map = await (await fetch("/console/map.json", { signal: left })).json();
  const picture = drawn(map);
  const table = h("tbody");
  const feed = h("ul", { class: "feed", "aria-label": "Newest facts", tabindex: 0 });
  const troubles = [h("div"), h("div"), h("div")];
  const heads = ["Service", "Answers", "Facts a minute", "Waiting", "Oldest", "Dead letters", "Errors, 5 min", "Cold starts, 5 min"];
  fill(body, troubles, h("div", { class: "split" }, h("div", {}, h("div", { class: "scroll", tabindex: 0 }, picture), h("p", { class: "small soft legend" }, [["dot", "function"], ["drum", "table"], ["bar-queue", "queue, filled while messages wait"]].map(([shape, text]) => h("span", {}, h("span", { class: shape }), text))), h("h2", {}, "Services"), h("div", { class: "scroll", tabindex: 0 }, h("table", { id: "services" },
    h("thead", {}, h("tr", {}, heads.map((text, index) => h("th", { class: index > 1 && "number" }, text)))), table))), h("section", {}, h("h2", { class: "first" }, "Facts"), feed)));
  const segment = (name) => (name === "cart" ? "carts" : name);
  const now = { facts: [], queues: [], health: new Map(), counted: [] };
  const known = new Set();

  const draw = () => fill(table, map.services.map((service) => {
    const { name } = service;
    const one = state(name, now.facts.filter((fact) => Date.now() - Date.parse(fact.time) < WINDOW), now.queues, now.health.get(name), now.counted);
    const box = picture.querySelector(`[data-service="${name}"]`);
    box.dataset.state = one.level;
    box.querySelector(".state").textContent = one.text;
    const number = (value, bad) => h("td", { class: "number" }, bad && value ? h("strong", { class: "error" }, String(value)) : String(value));
    const answers = answersOf(now.health.get(name));
    const inbox = now.queues.find((queue) => queue.name.endsWith(`-${name}-inbox`));
    const age = oldest(service, now.facts, inbox ? inbox.waiting + inbox.inFlight : 0);
    return h("tr", { "data-service": name }, h("td", {}, name), h("td", {}, h("span", { class: `badge ${answers[0]}` }, answers[1])), number(one.rate), number(one.waiting),
      h("td", { class: "number", "data-age": true }, age === null ? "–" : age === Infinity ? "over 5 min" : `${age} s`),
      h("td", { class: "number" }, one.dead ? h("a", { href: "#queues" }, String(one.dead)) : "0"), number(one.errors, true), number(one.coldStarts));
  }));
  const facts = async () => {
    const { items } = await get("/journal/events?limit=500", { signal: left });
    const fresh = items.filter((fact) => !known.has(fact.id));
    if (known.size) fresh.slice(-12).forEach((fact, index) => setTimeout(() => travel(picture, map, fact), index * 90));
    for (const fact of items) known.add(fact.id);
    now.facts = items;
    if (fresh.length || !feed.children.length) {
      fill(feed, items.length ? items.slice(-60).reverse().map((fact) => h("li", {}, h("time", { datetime: fact.time }, fact.time.slice(11, 19)),
        h("span", {}, h("strong", {}, fact.type), " ", fact.subject.startsWith("ord_") ? h("a", { class: "mono", href: `#order/${fact.subject}` }, fact.subject) : h("span", { class: "mono" }, fact.subject))))
        : h("li", { class: "soft" }, "Nothing in the last five minutes. Buy something."));
    }
    draw();
  };
  const queues = async () => {
    now.queues = (await get("/journal/queues", { signal: left })).items;
    for (const queue of now.queues) {
      const bar = picture.querySelector(`[data-queue="${queue.name}"]`);
      if (bar) bar.dataset.state = queue.waiting + queue.inFlight === 0 ? "empty" : queue.deadLetter ? "bad" : "busy";
    }
    await Promise.all(map.services.map(async ({ name }) => {
      const asked = performance.now();
      const ok = await fetch(`/${segment(name)}/health`, { signal: left }).then((answer) => answer.ok, () => false);
      if (left.aborted) return;
      now.health.set(name, ok && performance.now() - asked);
      draw();  // one that is slow keeps nobody waiting
    }));
  };
  const counts = async () => { now.counted = (await get("/journal/services", { signal: left })).items; };
  await Promise.all([again(left, 1500, facts, troubles[0]), again(left, 3000, queues, troubles[1]), again(left, 10_000, counts, troubles[2])]);
}
