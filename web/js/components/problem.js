// What went wrong, said to a person.

import { h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";

/** Return one sentence about an error. */
export function explain(error) {
  if (error.status === undefined) throw error;
  if (error.status === 0 || error.status >= 500) return t("error.reach");
  return error.message;
}

/** Return a notice with a way to try again; the rest of the page goes on working. */
export function failed(error, retry) {
  return h("div", { class: "notice bad", role: "alert" },
    h("p", {}, explain(error)),
    error.correlationId && h("p", { class: "small soft" }, t("error.quote", { id: error.correlationId })),
    retry && h("button", { class: "quiet", onclick: retry }, t("error.retry")));
}

/** Mark the field a problem's JSON pointer names, and say what is wrong beside it; false where the form has none. */
export function mark(form, error) {
  for (const old of form.querySelectorAll(".field-error")) old.remove();
  for (const old of form.querySelectorAll("[aria-invalid]")) { old.removeAttribute("aria-invalid"); old.removeAttribute("aria-describedby"); }
  const name = error.pointer?.split("/").at(-1);
  const field = name && form.elements.namedItem(name);
  if (!field || !("setAttribute" in field)) return false;
  const id = `error-${name}`;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", id);
  field.after(h("span", { class: "error field-error", id }, explain(error)));
  field.focus();
  return true;
}
