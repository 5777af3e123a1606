// The means of payment to choose from: the simulated provider's test cards, or the card fields that Stripe itself shows.

import { fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { failed } from "./problem.js";

const TOKENS = ["tok_visa", "tok_chargeDeclined", "tok_insufficientFunds", "tok_slow", "tok_flaky", "tok_lost", "tok_lapses", "tok_captureRefused", "tok_3ds", "tok_3dsDeclined", "tok_3dsAbandoned", "tok_3dsLate"];

/** Who is paid, as the page's HTML was told (tools/build/pages.py): `simulator`, or the key that Stripe's code is started with. */
const payee = () => document.documentElement.dataset.payment;

/** Return `{element, token}`: what to show, and a function that promises a token of what was chosen, or fails with what is wrong with it. */
export const paymentChoice = () => (payee() === "simulator" ? testCards() : cardFields());

/** Have Stripe's code on this page ask what the buyer's bank wants to know. What came of it the shop asks Stripe. */
export async function askBuyer(clientSecret) {
  const { stripe } = await import("./card-fields.js");
  await (await stripe(payee())).handleNextAction({ clientSecret });
}

function testCards() {
  const cards = TOKENS.map((token, index) => h("label", {}, h("input", { type: "radio", name: "token", value: token, checked: index === 0 }), t(`pay.${token}`)));
  const element = h("div", { class: "pay-choices" }, h("p", { class: "small soft" }, t("checkout.test")), cards);
  return { element, token: async () => element.querySelector(":checked").value };
}

function cardFields() {
  const element = h("div", { class: "card-fields" });
  const load = async () => (await import("./card-fields.js")).cardFields(payee(), element);
  let fields = load();
  fields.catch((error) => fill(element, failed(error)));
  // Where they did not load, whoever presses the button has it tried again.
  return { element, token: async () => (await (fields = fields.catch(load))).token() };
}
