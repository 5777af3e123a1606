// Stripe's card fields, in a frame of Stripe's own: what is typed there never reaches this page, which is given a token for it.
// The only code of another origin, loaded where the shop is paid through Stripe and on the pages that take a card.

import { Problem } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { language } from "../lib/i18n.js";

const CODE = "https://js.stripe.com/v3/";
let started = null;

/** Return Stripe's code, started with the shop's key; asked for once, and again where it did not come. */
export function stripe(key) {
  started ??= new Promise((done, fail) => {
    const lost = () => {
      script.remove();
      started = null;
      fail(new Problem(503, { code: "card_fields_missing" }));
    };
    const script = h("script", { src: CODE, onload: () => done(window.Stripe(key, { locale: language() })), onerror: lost });
    document.head.append(script);
  });
  return started;
}

/** Show the fields at a place; return `{token}`, a function that promises Stripe's token of what is in them. */
export async function cardFields(key, place) {
  const provider = await stripe(key);
  const { color, fontFamily } = getComputedStyle(place);
  const card = provider.elements().create("card", { style: { base: { color, fontFamily, fontSize: "16px" } } });
  fill(place);
  card.mount(place);
  // An order that had no answer is sent again with the same token: with another one it would be another order.
  let made = null;
  card.on("change", () => { made = null; });
  return {
    async token() {
      if (made) return made;
      const { paymentMethod, error } = await provider.createPaymentMethod({ type: "card", card });
      if (error) throw new Problem(422, { code: "card_not_read", parameters: { said: error.message } });
      return made = paymentMethod.id;
    },
  };
}
