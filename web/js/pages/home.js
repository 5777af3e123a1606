// Home: categories and the newest products.

import { get } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { priceNote } from "../components/legal.js";
import { failed } from "../components/problem.js";
import { card, skeletons } from "../components/product-card.js";

const categories = document.querySelector("#category-list");
const products = document.querySelector("#products");

async function show() {
  fill(products, skeletons(8));
  try {
    const [kinds, newest] = await Promise.all([get("/catalog/categories", { guest: true }), get("/catalog/products?limit=12", { guest: true })]);
    fill(categories, kinds.items.map(({ name }) => h("li", {}, h("a", { class: "chip", href: `/products.html?category=${encodeURIComponent(name)}` }, name))));
    fill(products, newest.items.map((product, index) => card(product, { eager: index < 4 })));
  } catch (error) {
    fill(products, h("li", {}, failed(error, show)));
  }
  products.removeAttribute("aria-busy");
}

document.querySelector("#prices").append(priceNote());
show();
