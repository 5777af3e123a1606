// The console: one page, one view per tab, staff only. Each view returns what to show and may keep itself up to date.

import { session } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { failed } from "../components/problem.js";
import { applyTheme } from "../lib/theme.js";
import { audit } from "./audit.js";
import { customers } from "./customers.js";
import { faults } from "./faults.js";
import { catalog, stock } from "./goods.js";
import { order, orders, sagas } from "./orders.js";
import { pulse } from "./pulse.js";
import { queues } from "./queues.js";

const views = { pulse, orders, sagas, queues, catalog, stock, customers, faults, audit, order };
const tabs = document.querySelector("#tabs");
const main = document.querySelector("#main");
let leave = new AbortController();

async function show() {
  leave.abort();
  leave = new AbortController();
  const [name, argument] = location.hash.slice(1).split("/");
  const view = views[name] ? name : "pulse";
  const staff = session.claims()?.roles?.some((role) => role === "staff" || role === "admin");
  if (!staff) {
    fill(main, h("div", { class: "card" }, h("h1", {}, "Staff only"), h("p", {}, "Log in with a staff or admin account."), h("a", { class: "button", href: "/account.html?next=/console/#login" }, "Log in")));
    return;
  }
  fill(tabs, Object.keys(views).filter((one) => one !== "order").map((one) => h("a", { href: `#${one}`, "aria-current": one === view || (one === "orders" && view === "order") ? "page" : null }, one[0].toUpperCase() + one.slice(1))));
  // Where the tabs are wider than the screen, the current one is in sight.
  const current = tabs.querySelector("[aria-current]");
  tabs.scrollLeft = current.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - current.offsetWidth) / 2;
  const body = h("div");
  fill(main, h("h1", {}, view[0].toUpperCase() + view.slice(1)), body);
  try {
    await views[view](body, { argument: argument && decodeURIComponent(argument), left: leave.signal });
  } catch (error) {
    if (error.name !== "AbortError") fill(body, failed(error, show));
  }
}

applyTheme();
window.addEventListener("hashchange", show);
window.addEventListener("souk:session", show);
show();
