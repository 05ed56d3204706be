"""From a masked crop to words: the colours, the pattern and the cut of a garment, and the keywords that they make.

A look is first a row of numbers, so that the views of one garment can be averaged (`Garments.look`): the shares of the
named colours, then the chances of each pattern, of each length of sleeve and of each length. `Attributes.of` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.attributes.colours import colour_shares
from matcher.attributes.cut import LENGTHS, SLEEVES, cut_chances
from matcher.attributes.palette import COLOURS, SHOWN
from matcher.attributes.pattern import PATTERNS, pattern_chances

PARTS = {"colours": COLOURS, "pattern": PATTERNS, "sleeves": SLEEVES, "length": LENGTHS}
LOOK = sum(map(len, PARTS.values()))  # columns of `Garments.look`
MOST_COLOURS = 3
LEAST_SHARE = 0.15  # of the garment that a colour covers, to be named
SURE = {"pattern": 0.55, "sleeves": 0.7, "length": 0.7}  # chance from which a word is said at all


@dataclass(frozen=True)
class Attributes:
    """What a garment looks like; texts are empty where it cannot be told.

    Attributes:
        colours: names out of `palette.COLOURS`, the most of it first, at most three.
        shares: 0..1 of the garment that each of them covers.
        pattern: one of `pattern.PATTERNS`.
        sleeves: one of `cut.SLEEVES`; tops, dresses and outerwear only.
        length: one of `cut.LENGTHS`; dresses, skirts and pants only.
        details: what the detector says besides, where its bundle has attributes (`detected.DetectorWords`).
    """

    colours: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    pattern: str = ""
    sleeves: str = ""
    length: str = ""
    details: tuple[str, ...] = ()

    @classmethod
    def of(cls, look: NDArray[np.float32]) -> Attributes:
        """Read a row (LOOK,) of `Garments.look`; a row of zeros has no attributes."""
        parts = dict(zip(PARTS, np.split(look, np.cumsum([len(names) for names in PARTS.values()])[:-1]), strict=True))
        order = np.argsort(-parts["colours"], kind="stable")[:MOST_COLOURS]
        named = [i for n, i in enumerate(order) if parts["colours"][i] >= (LEAST_SHARE if n else 1e-6)]
        said = {name: _said(PARTS[name], parts[name], SURE[name]) for name in SURE}
        shares = tuple(round(float(parts["colours"][i]), 3) for i in named)
        return cls(tuple(COLOURS[i] for i in named), shares, **said)

    def look(self) -> NDArray[np.float32]:
        """A row (LOOK,) that reads as these attributes, less `details`."""
        rows = {name: np.zeros(len(names), np.float32) for name, names in PARTS.items()}
        for name, share in zip(self.colours, self.shares, strict=True):
            rows["colours"][COLOURS.index(name)] = share
        for part in SURE:
            if word := getattr(self, part):
                rows[part][PARTS[part].index(word)] = 1
        return np.concatenate(list(rows.values()))

    @property
    def swatches(self) -> tuple[tuple[int, int, int], ...]:
        """A BGR colour to show for each of `colours`."""
        return tuple(SHOWN[name] for name in self.colours)


def measure(crop: NDArray[np.uint8], mask: NDArray[np.float32], type_name: str = "") -> NDArray[np.float32]:
    """The look of one garment as numbers.

    Args:
        crop: (S, S, 3) uint8 BGR, the square around its box (`boxes.crop_square`).
        mask: (S, S) float32 0..1 over the crop (`boxes.mask_on_crop`).
        type_name: one of `taxonomy.TYPES`; "" where it is not known.

    Returns:
        (LOOK,) float32; parts that cannot be told are zeros.
    """
    inside = sure_pixels(mask)
    parts = colour_shares(crop[inside]), pattern_chances(crop, mask, type_name), *cut_chances(mask, type_name)
    return np.concatenate(parts).astype(np.float32)


def describe(crop: NDArray[np.uint8], mask: NDArray[np.float32], type_name: str = "") -> Attributes:
    """What one garment looks like; arguments as for `measure`."""
    return Attributes.of(measure(crop, mask, type_name))


def keywords(type_name: str, attributes: Attributes) -> list[str]:
    """The words that somebody would search for it by, the plainest first: ["tops", "red", "striped", "long sleeves"].

    Args:
        type_name: of the garment, "" where it is not known.
        attributes: what it looks like.
    """
    length = f"{attributes.length} {type_name}".strip() if attributes.length else ""
    words = (type_name, *attributes.colours, attributes.pattern, attributes.sleeves, length, *attributes.details)
    return list(dict.fromkeys(word for word in words if word))


def matches(words: list[str], wanted: list[str]) -> bool:
    """Whether a garment with these keywords has all that are wanted; case does not matter."""
    known = {word.lower() for word in words}
    return all(word.strip().lower() in known for word in wanted)


def sure_pixels(mask: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where (S, S) the garment of a mask (S, S) surely is: its outline shows what is behind it too."""
    sure = mask > 0.8
    return sure if sure.sum() >= 0.4 * (mask > 0.5).sum() else mask > 0.5


def _said(names: tuple[str, ...], chances: NDArray[np.float32], sure: float) -> str:
    best = int(chances.argmax())
    return names[best] if chances[best] >= sure else ""
