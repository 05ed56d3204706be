// Judging matches: one at a time, two keys, corrections by number or by words.
import { byId, element, svg } from "./dom.js";
import { ask } from "./http.js";
import { card, photo } from "./products.js";

let waiting = [];
let current = null;
let busy = false;
const judged = []; // ids, the last one last
const status = (text) => (byId("status").textContent = text);

async function load() {
  const { reviews, counts } = await ask("/api/reviews?count=10");
  waiting = reviews;
  current = waiting[0] ?? null;
  draw(counts);
}

function draw(counts) {
  const done = counts.right + counts.wrong + counts.corrected;
  const place = byId("match");
  byId("correct").hidden = current === null;
  if (current === null) {
    place.replaceChildren(element("p", {}, `Nothing waits. ${done} are judged.`));
    return;
  }
  place.replaceChildren(
    element("p", { class: "quiet" }, `${current.source} · ${counts.open} wait, ${done} are judged`),
    element("div", { class: "judge" }, seen(), shown()),
    element(
      "div",
      { class: "row" },
      element("button", { type: "button", class: "main", id: "right", disabled: !current.product,
        onclick: () => judge("right") }, "Yes (J)"),
      element("button", { type: "button", id: "wrong", onclick: () => judge("wrong") }, "No (F)"),
    ),
  );
  others(current.others);
}

function seen() {
  const [x0, y0, x1, y1] = current.box;
  const image = element("img", { src: current.picture, alt: `Seen: ${current.type}` });
  const frame = element("div", { class: "framed" }, image);
  image.addEventListener("load", () => {
    const { naturalWidth: width, naturalHeight: height } = image;
    const box = svg("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, fill: "none", stroke: "#ff7ac0",
      "stroke-width": 3, "vector-effect": "non-scaling-stroke" });
    const picture = svg("image", { href: current?.picture ?? "", width, height });
    frame.replaceChildren(svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img",
      "aria-label": `Seen: ${current?.type ?? ""}` }, picture, box));
  }, { once: true });
  return element("figure", {}, frame, element("figcaption", {}, `Seen: ${current.type}`));
}

function shown() {
  if (!current.product) return element("p", {}, "No product was shown.");
  const { product, score, tier } = current;
  const facts = [product.brand, product.price_text, `${tier}, ${Math.round(100 * score)} % alike`].filter(Boolean);
  return element("figure", {}, photo(product, 640), element("figcaption", {}, `${product.title} · ${facts.join(" · ")}`));
}

function others(found) {
  byId("others").replaceChildren(...found.map((match, place) => {
    const text = place < 8 ? `It is this one (${place + 1})` : "It is this one";
    const button = element("button", { type: "button", "aria-label": `${text}: ${match.product.title}`,
      onclick: () => judge("corrected", match.product.id) }, text);
    return card(match, { actions: [button] });
  }));
}

async function judge(verdict, product_id = "") {
  if (!current || busy || (verdict === "right" && !current.product)) return;
  busy = true;
  try {
    await ask(`/api/reviews/${current.id}`, { method: "PUT", json: { verdict, product_id } });
    judged.push(current.id);
    status({ right: "Right.", wrong: "Wrong.", corrected: "Corrected." }[verdict]);
    await load();
  } catch (error) {
    status(error.message);
  } finally {
    busy = false;
  }
}

async function undo() {
  const last = judged.pop();
  if (!last || busy) return;
  await ask(`/api/reviews/${last}`, { method: "PUT", json: { verdict: "" } });
  status("Taken back.");
  await load();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) return;
  const key = event.key.toLowerCase();
  if (key === "j") judge("right");
  else if (key === "f") judge("wrong");
  else if (key === "u") undo();
  else if (/^[1-8]$/.test(key) && current?.others[key - 1]) judge("corrected", current.others[key - 1].product.id);
});

byId("undo").addEventListener("click", undo);
byId("export").addEventListener("click", async () => {
  try {
    const { file, pairs } = await ask("/api/reviews/export", { method: "POST" });
    status(`${pairs} pairs are in ${file}`);
  } catch (error) {
    status(error.message);
  }
});
byId("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const words = encodeURIComponent(byId("words").value);
  const found = await ask(`/api/products/search?words=${words}`);
  others(found.map((product) => ({ product })));
  status(`${found.length} products`);
});

async function showHistory(request = {}) {
  const { on, events } = await ask("/api/history", request);
  byId("history").checked = on;
  byId("events").textContent = `${events} events are kept.`;
}

byId("history").addEventListener("change", ({ target }) => showHistory({ method: "PUT", json: { on: target.checked } }));
byId("forget").addEventListener("click", () => showHistory({ method: "DELETE" }));
showHistory().catch((error) => status(error.message));
load().catch((error) => status(error.message));
