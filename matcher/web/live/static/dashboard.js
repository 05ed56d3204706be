// The dashboard: how the sources do, what is on screen, and buttons for it. Elements are kept, so that the focus stays.

import { byId, element } from "./dom.js";
import { StreamPanel } from "./dashboard_stream.js";
import { ask } from "./http.js";

const EVERY_MS = 1000;
const KINDS = { products: "product", brands: "brand", types: "type" };
const panels = new Map();

// Sends a change and says how it went; then shows the new state.
async function change(path, body, words) {
  try {
    await ask(path, { method: "PUT", json: body ?? undefined });
    byId("told").textContent = words;
  } catch (error) {
    byId("told").textContent = error.message;
  }
  await Promise.all([refresh(), showBlocked()]);
}

async function refresh() {
  try {
    const streams = await ask("/api/streams");
    for (const stream of streams) {
      if (!panels.has(stream.name)) panels.set(stream.name, new StreamPanel(byId("streams"), stream.name, change));
      panels.get(stream.name).show(stream);
    }
    if (byId("told").dataset.failed) byId("told").textContent = "";
    delete byId("told").dataset.failed;
  } catch (error) {
    byId("told").textContent = error.message;
    byId("told").dataset.failed = "1";
  }
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
setInterval(() => document.hidden || refresh(), EVERY_MS);
refresh();
showBlocked();
