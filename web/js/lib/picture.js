// Pictures from our own origin; anything else, or nothing, is drawn: a tile pattern that is the same for a product each time.

import { h, svg } from "./dom.js";

function hash(text) {
  let value = 2166136261;
  for (const char of text) value = Math.imul(value ^ char.codePointAt(0), 16777619);
  return value >>> 0;
}

function star(x, y, radius, fill) {
  const square = (turn) => svg("rect", {
    x: x - radius * 0.7, y: y - radius * 0.7, width: radius * 1.4, height: radius * 1.4, fill, transform: `rotate(${turn} ${x} ${y})`,
  });
  return [square(0), square(45)];
}

/** Return the drawn stand-in for a product's picture. */
export function placeholder(title) {
  const seed = hash(title);
  const hue = seed % 360;
  const size = 40 + (seed >> 9) % 3 * 10;
  const shapes = [svg("rect", { width: 200, height: 200, fill: `hsl(${hue} 38% 86%)` })];
  for (let y = 0; y <= 200; y += size) {
    for (let x = 0; x <= 200; x += size) {
      const odd = (x / size + y / size) % 2;
      shapes.push(...star(x, y, size / 2.4, `hsl(${(hue + odd * 40) % 360} 42% ${odd ? 66 : 74}%)`));
      shapes.push(svg("circle", { cx: x, cy: y, r: size / 7, fill: `hsl(${(hue + 180) % 360} 45% 40%)` }));
    }
  }
  return svg("svg", { viewBox: "0 0 200 200", preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true", focusable: "false" }, shapes);
}

/** Return a picture of a product in its frame; what cannot be loaded from our origin is drawn. */
export function picture(src, alt, title, { eager = false } = {}) {
  const frame = h("div", { class: "picture" });
  const own = src && new URL(src, location.href).origin === location.origin;
  if (!own) {
    frame.append(placeholder(title));
    return frame;
  }
  frame.append(h("img", {
    src, alt: alt ?? "", width: 600, height: 600, decoding: "async", loading: eager ? "eager" : "lazy",
    fetchpriority: eager ? "high" : null, onerror: () => frame.replaceChildren(placeholder(title)),
  }));
  return frame;
}
