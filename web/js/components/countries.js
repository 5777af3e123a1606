// The countries the shop delivers to, as its cart is configured, named in the reader's language, and what their addresses need.

import { get } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { countryName, locale, t } from "../lib/i18n.js";

/** Return `[code, name, format]` of each country served, by name; the format as GET /carts/countries tells it. */
export async function countries() {
  const { items, formats } = await get("/carts/countries", { guest: true });
  return items.map((code) => [code, countryName(code), formats[code]]).sort((one, two) => one[1].localeCompare(two[1], locale()));
}

/** Return the choice of a country; the form that it stands in asks for what the chosen country's addresses need. */
export function countrySelect(served, chosen) {
  const select = h("select", { name: "country", autocomplete: "country", required: true, onchange: () => askFor(select.form, format(served, select.value)) },
    served.map(([code, name]) => h("option", { value: code, selected: code === chosen }, name)));
  queueMicrotask(() => select.form && askFor(select.form, format(served, select.value)));
  return select;
}

/** Return how a country writes addresses, null where the shop does not deliver there. */
export const format = (served, country) => served.find(([code]) => code === country)?.[2] ?? null;

const NAMED = { city: "city", region: "region", postalCode: "postal" };

function askFor(form, wanted) {
  if (!wanted) return;
  for (const [name, key] of Object.entries(NAMED)) {
    const field = form.elements[name];
    const label = field?.closest("label");
    if (!label) continue;
    const needed = wanted.required.includes(name);
    field.required = needed;
    label.hidden = !wanted.fields.includes(name);
    label.firstChild.textContent = needed ? t(`address.${key}`) : t(`address.${key}.optional`);
    if (label.hidden) field.value = "";
  }
  form.elements.postalCode?.setAttribute("placeholder", wanted.postalCodeExample ?? "");
  offer(form.elements.region, wanted.regions);
}

/** Offer the regions that are known; another may be typed, unless the country has no other. */
function offer(field, regions) {
  if (!field) return;
  document.querySelector("#regions")?.remove();
  field.removeAttribute("list");
  if (!regions.length) return;
  field.after(h("datalist", { id: "regions" }, regions.map(([code, name]) => h("option", { value: code }, name))));
  field.setAttribute("list", "regions");
}

/** Return the lines of an address's label, as its country orders them; in the order of most where that is not known. */
export function labelLines(address, wanted) {
  const lines = wanted?.label ?? ["{name}", "{line1}", "{line2}", "{postalCode} {city}", "{region}"];
  const filled = lines.map((line) => line.replace(/{(\w+)}/g, (_, name) => address[name] ?? "").replace(/\s+/g, " ").replace(/^[ ,-]+|[ ,-]+$/g, ""));
  return [...filled.filter(Boolean), countryName(address.country)];
}
