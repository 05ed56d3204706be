"""Queries of the try-on benchmark: photos of people who wear held-out products, made once and kept on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.cache import code_key, key_of
from benchmarks.gallery import is_cut_out
from benchmarks.items import Item, ItemList, item_of, stored
from benchmarks.parallel import ordered
from matcher.video.image import read_image
from training.augment import light
from training.augment.light import camera
from training.data.garment_crops import VALIDATION
from training.evaluation.output import Progress, silent
from training.tryon import pairs, relight, spans, synthesise, warp
from training.tryon.pairs import Wardrobe
from training.tryon.records import ShopGarment, TryOn
from training.tryon.sources import wearers
from training.tryon.warp import OUTLINE

SEED = 77_000_000  # far from any training seed
TIMES = 2  # people for each product
FAULTS = 1.0  # of the camera
_SMALLEST = 0.45  # of the photo's side: people in films are seldom as large as in a fashion photo
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95]
_ATTEMPTS = 4


def worn_items(
    data: Path,
    products: ItemList,
    folder: Path,
    workers: int = 1,
    progress: Progress = silent,
    faults: float = FAULTS,
) -> ItemList:
    """Dress validation wearers in the products, by the family of warps that training never uses.

    Args:
        data: as from `benchmarks.datasets.data_folder`.
        products: of which those that could be cut out are worn, by `TIMES` people each.
        folder: where photos and list are kept; a second call with the same arguments only reads them.
        workers: threads.
        progress: wraps the products.
        faults: how much the camera and the codec spoil, 0..1; the wearer's light is on the garment in any case.

    Returns:
        The worn garments, boxes and masks as they truly are; `identity` is the product's.
    """
    place = folder / f"worn-{_key(products, faults)}"
    return stored(place / "items.json", place, lambda: _dress(data, products, place, workers, progress, faults))


def _dress(
    data: Path, products: ItemList, place: Path, workers: int, progress: Progress, faults: float
) -> Iterator[Item]:
    place.mkdir(parents=True, exist_ok=True)
    wardrobe = Wardrobe(list(wearers(data, VALIDATION)))
    cut_out = [item for item in products if is_cut_out(item)]
    done = ordered(lambda item: list(_people(wardrobe, products.root, item, place, faults)), cut_out, workers)
    for worn in progress(done, "try-ons", len(cut_out)):
        yield from worn


def _people(wardrobe: Wardrobe, root: Path, item: Item, place: Path, faults: float) -> Iterator[Item]:
    """The people who wear one product; who they are follows from its name alone, so a sample has the same ones."""
    rng = np.random.default_rng((SEED, int(key_of(item.identity)[:8], 16)))
    mask = item.whole_mask() * 255
    garment = ShopGarment(read_image(root / item.file), mask, item.type_id, item.identity)
    for number in range(TIMES):
        worn = _worn(wardrobe, garment, rng)
        if worn is not None:
            yield _kept(worn, place / f"{item.identity}-{number}.jpg", rng, faults)


def _worn(wardrobe: Wardrobe, garment: ShopGarment, rng: Generator) -> TryOn | None:
    """Somebody with the garment on; chance decides who, and not everybody shows enough of it."""
    tries = (wardrobe.dress(garment, rng, OUTLINE) for _ in range(_ATTEMPTS))
    return next((worn for worn in tries if worn is not None), None)


def _kept(worn: TryOn, path: Path, rng: Generator, faults: float) -> Item:
    image, mask = _filmed(worn, rng, faults)
    xs, ys = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    box = np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1], np.float32)
    path.write_bytes(cv2.imencode(".jpg", image, _JPEG)[1].tobytes())
    return item_of(path.name, mask, box, worn.type_id, worn.identity)


def _filmed(worn: TryOn, rng: Generator, faults: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The photo at the size and with the faults of a film's frame, and the mask at that size."""
    scale = rng.uniform(_SMALLEST, 1.0)
    size = (round(worn.image.shape[1] * scale), round(worn.image.shape[0] * scale))
    mask = cv2.resize(worn.mask, size, interpolation=cv2.INTER_AREA)
    mask = mask if mask.any() else np.ones_like(mask)
    return camera(cv2.resize(worn.image, size, interpolation=cv2.INTER_AREA), rng, faults), mask


def _key(products: ItemList, faults: float) -> str:
    """What decides the photos: the products, how many, and the code that makes them."""
    settings = f"{TIMES} {SEED} {_SMALLEST}" + (f" {faults}" if faults != FAULTS else "")
    return key_of(products.key, settings, code_key((pairs, relight, spans, synthesise, warp, light)))
