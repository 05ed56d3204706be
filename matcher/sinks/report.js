// The report's page: filters, three views of one list, a panel with what is known of one thing, keys.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const UNITS = 10000;
const ROW = 64;
const $ = (id) => document.getElementById(id);
const state = { view: "products", from: 0, to: UNITS, open: null };

function el(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

// A picture is turned from text into bytes once, when it is first seen.
const addresses = new Map();
function address(index) {
  if (!addresses.has(index)) {
    const bytes = Uint8Array.from(atob(data.thumbs[index]), (letter) => letter.charCodeAt(0));
    addresses.set(index, URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })));
  }
  return addresses.get(index);
}

function picture(index, words) {
  if (index < 0) return el("span", "thumb");
  return Object.assign(el("img", "thumb"), { decoding: "async", src: address(index), alt: words });
}

function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60) % 60, hours = Math.floor(whole / 3600);
  const two = (n) => String(n).padStart(2, "0");
  return hours ? `${hours} h ${two(minutes)} min` : `${minutes} min ${two(whole % 60)} s`;
}

function clock(seconds) {
  const two = (n) => String(n).padStart(2, "0");
  const whole = Math.floor(seconds), hours = Math.floor(whole / 3600);
  return `${hours ? `${hours}:${two(Math.floor(whole / 60) % 60)}` : Math.floor(whole / 60)}:${two(whole % 60)}`;
}

// Marks [place, width, tier] as a drawing: one path for each tier, so that many appearances stay cheap.
function marks(list, name) {
  const ns = "http://www.w3.org/2000/svg", svg = document.createElementNS(ns, "svg");
  const span = state.to - state.from, least = span / 500;
  svg.setAttribute("viewBox", `${state.from} 0 ${span} 20`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", name);
  for (const tier of ["similar", "exact"]) {
    const d = list.filter((mark) => mark[2] === tier && mark[0] + mark[1] >= state.from && mark[0] <= state.to)
      .map(([x, w]) => `M${x} 2h${Math.max(w, least)}v16h-${Math.max(w, least)}z`).join("");
    if (!d) continue;
    const path = document.createElementNS(ns, "path");
    path.setAttribute("class", tier);
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

function swatches(product) {
  const made = el("span", "swatches");
  product.swatches.forEach((colour, i) => {
    const dot = el("span", "swatch");
    dot.style.background = colour;
    dot.title = product.colours[i];
    made.append(dot);
  });
  return made;
}

function row(item, index) {
  const made = el("div", "row");
  made.tabIndex = -1;
  made.setAttribute("role", "listitem");
  made.dataset.index = index;
  const names = el("div", "names"), line = el("div", "sub");
  names.append(el("span", "title", item.name), line);
  if (item.tier) line.append(el("span", `tier ${item.tier}`, item.tier));
  if (item.swatches) line.append(swatches(item));
  line.append(el("span", "", item.about));
  const pictures = el("div", "pictures");
  for (const [thumb, words] of item.pictures.slice(0, state.view === "products" ? 1 : 4)) pictures.append(picture(thumb, words));
  const chart = el("div", "chart");
  chart.append(marks(item.marks, `${item.name}: ${duration(item.screen)} on screen`));
  made.append(pictures, names, chart, el("span", "time", duration(item.screen)));
  made.setAttribute("aria-label", `${item.name}, ${item.about}, ${duration(item.screen)} on screen`);
  made.addEventListener("click", () => open(index));
  made.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); open(index); } });
  return made;
}

const list = new RowList($("list"), ROW, row);

// What the filters let through, as items of the view that is chosen.
function chosen() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [tier, type, colour, pattern, detail] = ["tier", "type", "colour", "pattern", "detail"].map((id) => $(id).value);
  return data.products.filter((p) => (!tier || p.tier === tier) && (!type || p.type === type)
    && (!colour || p.colours.includes(colour)) && (!pattern || p.pattern === pattern)
    && (!detail || p.details.includes(detail))
    && words.every((word) => p.search.includes(word)));
}

function items() {
  const products = chosen(), kept = new Set(products.map((p) => p.index));
  if (state.view === "products") {
    const order = { time: (a, b) => b.screen - a.screen, first: (a, b) => a.marks[0][0] - b.marks[0][0],
      name: (a, b) => a.name.localeCompare(b.name), score: (a, b) => b.score - a.score };
    return products.sort(order[$("sort").value]);
  }
  return data[state.view].filter((group) => group.products.some((index) => kept.has(index))).map((group) => {
    const inside = group.products.filter((index) => kept.has(index)).map((index) => data.products[index]);
    return { ...group, inside, pictures: inside.map((p) => p.pictures[0] || [-1, ""]),
      about: inside.map((p) => p.name).slice(0, 6).join(", ") };
  });
}

function refresh() {
  close();
  const found = items();
  $("count").textContent = `${found.length} of ${data[state.view].length} ${state.view === "people" ? "outfits" : state.view}`;
  $("empty").hidden = found.length > 0;
  axis();
  list.show(found);
}

function axis() {
  const box = $("axis"), begin = (state.from / UNITS) * data.length, span = ((state.to - state.from) / UNITS) * data.length;
  const step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].find((t) => span / t <= 8) || Math.ceil(span / 8);
  box.replaceChildren();
  for (let t = Math.ceil((begin + data.offset) / step) * step; t < begin + data.offset + span * 0.97; t += step) {
    const tick = el("span", "", clock(t));
    tick.style.left = `${((t - data.offset - begin) / span) * 100}%`;
    box.append(tick);
  }
}

function zoom(factor, shift = 0) {
  const span = Math.min(Math.max((state.to - state.from) * factor, 20), UNITS);
  const middle = (state.from + state.to) / 2 + shift * span;
  state.from = Math.min(Math.max(middle - span / 2, 0), UNITS - span);
  state.to = state.from + span;
  axis();
  list.redraw();
}

function view(name) {
  state.view = name;
  document.querySelector("main").dataset.view = name;
  for (const tab of document.querySelectorAll("button[data-view]")) tab.setAttribute("aria-pressed", tab.dataset.view === name);
  $("sort").disabled = name !== "products";
  $("how").hidden = name !== "people";
  refresh();
}

// The panel: one product with its appearances, or the products of an outfit or a shot.
function open(index) {
  const item = list.items[index];
  state.open = index;
  const body = $("panel-body");
  body.replaceChildren(el("h2", "", item.name));
  if (item.rows) product(item, body);
  else for (const inside of item.inside) product(inside, body.appendChild(el("section")), true);
  $("panel").hidden = false;
  $("panel-close").focus();
}

function product(item, body, headed = false) {
  if (headed) body.append(el("h3", "", item.name));
  if (item.link && /^https?:/i.test(item.link)) {
    const link = el("a", "", "In the shop");
    Object.assign(link, { href: item.link, target: "_blank", rel: "noopener noreferrer" });
    body.append(link);
    if (item.disclosure) body.append(el("p", "disclosure", item.disclosure));
  }
  const facts = [item.brand, item.type, item.price, item.keywords.join(", ")].filter(Boolean).join(" · ");
  body.append(el("p", "about", facts), el("p", "seen", `${duration(item.screen)} on screen (${item.share}), `
    + `${item.count} appearance${item.count === 1 ? "" : "s"}, mean match ${item.score.toFixed(2)}`));
  const strip = el("div", "strip");
  if (item.shop >= 0) strip.append(figure(item.shop, "the shop's picture"));
  for (const [thumb, words] of item.pictures) if (thumb >= 0) strip.append(figure(thumb, words));
  body.append(strip, appearances(item));
}

function figure(thumb, words) {
  const made = el("figure");
  made.append(picture(thumb, words), el("figcaption", "", words));
  return made;
}

function appearances(item) {
  const scroll = el("div", "scroll"), table = el("table"), head = el("tr");
  for (const word of ["from", "to", "seen", "tier", "match", "shot", "outfit", "best frame"]) head.append(el("th", "", word));
  table.append(head);
  for (const cells of item.rows) {
    const line = el("tr");
    for (const cell of cells) line.append(el("td", "", cell));
    table.append(line);
  }
  scroll.append(table);
  if (item.more) scroll.append(el("p", "note", `and ${item.more} more in sightings.csv`));
  return scroll;
}

function close() {
  if ($("panel").hidden) return;
  $("panel").hidden = true;
  const index = state.open;
  state.open = null;
  if (index !== null) list.focus(index);
}

function fill(id, words) {
  for (const word of words) $(id).append(new Option(word, word));
}

function keys(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === "Escape") { if (typing) event.target.blur(); close(); $("help").hidden = true; return; }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const at = Number(document.activeElement?.dataset?.index ?? -1), far = data[state.view].length;
  const actions = {
    j: () => list.focus(at + 1), ArrowDown: () => list.focus(at + 1), k: () => list.focus(at - 1), ArrowUp: () => list.focus(at - 1),
    Home: () => list.focus(0), End: () => list.focus(far), "/": () => $("search").focus(), "?": () => { $("help").hidden = !$("help").hidden; },
    1: () => view("products"), 2: () => view("people"), 3: () => view("shots"), "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2),
    ArrowLeft: () => zoom(1, -0.25), ArrowRight: () => zoom(1, 0.25), 0: () => zoom(UNITS),
  };
  if (!$("panel").hidden && event.key.startsWith("Arrow")) return;
  const action = actions[event.key];
  if (action) { event.preventDefault(); action(); }
}

function start() {
  const known = (of) => [...new Set(data.products.flatMap(of))].filter(Boolean).sort();
  data.products.forEach((p, index) => {
    p.index = index;
    p.search = [p.name, p.id, p.brand, p.type, ...p.keywords].join(" ").toLowerCase();
    p.about = [p.brand, p.type, p.price].filter(Boolean).join(" · ");
  });
  fill("type", known((p) => p.type));
  fill("colour", known((p) => p.colours));
  fill("pattern", known((p) => p.pattern));
  fill("detail", known((p) => p.details));
  $("detail").hidden = $("detail").options.length < 2; // few bundles know attributes
  for (const id of ["tier", "type", "colour", "pattern", "detail", "sort"]) $(id).addEventListener("change", refresh);
  $("search").addEventListener("input", refresh);
  for (const tab of document.querySelectorAll("button[data-view]")) tab.addEventListener("click", () => view(tab.dataset.view));
  for (const [id, factor] of [["in", 0.5], ["out", 2], ["all", UNITS]]) $(`zoom-${id}`).addEventListener("click", () => zoom(factor));
  $("panel-close").addEventListener("click", close);
  $("help-open").addEventListener("click", () => { $("help").hidden = !$("help").hidden; });
  addEventListener("keydown", keys);
  addEventListener("beforeprint", () => list.whole(true));
  addEventListener("afterprint", () => list.whole(false));
  view("products");
}

if (data.products.length) start();
