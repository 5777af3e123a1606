// The account: log in, register, orders, addresses, profile; and what the links in our mails open.

import { call, get, idempotencyKey, page, post, session } from "../lib/api.js";
import { merge, forget } from "../lib/cart.js";
import { fill, h, toast } from "../lib/dom.js";
import { countryName, day, t } from "../lib/i18n.js";
import { countries, countrySelect, format, labelLines } from "../components/countries.js";
import { price } from "../lib/money.js";
import { ours } from "../lib/origin.js";
import { check, explain, failed, mark } from "../components/problem.js";

const place = document.querySelector("#account");
const query = new URLSearchParams(location.search);

const input = (name, key, { hint, ...attributes } = {}) => h("label", {}, t(key), h("input", { name, required: true, ...attributes }), hint && h("span", { class: "hint" }, hint));

/** Return a form that sends its fields, marks the field a problem names, and shows anything else. */
function form(fields, button, send, ...more) {
  const trouble = h("p", { class: "error", role: "alert" });
  return h("form", {
    class: "stack", novalidate: true,
    async onsubmit(event) {
      event.preventDefault();
      trouble.textContent = "";
      if (!check(event.target)) return;
      event.submitter && (event.submitter.disabled = true);
      try { await send(Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value !== "")), event.target); } catch (error) {
        if (!mark(event.target, error)) trouble.textContent = explain(error);
      }
      event.submitter && (event.submitter.disabled = false);
    },
  }, fields, trouble, h("div", { class: "row" }, h("button", { class: "primary", type: "submit" }, button), more));
}

const narrow = (title, ...content) => h("section", { class: "narrow card" }, h("h1", {}, title), content);
const email = () => input("email", "checkout.email", { type: "email", autocomplete: "username", maxlength: 254 });
const password = (key, name, autocomplete) => input(name, key, { type: "password", autocomplete, minlength: 8, maxlength: 128, hint: autocomplete === "new-password" ? t("account.hint") : null });

async function loggedIn(tokens) {
  session.set(tokens);
  await merge().catch(() => null);
  location.assign(ours(query.get("next")) ?? "/account.html#orders");
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
      .then(() => { fill(status, t("account.verify.done")); status.className = "notice good"; })
      .catch((error) => { fill(status, explain(error)); status.className = "notice bad"; });
    return narrow(t("account.verify"), status, h("a", { class: "button", href: "/" }, t("order.back")));
  },

  erased: () => narrow(t("account.erased"), h("p", { role: "status" }, t("account.erased.explain")), h("a", { class: "button", href: "/" }, t("order.back"))),

  async orders() {
    const list = h("ul", { class: "stack", id: "orders" });
    const more = h("div", { class: "more" });
    const load = async (cursor = null) => {
      const { items, nextCursor } = await page(`/orders${cursor ? `?cursor=${encodeURIComponent(cursor)}` : ""}`);
      list.append(...items.map(bought));
      fill(more, nextCursor && h("button", { class: "quiet", onclick: () => load(nextCursor).catch((error) => toast(explain(error))) }, t("list.more")));
    };
    await load();
    if (!list.children.length) return h("div", { class: "empty" }, h("p", {}, t("account.none")), h("a", { class: "button", href: "/products.html" }, t("home.shop")));
    return [list, more];
  },

  async addresses() {
    const [{ items }, served] = await Promise.all([get("/identity/me/addresses"), countries()]);
    const place = h("div");
    const add = h("button", { class: "quiet", onclick: () => edit(place, served, null, () => fill(place, add)) }, t("account.add"));
    fill(place, add);
    return [h("ul", { class: "stack", id: "addresses" }, items.map((one) => addressCard(one, served))), place];
  },

  async profile() {
    const { data: me, etag } = await call("GET", "/identity/me");
    const resend = () => post("/identity/verify-email/resend", { email: me.email }, { guest: true }).then(() => toast(t("account.reset.sent"))).catch((error) => toast(explain(error)));
    return [
      !me.emailVerified && h("p", { class: "notice warn row" }, t("account.verify.missing"), h("button", { class: "plain", onclick: resend }, t("account.verify.resend"))),
      part("account.name", form([input("name", "checkout.name", { value: me.name, autocomplete: "name", maxlength: 120 })], t("account.save"), async (body) => {
        await conflicting(call("PATCH", "/identity/me", { body, headers: { "If-Match": etag } }));
        show();
      })),
      part("account.email.change", h("p", { class: "soft" }, t("account.email.now", { email: me.email })),
        form([input("email", "account.email.new", { type: "email", autocomplete: "email", maxlength: 254 }), password("account.oldpassword", "password", "current-password")], t("account.email.change"), async (body, element) => {
          await post("/identity/email/change", body);
          element.replaceWith(h("p", { class: "notice good", role: "status" }, t("account.email.sent", { email: body.email })));
        })),
      part("account.change", form([password("account.oldpassword", "currentPassword", "current-password"), password("account.newpassword", "newPassword", "new-password")], t("account.change"), async (body, element) => {
        await post("/identity/password/change", body);
        element.reset();
        toast(t("account.saved"));
      })),
      part("account.sessions", h("p", { class: "row" }, h("button", { class: "quiet", onclick: () => leave("/identity/logout", { refreshToken: session.get().refreshToken }) }, t("account.logout")),
        h("button", { class: "quiet", onclick: () => leave("/identity/logout-all") }, t("account.everywhere")))),
      part("account.erase", h("p", { class: "soft" }, t("account.erase.explain")), h("button", { class: "quiet danger", onclick: erase }, t("account.erase"))),
    ];
  },
};

const part = (key, ...content) => h("section", { class: "card part" }, h("h3", {}, t(key)), content);

/** Tell of a change that went through, or that somebody else's came first; the newest is shown after either. */
async function conflicting(change) {
  try {
    await change;
    toast(t("account.saved"));
  } catch (error) {
    if (error.status !== 412) throw error;
    toast(t("account.conflict"));
  }
}

/** Return an order as a card: what was bought, when, how it stands. */
function bought(order) {
  const [first, ...rest] = order.lines;
  const name = rest.length ? t("account.items", { title: first.title, count: rest.length }) : first.title;
  return h("li", { class: "card bought" },
    h("div", {}, h("a", { href: `/order.html?id=${encodeURIComponent(order.orderId)}` }, h("strong", {}, name)), h("div", { class: "small soft" }, day(order.placedAt), " · ", h("span", { class: "mono" }, order.number))),
    h("span", { class: `badge ${{ confirmed: "good", cancelled: "bad" }[order.status] ?? "warn"}` }, t(`status.${order.status}`)),
    h("span", { class: "price" }, price(order.totals.total, order.totals.currency)));
}

const FIELDS = [["name", "checkout.name", "name"], ["line1", "checkout.line1", "address-line1"], ["line2", "checkout.line2", "address-line2"], ["postalCode", "checkout.postal", "postal-code"], ["city", "checkout.city", "address-level2"], ["region", "checkout.region", "address-level1"], ["phone", "account.phone", "tel"]];
const OPTIONAL = new Set(["line2", "region", "phone"]);

function addressCard(one, served) {
  const path = `/identity/me/addresses/${encodeURIComponent(one.addressId)}`;
  const card = h("li", { class: "card" });
  const remove = async () => {
    try { await call("DELETE", path); } catch (error) { toast(explain(error)); }
    show();
  };
  const change = async () => {
    try {
      const { data, etag } = await call("GET", path);
      edit(card, served, { data, etag, path }, shown);
    } catch (error) { toast(explain(error)); }
  };
  const shown = () => fill(card, h("div", { class: "row between" },
    h("address", {}, h("strong", {}, one.name), one.default && h("span", { class: "badge soft" }, t("account.default")), [...labelLines({ ...one, name: "" }, format(served, one.country)), one.phone].filter(Boolean).map((text) => h("div", {}, text))),
    h("div", { class: "row" }, h("button", { class: "quiet", "aria-label": `${t("account.edit")}: ${one.name}, ${one.line1}`, onclick: change }, t("account.edit")), h("button", { class: "quiet danger", "aria-label": `${t("account.delete")}: ${one.name}, ${one.line1}`, onclick: remove }, t("account.delete")))));
  shown();
  return card;
}

/** Show the form of an address in its place: a new one, or one that is kept with the version that was read. */
function edit(place, served, kept, leave_) {
  const fields = FIELDS.map(([name, key, autocomplete]) => input(name, key, { value: kept?.data[name] ?? "", required: !OPTIONAL.has(name), autocomplete, maxlength: { postalCode: 20, phone: 30 }[name] ?? 120 }));
  const standard = h("label", { class: "check wide" }, h("input", { type: "checkbox", name: "default", value: "yes", checked: kept?.data.default }), t("account.default.set"));
  fill(place, h("div", { class: "card" }, form(h("div", { class: "fields" }, fields, h("label", {}, t("checkout.country"), countrySelect(served, kept?.data.country ?? "DE")), standard), t("account.save"), async (given) => {
    const body = { ...given, default: given.default === "yes" };
    await conflicting(kept ? call("PUT", kept.path, { body, headers: { "If-Match": kept.etag } }) : post("/identity/me/addresses", body, { headers: { "Idempotency-Key": idempotencyKey() } }));
    show();
  }, h("button", { class: "quiet", type: "button", onclick: leave_ }, t("account.cancel")))));
  if (kept) place.firstChild.classList.remove("card");
  place.querySelector("input").focus();
}

/** Ask once more, then erase the account. */
function erase() {
  const asked = h("dialog", { class: "ask", "aria-labelledby": "erase" });
  const yes = async () => {
    try { await call("DELETE", "/identity/me"); } catch (error) { return toast(explain(error)); }
    asked.close();
    session.clear();
    forget();
    location.assign("/account.html#erased");
  };
  fill(asked, h("div", { class: "stack" }, h("h2", { id: "erase" }, t("account.erase.sure")), h("p", {}, t("account.erase.explain")),
    h("div", { class: "row" }, h("button", { class: "quiet danger", onclick: yes }, t("account.erase.yes")), h("button", { class: "primary", autofocus: true, onclick: () => asked.close() }, t("account.erase.no")))));
  asked.addEventListener("close", () => asked.remove());
  document.body.append(asked);
  asked.showModal();
}

async function leave(path, body) {
  await post(path, body).catch(() => null);
  session.clear();
  forget();
  location.assign("/");
}

async function show() {
  const [name, token] = location.hash.slice(1).split("=");
  const open = ["login", "register", "forgot", "reset", "verify", "erased"].includes(name);
  if (open || !session.get()) return void fill(place, (views[open ? name : "login"])(token));
  const tab = views[name] ? name : "orders";
  const body = h("div", {}, h("p", { class: "soft" }, t("loading")));
  fill(place, h("h1", {}, t("account")), h("div", { class: "account" },
    h("nav", { "aria-label": t("account") }, ["orders", "addresses", "profile"].map((one) => h("a", { href: `#${one}`, "aria-current": one === tab ? "page" : null }, t(`account.${one}`))),
      session.claims()?.roles?.some((role) => role === "staff" || role === "admin") && h("a", { href: "/console/" }, t("console"))),
    h("section", {}, h("h2", {}, t(`account.${tab}`)), body)));
  try {
    const content = await views[tab]();
    if (body.isConnected) fill(body, content);  // else another tab was chosen meanwhile
  } catch (error) { fill(body, error.status === 401 ? h("a", { href: "#login" }, t("login")) : failed(error, show));
  }
}

window.addEventListener("hashchange", show);
show();
