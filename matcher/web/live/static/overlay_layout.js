// Where cards go. All lengths are pixels of the page.

const GAP = 12;
const KEEP_MS = 1500; // for so long a card stays on one side of its garment
const BETTER = 0.15; // and then it goes only where it covers so much less

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

// Sets `x` and `y` of cards: {w, h, box in pixels or null}, which also keep `edge` and `chosen` between calls.
// `garments` are the boxes of all that people wear, `now` is in milliseconds.
export function place(cards, layout, edge, area, garments, now) {
  const following = layout === "follow" ? cards.filter((card) => card.box) : [];
  const rest = cards.filter((card) => !following.includes(card));
  if (layout === "lower") row(rest, edge, area);
  else column(rest, edge, area);
  beside(following, edge, area, garments, now);
}

// Along the lower border, from the edge on; what does not fit beside the others begins a row above.
function row(cards, edge, area) {
  let [used, y, high] = [0, area.y + area.h, 0];
  for (const card of cards) {
    if (used > 0 && used + card.w > area.w) [used, y, high] = [0, y - high - GAP, 0];
    card.x = edge === "left" ? area.x + used : area.x + area.w - used - card.w;
    card.y = y - card.h;
    used += card.w + GAP;
    high = Math.max(high, card.h);
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

// Beside the garment, on the edge where the card covers less of what people wear; a card that would cover another one
// goes above or below that. An edge is kept for a while, so that cards do not wander when people do.
function beside(cards, edge, area, garments, now) {
  const placed = [];
  for (const card of cards) {
    const [first, other] = [card.edge ?? edge, (card.edge ?? edge) === "right" ? "left" : "right"];
    const places = [first, other].map((side) => at(side, card, placed, area, garments));
    const settled = card.edge && now - card.chosen < KEEP_MS;
    const turn = !settled && places[1].covered + BETTER < places[0].covered;
    if (!card.edge || turn) Object.assign(card, { edge: turn ? other : first, chosen: now });
    Object.assign(card, { x: places[+turn].x, y: places[+turn].y });
    placed.push(card);
  }
}

// Where a card is on one side of its garment, and how much is covered there: 1 = as much as the card is large.
function at(side, card, placed, area, garments) {
  const beside = side === "right" ? card.box.x + card.box.w + GAP : card.box.x - card.w - GAP;
  const x = clamp(beside, area.x, area.x + area.w - card.w);
  const here = { x, w: card.w, h: card.h, y: free({ ...card, x }, placed, area) };
  return { ...here, covered: garments.reduce((sum, one) => sum + common(here, one), 0) / (card.w * card.h) };
}

function common(a, b) {
  const wide = Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x);
  const high = Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y);
  return Math.max(wide, 0) * Math.max(high, 0);
}

// The height nearest to the middle of its garment at which a card covers none of those that are placed.
function free(card, placed, area) {
  const wanted = card.box.y + (card.box.h - card.h) / 2;
  const near = placed.filter((one) => one.x < card.x + card.w && card.x < one.x + one.w);
  const heights = [wanted, ...near.flatMap((one) => [one.y - card.h - GAP, one.y + one.h + GAP])];
  const inside = heights.map((y) => clamp(y, area.y, area.y + area.h - card.h));
  const good = inside.filter((y) => !near.some((one) => over(one, { ...card, y })));
  return good.reduce((best, y) => (Math.abs(y - wanted) < Math.abs(best - wanted) ? y : best), good[0] ?? inside[0]);
}

function over(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h + GAP - 1 && b.y < a.y + a.h + GAP - 1;
}

function clamp(value, least, most) {
  return Math.max(least, Math.min(value, most));
}
