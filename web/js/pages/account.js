// The account: log in, register, orders, addresses, profile; and what the links in our mails open.

import { call, get, post, session } from "../lib/api.js";
import { merge, forget } from "../lib/cart.js";
import { fill, h, toast } from "../lib/dom.js";
import { countryName, day, t } from "../lib/i18n.js";
import { countries, countrySelect } from "../components/countries.js";
import { price } from "../lib/money.js";
import { explain, failed, mark } from "../components/problem.js";

const place = document.querySelector("#account");
const query = new URLSearchParams(location.search);

const input = (name, key, { hint, ...attributes } = {}) => h("label", {}, t(key), h("input", { name, required: true, ...attributes }), hint && h("span", { class: "hint" }, hint));

/** Return a form that sends its fields, marks the field a problem names, and shows anything else. */
function form(fields, button, send) {
  const trouble = h("p", { class: "error", role: "alert" });
  return h("form", {
    class: "stack",
    async onsubmit(event) {
      event.preventDefault();
      trouble.textContent = "";
      mark(event.target, {});
      event.submitter && (event.submitter.disabled = true);
      try { await send(Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value !== "")), event.target); } catch (error) {
        if (!mark(event.target, error)) trouble.textContent = explain(error);
      }
      event.submitter && (event.submitter.disabled = false);
    },
  }, fields, trouble, h("button", { class: "primary", type: "submit" }, button));
}

const narrow = (title, ...content) => h("section", { class: "narrow card" }, h("h1", {}, title), content);
const email = () => input("email", "checkout.email", { type: "email", autocomplete: "username", maxlength: 254 });
const password = (key, name, autocomplete) => input(name, key, { type: "password", autocomplete, minlength: 8, maxlength: 128, hint: autocomplete === "new-password" ? t("account.hint") : null });

async function loggedIn(tokens) {
  session.set(tokens);
  await merge().catch(() => null);
  const next = query.get("next");
  if (next?.startsWith("/") && !next.startsWith("//")) location.assign(next);
  else location.assign("/account.html#orders");
}

const views = {
  login: () => narrow(t("login"),
    form([email(), password("account.password", "password", "current-password")], t("login"), async (body) => loggedIn(await post("/identity/login", body, { guest: true }))),
    h("p", {}, h("a", { href: "#forgot" }, t("account.forgot"))), h("p", {}, t("account.to"), " ", h("a", { href: "#register" }, t("account.register")))),

  register: () => narrow(t("account.register"),
    form([input("name", "checkout.name", { autocomplete: "name", maxlength: 120 }), email(), password("account.password", "password", "new-password")], t("account.register"), async (body) => {
      await post("/identity/register", body, { guest: true });
      toast(t("account.registered"));
      location.hash = "login";
    }), h("p", {}, t("account.have"), " ", h("a", { href: "#login" }, t("login")))),

  forgot: () => narrow(t("account.reset"), form([email()], t("account.reset.send"), async (body, element) => {
    await post("/identity/password/forgot", body, { guest: true });
    element.replaceWith(h("p", { class: "notice good", role: "status" }, t("account.reset.sent")));
  })),

  reset: (token) => narrow(t("account.reset"), form([password("account.newpassword", "password", "new-password")], t("account.save"), async (body) => {
    await post("/identity/password/reset", { token, ...body }, { guest: true });
    toast(t("account.reset.done"));
    location.hash = "login";
  })),

  verify: (token) => {
    const status = h("p", { role: "status" }, t("loading"));
    post("/identity/verify-email", { token }, { guest: true })
      .then(() => fill(status, t("account.verify.done")))
      .catch((error) => fill(status, explain(error)));
    return narrow(t("account.verify"), status, h("a", { class: "button", href: "/" }, t("order.back")));
  },

  async orders() {
    const { items } = await get("/orders");
    if (!items.length) return h("p", { class: "soft" }, t("account.none"));
    return h("div", { class: "scroll" }, h("table", {}, h("tbody", {}, items.map((order) => h("tr", {},
      h("td", {}, day(order.placedAt)), h("td", {}, h("a", { href: `/order.html?id=${order.orderId}`, class: "mono" }, order.orderId)),
      h("td", {}, h("span", { class: `badge ${{ confirmed: "good", cancelled: "bad" }[order.status] ?? "warn"}` }, t(`status.${order.status}`))),
      h("td", {}, price(order.totals.total, order.totals.currency)))))));
  },

  async addresses() {
    const { items } = await get("/identity/me/addresses");
    const again = () => show();
    const names = [["name", "checkout.name"], ["line1", "checkout.line1"], ["line2", "checkout.line2"], ["postalCode", "checkout.postal"], ["city", "checkout.city"], ["region", "checkout.region"]];
    const served = await countries();
    return [
      h("ul", { class: "stack" }, items.map((one) => h("li", { class: "card row between" },
        h("address", {}, [one.name, one.line1, one.line2, `${one.postalCode} ${one.city}`, countryName(one.country)].filter(Boolean).join(", ")),
        h("button", { class: "quiet danger", onclick: async () => { await call("DELETE", `/identity/me/addresses/${one.addressId}`).catch((error) => toast(explain(error))); again(); } }, t("account.delete"))))),
      h("h2", {}, t("account.add")),
      form(h("div", { class: "fields" }, names.map(([name, key]) => input(name, key, { required: !["line2", "region"].includes(name), maxlength: name === "postalCode" ? 12 : 120 })), h("label", {}, t("checkout.country"), countrySelect(served, "DE"))), t("account.save"),
        async (body) => { await post("/identity/me/addresses", body); again(); }),
    ];
  },

  async profile() {
    const { data: me, etag } = await call("GET", "/identity/me");
    return [
      !me.emailVerified && h("p", { class: "notice warn row" }, t("account.verify.missing"), h("button", { class: "plain", onclick: () => post("/identity/verify-email/resend", { email: me.email }, { guest: true }).then(() => toast(t("account.reset.sent"))).catch((error) => toast(explain(error))) }, t("account.verify.resend"))),
      form([h("p", {}, me.email), input("name", "checkout.name", { value: me.name, maxlength: 120 })], t("account.save"), async (body) => {
        try { await call("PATCH", "/identity/me", { body, headers: { "If-Match": etag } }); toast(t("account.saved")); } catch (error) {
          if (error.status !== 412) throw error;
          toast(t("account.conflict"));
        }
        show();
      }),
      h("h2", {}, t("account.change")),
      form([password("account.oldpassword", "currentPassword", "current-password"), password("account.newpassword", "newPassword", "new-password")], t("account.change"), async (body, element) => {
        await post("/identity/password/change", body);
        element.reset();
        toast(t("account.saved"));
      }),
      h("p", { class: "row" }, h("button", { class: "quiet", onclick: () => leave("/identity/logout", { refreshToken: session.get().refreshToken }) }, t("account.logout")),
        h("button", { class: "quiet danger", onclick: () => leave("/identity/logout-all") }, t("account.everywhere"))),
    ];
  },
};

async function leave(path, body) {
  await post(path, body).catch(() => null);
  session.clear();
  forget();
  location.assign("/");
}

async function show() {
  const [name, token] = location.hash.slice(1).split("=");
  const open = ["login", "register", "forgot", "reset", "verify"].includes(name);
  if (open || !session.get()) return void fill(place, (views[open ? name : "login"])(token));
  const tab = views[name] ? name : "orders";
  const body = h("div", {}, h("p", { class: "soft" }, t("loading")));
  fill(place, h("h1", {}, t("account")), h("div", { class: "account" },
    h("nav", { "aria-label": t("account") }, ["orders", "addresses", "profile"].map((one) => h("a", { href: `#${one}`, "aria-current": one === tab ? "page" : null }, t(`account.${one}`))),
      session.claims()?.roles?.some((role) => role === "staff" || role === "admin") && h("a", { href: "/console/" }, t("console"))),
    h("section", { class: "stack" }, h("h2", {}, t(`account.${tab}`)), body)));
  try { fill(body, await views[tab]()); } catch (error) { fill(body, error.status === 401 ? h("a", { href: "#login" }, t("login")) : failed(error, show)); }
}

window.addEventListener("hashchange", show);
show();
