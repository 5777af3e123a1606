// Audit: who did what, and whether the books agreed when they were last compared.

import { get } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";

export async function audit(body, { left }) {
  const [{ items }, last] = await Promise.all([get("/journal/events?limit=500", { signal: left }), get("/journal/audit", { signal: left }).catch(() => null)]);
  const acts = items.filter((fact) => fact.actor).reverse();
  fill(body, h("h2", {}, "Last make audit"),
    last ? h("div", { class: `notice ${last.differences.length ? "bad" : "good"}` }, h("p", {}, `${last.time}: ${last.checked} things compared, ${last.differences.length} differences.`), last.differences.length > 0 && h("pre", {}, last.differences.join("\n"))) : h("p", { class: "soft" }, "Not run yet on this stack: make audit."),
    h("h2", {}, "Who did what, in the last minutes"),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["Time", "Who", "What", "To"].map((text) => h("th", {}, text)))), h("tbody", {}, acts.map((fact) => h("tr", {}, h("td", {}, fact.time), h("td", { class: "mono" }, fact.actor), h("td", {}, fact.type), h("td", { class: "mono" }, fact.subject)))))));
}
