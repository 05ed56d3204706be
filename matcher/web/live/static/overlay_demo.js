// Messages as of a server, for the preview of the settings page: three people's garments that move about.

const SAMPLES = [
  { id: "a", title: "Rust wool overshirt", brand: "Marlow", shop: "shop.example", price: "89.00 EUR", tier: "exact" },
  { id: "b", title: "Straight indigo jeans with a rather long name", brand: "Norrland", shop: "shop.example", price: "74.50 EUR", tier: "similar" },
  { id: "c", title: "Canvas tote bag", brand: "Studio Ombra", shop: "bags.example", price: "54.00 EUR", tier: "exact" },
];
const PLACES = { a: [0.28, 0.28, 0.16, 0.3], b: [0.3, 0.56, 0.12, 0.36], c: [0.66, 0.5, 0.1, 0.16] };

// Calls `told` thirty times a second; the last sample comes and goes.
export function demo(told, qr) {
  let frame = 0;
  let shown = 0;
  setInterval(() => {
    const wanted = frame % 240 < 180 ? 3 : 2;
    if (wanted !== shown) {
      const cards = SAMPLES.slice(0, wanted).map((one) => ({ ...one, disclosure: "Ad", photo: "", qr }));
      told({ k: "cards", state: "live", size: [16, 9], t: 0, cards });
      shown = wanted;
    }
    told({ k: "boxes", t: performance.now(), shot: 1, mark: frame, b: boxes(frame / 30), all: Object.values(boxes(frame / 30)) });
    frame += 1;
  }, 1000 / 30);
}

function boxes(seconds) {
  const sway = (speed, size) => Math.sin(seconds * speed) * size;
  const moved = Object.entries(PLACES).map(([id, [x, y, w, h]], i) => [id, [x + sway(0.7, i === 2 ? 0.08 : 0.04), y + sway(1.3, 0.01), w, h]]);
  return Object.fromEntries(moved);
}
