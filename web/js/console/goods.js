// Catalog and stock: what a shop owner edits. A change made elsewhere meanwhile is shown, never overwritten.

import { call, get, idempotencyKey } from "../lib/api.js";
import { fill, h, sleep, toast } from "../lib/dom.js";
import { price } from "../lib/money.js";
import { explain, failed } from "../components/problem.js";

async function importFile(file, place) {
  const type = file.name.endsWith(".csv") ? "text/csv" : "application/x-ndjson";
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Import" });
  const said = h("p", { role: "status" }, "Sending…");
  const errors = h("tbody");
  fill(place, bar, said, h("div", { class: "scroll" }, h("table", { id: "import-errors" }, errors)));
  const { data } = await call("POST", "/catalog/imports", { body: await file.text(), headers: { "Content-Type": type, "Idempotency-Key": idempotencyKey() } });
  for (;;) {
    const job = await get(`/catalog/imports/${data.importId}`);
    bar.max = job.total || 1;
    bar.value = job.done;
    said.textContent = `${job.status}: ${job.done} of ${job.total || "?"} products, ${job.created} new, ${job.updated} changed, ${job.unchanged} unchanged, ${job.failed} failed`;
    fill(errors, job.errors.map((one) => h("tr", {}, h("td", {}, `Row ${one.row}`), h("td", {}, one.field ?? ""), h("td", {}, one.detail))));
    if (["done", "completed", "failed"].includes(job.status)) return;
    await sleep(400);
  }
}

export async function catalog(body) {
  const file = h("input", { type: "file", accept: ".csv,.jsonl,.ndjson", "aria-label": "Product file (Shopify CSV or JSONL)" });
  const progress = h("div");
  const rows = h("tbody");
  const editor = h("div");
  const more = h("div");
  const list = async (cursor) => {
    const page = await get(`/catalog/products?limit=50&sort=title${cursor ? `&cursor=${cursor}` : ""}`);
    if (!cursor) fill(rows);
    rows.append(...page.items.map((one) => h("tr", {}, h("td", {}, h("button", { class: "plain", onclick: () => edit(one.id, editor, list) }, one.title)), h("td", {}, one.vendor), h("td", {}, one.category ?? ""), h("td", { class: "number" }, price(one.price.min.amount, one.price.min.currency)))));
    fill(more, page.nextCursor && h("button", { class: "quiet", onclick: () => list(page.nextCursor) }, "Show more"));
  };
  const send = async (event) => {
    event.preventDefault();
    if (!file.files[0]) return void file.focus();
    try { await importFile(file.files[0], progress); await list(); } catch (error) { fill(progress, failed(error)); }
  };
  const save = (format) => async () => {
    try {
      const { data } = await call("GET", `/catalog/exports?format=${format}`);
      const url = URL.createObjectURL(new Blob([typeof data === "string" ? data : JSON.stringify(data)]));
      h("a", { href: url, download: `products.${format}` }).click();
      URL.revokeObjectURL(url);
    } catch (error) { toast(explain(error)); }
  };
  fill(body, h("form", { class: "tools", onsubmit: send }, h("label", {}, "Import products", file), h("button", { class: "primary" }, "Import"), h("button", { class: "quiet", type: "button", onclick: save("csv") }, "Export CSV"), h("button", { class: "quiet", type: "button", onclick: save("jsonl") }, "Export JSONL")), progress,
    h("div", { class: "split" }, h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["Product", "Maker", "Category", "Price"].map((text) => h("th", {}, text)))), rows), more), editor));
  await list();
}

async function edit(id, place, refresh) {
  try {
    const { data: product, etag } = await call("GET", `/catalog/admin/products/${id}`);
    const text = h("textarea", { rows: 24, class: "mono", "aria-label": `${product.title} as JSON`, value: JSON.stringify(editable(product), null, 1) });
    const trouble = h("p", { class: "error", role: "alert" });
    const store = async () => {
      trouble.textContent = "";
      let changed;
      try { changed = JSON.parse(text.value); } catch (error) { trouble.textContent = error.message; return; }
      try {
        await call("PUT", `/catalog/products/${id}`, { body: changed, headers: { "If-Match": etag } });
        toast("Saved.");
        await refresh();
        await edit(id, place, refresh);
      } catch (error) {
        trouble.textContent = error.status === 412 ? "Somebody changed this product meanwhile. Your text is kept here; load the newest version to compare." : `${error.pointer ?? ""} ${explain(error)}`;
      }
    };
    fill(place, h("div", { class: "card stack" }, h("h2", {}, product.title), h("p", { class: "small soft" }, `version ${etag}`), text, trouble, h("div", { class: "row" }, h("button", { class: "primary", onclick: store }, "Save"), h("button", { class: "quiet", onclick: () => edit(id, place, refresh) }, "Load newest"))));
  } catch (error) { fill(place, failed(error)); }
}

/** Return what PUT takes of what GET gives: everything but what the service itself sets. */
function editable(product) {
  const { id, productId, version, createdAt, updatedAt, description, ...rest } = product;
  return rest;
}

export async function stock(body) {
  const sku = h("input", { required: true, placeholder: "SKU", "aria-label": "SKU" });
  const place = h("div");
  const show = async () => {
    const name = encodeURIComponent(sku.value.trim());
    try {
      const [level, moves] = await Promise.all([get(`/inventory/stock/${name}`).catch((error) => { if (error.status === 404) return null; throw error; }), get(`/inventory/stock/${name}/movements`)]);
      const delta = h("input", { type: "number", required: true, "aria-label": "Units, negative to take away", placeholder: "+5 or -2" });
      const reason = h("input", { required: true, maxlength: 200, "aria-label": "Reason", placeholder: "Reason" });
      const adjust = async (event) => {
        event.preventDefault();
        try { await call("POST", `/inventory/stock/${name}/adjustments`, { body: { delta: delta.valueAsNumber, reason: reason.value }, headers: { "Idempotency-Key": idempotencyKey() } }); toast("Adjusted."); show(); } catch (error) { toast(explain(error)); }
      };
      fill(place, h("p", {}, level ? `${level.onHand} on hand, ${level.reserved} reserved, ${level.available} available` : "Never stocked."), h("form", { class: "tools", onsubmit: adjust }, delta, reason, h("button", { class: "primary" }, "Adjust")),
        h("table", {}, h("thead", {}, h("tr", {}, ["Time", "Units", "Reason", "By"].map((text) => h("th", {}, text)))), h("tbody", {}, moves.items.map((move) => h("tr", {}, h("td", {}, move.time), h("td", { class: "number" }, String(move.delta)), h("td", {}, move.reason), h("td", { class: "mono" }, move.by ?? ""))))));
    } catch (error) { fill(place, failed(error)); }
  };
  fill(body, h("form", { class: "tools", onsubmit: (event) => { event.preventDefault(); show(); } }, sku, h("button", { class: "quiet" }, "Show")), place);
}
