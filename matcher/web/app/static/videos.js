// The queue of videos: upload or choose one, watch it go, stop it, open it.
import { byId, element } from "./dom.js";
import { ask } from "./http.js";

const REFRESH_MS = 1000;
const status = (text) => (byId("status").textContent = text);
const shown = new Map(); // id -> what its row shows, so that rows under the reader's focus are not made anew

// fetch tells nothing of how far an upload is; XMLHttpRequest does.
function upload(file) {
  const request = new XMLHttpRequest();
  const bar = byId("upload");
  request.open("POST", `/api/jobs?name=${encodeURIComponent(file.name || "video")}`);
  request.upload.onprogress = ({ loaded, total }) => (bar.value = total ? loaded / total : 0);
  request.onloadend = () => {
    bar.hidden = true;
    status(request.status === 201 ? `${file.name} is in the queue.` : `${file.name}: ${said(request)}`);
    refresh();
  };
  bar.hidden = false;
  status(`Uploading ${file.name}…`);
  request.send(file);
}

function said(request) {
  try {
    return JSON.parse(request.responseText).detail;
  } catch {
    return request.status ? `The server says ${request.status}.` : "The server does not answer.";
  }
}

function words(job) {
  const total = job.expected ? ` of about ${job.expected}` : "";
  const left = job.left_s === null ? "" : `, about ${time(job.left_s)} left`;
  return {
    queued: "waits",
    running: `${job.frames}${total} frames, ${job.rate.toFixed(1)} a second${left}`,
    done: `done, ${job.frames} frames`,
    failed: `failed: ${job.error}`,
    cancelled: "cancelled",
  }[job.state];
}

const time = (seconds) => (seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`);

function row(job) {
  const act = (text, path, method = "POST") =>
    element("button", {
      type: "button",
      "aria-label": `${text}: ${job.name}`,
      onclick: () => ask(path, { method }).then(refresh, (error) => status(error.message)),
    }, text);
  const base = `/api/jobs/${job.id}`;
  const waits = ["queued", "running"].includes(job.state);
  return element(
    "li",
    { class: "panel", "data-id": job.id, "data-state": job.state },
    element("strong", {}, job.name),
    element("p", { class: "words-of" }, words(job)),
    job.state === "running"
      ? element("progress", { max: job.expected || 1, value: job.frames, "aria-label": `Progress of ${job.name}` })
      : null,
    element(
      "div",
      { class: "row" },
      job.state === "done" ? element("a", { class: "button main", href: `/player?job=${job.id}` }, "Open") : null,
      waits ? act("Cancel", `${base}/cancel`) : null,
      ["failed", "cancelled"].includes(job.state) ? act("Try again", `${base}/again`) : null,
      act("Delete", base, "DELETE"),
    ),
  );
}

function update(place, job) {
  const before = shown.get(job.id);
  if (before?.state === job.state) {
    before.node.querySelector(".words-of").textContent = words(job);
    const bar = before.node.querySelector("progress");
    if (bar) bar.value = job.frames;
    return before.node;
  }
  const node = row(job);
  if (before) before.node.replaceWith(node);
  else place.append(node);
  shown.set(job.id, { node, state: job.state });
  return node;
}

async function refresh() {
  const jobs = await ask("/api/jobs");
  const place = byId("jobs");
  for (const [id, { node }] of shown) {
    if (!jobs.some((job) => job.id === id)) {
      node.remove();
      shown.delete(id);
    }
  }
  place.querySelector(".empty")?.remove();
  for (const job of [...jobs].reverse()) {
    const isNew = !shown.has(job.id);
    const node = update(place, job);
    if (isNew) place.prepend(node);
  }
  if (!jobs.length) place.append(element("li", { class: "empty quiet" }, "No videos yet."));
}

async function watch() {
  try {
    await refresh();
  } catch (error) {
    status(error.message);
  }
  setTimeout(watch, REFRESH_MS);
}

byId("file").addEventListener("change", ({ target }) => {
  if (target.files.length) upload(target.files[0]);
  target.value = "";
});
for (const name of ["dragenter", "dragover"]) document.addEventListener(name, (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) upload(event.dataTransfer.files[0]);
});

if (byId("folder-form")) {
  ask("/api/videos").then((videos) => byId("name").append(...videos.map(({ name }) => element("option", {}, name))));
  byId("folder-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await ask("/api/videos", { method: "POST", json: { name: byId("name").value } });
      status(`${byId("name").value} is in the queue.`);
      refresh();
    } catch (error) {
      status(error.message);
    }
  });
}
watch();
