// Garments drawn over a picture: hovering lights them, a click or Enter chooses one, arrow keys go through them.
import { svg } from "./dom.js";

export class Outlines {
  // look: as the API gives it. chosen(number), lit(number or null): called when that changes.
  constructor(look, { chosen, lit = () => {} }) {
    this.look = look;
    this.chosen = chosen;
    this.lit = lit;
    this.order = reading(look.garments);
    // Large garments first, so that small ones on top of them can be reached.
    const bySize = [...look.garments].sort((a, b) => area(b) - area(a));
    this.paths = new Map(bySize.map((garment) => [garment.number, this.path(garment)]));
    this.element = svg(
      "svg",
      { viewBox: `0 0 ${look.width} ${look.height}`, preserveAspectRatio: "none", role: "group",
        "aria-label": "Garments in the picture" },
      ...this.paths.values(),
    );
    this.roam(this.order[0]);
  }

  path(garment) {
    const number = garment.number;
    return svg("path", {
      d: garment.outline,
      class: `garment ${garment.tier}`,
      role: "button",
      tabindex: "-1",
      "aria-label": describe(garment, this.look),
      "aria-pressed": "false",
      "data-number": number,
      onclick: () => this.choose(number),
      onkeydown: (event) => this.key(event, number),
      onpointerenter: () => this.lit(number),
      onpointerleave: () => this.lit(null),
      onfocus: () => this.lit(number),
      onblur: () => this.lit(null),
    });
  }

  choose(number) {
    for (const [other, path] of this.paths) {
      path.classList.toggle("chosen", other === number);
      path.setAttribute("aria-pressed", String(other === number));
    }
    this.roam(number);
    this.chosen(number);
  }

  light(number) {
    for (const [other, path] of this.paths) path.classList.toggle("lit", other === number);
  }

  // One stop for the Tab key; arrows move within.
  roam(number) {
    for (const [other, path] of this.paths) path.setAttribute("tabindex", other === number ? "0" : "-1");
  }

  key(event, number) {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    if (event.key === "Enter" || event.key === " ") {
      this.choose(number);
    } else if (event.key in steps) {
      const place = this.order.indexOf(number) + steps[event.key];
      const next = this.order[(place + this.order.length) % this.order.length];
      this.roam(next);
      this.paths.get(next).focus();
    } else {
      return;
    }
    event.preventDefault();
  }
}

export function describe(garment, look) {
  const [first] = garment.matches;
  const who = look.persons > 1 ? `person ${garment.person + 1}, ` : "";
  const found = garment.tier === "none" || !first ? "no good product" : `${garment.tier}: ${first.product.title}`;
  return `${who}${garment.keywords.join(", ") || garment.type}; ${found}`;
}

// Person by person, from the head down.
export function reading(garments) {
  return [...garments].sort((a, b) => a.person - b.person || a.box[1] - b.box[1]).map((garment) => garment.number);
}

function area({ box: [x0, y0, x1, y1] }) {
  return (x1 - x0) * (y1 - y0);
}
