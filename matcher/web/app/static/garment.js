// What is shown of a chosen garment: itself, its words, its products, more like it, and the web where we have none.
import { byId, element, shopLink } from "./dom.js";
import { narrowed, query, similarForm } from "./filters.js";
import { ask } from "./http.js";
import { card, mayWrite, note } from "./products.js";

export function showGarment(place, look, garment, web) {
  const base = `/api/looks/${look.id}/garments/${garment.number}`;
  const message = element("p", { role: "status" });
  const more = element("ul", { class: "products many" });
  place.replaceChildren(
    element("h2", {}, garment.keywords.slice(0, 3).reverse().join(" ") || garment.type),
    seen(garment),
    words(garment),
    element("h3", {}, heading(garment)),
    element("ul", { class: "products" }, ...garment.matches.slice(0, 3).map((match, place) => {
      const actions = mayWrite() ? feedback(base, match.product, message) : [];
      return card(match, { actions, tier: place === 0 ? garment.tier : "" });
    })),
    web && garment.tier === "none" && mayWrite() ? offer(base, web, message) : null,
    similar(base, garment, more, message),
    message,
    more,
  );
  place.hidden = false;
  for (const { product } of garment.matches.slice(0, 1)) note("open", product);
}

function heading(garment) {
  if (!garment.matches.length) return "No product found";
  return { exact: "This very product", similar: "Similar products", none: "No good match; the nearest are" }[garment.tier];
}

function seen(garment) {
  const name = garment.keywords.join(" ") || garment.type;
  return element(
    "div",
    { class: "crop" },
    element("img", { src: garment.crop, alt: `The ${name} in the picture` }),
    element("img", { src: garment.cutout, alt: `The ${name} cut out` }),
    element(
      "p",
      {},
      element("a", { href: garment.crop, download: `${garment.type}.jpg` }, "Crop"),
      " ",
      element("a", { href: garment.cutout, download: `${garment.type}-cutout.png` }, "Cut-out"),
    ),
  );
}

function words(garment) {
  const colours = new Map(garment.colours.map((colour) => [colour.name, colour.swatch]));
  const items = garment.keywords.map((word) => {
    const item = element("li", {}, word);
    if (colours.has(word)) item.prepend(swatch(colours.get(word)));
    return item;
  });
  return element("ul", { class: "words", "aria-label": "Keywords" }, ...items);
}

function swatch(colour) {
  const mark = element("span", { class: "swatch" });
  mark.style.background = colour; // through the object model, which the page's policy allows
  return mark;
}

function feedback(base, product, message) {
  const say = (verdict, text) => async (event) => {
    const row = event.currentTarget.parentElement;
    try {
      await ask(`${base}/feedback`, { method: "POST", json: { product_id: product.id, verdict } });
      for (const button of row.children) button.disabled = true;
      message.textContent = text;
    } catch (error) {
      message.textContent = error.message;
    }
  };
  const about = (word) => `${word}: ${product.title}`;
  return [
    element("button", { type: "button", "aria-label": about("This is it"),
      onclick: say("right", "Thank you: noted as right.") }, "This is it"),
    element("button", { type: "button", "aria-label": about("Not this"),
      onclick: say("wrong", "Thank you: noted as wrong.") }, "Not this"),
  ];
}

function similar(base, garment, more, message) {
  if (!garment.matches.length) return null;
  return similarForm(async () => {
    const found = await listed(`${base}/similar?${query({ count: 24 })}`, "similar products", more, message);
    if (found) note("search", garment.matches[0].product);
  });
}

// Puts products into a list and says how many there are; whether that went well.
async function listed(path, what, more, message) {
  try {
    const { matches } = await ask(path);
    more.replaceChildren(...matches.map((match) => card(match, { actions: [like(match.product, more, message)] })));
    const none = narrowed() ? `No ${what} meet these conditions.` : `No ${what}.`;
    message.textContent = matches.length ? `${matches.length} ${what}` : none;
    return true;
  } catch (error) {
    message.textContent = error.message;
    return false;
  }
}

function like(product, more, message) {
  return element("button", {
    type: "button",
    "aria-label": `More like ${product.title}`,
    onclick: async () => {
      const path = `/api/products/like?${query({ count: 24, id: product.id })}`;
      if (await listed(path, `products like ${product.title}`, more, message)) note("search", product);
    },
  }, "More like this");
}

function offer(base, web, message) {
  const results = element("ol", { class: "results" });
  const button = element("button", {
    type: "button",
    onclick: async () => {
      message.textContent = `Asking ${web}…`;
      try {
        const found = await ask(`${base}/web`, { method: "POST" });
        message.textContent = `${found.results.length} results of ${found.provider} for ${found.keywords.join(" ")}`;
        results.replaceChildren(...found.results.map(({ title, link, site, snippet }) =>
          element("li", {}, shopLink(link, title), element("p", { class: "quiet" }, `${site} · ${snippet}`))));
      } catch (error) {
        message.textContent = error.message;
      }
    },
  }, `Search the web with ${web}`);
  return element("div", {}, button, results);
}

export function chips(place, look, outlines, order) {
  const groups = new Map();
  for (const number of order) {
    const garment = look.garments.find((one) => one.number === number);
    if (!groups.has(garment.person)) groups.set(garment.person, []);
    groups.get(garment.person).push(garment);
  }
  const lists = [...groups].map(([person, garments]) =>
    element(
      "div",
      { class: "person" },
      look.persons > 1 ? element("h3", {}, `Person ${person + 1}`) : null,
      element("ul", { class: "chips" }, ...garments.map((garment) => element("li", {}, chip(garment, outlines)))),
    ));
  place.replaceChildren(...(lists.length ? lists : [element("p", {}, "No garment was found in this picture.")]));
}

function chip(garment, outlines) {
  const button = element("button", {
    type: "button",
    "data-number": garment.number,
    onclick: () => {
      outlines.choose(garment.number);
      byId("details").focus();
    },
    onpointerenter: () => outlines.light(garment.number),
    onpointerleave: () => outlines.light(null),
  }, garment.keywords.slice(0, 2).reverse().join(" ") || garment.type);
  if (garment.colours.length) button.prepend(swatch(garment.colours[0].swatch));
  return button;
}
