// Pictures from our own origin; anything else, or nothing, is drawn: a tile pattern that is the same for a product each time.

import { h } from "./dom.js";
import { ours } from "./origin.js";

function hash(text) {
  let value = 2166136261;
  for (const char of text) value = Math.imul(value ^ char.codePointAt(0), 16777619);
  return value >>> 0;
}

/** Return the drawn stand-in for a product's picture: one image of two tiles, repeated; the title only chooses among them. */
export function placeholder(title) {
  const seed = hash(title);
  const hue = seed % 360;
  const size = 40 + ((seed >> 9) % 3) * 10;
  const star = (x, y, fill) => [0, 45].map((turn) => `<path fill="${fill}" transform="rotate(${turn} ${x} ${y})" d="M${x - size * 0.29} ${y - size * 0.29}h${size * 0.58}v${size * 0.58}h${-size * 0.58}z"/>`).join("");
  const dot = (x, y) => `<circle cx="${x}" cy="${y}" r="${size / 7}" fill="hsl(${(hue + 180) % 360} 45% 40%)"/>`;
  const spots = [[0.5, 0.5, 0], [1.5, 1.5, 0], [1.5, 0.5, 1], [0.5, 1.5, 1]].map(([x, y, odd]) => [x * size, y * size, odd]);
  const tile = spots.map(([x, y, odd]) => star(x, y, `hsl(${(hue + odd * 40) % 360} 42% ${odd ? 66 : 74}%)`) + dot(x, y)).join("");
  const drawn = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200"><defs><pattern id="p" width="${size * 2}" height="${size * 2}" patternUnits="userSpaceOnUse">${tile}</pattern></defs><rect width="200" height="200" fill="hsl(${hue} 38% 86%)"/><rect width="200" height="200" fill="url(#p)"/></svg>`;
  return h("img", { class: "drawn", alt: "", width: 600, height: 600, src: `data:image/svg+xml,${encodeURIComponent(drawn)}` });
}

/** Return a picture of a product in its frame; what cannot be loaded from our origin is drawn. */
export function picture(src, alt, title, { eager = false } = {}) {
  const frame = h("div", { class: "picture" });
  if (!ours(src)) {
    frame.append(placeholder(title));
    return frame;
  }
  frame.append(h("img", {
    src, alt: alt ?? "", width: 600, height: 600, decoding: "async", loading: eager ? "eager" : "lazy",
    fetchpriority: eager ? "high" : null, onerror: () => frame.replaceChildren(placeholder(title)),
  }));
  return frame;
}
