// The cart in use: a guest's by its capability token, a customer's by who they are.

import { Problem, call, get, post, session } from "./api.js";

const KEPT = "souk.cart";
const SEEN = "souk.cart.seen";
const DELIVERY = "souk.checkout";
const kept = () => { try { return JSON.parse(localStorage.getItem(KEPT)); } catch { return null; } };
const capability = (cart) => (cart?.token ? { "X-Cart-Token": cart.token } : {});
const changed = (data) => {
  window.dispatchEvent(new CustomEvent("souk:cart", { detail: data }));
  localStorage.setItem(SEEN, contents(data));  // other tabs hear of it where it differs from what they know
  return data;
};

/** Return what a cart holds as a text to compare. */
export const contents = (data) => JSON.stringify((data?.lines ?? []).map(({ sku, quantity, total }) => [sku, quantity, total]));

// Another tab has changed the cart, or has another one since somebody logged in or out; or this page was left and came back.
window.addEventListener("storage", ({ key }) => { if (key === SEEN || key === KEPT) read().catch(() => null); });
window.addEventListener("pageshow", ({ persisted }) => { if (persisted) read().catch(() => null); });

/** Return the cart's reference, making a cart where there is none. */
async function reference() {
  const mine = kept();
  const customer = session.claims()?.sub ?? null;
  if (mine && mine.customer === customer) return mine;
  return remember(await post("/carts"));
}

function remember(made) {
  const cart = { id: made.cartId, token: made.token ?? null, customer: session.claims()?.sub ?? null };
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
  const customer = session.claims()?.sub ?? null;
  if (!kept() && !customer) return changed(null);
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
