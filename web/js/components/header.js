// The header and footer of every storefront page, and the drawer that shows the cart.

import { session } from "../lib/api.js";
import * as cart from "../lib/cart.js";
import { choose, language, t, translate } from "../lib/i18n.js";
import { fill, h, svg } from "../lib/dom.js";
import { applyTheme, chooseTheme, theme } from "../lib/theme.js";
import { drawer } from "./cart-drawer.js";
import { LEGAL, legalLink } from "./legal.js";

function logo() {
  const square = (turn) => svg("rect", { x: 6, y: 6, width: 20, height: 20, fill: "none", stroke: "currentColor", "stroke-width": 2.4, transform: `rotate(${turn} 16 16)` });
  return svg("svg", { viewBox: "0 0 32 32", "aria-hidden": "true" }, square(0), square(45), svg("circle", { cx: 16, cy: 16, r: 4, fill: "currentColor" }));
}

function bag() {
  return svg("svg", { viewBox: "0 0 24 24", width: 24, height: 24, fill: "none", stroke: "currentColor", "stroke-width": 1.8, "aria-hidden": "true" },
    svg("path", { d: "M5 8h14l-1 12H6zM9 8V6a3 3 0 0 1 6 0v2" }));
}

class Header extends HTMLElement {
  connectedCallback() {
    this.count = h("span", { class: "cart-count", hidden: true, "aria-hidden": "true" });
    this.button = h("button", { class: "icon cart-button", "aria-haspopup": "dialog", onclick: () => this.open() }, bag(), this.count);
    this.who = h("a", { href: "/account.html" });
    const words = h("input", { type: "search", name: "q", "aria-label": t("search"), placeholder: t("search"), autocomplete: "off", value: new URLSearchParams(location.search).get("q") ?? "" });
    fill(this, h("a", { class: "skip", href: "#main" }, t("skip")),
      h("div", { class: "masthead" },
        h("a", { class: "brand", href: "/" }, logo(), "Souk"),
        h("form", { role: "search", action: "/products.html" }, words),
        h("nav", { "aria-label": t("account") }, h("a", { href: "/products.html" }, t("list.title")), this.who, this.button)));
    window.addEventListener("souk:cart", (event) => this.show(event.detail));
    window.addEventListener("souk:session", () => this.person());
    window.addEventListener("storage", () => this.person());
    this.person();
    this.show(null);
    cart.glance().catch(() => null);
    if (words.form.closest("souk-header") && location.pathname === "/products.html") {
      words.addEventListener("input", () => window.dispatchEvent(new CustomEvent("souk:search", { detail: words.value })));
      words.form.addEventListener("submit", (event) => event.preventDefault());
      window.addEventListener("popstate", () => { words.value = new URLSearchParams(location.search).get("q") ?? ""; });
    }
  }

  person() {
    this.who.textContent = session.get() ? t("account") : t("login");
  }

  show(data) {
    const count = (data?.lines ?? []).reduce((sum, line) => sum + line.quantity, 0);
    this.count.textContent = count;
    this.count.hidden = count === 0;
    this.button.setAttribute("aria-label", t("cart.open", { count }));
  }

  /** Open the cart; `data` is the cart where it is known already, with `news` of what was put into it. */
  open(news, data) {
    this.drawer ??= drawer();
    this.drawer.open(news, data);
  }
}

class Footer extends HTMLElement {
  connectedCallback() {
    const option = (value, text, now) => h("option", { value, selected: value === now }, text);
    fill(this, h("div", { class: "footing" },
      h("nav", { "aria-label": t("legal") }, LEGAL.map(legalLink)),
      h("p", { class: "soft" }, t("footer")),
      h("div", { class: "row" },
        h("label", {}, t("language"), h("select", { onchange: (event) => choose(event.target.value) }, option("en", "English", language()), option("de", "Deutsch", language()))),
        h("label", {}, t("theme"), h("select", { onchange: (event) => chooseTheme(event.target.value) },
          ["auto", "light", "dark"].map((value) => option(value, t(`theme.${value}`), theme())))))));
  }
}

applyTheme();
translate();
customElements.define("souk-header", Header);
customElements.define("souk-footer", Footer);
