// The means of payment to choose from: the simulated provider's test cards.

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

const TOKENS = ["tok_visa", "tok_chargeDeclined", "tok_insufficientFunds", "tok_slow", "tok_flaky", "tok_lost", "tok_lapses", "tok_captureRefused", "tok_3ds", "tok_3dsDeclined", "tok_3dsAbandoned", "tok_3dsLate"];

/** Return one radio button for each means of payment, all named `token`; the first is chosen. */
export const paymentChoice = () => h("div", { class: "pay-choices" }, TOKENS.map((token, index) => h("label", {}, h("input", { type: "radio", name: "token", value: token, checked: index === 0 }), t(`pay.${token}`))));
