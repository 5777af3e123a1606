// Audit: who did what, and whether the books agreed when they were last compared.

import { get, page as filled } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { moment } from "../lib/i18n.js";

const about = (subject) => (subject.startsWith("ord_") ? h("a", { class: "mono", href: `#order/${subject}` }, subject) : h("span", { class: "mono" }, subject));

export async function audit(body, { left }) {
  const day = h("input", { type: "date", value: new Date().toISOString().slice(0, 10), onchange: () => list() });
  const rows = h("tbody", { id: "acts" });
  const more = h("div");
  const list = async (cursor) => {
    const page = await filled(`/journal/acts?day=${day.value}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`, { signal: left });
    if (!cursor) fill(rows);
    rows.append(...page.items.map((fact) => h("tr", {}, h("td", {}, fact.time.slice(11, 23)), h("td", { class: "mono" }, fact.actor), h("td", {}, fact.type), h("td", {}, about(fact.subject)))));
    if (!rows.children.length) fill(rows, h("tr", {}, h("td", { colspan: 4, class: "soft" }, "Nobody did anything on this day.")));
    fill(more, page.nextCursor && h("button", { class: "quiet", onclick: () => list(page.nextCursor) }, "Show more"));
  };
  const last = await get("/journal/audit", { signal: left }).catch((error) => { if (error.status === 404) return null; throw error; });
  fill(body, h("h2", {}, "Last make audit"),
    last ? h("div", { class: `notice ${last.differences.length ? "bad" : "good"}` }, h("p", {}, `${moment(last.time)}: ${last.checked} things compared, ${last.differences.length} differences.`), last.differences.length > 0 && h("pre", { tabindex: 0 }, last.differences.join("\n")))
      : h("p", { class: "soft" }, "Not run yet on this stack: make audit."),
    h("h2", {}, "Who did what"), h("div", { class: "tools" }, h("label", {}, "Day (UTC)", day)),
    h("div", { class: "scroll", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, ["Time", "Who", "What", "To"].map((text) => h("th", {}, text)))), rows)), more);
  await list();
}
