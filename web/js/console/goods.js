// Catalog and stock: what a shop owner edits. A change made elsewhere meanwhile is shown, never overwritten.

import { call, get, idempotencyKey, page as filled } from "../lib/api.js";
import { debounced, fill, h, toast } from "../lib/dom.js";
import { moment } from "../lib/i18n.js";
import { decimal, minor, price } from "../lib/money.js";
import { explain, failed } from "../components/problem.js";
import { saveAll } from "./files.js";
import { importing } from "./imports.js";

export async function catalog(body) {
  const incoming = importing(() => list());
  const words = h("input", { type: "search", placeholder: "Search products", "aria-label": "Search products", oninput: debounced(200, () => list()) });
  const rows = h("tbody");
  const editor = h("div", { class: "beside" }, h("p", { class: "soft empty" }, "Choose a product to edit it."));
  const more = h("div");
  const exported = h("p", { class: "small soft", role: "status", id: "export-progress" });
  let asked = 0;
  const list = async (cursor) => {
    const mine = ++asked;
    const page = await filled(`/catalog/admin/products?limit=50&sort=title&q=${encodeURIComponent(words.value.trim())}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    if (mine !== asked) return; // of what was searched before; it came late
    if (!cursor) fill(rows);
    rows.append(...page.items.map((one) => h("tr", {}, h("td", {}, h("button", { class: "plain", onclick: () => edit(one.id, editor, () => list()) }, one.title)), h("td", {}, one.vendor), h("td", {}, one.category), h("td", {}, h("span", { class: `badge ${one.status === "published" ? "good" : "soft"}` }, one.status)), h("td", { class: "number" }, price(one.price.min.amount, one.price.min.currency)))));
    fill(more, page.nextCursor && h("button", { class: "quiet", onclick: () => list(page.nextCursor) }, "Show more"));
  };
  const save = (format) => async () => {
    try { await saveAll(format, (text) => { exported.textContent = text; }); } catch (error) { toast(explain(error)); }
  };
  fill(body, incoming.form, incoming.place, h("div", { class: "tools" }, h("button", { class: "quiet", onclick: save("csv") }, "Export CSV"), h("button", { class: "quiet", onclick: save("jsonl") }, "Export JSONL")), exported,
    h("div", { class: "split" }, h("div", { class: "scroll", tabindex: 0 }, words, h("table", {}, h("thead", {}, h("tr", {}, ["Product", "Maker", "Category", "Status", "Price"].map((text, index) => h("th", { class: index === 4 && "number" }, text)))), rows), more), editor));
  await list();
}

const money = (amount, currency) => (amount === undefined || amount === null ? "" : decimal(amount, currency));

/** Edit one product. Saving names the version that was read; where it has changed since, both are shown to choose from. */
async function edit(id, place, refresh) {
  try {
    const { data: product, etag } = await call("GET", `/catalog/admin/products/${id}`);
    form(product, etag, place, refresh);
    place.querySelector("input").focus();
  } catch (error) { fill(place, failed(error)); }
}

function form(product, etag, place, refresh) {
  const { currency } = product.variants[0].price;
  const trouble = h("div", { role: "alert" });
  const text = (name, label, attributes = {}) => h("label", {}, label, h("input", { name, value: product[name], maxlength: 255, ...attributes }));
  const variant = (one, index) => h("tr", {}, h("td", { class: "mono" }, h("a", { href: `#stock/${encodeURIComponent(one.sku)}`, title: `Stock of ${one.sku}` }, one.merchantSku ?? one.sku)), h("td", {}, one.options.join(" / ")),
    ["price", "compareAt"].map((name) => h("td", {}, h("input", { name: `${name}-${index}`, class: "amount", inputmode: "decimal", "aria-label": name === "price" ? `Price of ${one.sku}` : `Compare at, ${one.sku}`, required: name === "price", value: money(one[name]?.amount, currency) }))));
  const element = h("form", { class: "card stack", id: "product-form" },
    h("h2", {}, product.title), h("p", { class: "small soft" }, `Version ${product.version}, changed ${moment(product.updatedAt)}`),
    text("title", "Title", { required: true }), h("div", { class: "fields" }, text("vendor", "Maker"), text("category", "Category")),
    h("label", {}, "Tags, with commas between", h("input", { name: "tags", value: product.tags.join(", ") })),
    h("label", {}, "Status", h("select", { name: "status" }, ["published", "unlisted", "unpublished", "draft", "withdrawn"].map((one) => h("option", { value: one, selected: one === product.status }, one)))),
    h("label", {}, "Description (HTML; shown as text)", h("textarea", { name: "bodyHtml", rows: 5, value: product.bodyHtml })),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Variants" }, h("table", {}, h("thead", {}, h("tr", {}, ["SKU", "Variant", `Price (${currency})`, h("span", { title: "Kept for your files. Buyers are shown the lowest price of the last 30 days instead." }, "Compare at")].map((one) => h("th", {}, one)))), h("tbody", {}, product.variants.map(variant)))),
    trouble, h("div", { class: "row" }, h("button", { class: "primary" }, "Save"), h("button", { class: "quiet", type: "button", onclick: () => edit(product.id, place, refresh) }, "Load newest")));

  const typed = () => {
    const given = Object.fromEntries(new FormData(element));
    const sum = (name) => (given[name].trim() ? { amount: minor(given[name], currency), currency } : null);
    return {
      ...editable(product), title: given.title, vendor: given.vendor, category: given.category, status: given.status, bodyHtml: given.bodyHtml,
      tags: given.tags.split(",").map((tag) => tag.trim()).filter(Boolean),
      variants: editable(product).variants.map((one, index) => ({ ...one, price: sum(`price-${index}`), compareAt: sum(`compareAt-${index}`) })),
    };
  };
  const store = async (body, tag) => {
    try {
      await call("PUT", `/catalog/products/${product.id}`, { body, headers: { "If-Match": tag } });
      toast("Saved.");
      await refresh();
      await edit(product.id, place, refresh);
    } catch (error) {
      if (error.status === 412) return conflict(body);
      fill(trouble, h("p", { class: "error" }, [error.pointer, explain(error)].filter(Boolean).join(": ")));
    }
  };
  const conflict = async (mine) => {
    const { data, etag: newest } = await call("GET", `/catalog/admin/products/${product.id}`);
    const theirs = editable(data);
    const names = Object.keys(mine).filter((name) => JSON.stringify(mine[name]) !== JSON.stringify(theirs[name]));
    fill(trouble, h("div", { class: "notice warn", id: "conflict" }, h("p", {}, "Somebody changed this product meanwhile. Nothing is saved yet. What differs:"),
      h("table", {}, h("thead", {}, h("tr", {}, ["", "Theirs", "Yours"].map((one) => h("th", {}, one)))),
        h("tbody", {}, names.map((name) => h("tr", {}, h("th", {}, name), [theirs, mine].map((one) => h("td", {}, h("pre", { tabindex: 0 }, typeof one[name] === "string" ? one[name] : JSON.stringify(one[name], null, 1)))))))),
      h("div", { class: "row" }, h("button", { class: "quiet", type: "button", onclick: () => form(data, newest, place, refresh) }, "Take theirs"), h("button", { class: "quiet danger", type: "button", onclick: () => store(mine, newest) }, "Save yours over it"))));
  };
  element.addEventListener("submit", (event) => { event.preventDefault(); store(typed(), etag); });
  fill(place, element);
}

/** Return what PUT takes of what GET gives: everything but what the service itself sets. */
function editable(product) {
  const { id, version, createdAt, updatedAt, description, bodyTrusted, price: _, variants, ...rest } = product;
  return { ...rest, variants: variants.map(({ title, ...variant }) => variant) };
}

/** Return a level in words: how it is sold, and what is owed where more is promised than there is. */
function levelled({ onHand, reserved, available, stockPolicy }) {
  const units = `${onHand} on hand, ${reserved} reserved, ${available} available`;
  switch (stockPolicy) {
    case "untracked": return `Not tracked: always for sale. ${units}`;
    case "backorder": return available < 0 ? `Back-order: ${-available} owed. ${units}` : `${units}; sells on below zero (back-order)`;
    default: return available < 0 ? `Short: ${-available} promised that a count did not find. ${units}` : units;
  }
}

export async function stock(body, { argument }) {
  const sku = h("input", { required: true, placeholder: "SKU", "aria-label": "SKU", value: argument ?? "" });
  const place = h("div", {}, h("p", { class: "soft empty" }, "A SKU's stock, with every change and who made it. The SKUs are in the catalog's editor."));
  const show = async () => {
    const name = encodeURIComponent(sku.value.trim());
    try {
      const [level, moves] = await Promise.all([get(`/inventory/admin/stock/${name}`).catch((error) => { if (error.status === 404) return null; throw error; }), get(`/inventory/stock/${name}/movements`)]);
      const delta = h("input", { type: "number", required: true, "aria-label": "Units, negative to take away", placeholder: "+5 or -2" });
      const reason = h("input", { required: true, maxlength: 200, "aria-label": "Reason", placeholder: "Reason" });
      const adjust = async (event) => {
        event.preventDefault();
        try { await call("POST", `/inventory/stock/${name}/adjustments`, { body: { delta: delta.valueAsNumber, reason: reason.value }, headers: { "Idempotency-Key": idempotencyKey() } }); toast("Adjusted."); show(); } catch (error) { toast(explain(error)); }
      };
      fill(place, h("p", { class: "lead" }, level ? levelled(level) : "Never stocked."), h("form", { class: "tools", onsubmit: adjust }, delta, reason, h("button", { class: "primary" }, "Adjust")),
        h("div", { class: "scroll", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, ["Time", "Units", "Reason", "By"].map((text, index) => h("th", { class: index === 1 && "number" }, text)))), h("tbody", {}, moves.items.map((move) => h("tr", {}, h("td", {}, h("time", { datetime: move.time }, move.time.replace("T", " ").slice(0, 19))), h("td", { class: "number" }, move.delta > 0 ? `+${move.delta}` : String(move.delta)), h("td", {}, move.counted === null ? move.reason : `${move.reason}: ${move.counted} at ${move.countedAt.replace("T", " ").slice(0, 19)}`), h("td", { class: "mono" }, move.by ?? "")))))));
    } catch (error) { fill(place, failed(error)); }
  };
  fill(body, h("form", { class: "tools", role: "search", onsubmit: (event) => { event.preventDefault(); show(); } }, sku, h("button", { class: "quiet" }, "Show")), place);
  if (argument) await show();
}
