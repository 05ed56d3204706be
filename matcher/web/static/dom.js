// Elements without markup in texts: what a shop wrote can never become part of the page's structure.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

// element("a", { class: "x", href: "...", onclick: f, "aria-label": "..." }, "text", otherElement, null)
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

// A link of a shop: http and https alone, in a window of its own that cannot reach ours.
export function shopLink(address, ...children) {
  return element("a", { href: safe(address), target: "_blank", rel: "noopener noreferrer nofollow" }, ...children);
}

export function safe(address) {
  return /^https?:\/\/[^/\s]/i.test(address ?? "") ? address : null;
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
