// Products as cards. Pictures come from our own server, links lead to the shop.
import { element, shopLink } from "./dom.js";
import { ask } from "./http.js";

export function mayWrite() {
  return document.querySelector("main").dataset.may === "yes";
}

// Nothing is noted for readers without the token, and a note that fails is no trouble of theirs.
export function note(kind, product) {
  if (mayWrite()) ask("/api/history", { method: "POST", json: { kind, product_id: product.id } }).catch(() => {});
}

export function card({ product, score }, { actions = [], tier = "" } = {}) {
  const title = product.link
    ? shopLink(product.link, product.title)
    : document.createTextNode(product.title);
  if (product.link) title.addEventListener("click", () => note("visit", product));
  const facts = [product.brand, product.price_text].filter(Boolean).join(" · ");
  return element(
    "li",
    { class: "product", "data-id": product.id },
    photo(product),
    element(
      "div",
      {},
      element("h4", {}, title),
      facts ? element("p", {}, facts) : null,
      element(
        "p",
        { class: "quiet" },
        tier && tier !== "none" ? element("span", { class: "tier" }, tier) : null,
        score === undefined ? "" : ` ${Math.round(100 * score)} % alike`,
      ),
      product.link && product.disclosure ? element("p", { class: "quiet" }, product.disclosure) : null,
      actions.length ? element("div", { class: "row" }, ...actions) : null,
    ),
  );
}

export function photo(product, side = 320) {
  const missing = () => element("span", { class: "no-picture" }, "no picture");
  const image = element("img", { src: `${product.picture}&side=${side}`, alt: "", loading: "lazy" });
  image.addEventListener("error", () => image.replaceWith(missing()));
  return image;
}
