// The listing: filters, sort, search as you type; the address bar always tells what is shown.

import { get } from "../lib/api.js";
import { debounced, fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { failed } from "../components/problem.js";
import { card, skeletons } from "../components/product-card.js";

const FILTERS = ["category", "vendor", "tag"];
const SORTS = ["newest", "price", "-price", "title", "-title"];
const form = document.querySelector("#filters");
const list = document.querySelector("#products");
const more = document.querySelector("#more");
const found = document.querySelector("#found");
const wanted = new URLSearchParams(location.search);
let running = null;

function select(name, options, label) {
  return h("label", {}, label, h("select", { name, onchange: (event) => set(name, event.target.value) },
    options.map(([value, text]) => h("option", { value, selected: (wanted.get(name) ?? "") === value }, text))));
}

/** Draw the filters at once, so that nothing moves when their choices arrive. */
function controls(lists = []) {
  fill(form, FILTERS.map((name, index) => {
    const values = new Set((lists[index]?.items ?? []).map((one) => one.name));
    if (wanted.get(name)) values.add(wanted.get(name));
    return select(name, [["", t("list.any")], ...[...values].map((value) => [value, value])], t(`list.${name}`));
  }), select("sort", SORTS.map((sort) => [sort === "newest" ? "" : sort, t(`sort.${sort}`)]), t("list.sort")));
}

function set(name, value) {
  if (value) wanted.set(name, value);
  else wanted.delete(name);
  history.replaceState(null, "", `?${wanted}`);
  show();
}

async function show(cursor = null) {
  running?.abort();
  running = new AbortController();
  const query = new URLSearchParams(wanted);
  query.set("limit", "24");
  if (cursor) query.set("cursor", cursor);
  else if (!list.children.length) fill(list, skeletons(8));
  fill(more);
  try {
    const page = await get(`/catalog/products?${query}`, { guest: true, signal: running.signal });
    if (!cursor) fill(list);
    list.append(...page.items.map((product, index) => card(product, { eager: !cursor && index < 4 })));
    found.textContent = list.children.length ? t("list.found", { count: list.children.length }) : t("list.none");
    fill(more, page.nextCursor && h("button", { class: "quiet", onclick: () => show(page.nextCursor) }, t("list.more")));
  } catch (error) {
    if (error.name === "AbortError") return;
    fill(list);
    fill(more, failed(error, () => show(cursor)));
  }
}

window.addEventListener("souk:search", debounced(180, (event) => set("q", event.detail.trim())));
controls();
Promise.all(["categories", "vendors", "tags"].map((list) => get(`/catalog/${list}?limit=200`, { guest: true }).catch(() => ({ items: [] })))).then(controls);
show();
