// One card: its elements, and how it comes and goes. Texts of shops are set as text, never as markup.

import { Glide, Path } from "./overlay_motion.js";

const GONE_MS = 450; // as long as it takes to leave, see overlay.css

export class Card {
  constructor(stage, facts, settleMs) {
    this.element = make("article", "card");
    this.dot = make("div", "dot");
    const face = this.element.appendChild(make("div", "face"));
    this.photo = face.appendChild(picture("photo"));
    const words = face.appendChild(make("div", "words"));
    for (const part of ["title", "price", "shop", "tier", "disclosure"]) this[part] = words.appendChild(make("p", part));
    this.qr = face.appendChild(picture("qr"));
    this.path = new Path();
    this.glide = new Glide(settleMs);
    this.spot = new Glide(settleMs);
    stage.append(this.dot, this.element);
    this.update(facts);
    // It grows when its pictures come, and with the fonts.
    this.sized = new ResizeObserver(() => this.measure());
    this.sized.observe(this.element);
    // The browser must have drawn it once for it to come gently.
    requestAnimationFrame(() => requestAnimationFrame(() => this.element.classList.toggle("here", !this.left)));
  }

  update(facts) {
    this.element.dataset.id = facts.id;
    this.element.dataset.tier = facts.tier;
    this.title.textContent = facts.title;
    this.price.textContent = facts.price;
    this.shop.textContent = facts.shop || facts.brand;
    this.tier.textContent = facts.tier === "similar" ? "similar" : "";
    this.disclosure.textContent = facts.disclosure;
    show(this.photo, facts.photo);
    show(this.qr, facts.qr);
    this.measure();
  }

  measure() {
    this.w = this.element.offsetWidth;
    this.h = this.element.offsetHeight;
  }

  // Moves on by `elapsed` milliseconds to where the layout put it.
  draw(elapsed, box, shot) {
    const jump = shot !== this.shot; // after a cut nothing glides
    this.shot = shot;
    this.glide.to(this.x, this.y, elapsed, jump);
    this.element.style.transform = `translate3d(${this.glide.x.toFixed(2)}px, ${this.glide.y.toFixed(2)}px, 0)`;
    this.dot.classList.toggle("here", Boolean(box) && this.element.classList.contains("here"));
    if (!box) return;
    this.spot.to(box.x + box.w / 2, box.y + box.h / 2, elapsed, jump);
    this.dot.style.transform = `translate3d(${this.spot.x.toFixed(2)}px, ${this.spot.y.toFixed(2)}px, 0)`;
  }

  leave() {
    this.left = true; // it may not even have come
    this.sized.disconnect();
    this.element.classList.remove("here");
    this.dot.classList.remove("here");
    setTimeout(() => {
      this.element.remove();
      this.dot.remove();
    }, GONE_MS);
  }
}

function make(kind, name) {
  const element = document.createElement(kind);
  element.className = name;
  return element;
}

function picture(name) {
  const image = make("img", name);
  image.alt = "";
  image.hidden = true;
  image.onload = () => (image.hidden = false);
  image.onerror = () => (image.hidden = true);
  return image;
}

function show(image, address) {
  if (!address) image.hidden = true;
  else if (image.getAttribute("src") !== address) image.src = address;
}
