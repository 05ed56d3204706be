"""The drawn shop and clip of the demo and the benchmarks: nothing is downloaded, equal seeds give equal files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.errors import InputError
from matcher.wardrobe.clip import Clip, write_clip
from matcher.wardrobe.product import Product, make_wardrobe
from matcher.wardrobe.shop import write_shop
from matcher.wardrobe.truth import Sight, appearances, write_csv
from training.evaluation.output import Progress, silent

RATE = Fraction(30)
# A product is made of its seed. Training draws from seeds near 0, 900,000 and 1,000,000: it never saw these products.
FIRST_SEED = 500_000


@dataclass(frozen=True)
class Showcase:
    """A shop on disk and a clip in which some of its products are worn.

    Attributes:
        products: all that the shop sells; most of them are not in the clip.
        feed: the shop's products.csv.
        video: the clip.
        truth: CSV of which product is clearly seen from when to when; the clip shows nothing else.
        seen: the same of products of which anything is seen.
    """

    products: list[Product]
    feed: Path
    video: Path
    truth: Path
    seen: Path

    def title(self, product_id: str) -> str:
        """What the shop calls a product; the id itself where it has none of that id."""
        return next((product.title for product in self.products if product.id == product_id), product_id)


def make_shop(folder: Path, seed: int, per_type: int, progress: Progress = silent) -> tuple[list[Product], Path]:
    """Draw a shop's product photos and write its feed.

    Args:
        folder: where the pictures and products.csv go.
        seed: equal seeds draw equal shops.
        per_type: products of each of the eleven types.
        progress: wraps the products.

    Returns:
        The products and the path of products.csv.
    """
    products = make_wardrobe(seed, per_type)
    return products, write_shop(folder, progress(products, "photos"))


class _Noted:
    """A clip that notes which products are seen in each frame while it is played."""

    def __init__(self, clip: Clip, progress: Progress) -> None:
        self.size, self.fps = clip.size, clip.fps
        self._frames = progress(clip, "frames")
        self.products: list[set[str]] = []

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], list[Sight]]]:
        for image, sights in self._frames:
            self.products.append({one.product_id for one in sights})
            yield image, sights


def make_clip(
    folder: Path,
    seed: int,
    products: list[Product],
    size: tuple[int, int],
    seconds: float,
    progress: Progress = silent,
) -> None:
    """Play a clip in which people wear some of the products: clip.mp4, truth.csv, seen.csv, truth.json in a folder."""
    clip = Clip(seed, products, size=size, fps=RATE, seconds=seconds)
    noted = _Noted(clip, progress)
    write_clip(folder / "clip.mp4", noted)
    clip.write_truth(folder)
    write_csv(folder / "seen.csv", appearances(noted.products, clip.cuts(), clip.fps))


def make_showcase(
    folder: Path, seed: int, per_type: int, size: tuple[int, int], seconds: float, progress: Progress = silent
) -> Showcase:
    """Draw the shop and the clip; `progress` wraps the products and then the frames.

    Raises:
        InputError: the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {folder}: {error.strerror}") from error
    products, feed = make_shop(folder / "shop", FIRST_SEED + seed, per_type, progress)
    make_clip(folder, FIRST_SEED + seed, products, size, seconds, progress)
    return Showcase(products, feed, folder / "clip.mp4", folder / "truth.csv", folder / "seen.csv")
