// The countries the shop delivers to, as its cart is configured, named in the reader's language.

import { get } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { countryName, locale } from "../lib/i18n.js";

/** Return `[code, name]` of each country served, by name. */
export async function countries() {
  const { items } = await get("/carts/countries", { guest: true });
  return items.map((code) => [code, countryName(code)]).sort((one, two) => one[1].localeCompare(two[1], locale()));
}

export const countrySelect = (served, chosen) => h("select", { name: "country", autocomplete: "country", required: true },
  served.map(([code, name]) => h("option", { value: code, selected: code === chosen }, name)));
