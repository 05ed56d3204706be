"""Products: a cut made of a fabric, with the words and the price a shop would give it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matcher.wardrobe.cuts import CUTS, Cut
from matcher.wardrobe.fabric import Fabric
from matcher.wardrobe.noise import stream
from matcher.wardrobe.palette import DYES, LEATHERS, contrasting

BRANDS = ("Alder & Finch", "Norrland", "Pale Harbour", "Kestrel", "Studio Ombra", "Fieldnote", "Marlow", "Tidewater")
WORDS = (
    "RIVER",
    "NORTH",
    "ATLAS",
    "NOVA",
    "WEST 84",
    "ECHO",
    "LUNA",
    "PEAK",
    "COAST",
    "1987",
    "BLOOM",
    "ORBIT",
    "A",
    "K",
    "M",
    "R",
    "7",
    "23",
)
EMBLEMS = ("word", "word", "circle", "mountain", "star", "stripes", "sun", "photo")
_JEANS_DYES = ("mid-blue", "mid-blue", "navy", "black", "sky", "grey", "charcoal", "white")
_WARM_DYES = ("camel", "tan", "beige", "brown", "cream", "black", "mustard")


@dataclass(frozen=True)
class Product:
    """One thing that the shop sells.

    Attributes:
        id: unique in its wardrobe.
        type: one of the eleven types.
        cut: its shape.
        fabric: what it is made of.
        accent: fabric of soles, ribs, brims, frames and other parts.
        details: what is sewn on it.
        emblem: kind and text of a print, or ("", "").
        seed: fixes folds and every other small thing.
        title, link, price, currency, brand: as in a product feed.
    """

    id: str
    type: str
    cut: Cut
    fabric: Fabric
    accent: Fabric
    details: tuple[str, ...]
    emblem: tuple[str, str]
    seed: int
    title: str
    link: str
    price: str
    currency: str
    brand: str


def make_product(product_id: str, kind: str, *keys: int | str) -> Product:
    """Make the product of one type that belongs to `keys`; equal keys make equal products."""
    rng = stream("product", kind, *keys)
    cut = CUTS[kind][int(rng.integers(len(CUTS[kind])))]
    details = tuple(name.rstrip("?") for name in cut.details if not name.endswith("?") or rng.random() < 0.5)
    fabric = _fabric(rng, cut)
    emblem = (
        (str(rng.choice(EMBLEMS)), str(rng.choice(WORDS)))
        if {"logo", "small logo", "badge"} & set(details)
        else ("", "")
    )
    return Product(
        id=product_id,
        type=kind,
        cut=cut,
        fabric=fabric,
        accent=_accent(rng, cut, fabric),
        details=details,
        emblem=emblem,
        seed=int(rng.integers(1 << 31)),
        title=_title(cut, fabric, emblem),
        link=f"https://shop.example/{product_id}",
        price=f"{int(rng.integers(*cut.prices))}.{rng.choice(['00', '95', '99'])}",
        currency="EUR",
        brand=str(rng.choice(BRANDS)),
    )


def make_wardrobe(seed: int, per_type: int) -> list[Product]:
    """Make `per_type` different products of each of the eleven types.

    Args:
        seed: equal seeds make equal wardrobes.
        per_type: number of products of each type.

    Returns:
        Products ordered by type; no two of a type share cut, pattern and ground colour.
    """
    products = []
    for kind in CUTS:
        seen: set[tuple[str, str, str]] = set()
        attempt = 0
        while len(seen) < per_type:
            product = make_product(f"{kind}-{seed}-{len(seen):03d}", kind, seed, attempt)
            looks = (product.cut.name, product.fabric.pattern, product.fabric.dyes[0])
            attempt += 1
            # past 8 tries for each product the type has run out of looks, so repeats are let in
            if looks not in seen or attempt > 8 * per_type:
                seen.add(looks if looks not in seen else (*looks[:2], f"{looks[2]} {attempt}"))
                products.append(product)
    return products


def _fabric(rng: np.random.Generator, cut: Cut) -> Fabric:
    cloth = str(rng.choice(cut.cloths))
    names = list(DYES)
    if cloth == "denim":
        names = list(_JEANS_DYES)
    elif cloth in ("leather", "patent", "suede"):
        names = list(LEATHERS) * 2 + ["red", "forest", "grey", "beige", "rose"]
    elif cloth in ("straw", "felt"):
        names = list(_WARM_DYES)
    elif cut.type in ("pants", "outerwear", "leggings"):
        names += ["black", "navy", "charcoal", "grey", "beige", "olive", "camel", "black", "navy", "brown"] * 2
    elif cut.type == "eyewear":
        names = ["black", "black", "brown", "chocolate", "tan", "mustard", "silver", "red", "navy", "grey"]
    ground = str(rng.choice(names))
    # a printed pattern hides the weave of leather, so leather stays plain
    pattern = "plain" if cloth in ("leather", "patent", "suede", "denim") else str(rng.choice(cut.patterns))
    dyes = (ground, contrasting(rng, ground, 70), contrasting(rng, ground, 50))
    return Fabric(pattern, cloth, dyes, float(rng.uniform(0.75, 1.35)), int(rng.integers(1 << 31)))


def _accent(rng: np.random.Generator, cut: Cut, fabric: Fabric) -> Fabric:
    if cut.shape == "shoe":
        name = str(rng.choice(["white", "white", "black", "cream", "brown", fabric.dyes[0]]))
        return Fabric("plain", "plastic", (name,), 1.0, fabric.seed)
    if cut.shape == "hat":
        return Fabric(
            "plain", fabric.cloth, (str(rng.choice([fabric.dyes[0], fabric.dyes[1], "black"])),), 1.0, fabric.seed
        )
    name = fabric.dyes[0] if rng.random() < 0.75 else fabric.dyes[1]
    cloth = "rib" if {"rib hem", "rib cuffs"} & set(cut.details) else fabric.cloth
    return Fabric("plain", cloth, (name,), 1.0, fabric.seed)


def _title(cut: Cut, fabric: Fabric, emblem: tuple[str, str]) -> str:
    words = [fabric.dyes[0]]
    if fabric.pattern != "plain":
        words += ["and", fabric.dyes[1], fabric.pattern]
    if (
        fabric.cloth in ("leather", "suede", "satin", "denim", "canvas", "patent", "cable")
        and fabric.cloth not in cut.name
    ):
        words.append({"patent": "patent leather", "cable": "cable-knit"}.get(fabric.cloth, fabric.cloth))
    words.append(cut.name)
    if emblem[0] == "word":
        words.append(f'with "{emblem[1]}" print')
    return " ".join(words)
