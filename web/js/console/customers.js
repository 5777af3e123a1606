// Customers: found by e-mail address; roles are given with the version that was read.

import { call, get } from "../lib/api.js";
import { fill, h, toast } from "../lib/dom.js";
import { price } from "../lib/money.js";
import { explain, failed } from "../components/problem.js";

export async function customers(body) {
  const email = h("input", { type: "email", required: true, "aria-label": "E-mail address", placeholder: "E-mail address" });
  const place = h("div", {}, h("p", { class: "soft empty" }, "Customers are found by their whole e-mail address; nobody can leaf through them."));
  const find = async (event) => {
    event?.preventDefault();
    try {
      const found = await get(`/identity/customers?email=${encodeURIComponent(email.value.trim())}`);
      if (!found.items.length) return void fill(place, h("p", { class: "notice" }, "Nobody by that address."));
      const [one] = found.items;
      const { data, etag } = await call("GET", `/identity/customers/${one.customerId}`);
      const boxes = ["customer", "staff", "admin"].map((role) => h("label", { class: "switch" }, h("input", { type: "checkbox", value: role, checked: data.roles.includes(role) }), role));
      const orders = h("ul", { class: "stack" });
      const save = async () => {
        const roles = boxes.map((box) => box.firstChild).filter((box) => box.checked).map((box) => box.value);
        let said = "Saved.";
        try { await call("PUT", `/identity/customers/${data.customerId}/roles`, { body: { roles }, headers: etag ? { "If-Match": etag } : {} }); } catch (error) { said = error.status === 412 ? "Changed meanwhile; shown again." : explain(error); }
        await find(); // before it is said, so that nobody edits what is about to be replaced
        toast(said);
      };
      fill(place, h("div", { class: "card stack" }, h("h2", {}, data.name), h("p", {}, data.email, " ", h("span", { class: `badge ${data.emailVerified ? "good" : "warn"}` }, data.emailVerified ? "confirmed" : "not confirmed")), h("p", { class: "mono" }, data.customerId), h("fieldset", { class: "row" }, h("legend", { class: "small" }, "Roles"), boxes), h("div", {}, h("button", { class: "primary", onclick: save }, "Save roles")), h("h3", {}, "Orders"), orders));
      const { items } = await get(`/orders?limit=20&customerId=${encodeURIComponent(data.customerId)}`);
      fill(orders, items.length ? items.map((order) => h("li", { class: "row" }, h("a", { class: "mono", href: `#order/${order.orderId}` }, order.orderId), h("span", { class: "badge soft" }, order.status), price(order.totals.total, order.totals.currency))) : h("li", { class: "soft" }, "None."));
    } catch (error) { fill(place, error.status === 404 ? h("p", { class: "notice" }, "Nobody by that address.") : failed(error)); }
  };
  fill(body, h("form", { class: "tools", role: "search", onsubmit: find }, email, h("button", { class: "quiet" }, "Find")), place);
}
