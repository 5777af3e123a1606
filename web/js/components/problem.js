// What went wrong, said to a person in their language: by the problem's code, at the field that it points to.

import { Problem } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { has, language, t } from "../lib/i18n.js";

const OUR_FAULT = 500;

/** Return what to say of a problem whose code is known here, null for one that nobody foresaw. */
function sentence({ code, parameters }) {
  const form = `form.${parameters.form}`;
  if (code === "wrong_form" && has(form)) return t(form);
  return has(`problem.${code}`) ? t(`problem.${code}`, parameters) : null;
}

/** Return one sentence about an error; one that nobody foresaw shows what to quote. */
export function explain(error) {
  if (!(error instanceof Problem)) {
    reportError(error);  // a fault of the page itself: on the browser's console in full
    return t("error.page");
  }
  const known = sentence(error);
  if (known) return known;
  if (error.status < OUR_FAULT && language() === "en") return error.message;
  return error.correlationId ? t("error.unforeseen", { id: error.correlationId }) : t("error.reach");
}

/** Return a notice with a way to try again; the rest of the page goes on working. */
export function failed(error, retry) {
  const said = explain(error);
  const id = error.correlationId;
  return h("div", { class: "notice bad", role: "alert" },
    h("p", {}, said),
    id && !said.includes(id) && h("p", { class: "small soft" }, t("error.quote", { id })),
    retry && h("button", { class: "quiet", onclick: retry }, t("error.retry")));
}

/** Take all marks off a form. */
export function unmark(form) {
  for (const old of form.querySelectorAll(".field-error")) old.remove();
  for (const old of form.querySelectorAll("[aria-invalid]")) { old.removeAttribute("aria-invalid"); old.removeAttribute("aria-describedby"); }
}

/** Say beside a field what is wrong with it. */
function point(field, text) {
  const id = `error-${field.name}`;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", id);
  field.after(h("span", { class: "error field-error", id }, text));
}

/** Mark the field a problem's JSON pointer names, and say what is wrong beside it; false where the form has none. */
export function mark(form, error, { focus = true } = {}) {
  unmark(form);
  const name = error.pointer?.split("/").at(-1);
  const field = name && form.elements.namedItem(name);
  if (!field || !("setAttribute" in field)) return false;
  point(field, explain(error));
  if (focus) field.focus();
  return true;
}

/** Return what is wrong with a field as the browser sees it, null where nothing is. Blanks alone fill nothing in. */
function fault(field) {
  const { validity } = field;
  if (!field.willValidate) return null;
  if (validity.valueMissing || (field.required && !field.value.trim())) return t("problem.field_required");
  if (validity.typeMismatch && field.type === "email") return t("form.email");
  if (validity.tooShort || (field.minLength > 0 && field.value && field.value.length < field.minLength)) return t("problem.too_short", { minimum: field.minLength });
  return validity.valid ? null : t("problem.wrong_form");
}

/** Tell whether a form can be sent as it stands. */
export const complete = (form) => [...form.elements].every((field) => fault(field) === null);

/** Mark every field that keeps a form from being sent, and go to the first; true where none does. */
export function check(form) {
  unmark(form);
  const wrong = [...form.elements].map((field) => [field, fault(field)]).filter(([, text]) => text);
  for (const [field, text] of wrong) point(field, text);
  wrong[0]?.[0].focus();
  return wrong.length === 0;
}
