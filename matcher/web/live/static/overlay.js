// The page for OBS: cards over the picture, moved in every frame of the screen.

import { Card } from "./overlay_card.js";
import { Feed } from "./overlay_feed.js";
import { demo } from "./overlay_demo.js";
import { pictureRect, place, safeRect } from "./overlay_layout.js";
import { apply, read } from "./overlay_options.js";

const HOLD_MS = 1500; // cards stay for so long after the server last said that they are right, whatever the reason
const SETTLE_MS = 70;
const MOST_PENDING = 2000;

const query = new URLSearchParams(location.search);
const options = read(query);
const stage = document.getElementById("stage");
const timecode = document.getElementById("timecode");
const cards = new Map();
const pending = []; // messages whose time has not come
let picture = [16, 9];
let garments = []; // boxes of all that people wear
let feed = null;
let epoch = "";
let drawn = performance.now();
let mark = null;

function told(message) {
  if (message.k === "cards" && message.epoch !== epoch) {
    epoch = message.epoch;
    pending.length = 0; // times of another server's clock might never come
  }
  if (message.k === "boxes" || message.k === "cards") pending.push(message);
  // Where nothing is drawn, as in a hidden page, boxes are forgotten, but never which cards there are.
  const late = pending.splice(0, Math.max(pending.length - MOST_PENDING, 0));
  const last = late.filter((one) => one.k === "cards").pop();
  if (last) setCards(last);
}

// The server's time of the picture that is on screen now; NaN = the newest.
function shownTime() {
  return options.delay > 0 && feed ? feed.now() - options.delay : NaN;
}

function take(time) {
  while (pending.length && !(pending[0].t > time && pending[0].k === "cards")) {
    const message = pending.shift();
    if (message.k === "cards") setCards(message);
    else setBoxes(message);
  }
}

function setCards(message) {
  if (message.size?.[0]) picture = message.size;
  document.documentElement.dataset.state = message.state;
  const wanted = new Map(message.cards.map((facts) => [facts.id, facts]));
  for (const [id, card] of cards) {
    if (!wanted.has(id)) {
      card.leave();
      cards.delete(id);
    }
  }
  for (const [id, facts] of wanted) {
    if (cards.has(id)) cards.get(id).update(facts);
    else cards.set(id, new Card(stage, facts, SETTLE_MS));
  }
}

// Nobody knows what is worn: nothing is shown, and whoever answers next says all anew.
function clear() {
  if (!cards.size && !pending.length) return;
  pending.length = 0;
  garments = [];
  setCards({ state: "lost", cards: [] });
  feed.forget();
}

function setBoxes(message) {
  for (const [id, box] of Object.entries(message.b)) cards.get(id)?.path.add(message.t, box, message.shot);
  garments = message.all ?? [];
  mark = message.mark;
}

function draw(now) {
  const time = shownTime();
  take(time);
  if (feed && performance.now() - feed.sure > HOLD_MS) clear();
  const page = { w: innerWidth, h: innerHeight };
  const rect = pictureRect(page, picture, options.fit);
  const shown = [...cards.values()];
  const points = shown.map((card) => card.path.at(time));
  shown.forEach((card, i) => (card.box = points[i] && inPage(points[i].box, rect)));
  const worn = garments.map((box) => inPage(box, rect));
  place(shown, options.layout, options.edge, safeRect(page, options.safe), worn, now);
  shown.forEach((card, i) => card.draw(now - drawn, card.box, points[i]?.shot));
  if (!timecode.hidden && mark !== null) timecode.textContent = mark;
  drawn = now;
  requestAnimationFrame(draw);
}

function inPage([x, y, w, h], rect) {
  return { x: rect.x + x * rect.w, y: rect.y + y * rect.h, w: w * rect.w, h: h * rect.h };
}

function linked(there) {
  document.documentElement.dataset.link = there ? "up" : "down";
}

apply(options, document.documentElement);
timecode.hidden = !query.has("timecode");
if (query.has("demo")) demo(told, document.body.dataset.sampleQr);
else feed = new Feed(document.body.dataset.stream, told, linked);
requestAnimationFrame(draw);
