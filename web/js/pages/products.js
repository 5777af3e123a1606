// The listing: filters, sort, search as you type; the address bar always tells what is shown.

import { get, page } from "../lib/api.js";
import { debounced, fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { priceNote } from "../components/legal.js";
import { failed } from "../components/problem.js";
import { card, skeletons } from "../components/product-card.js";

const FILTERS = ["category", "vendor", "tag"];
const SORTS = ["newest", "price", "-price", "title", "-title"];
const form = document.querySelector("#filters");
const list = document.querySelector("#products");
const more = document.querySelector("#more");
const found = document.querySelector("#found");
const PAGE = 24;
const MOST = 100;  // what one call gives
let lists = [];  // the choices of the filters
let wanted = new URLSearchParams(location.search);
let running = null;

function select(name, options, label) {
  return h("label", {}, label, h("select", { name, onchange: (event) => set(name, event.target.value) },
    options.map(([value, text]) => h("option", { value, selected: (wanted.get(name) ?? "") === value }, text))));
}

/** Draw the filters at once, so that nothing moves when their choices arrive. */
function controls() {
  fill(form, FILTERS.map((name, index) => {
    const values = new Set((lists[index]?.items ?? []).map((one) => one.name));
    if (wanted.get(name)) values.add(wanted.get(name));
    return select(name, [["", t("list.any")], ...[...values].map((value) => [value, value])], t(`list.${name}`));
  }), select("sort", SORTS.map((sort) => [sort === "newest" ? "" : sort, t(`sort.${sort}`)]), t("list.sort")));
}

/** Want another list: a step that Back undoes, except for each letter of a search. */
function set(name, value, { step = true } = {}) {
  if (value) wanted.set(name, value);
  else wanted.delete(name);
  history[step ? "pushState" : "replaceState"](null, "", `?${wanted}`);
  show();
}

/** Keep what is shown and how far down the reader is, so that Back finds both again. */
function keep() {
  history.replaceState({ shown: list.querySelectorAll(".product:not(.skeleton)").length, top: scrollY }, "");
}

function path(cursor, limit) {
  const query = new URLSearchParams(wanted);
  query.set("limit", limit);
  if (cursor) query.set("cursor", cursor);
  return `/catalog/products?${query}`;
}

/** Show the list from its start, or what follows a cursor; `upTo` products at least, where there are so many. */
async function show(cursor = null, upTo = PAGE) {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  if (!cursor && !list.children.length) fill(list, skeletons(8));
  fill(more);
  try {
    let next = cursor;
    let left = upTo;
    let first = !cursor;
    do {
      const { items, nextCursor } = await page(path(next, Math.min(MOST, Math.max(PAGE, left))), { guest: true, signal });
      if (first) fill(list);
      list.append(...items.map((product, index) => card(product, { eager: first && index < 4 })));
      next = nextCursor;
      left -= items.length;
      first = false;
    } while (next && left > 0);
    found.textContent = list.children.length ? t("list.found", { count: list.children.length }) : t("list.none");
    fill(more, next && h("button", { class: "quiet", onclick: () => follow(next) }, t("list.more")));
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!cursor) fill(list);
    fill(more, failed(error, () => show(cursor, upTo)));
  }
}

/** Show what follows, and put the keyboard on the first of it. */
async function follow(cursor) {
  const { length } = list.children;
  await show(cursor);
  list.children[length]?.querySelector("a").focus({ preventScroll: true });
  keep();
}

/** Show the list as the address bar tells it, as far as it was shown and where it was left. */
async function restore() {
  const { shown = PAGE, top = 0 } = history.state ?? {};
  wanted = new URLSearchParams(location.search);
  controls();
  await show(null, shown);
  scrollTo({ top, behavior: "instant" });
}

document.querySelector("#prices").append(priceNote());
history.scrollRestoration = "manual";
addEventListener("scroll", debounced(100, keep), { passive: true });
list.addEventListener("click", keep, { capture: true });
addEventListener("popstate", restore);
window.addEventListener("souk:search", debounced(180, (event) => set("q", event.detail.trim(), { step: false })));
Promise.all(["categories", "vendors", "tags"].map((name) => get(`/catalog/${name}?limit=200`, { guest: true }).catch(() => ({ items: [] })))).then((answers) => {
  lists = answers;
  controls();
});
restore();
