// The dashboard: how the sources do, what is on screen, and buttons for it. Elements are kept, so that the focus stays.

import { byId, element } from "./dom.js";
import { StreamPanel } from "./dashboard_stream.js";
import { ask } from "./http.js";

const EVERY_MS = 1000;
const KINDS = { products: "product", brands: "brand", types: "type" };
const panels = new Map();

// Sends a change and says how it went; then shows the new state. Whether it went well.
async function change(path, body, words, method = "PUT") {
  let done = true;
  try {
    await ask(path, { method, json: body ?? undefined });
    byId("told").textContent = words;
  } catch (error) {
    byId("told").textContent = error.message;
    done = false;
  }
  await Promise.all([refresh(), showBlocked()]);
  return done;
}

async function refresh() {
  try {
    const streams = await ask("/api/streams");
    for (const stream of streams) {
      if (!panels.has(stream.name)) panels.set(stream.name, new StreamPanel(byId("streams"), stream.name, change));
      panels.get(stream.name).show(stream);
    }
    const there = new Set(streams.map((stream) => stream.name));
    for (const [name, panel] of panels) if (!there.has(name)) forget(name, panel);
    if (byId("told").dataset.failed) byId("told").textContent = "";
    delete byId("told").dataset.failed;
  } catch (error) {
    byId("told").textContent = error.message;
    byId("told").dataset.failed = "1";
  }
}

// A stream that was removed; whoever was in its panel goes on at the heading.
function forget(name, panel) {
  const inside = panel.section.contains(document.activeElement);
  panel.section.remove();
  panels.delete(name);
  if (inside) byId("title").focus();
}

async function showCatalogs() {
  const names = await ask("/api/catalogs").catch(() => []);
  byId("catalogs").replaceChildren(...names.map((name) => element("option", { value: name })));
}

async function showBlocked() {
  const listed = await ask("/api/blocked").catch(() => ({}));
  const chips = Object.entries(listed).flatMap(([kinds, names]) => names.map((name) => chip(KINDS[kinds], name)));
  byId("blocked").replaceChildren(...chips);
}

function chip(kind, name) {
  const allow = () => change(`/api/blocked/${kind}?${new URLSearchParams({ name })}`, { on: false }, `${name} is allowed.`);
  const button = element("button", { type: "button", "aria-label": `allow ${kind} ${name}`, onclick: allow }, "Allow");
  return element("li", {}, element("span", { class: "quiet" }, `${kind} `), `${name} `, button);
}

byId("block").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { kind, name } = Object.fromEntries(new FormData(event.target));
  await change(`/api/blocked/${kind}?${new URLSearchParams({ name })}`, { on: true }, `${name} is blocked.`);
  event.target.elements.name.value = "";
});
byId("add").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { source, name, catalog, loop } = Object.fromEntries(new FormData(event.target));
  const wanted = { source, name, catalog, loop: loop === "on" };
  byId("told").textContent = "The stream is being started.";
  if (await change("/api/streams", wanted, "The stream is started.", "POST")) event.target.reset();
});
setInterval(() => document.hidden || refresh(), EVERY_MS);
refresh();
showBlocked();
showCatalogs();
