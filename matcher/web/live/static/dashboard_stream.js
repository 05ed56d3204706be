// One stream on the dashboard.

import { element, shopLink } from "./dom.js";

const FIGURES = {
  rate: (stream) => number(stream.rate, " frames/s"),
  detected: (stream) => number(stream.detections, "/s"),
  "latency p95": (stream) => number(stream.latency_ms?.p95, " ms"),
  dropped: (stream) => number(stream.dropped, "", 0),
  reconnects: (stream) => number(stream.health?.reconnects, "", 0),
  "overlay pages": (stream) => number(stream.viewers, "", 0),
};

export class StreamPanel {
  constructor(place, name, change) {
    Object.assign(this, { name, change, cards: new Map(), figures: {} });
    this.state = element("span", { class: "state" });
    this.pause = element("button", { type: "button", onclick: () => this.switchPause() });
    this.why = element("p", { class: "quiet" });
    const list = Object.keys(FIGURES).map((label) => {
      this.figures[label] = element("dd");
      return element("div", {}, element("dt", {}, label), this.figures[label]);
    });
    this.list = element("ul", { class: "cards", "aria-label": `products of ${name}` });
    this.nothing = element("p", { class: "quiet" }, "Nothing is on screen.");
    this.hidden = element("ul", { class: "chips", "aria-label": "hidden" });
    const overlay = element("a", { href: `/overlay?${new URLSearchParams({ stream: name })}` }, "overlay");
    const restart = element("button", { type: "button", "aria-label": `restart ${name}`, onclick: () => this.restart() }, "Restart");
    const remove = element("button", { type: "button", "aria-label": `remove ${name}`, onclick: () => this.remove() }, "Remove");
    const head = element("div", { class: "bar" }, element("h2", {}, name), this.state, overlay, this.pause, restart, remove);
    const figures = element("dl", { class: "figures" }, ...list);
    this.section = element("section", { class: "panel stream" }, head, this.why, figures, this.list, this.nothing, this.hidden);
    place.append(this.section);
  }

  show(stream) {
    this.paused = stream.paused;
    this.state.textContent = stream.state;
    this.state.dataset.state = stream.state;
    this.why.textContent = stream.health?.reason ?? "";
    this.pause.textContent = stream.paused ? "Go on" : "Pause";
    this.pause.setAttribute("aria-label", `${stream.paused ? "go on with" : "pause"} ${this.name}`);
    for (const [label, value] of Object.entries(FIGURES)) this.figures[label].textContent = value(stream);
    this.showCards(stream.cards);
    const chips = stream.hidden.map((one) => this.hiddenChip(one));
    if (stream.hidden.length !== this.hidden.children.length) this.hidden.replaceChildren(...chips);
  }

  showCards(cards) {
    const wanted = new Set(cards.map((card) => card.id));
    for (const [id, row] of this.cards) {
      // A row that somebody is about to use stays until he has left it.
      if (wanted.has(id) || row.item.contains(document.activeElement)) continue;
      row.item.remove();
      this.cards.delete(id);
    }
    for (const card of cards) {
      if (!this.cards.has(card.id)) this.cards.set(card.id, new Row(this, card));
      this.cards.get(card.id).show(card);
    }
    for (const [id, row] of this.cards) if (!wanted.has(id)) row.gone();
    this.nothing.hidden = this.cards.size > 0;
  }

  hiddenChip({ id, title }) {
    const again = () => this.order("hide", id, false, `${title} is shown again.`);
    const button = element("button", { type: "button", "aria-label": `show ${title} again`, onclick: again }, "Show again");
    return element("li", {}, `${title} `, button);
  }

  order(what, id, on, words) {
    return this.change(`/api/streams/${this.name}/${what}?${new URLSearchParams({ product: id })}`, { on }, words);
  }

  restart() {
    return this.change(`/api/streams/${this.name}/restart`, undefined, `${this.name} is started anew.`, "POST");
  }

  remove() {
    if (!confirm(`End ${this.name} and remove it?`)) return undefined;
    return this.change(`/api/streams/${this.name}`, undefined, `${this.name} is removed.`, "DELETE");
  }

  switchPause() {
    const words = this.paused ? `${this.name} goes on.` : `${this.name} is paused.`;
    return this.change(`/api/streams/${this.name}/pause`, { on: !this.paused }, words);
  }
}

class Row {
  constructor(panel, card) {
    this.photo = element("img", { alt: "", width: 64, height: 64, src: card.photo });
    this.photo.addEventListener("error", () => (this.photo.hidden = true));
    this.title = card.link ? shopLink(card.link, card.title) : element("span", {}, card.title);
    this.about = element("span", { class: "quiet" });
    const act = (what, on, words) => panel.order(what, card.id, on(), words());
    this.pin = button("Pin", card, () => act("pin", () => !this.pinned, () => `${card.title} ${this.pinned ? "comes and goes" : "is pinned"}.`));
    const hide = button("Hide", card, () => act("hide", () => true, () => `${card.title} is hidden.`));
    const block = button("Block", card, () => act("block", () => true, () => `${card.title} is blocked.`));
    const words = element("div", { class: "words" }, this.title, this.about);
    this.item = element("li", {}, this.photo, words, this.pin, hide, block);
    panel.list.append(this.item);
  }

  show(card) {
    this.pinned = card.pinned;
    this.pin.setAttribute("aria-pressed", String(card.pinned));
    const place = card.shown ? "on screen" : "waits for room";
    this.about.textContent = [place, card.tier, card.price, card.shop].filter(Boolean).join(" · ");
    this.item.classList.toggle("waits", !card.shown);
  }

  gone() {
    this.about.textContent = "no longer on screen";
    this.item.classList.add("waits");
  }
}

function button(words, card, onclick) {
  return element("button", { type: "button", "aria-label": `${words} ${card.title}`, onclick }, words);
}

function number(value, unit, digits = 1) {
  return value === undefined || value === null ? "–" : value.toFixed(digits) + unit;
}
