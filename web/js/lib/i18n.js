// Two languages. A text is looked up by its English form's key; a missing one shows the key, which a test finds.

import { de, en } from "./texts.js";

const KEPT = "souk.language";
const texts = { en, de };

/** Return the language in use: the page's only one (the console's), else the reader's choice, the browser's, English. */
export function language() {
  const only = document.documentElement.dataset.language;
  if (only) return only;
  const chosen = localStorage.getItem(KEPT);
  if (texts[chosen]) return chosen;
  return texts[navigator.language.slice(0, 2)] ? navigator.language.slice(0, 2) : "en";
}

/** Return the locale numbers and dates are written in. */
export function locale() {
  return navigator.languages.find((one) => one.startsWith(language())) ?? { en: "en-IE", de: "de-DE" }[language()];
}

export function choose(next) {
  localStorage.setItem(KEPT, next);
  location.reload();
}

/** Return the text of a key, `{name}` replaced by `values.name`. */
export function t(key, values = {}) {
  const text = texts[language()][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Tell whether there is a text for a key. */
export const has = (key) => key in texts[language()];

export const countryName = (code) => new Intl.DisplayNames([locale()], { type: "region" }).of(code);
export const day = (iso) => new Date(iso).toLocaleDateString(locale(), { dateStyle: "medium" });
export const clock = (iso) => new Date(iso).toLocaleTimeString(locale(), { timeStyle: "medium" });
export const moment = (iso) => new Date(iso).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "medium" });

/** Translate what the page's HTML marks with data-t, show of its texts that are in several languages the one, and say which language the page is in. */
export function translate(root = document) {
  document.documentElement.lang = language();
  const title = document.querySelector("title[data-title]");
  if (title) document.title = title.dataset.title === "home.page" ? t("home.page") : `${t(title.dataset.title)} · Souk`;
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const text of root.querySelectorAll("article[lang]")) text.hidden = text.lang !== language();
}
