// DOM building without markup strings: text is always text, so nothing a shop or a buyer typed can become an element.

/** Return an element. Attributes: `onclick`-style functions listen, false and null leave the attribute out. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  append(element, children);
  return element;
}

/** Return an SVG element; the same rules. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child);
  }
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** Show a short message that goes away by itself; screen readers hear it. */
export function toast(text) {
  document.querySelector(".toast")?.remove();
  const note = h("p", { class: "toast", role: "status" }, text);
  (document.querySelector("dialog[open]") ?? document.body).append(note);  // behind a modal nobody sees or hears it
  setTimeout(() => note.remove(), 4000);
}

/** Return a function that runs `work` once, `wait` milliseconds after its last call. */
export function debounced(wait, work) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), wait);
  };
}

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
