// Where cards go. All lengths are pixels of the page.

const GAP = 12;

// The part of the page that the picture covers, as OBS shows it.
export function pictureRect(page, picture, fit) {
  const [width, height] = picture;
  if (fit === "fill" || !width || !height) return { x: 0, y: 0, w: page.w, h: page.h };
  const ratios = [page.w / width, page.h / height];
  const scale = fit === "cover" ? Math.max(...ratios) : Math.min(...ratios);
  return { x: (page.w - width * scale) / 2, y: (page.h - height * scale) / 2, w: width * scale, h: height * scale };
}

// Whatever stays inside `safe` percent of the page's borders is seen on every screen.
export function safeRect(page, safe) {
  const x = (page.w * safe) / 100;
  const y = (page.h * safe) / 100;
  return { x, y, w: page.w - 2 * x, h: page.h - 2 * y };
}

// Sets `x` and `y` of cards: {w, h, box in pixels or null, edge}. `edge` is kept between calls.
export function place(cards, layout, edge, area) {
  const free = layout === "follow" ? cards.filter((card) => card.box) : [];
  const rest = cards.filter((card) => !free.includes(card));
  if (layout === "lower") row(rest, edge, area);
  else column(rest, edge, area);
  beside(free, edge, area);
}

function row(cards, edge, area) {
  let x = edge === "left" ? area.x : area.x + area.w;
  for (const card of cards) {
    card.x = edge === "left" ? x : x - card.w;
    card.y = area.y + area.h - card.h;
    x += (edge === "left" ? 1 : -1) * (card.w + GAP);
  }
}

function column(cards, edge, area) {
  let y = area.y + area.h;
  for (const card of cards) {
    y -= card.h;
    card.x = edge === "left" ? area.x : area.x + area.w - card.w;
    card.y = y;
    y -= GAP;
  }
}

// Beside the garment, on the edge where there is room; those that would cover one another move apart.
function beside(cards, edge, area) {
  for (const card of cards) {
    const room = { right: area.x + area.w - (card.box.x + card.box.w), left: card.box.x - area.x };
    const wanted = card.edge ?? edge;
    const other = wanted === "right" ? "left" : "right";
    // A card changes its edge only where it does not fit and the other one is better.
    card.edge = room[wanted] >= card.w + GAP || room[wanted] >= room[other] ? wanted : other;
    const x = card.edge === "right" ? card.box.x + card.box.w + GAP : card.box.x - card.w - GAP;
    card.x = clamp(x, area.x, area.x + area.w - card.w);
    card.y = clamp(card.box.y + (card.box.h - card.h) / 2, area.y, area.y + area.h - card.h);
  }
  for (const side of ["right", "left"]) apart(cards.filter((card) => card.edge === side), area);
}

function apart(cards, area) {
  cards.sort((a, b) => a.box.y + a.box.h / 2 - (b.box.y + b.box.h / 2));
  for (let i = 1; i < cards.length; i++) {
    for (const above of cards.slice(0, i)) {
      if (over(above, cards[i])) cards[i].y = Math.max(cards[i].y, above.y + above.h + GAP);
    }
  }
  let limit = area.y + area.h;
  for (const card of [...cards].reverse()) {
    card.y = Math.max(Math.min(card.y, limit - card.h), area.y);
    const next = cards[cards.indexOf(card) - 1];
    if (next && next.x < card.x + card.w && card.x < next.x + next.w) limit = card.y - GAP;
  }
}

function over(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h + GAP && b.y < a.y + a.h + GAP;
}

function clamp(value, least, most) {
  return Math.max(least, Math.min(value, most));
}
