// Files to and from the shop: small ones with the call itself; large ones, and those of another encoding than UTF-8, which
// is what the gateway takes every text for, straight to where they are kept.

import { call, get, idempotencyKey, Problem } from "../lib/api.js";
import { h, sleep } from "../lib/dom.js";

const LARGE = 4_000_000;  // bytes; a call's body has room for little more

async function isUtf8(file) {
  try { new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer()); return true; } catch { return false; }
}

/** Send a file to be imported and return the import as it was accepted. */
export async function sendFile(file, type, query = "") {
  const headers = { "Content-Type": type, "Idempotency-Key": idempotencyKey() };
  if (file.size <= LARGE && await isUtf8(file)) return (await call("POST", `/catalog/imports?${query}`, { body: file, headers })).data;
  const { data } = await call("POST", `/catalog/imports?${query}&upload=true`, { headers });
  const { url, method, headers: asked, maxBytes } = data.upload;
  if (file.size > maxBytes) throw new Problem(413, { code: "file_too_large", detail: `The file has ${file.size} bytes; the limit is ${maxBytes}.` });
  const answer = await fetch(url, { method, headers: asked, body: file }).catch(() => null);
  if (!answer?.ok) throw new Problem(answer?.status ?? 0, { detail: "The file could not be sent. Check the connection and try again." });
  return (await call("POST", `/catalog/imports/${data.importId}/start`, { body: {} })).data;
}

/** Have all products written into a file and save it; `tell` is told how far that has got. */
export async function saveAll(format, tell) {
  const { data } = await call("POST", `/catalog/exports?format=${format}`, { body: {}, headers: { "Idempotency-Key": idempotencyKey() } });
  for (;;) {
    const job = await get(`/catalog/exports/${data.exportId}`);
    tell(`Export ${job.status}: ${job.done} products`);
    if (job.status === "failed") throw new Problem(500, { detail: "The export failed. Try again." });
    if (job.status === "completed") return h("a", { href: job.url, download: `products.${format}` }).click();
    await sleep(400);
  }
}
