// A merchant's file brought in: how it was read, what became of each row, and a try that changes nothing.

import { call, get } from "../lib/api.js";
import { fill, h, sleep, toast } from "../lib/dom.js";
import { explain, failed } from "../components/problem.js";
import { sendFile } from "./files.js";

const FORMATS = { shopify: "Shopify's product CSV", woocommerce: "WooCommerce's product CSV", mapped: "CSV with your mapping", jsonl: "JSON lines" };
const DELIMITERS = { ",": "commas", ";": "semicolons", "\t": "tabs" };
const LEVELS = { error: "bad", warning: "warn", outcome: "soft" };

/** Return in words how a file was read. */
function reading({ format, encoding, delimiter, decimalSign, columnsKept }) {
  const parts = [FORMATS[format] ?? format, encoding.toUpperCase()];
  if (delimiter) parts.push(`${DELIMITERS[delimiter]} between the cells`, { ".": "decimal point", ",": "decimal comma" }[decimalSign] ?? "no number that shows its decimal sign");
  const kept = columnsKept.length ? ` Kept for the export, without a field here: ${columnsKept.join(", ")}.` : "";
  return `Read as ${parts.join(", ")}.${kept}`;
}

/** Return in words how far an import has got. */
function progress(job) {
  const counts = `${job.created} new, ${job.updated} changed, ${job.unchanged} unchanged, ${job.failed} failed, ${job.warningCount} warnings`;
  const stock = job.stockKept ? ` ${job.stockKept} quantities left the stock as it is.` : "";
  return `${job.dryRun ? "Dry run, nothing is changed. " : ""}${job.status}: ${job.done} of ${job.total || "?"} products, ${counts}.${stock}`;
}

const messages = (job) => [["error", job.errors], ["warning", job.warnings], ["outcome", job.outcomes]]
  .flatMap(([level, said]) => said.map((one) => ({ level, ...one })))
  .sort((one, other) => one.row - other.row);

const row = (one) => h("tr", { "data-level": one.level }, h("td", {}, `Row ${one.row}`), h("td", {}, h("span", { class: `badge ${LEVELS[one.level]}` }, one.level)), h("td", {}, one.field), h("td", {}, one.detail));

/** Save all that is said of an import's rows as one file. */
async function download(importId) {
  const parts = [];
  for (let cursor = ""; cursor !== null;) {
    const { data, headers } = await call("GET", `/catalog/imports/${importId}/messages${cursor && `?cursor=${encodeURIComponent(cursor)}`}`);
    parts.push(data);
    cursor = headers.get("X-Next-Cursor");
  }
  const url = URL.createObjectURL(new Blob(["\ufeff", ...parts], { type: "text/csv" }));  // reading an answer takes its byte order mark off
  h("a", { href: url, download: `${importId}.csv` }).click();
  URL.revokeObjectURL(url);
}

/** Send a file and show how it goes, until it is done. */
async function run(file, query, place) {
  const type = /\.(jsonl|ndjson)$/i.test(file.name) ? "application/x-ndjson" : "text/csv";
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Import" });
  const said = h("p", { role: "status" }, "Sending…");
  const how = h("p", { class: "small soft", id: "import-reading" });
  const rows = h("tbody");
  const after = h("div");
  fill(place, bar, said, how, h("div", { class: "scroll", tabindex: 0 }, h("table", { id: "import-errors" }, rows)), after);
  const { importId } = await sendFile(file, type, query);
  for (;;) {
    const job = await get(`/catalog/imports/${importId}`);
    how.textContent = job.readAs.format ? reading(job.readAs) : "";
    bar.max = job.total || 1;
    bar.value = job.done;
    said.textContent = job.problem?.detail ?? progress(job);
    const shown = messages(job);
    fill(rows, shown.map(row));
    const save = async () => { try { await download(importId); } catch (error) { toast(explain(error)); } };
    fill(after, job.nextCursor && h("p", { class: "small soft" }, `The first ${shown.length} messages; the file has all.`), shown.length > 0 && h("button", { class: "quiet", type: "button", onclick: save }, "Download all messages"));
    if (["completed", "failed"].includes(job.status)) return;
    await sleep(400);
  }
}

/** Return the mapping of columns to fields in a file, as text; empty without one. */
async function mapped(file) {
  if (!file) return "";
  try { return JSON.stringify(JSON.parse(await file.text())); } catch { throw new SyntaxError(`${file.name} is no JSON: a mapping looks like {"Artikelname": "title", "Preis": "price"}.`); }
}

/** Return the form that brings files in, and where it shows how that goes; `done` is called after each. */
export function importing(done) {
  const file = h("input", { type: "file", accept: ".csv,.tsv,.txt,.jsonl,.ndjson", required: true, "aria-label": "Product file (CSV of Shopify, WooCommerce or others, or JSONL)" });
  const mapping = h("input", { type: "file", accept: ".json", "aria-label": "Mapping of columns to fields (JSON), for files of other shops" });
  const stock = h("input", { type: "checkbox", name: "stock" });
  const place = h("div");
  const send = async (event) => {
    event.preventDefault();
    const dryRun = event.submitter?.name === "dryRun";
    try {
      const query = new URLSearchParams({ stock: stock.checked ? "set" : "keep", dryRun });
      const columns = await mapped(mapping.files[0]);
      if (columns) query.set("mapping", columns);
      await run(file.files[0], query, place);
      await done();
    } catch (error) {
      fill(place, error instanceof SyntaxError ? h("div", { class: "notice bad", role: "alert" }, h("p", {}, error.message)) : failed(error));
    }
  };
  const form = h("form", { class: "tools", onsubmit: send }, h("label", {}, "Import products", file), h("label", {}, "Mapping, if the file needs one", mapping),
    h("label", { class: "check" }, stock, "Stock from the file replaces existing stock"),
    h("button", { class: "primary" }, "Import"), h("button", { class: "quiet", name: "dryRun" }, "Try without changes"));
  return { form, place };
}
