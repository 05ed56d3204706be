// Which of the similar products to show: price, brand, in stock. What was chosen stays for the next garment.
import { element } from "./dom.js";
import { ask } from "./http.js";

const chosen = new Map(); // name of a parameter of the API -> its value as text
let known = null; // what the shop's products can be narrowed down by, asked for once

export function query(more) {
  return new URLSearchParams([...Object.entries(more), ...chosen]).toString();
}

export function narrowed() {
  return chosen.size > 0;
}

// A form whose button asks for similar products, and one that lets go of all conditions.
export function similarForm(search) {
  const controls = element("fieldset", { class: "filters" }, element("legend", {}, "Show only"));
  const clearer = element("button", { type: "button", onclick: () => clear(form, search) }, "Clear conditions");
  const form = element(
    "form",
    { class: "similar", "aria-label": "Similar products", onsubmit: (event) => {
      event.preventDefault();
      take(form);
      search();
    } },
    controls,
    element("div", { class: "row" },
      element("button", { type: "submit" }, "Similar products"), clearer),
  );
  fill(controls, clearer);
  return form;
}

async function fill(controls, clearer) {
  try {
    known ??= await ask("/api/products/filters");
    controls.append(...parts(known));
  } catch {
    // The button works without conditions too.
  }
  controls.hidden = clearer.hidden = controls.children.length < 2; // some feeds say nothing of price, brand or stock
}

function parts({ brands, currencies, price_max: highest, in_stock: stocked }) {
  const unit = currencies.length === 1 ? ` (${currencies[0]})` : "";
  const price = (name, words) => labelled(words,
    element("input", { type: "number", name, min: 0, step: "any", inputmode: "decimal", value: chosen.get(name) }));
  return [
    ...(highest === null ? [] : [price("price_min", `Price from${unit}`), price("price_max", `Price up to${unit}`)]),
    currencies.length > 1 ? labelled("Currency", select("currency", currencies)) : null,
    ...(brands.length ? brand(brands) : []),
    stocked ? labelled("In stock", element("input", { type: "checkbox", name: "in_stock", value: "true",
      checked: chosen.has("in_stock") })) : null,
  ].filter(Boolean);
}

function labelled(words, control) {
  return element("label", {}, element("span", {}, words), control);
}

function select(name, values) {
  const options = values.map((value) => element("option", { value, selected: chosen.get(name) === value }, value));
  return element("select", { name }, element("option", { value: "" }, "any"), ...options);
}

// Any brand can be typed; those that are frequent are offered.
function brand(brands) {
  const list = element("datalist", { id: "brands" }, ...brands.map((value) => element("option", { value })));
  const input = element("input", { name: "brand", list: "brands", maxlength: 200, autocomplete: "off",
    value: chosen.get("brand") });
  return [labelled("Brand", input), list];
}

function take(form) {
  chosen.clear();
  for (const [name, value] of new FormData(form)) if (value.trim()) chosen.set(name, value.trim());
}

function clear(form, search) {
  for (const one of form.elements) {
    if (one.type === "checkbox") one.checked = false;
    else if ("value" in one && one.name) one.value = "";
  }
  take(form);
  search();
}
