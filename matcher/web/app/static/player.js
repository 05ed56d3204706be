// A video that was looked through: its products on a timeline, and the garments of a paused picture.
import { byId, element } from "./dom.js";
import { ask } from "./http.js";
import { chips, showGarment } from "./garment.js";
import { Outlines } from "./outlines.js";

const job = new URLSearchParams(location.search).get("job") ?? "";
const video = byId("video");
const status = (text) => (byId("status").textContent = text);
let outlines = null;
let asked = 0;
let heads = [];

const clock = (seconds) => {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};

const many = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

async function open() {
  const facts = await ask(`/api/jobs/${encodeURIComponent(job)}`);
  byId("title").textContent = facts.name;
  if (facts.state !== "done") throw new Error(`This video is ${facts.state}, not done.`);
  const found = await ask(`/api/jobs/${facts.id}/timeline`);
  video.src = facts.video;
  byId("seek").max = found.length;
  byId("sound").hidden = !found.sound;
  timeline(found);
  const products = new Set(found.sightings.map((one) => one.product.id)).size;
  byId("total").textContent = `${many(products, "product")} in ${clock(found.length)}.`;
}

function timeline({ length, sightings }) {
  const lanes = new Map();
  for (const one of sightings) {
    if (!lanes.has(one.product.id)) lanes.set(one.product.id, []);
    lanes.get(one.product.id).push(one);
  }
  const byTime = [...lanes.values()].sort((a, b) => total(b) - total(a));
  const share = (seconds) => `${Math.min(Math.max((100 * seconds) / length, 0), 100)}%`;
  byId("timeline").replaceChildren(...byTime.map((group) => lane(group, share)));
  heads = [...document.querySelectorAll(".playhead")].map((head) => (seconds) => (head.style.left = share(seconds)));
}

const total = (group) => group.reduce((sum, one) => sum + one.screen_time, 0);

function lane(group, share) {
  const marks = group.map((one) => {
    const mark = element("button", {
      type: "button",
      class: `mark ${one.tier}`,
      title: `${one.timecode}, ${one.tier}`,
      "aria-label": `${one.product.title}, ${one.tier}, at ${one.timecode} for ${one.screen_time.toFixed(1)} seconds`,
      onclick: () => jump((one.first + one.last) / 2),
    });
    mark.style.left = share(one.first);
    mark.style.width = share(one.last - one.first);
    return mark;
  });
  return element(
    "div",
    { class: "lane" },
    element("span", { class: "name", title: group[0].product.title }, group[0].product.title),
    element("div", { class: "track" }, ...marks, element("span", { class: "playhead" })),
  );
}

function jump(seconds) {
  video.pause();
  video.currentTime = seconds;
}

function clear() {
  asked += 1; // answers still under way are of another picture
  outlines?.element.remove();
  outlines = null;
  byId("garments").replaceChildren(element("p", { class: "quiet" }, "Pause the video first."));
  byId("details").hidden = true;
}

async function look() {
  if (!video.paused || video.seeking || video.readyState < 2) return;
  clear();
  const mine = asked;
  status("Looking…");
  const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const still = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  const time = video.currentTime.toFixed(4);
  try {
    const found = await ask(`/api/stills?job=${job}&time=${time}`, { method: "POST", body: still });
    if (mine === asked) show(found);
  } catch (error) {
    if (mine === asked) status(error.message);
  }
}

function show(found) {
  outlines = new Outlines(found, {
    chosen: (number) => showGarment(byId("details"), found, found.garments.find((one) => one.number === number), ""),
    lit: (number) => outlines?.light(number),
  });
  byId("picture").append(outlines.element);
  chips(byId("garments"), found, outlines, outlines.order);
  status(`${many(found.garments.length, "garment")}.`);
}

function follow() {
  byId("seek").value = video.currentTime;
  byId("clock").textContent = clock(video.currentTime);
  for (const head of heads) head(video.currentTime);
}

byId("play").addEventListener("click", () => (video.paused ? video.play() : video.pause()));
byId("seek").addEventListener("input", ({ target }) => jump(Number(target.value)));
byId("mute").addEventListener("click", () => (video.muted = !video.muted));
byId("volume").addEventListener("input", ({ target }) => {
  video.volume = Number(target.value);
  video.muted = video.volume === 0;
});
video.addEventListener("volumechange", () => byId("mute").setAttribute("aria-pressed", video.muted));
video.addEventListener("play", () => {
  clear();
  status("");
  byId("play").textContent = "Pause";
});
video.addEventListener("pause", () => {
  byId("play").textContent = "Play";
  look();
});
video.addEventListener("seeking", clear);
video.addEventListener("seeked", look);
video.addEventListener("loadeddata", look);
video.addEventListener("timeupdate", follow);
video.addEventListener("error", () => status("This browser cannot play the video."));
open().catch((error) => status(error.message));
