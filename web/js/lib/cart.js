// The cart in use: a guest's by its capability token, a customer's by who they are.

import { Problem, call, get, post, session } from "./api.js";

const KEPT = "souk.cart";
const SEEN = "souk.cart.seen";
const LAST = "souk.cart.last";
const FRESH = 60_000;
const DELIVERY = "souk.checkout";
const kept = () => { try { return JSON.parse(localStorage.getItem(KEPT)); } catch { return null; } };
const customer = () => session.claims()?.sub ?? null;
const capability = (cart) => (cart?.token ? { "X-Cart-Token": cart.token } : {});
const changed = (data) => {
  window.dispatchEvent(new CustomEvent("souk:cart", { detail: data }));
  if (data) localStorage.setItem(LAST, JSON.stringify({ id: kept()?.id, customer: customer(), at: Date.now(), data }));
  else outdated();
  if (data || localStorage.getItem(SEEN)) localStorage.setItem(SEEN, contents(data));  // other tabs hear of it where it differs from what they know
  return data;
};

/** Return what a cart holds as a text to compare. */
export const contents = (data) => JSON.stringify((data?.lines ?? []).map(({ sku, quantity, total }) => [sku, quantity, total]));

/** Return the cart as this browser was answered less than a minute ago; undefined where it was not, or has another cart. */
export function recent() {
  let last = null;
  try { last = JSON.parse(localStorage.getItem(LAST)); } catch { /* as if there were none */ }
  const mine = last && last.id === kept()?.id && last.customer === customer();
  return mine && Date.now() - last.at < FRESH ? last.data : undefined;
}

/** Say that what was answered last holds no more: an order is about to empty the cart. */
export const outdated = () => localStorage.removeItem(LAST);

/** Return the cart for who only glances at it: as it was a moment ago, or as it is. */
export async function glance() {
  const last = recent();
  if (last === undefined) return read();
  window.dispatchEvent(new CustomEvent("souk:cart", { detail: last }));
  return last;
}

// Another tab has changed the cart, or has another one since somebody logged in or out; or this page was left and came back.
window.addEventListener("storage", ({ key }) => { if (key === SEEN || key === KEPT) glance().catch(() => null); });
window.addEventListener("pageshow", ({ persisted }) => { if (persisted) read().catch(() => null); });

/** Return the cart's reference, making a cart where there is none. */
async function reference() {
  const mine = kept();
  if (mine && mine.customer === customer()) return mine;
  return remember(await post("/carts"));
}

function remember(made) {
  const cart = { id: made.cartId, token: made.token ?? null, customer: customer() };
  localStorage.setItem(KEPT, JSON.stringify(cart));
  return cart;
}

/** Run `work` with the cart; a cart that has expired meanwhile is replaced by a new one, once. */
async function withCart(work) {
  const cart = await reference();
  try {
    return await work(cart);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 404 || error.code === "unknown_sku") throw error;
    localStorage.removeItem(KEPT);
    return work(await reference());
  }
}

/** Return the cart, null where none has been made yet. */
export async function read() {
  if (!kept() && !customer()) return changed(null);
  return changed(await withCart((cart) => get(`/carts/${cart.id}`, { headers: capability(cart) })));
}

export const setLine = async (sku, quantity) => changed(await withCart((cart) => {
  const path = `/carts/${cart.id}/lines/${encodeURIComponent(sku)}`;
  const headers = capability(cart);
  return quantity > 0
    ? call("PUT", path, { body: { quantity }, headers }).then(({ data }) => data)
    : call("DELETE", path, { headers }).then(({ data }) => data);
}).then((data) => data ?? read()));

/** Ask for a quote; `again`: the order that buys these lines already, where they are bought once more on purpose. */
export const quote = (email, shippingAddress, again) => withCart((cart) =>
  post(`/carts/${cart.id}/quote`, { email, shippingAddress, ...(again && { again }) }, { headers: capability(cart) }));

/** After log-in: bring the guest's cart along; nothing in either is lost. */
export async function merge() {
  const guest = kept();
  if (guest?.token && !guest.customer) {
    const answer = await post(`/carts/${guest.id}/merge`, undefined, { headers: capability(guest) }).catch((error) => {
      if (error instanceof Problem && error.status < 500) return null;
      throw error;
    });
    localStorage.removeItem(KEPT);
    if (answer?.cartId) remember(answer);
  }
  return read();
}

export const forget = () => {
  localStorage.removeItem(KEPT);
  outdated();
  delivery.forget();
};

/** What was typed into the checkout: kept in this tab until the order is confirmed, so that nothing is typed twice. */
export const delivery = {
  kept: () => { try { return JSON.parse(sessionStorage.getItem(DELIVERY)); } catch { return null; } },
  keep: (fields) => sessionStorage.setItem(DELIVERY, JSON.stringify(fields)),
  forget: () => sessionStorage.removeItem(DELIVERY),
};

const TOKENS = "souk.orders";
export const orderTokens = {
  all: () => { try { return JSON.parse(localStorage.getItem(TOKENS)) ?? {}; } catch { return {}; } },
  keep(orderId, token) {
    localStorage.setItem(TOKENS, JSON.stringify({ ...this.all(), [orderId]: token }));
  },
  header(orderId, given) {
    const token = given ?? this.all()[orderId];
    return token ? { "X-Order-Token": token } : {};
  },
};
