// Click to shop: a picture is dropped, pasted, chosen or fetched; its garments can be clicked.
import { byId, element } from "./dom.js";
import { ask } from "./http.js";
import { chips, showGarment } from "./garment.js";
import { Outlines } from "./outlines.js";

const MOST_SIDE = 2048; // pixels; the server would make it so anyway
const LARGE = 3_000_000; // bytes from which making a picture smaller pays

let shown = null; // the address of the picture on the page, to be let go of
let running = null;
let look = null;

const status = (text, bad = false) => {
  byId("status").textContent = text;
  byId("status").classList.toggle("bad", bad);
};

async function smaller(blob) {
  if (blob.size < LARGE) return blob;
  const bitmap = await createImageBitmap(blob).catch(() => null);
  const scale = bitmap ? MOST_SIDE / Math.max(bitmap.width, bitmap.height) : 1;
  if (scale >= 1) return blob;
  const canvas = element("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob((made) => done(made ?? blob), "image/jpeg", 0.92));
}

async function take(blob) {
  if (!blob.type.startsWith("image/")) {
    status(`${blob.name || "This"} is no picture.`, true);
    return;
  }
  picture(URL.createObjectURL(blob));
  await run(async (signal) => ask("/api/looks", { method: "POST", body: await smaller(blob), signal }));
}

async function run(request) {
  running?.abort();
  const mine = (running = new AbortController());
  status("Looking…");
  try {
    const found = await request(mine.signal);
    if (mine === running) show(found);
  } catch (error) {
    if (error.name !== "AbortError") status(error.message, true);
  }
}

function picture(address) {
  if (shown?.startsWith("blob:")) URL.revokeObjectURL(shown);
  shown = address;
  byId("picture").replaceChildren(element("img", { src: address, alt: "The picture that you gave" }));
  byId("garments").replaceChildren();
  byId("details").hidden = true;
  byId("work").hidden = false;
  byId("drop").hidden = true;
}

function show(found) {
  look = found;
  const garment = (number) => look.garments.find((one) => one.number === number);
  const outlines = new Outlines(look, {
    chosen: (number) => showGarment(byId("details"), look, garment(number), byId("work").dataset.web),
    lit: (number) => outlines.light(number),
  });
  byId("picture").append(outlines.element);
  chips(byId("garments"), look, outlines, outlines.order);
  const people = look.persons > 1 ? ` on ${look.persons} people` : "";
  status(`${look.garments.length} garments${people}.`);
}

byId("file").addEventListener("change", ({ target }) => {
  if (target.files.length) take(target.files[0]);
  target.value = "";
});

byId("address-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const url = byId("address").value.trim();
  await run(async (signal) => {
    const found = await ask("/api/looks/from-address", { method: "POST", json: { url }, signal });
    picture(found.picture);
    return found;
  });
});

byId("another").addEventListener("click", () => {
  running?.abort();
  byId("work").hidden = true;
  byId("drop").hidden = false;
  status("");
  byId("file").focus();
});

byId("save")?.addEventListener("click", async () => {
  try {
    const { folder, files } = await ask(`/api/looks/${look.id}/save`, { method: "POST" });
    status(`${files.length} files are in ${folder}`);
  } catch (error) {
    status(error.message, true);
  }
});

document.addEventListener("paste", ({ clipboardData }) => {
  const file = [...(clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
  if (file) take(file);
});

// The whole page takes what is dropped: missing the frame must not make the browser leave the page.
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    byId("drop").classList.add("over");
  });
}
document.addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) byId("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  byId("drop").classList.remove("over");
  if (event.dataTransfer.files.length) take(event.dataTransfer.files[0]);
});
