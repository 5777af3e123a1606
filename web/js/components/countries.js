// The countries the shop sells to, as its cart is configured, named in the reader's language, and what their addresses need.

import { get } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { countryName, locale, t } from "../lib/i18n.js";

/** Return `[code, name, format, delivered]` of each country that can be bought from, by name, as GET /carts/countries tells: `delivered` where goods go there. */
export async function countries() {
  const { items, delivered, formats } = await get("/carts/countries", { guest: true });
  return items.map((code) => [code, countryName(code), formats[code], delivered.includes(code)]).sort((one, two) => one[1].localeCompare(two[1], locale()));
}

const options = (served, chosen) => served.map(([code, name]) => h("option", { value: code, selected: code === chosen }, name));

/** Return the choice of a country; the form that it stands in asks for what the chosen country's addresses need. */
export function countrySelect(served, chosen) {
  const select = h("select", { name: "country", autocomplete: "country", required: true, onchange: () => askFor(select.form, format(served, select.value)) }, options(served, chosen));
  queueMicrotask(() => select.form && askFor(select.form, format(served, select.value)));
  return select;
}

/** Offer these countries from now on, of those that the choice was made with; nothing is chosen where the one that was is not among them. */
export function reoffer(select, served) {
  const { value } = select;
  fill(select, options(served, value));
  select.value = value;
}

/** Return how a country writes addresses, null where the shop does not sell to it. */
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
