"""A made-up two-hour film: sightings of drawn products, as a run would report them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np

from matcher.attributes.describe import describe
from matcher.boxes import crop_square, mask_on_crop
from matcher.sightings import Sighting
from matcher.sinks.facts import ReportFacts
from matcher.timecode import Timecode
from matcher.types import EXACT, SIMILAR
from matcher.types import Product as Listing
from matcher.wardrobe.packshot import render_packshot
from matcher.wardrobe.product import Product, make_wardrobe

RATE = Fraction(24_000, 1001)
THUMB_PX = 176
SHOT_S = (2.0, 9.0)
OUTFITS = 60


def long_film(
    products: int = 500, hours: float = 2, pictures: int = 150, seed: int = 5
) -> tuple[list[Sighting], ReportFacts]:
    """Sightings of a film, about fourteen for each product, and what is known of the film.

    Args:
        products: different ones.
        hours: length.
        pictures: how many products are drawn; the others share these, brighter or darker, so no two are one picture.
        seed: equal seeds make equal films.
    """
    rng = np.random.default_rng(seed)
    wardrobe = make_wardrobe(seed, -(-products // 11))[:products]
    sources = [wardrobe[i * products // pictures] for i in range(min(pictures, products))]
    drawn = [_drawn(product) for product in sources]
    # What shares a picture is called and is the same thing, so that the page does not contradict itself.
    shown = [sources[i * len(sources) // products] for i in range(products)]
    wardrobe = [
        replace(like, id=own.id, link=own.link, brand=own.brand) for own, like in zip(wardrobe, shown, strict=True)
    ]
    end = Fraction(round(hours * 3600))
    shots = _shots(rng, float(end))
    worn = [rng.choice(products, 6, replace=False) for _ in range(OUTFITS)]
    # A film's wardrobe is worn again and again, but every product is seen.
    worn += [np.arange(first, min(first + 6, products)) for first in range(0, products, 6)]
    found = []
    for number, (begin, stop) in enumerate(shots, 1):
        for outfit in rng.choice(len(worn), int(rng.integers(1, 3)), replace=False):
            for index in worn[outfit]:
                if rng.random() < 0.6:
                    product, picture = wardrobe[index], drawn[int(index) * len(drawn) // products]
                    found.append(_sighting(rng, product, picture, int(outfit) + 1, number, begin, stop))
    code = Timecode.of(RATE, "01:00:00:00")
    times = tuple((number, begin) for number, (begin, _) in enumerate(shots, 1))
    facts = ReportFacts("A film of two hours.mov", (1920, 1080), int(end * RATE), Fraction(0), end, code, times)
    return sorted(found, key=lambda s: s.first), facts


def _shots(rng: np.random.Generator, length: float) -> list[tuple[Fraction, Fraction]]:
    cuts = [0.0]
    while cuts[-1] < length - SHOT_S[1]:
        cuts.append(cuts[-1] + float(rng.uniform(*SHOT_S)))
    exact = [Fraction(round(cut * RATE)) / RATE for cut in cuts]
    return list(zip(exact, [*exact[1:], Fraction(round(length))], strict=True))


def _drawn(product: Product) -> tuple[np.ndarray, object]:
    """A product's photo, cut out, and what it looks like."""
    image, mask = render_packshot(product, 256)
    ys, xs = np.nonzero(mask)
    box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float32)
    whole = np.ascontiguousarray(mask[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1], np.float32)
    look = describe(crop_square(image, box, 128, 0), mask_on_crop(whole, box, 128, 0), product.type)
    return image[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1], look


def _sighting(
    rng: np.random.Generator,
    product: Product,
    drawn: tuple[np.ndarray, object],
    outfit: int,
    shot: int,
    begin: Fraction,
    end: Fraction,
) -> Sighting:
    light = float(rng.uniform(0.75, 1.15))
    image = np.clip(drawn[0] * light + rng.normal(0, 4, drawn[0].shape), 0, 255).astype(np.uint8)
    scale = THUMB_PX / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()
    listing = Listing(product.id, product.title, product.type, brand=product.brand, link=product.link)
    tier = EXACT if rng.random() < 0.7 else SIMILAR
    frame = int((begin + (end - begin) / 2) * RATE)
    return Sighting(
        *(listing, tier, begin, end, end - begin, float(rng.uniform(0.55, 0.95)), frame, shot, (shot * 10 + outfit,)),
        *(product.type, jpeg, drawn[1], (outfit,), begin + (end - begin) / 2),
    )
