// What can be had of a SKU, as inventory tells everybody: `{availability, available, backOrderable}`, `available` capped.

import { get } from "./api.js";

const AT_ONCE = 100;  // SKUs that one call takes
/** Inventory tells of no more units than these (20 or more). */
export const MOST_TOLD = 20;
/** What inventory says of a SKU that it does not know. */
const OUT = { availability: "out", available: 0, backOrderable: false };

/** Return what can be had of SKUs as a Map; empty where inventory does not answer: the pages work without it. */
export async function levels(skus) {
  const found = new Map();
  for (let start = 0; start < skus.length; start += AT_ONCE) {
    const some = skus.slice(start, start + AT_ONCE);
    const answer = await get(`/inventory/stock?skus=${some.map(encodeURIComponent).join(",")}`, { guest: true }).catch(() => null);
    for (const sku of answer ? some : []) found.set(sku, answer.items.find((one) => one.sku === sku) ?? OUT);
  }
  return found;
}

/** Return how many units can be had where they are fewer than `quantity`; null where there are enough or nobody knows. */
export function lacking(known, quantity) {
  if (known?.availability === "out") return 0;
  if (known?.backOrderable) return null;
  const told = known?.availability === "in_stock" && known.available < MOST_TOLD;
  return told && quantity > known.available ? known.available : null;
}

export const soldOut = (known) => known?.availability === "out";
