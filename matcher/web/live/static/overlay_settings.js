// The settings page: writes the overlay's address, and shows what it looks like.

import { byId } from "./dom.js";
import { read, write } from "./overlay_options.js";

const form = byId("options");
const preview = byId("preview");
const SHOWN_WIDTH = 1280; // the preview is a scene of this width, made smaller

function options() {
  const found = read(new URLSearchParams());
  for (const field of form.elements) {
    if (field.name in found) found[field.name] = field.type === "checkbox" ? field.checked : field.value;
  }
  if (!byId("accented").checked) found.accent = "";
  return read(new URLSearchParams(write(found)));
}

function address(demo) {
  const query = write(options());
  const stream = form.elements.stream.value;
  if (demo) query.set("demo", "1");
  else if (stream) query.set("stream", stream);
  return `${location.origin}/overlay?${query}`;
}

function update() {
  for (const output of form.querySelectorAll("output")) output.value = form.elements[output.htmlFor].value;
  byId("address").value = address(false);
  const wanted = address(!byId("real").checked);
  if (preview.src !== wanted) preview.src = wanted;
}

function fill() {
  const found = read(new URLSearchParams(location.search));
  for (const [name, value] of Object.entries(found)) {
    const field = form.elements[name];
    if (field.type === "checkbox") field.checked = value;
    else if (name !== "accent" || value) field.value = value;
  }
  byId("accented").checked = Boolean(found.accent);
}

function fit() {
  const frame = preview.parentElement;
  preview.style.width = `${SHOWN_WIDTH}px`;
  preview.style.height = `${(SHOWN_WIDTH * 9) / 16}px`;
  preview.style.transform = `scale(${frame.clientWidth / SHOWN_WIDTH})`;
}

async function copy() {
  byId("address").select();
  try {
    await navigator.clipboard.writeText(byId("address").value);
    byId("copied").textContent = "Copied.";
  } catch {
    byId("copied").textContent = "It is selected: press Ctrl+C.";
  }
}

form.addEventListener("input", (event) => {
  if (event.target.name === "accent") byId("accented").checked = true;
  update();
});
form.addEventListener("submit", (event) => event.preventDefault());
byId("real").addEventListener("change", update);
byId("copy").addEventListener("click", copy);
new ResizeObserver(fit).observe(preview.parentElement);
fill();
update();
