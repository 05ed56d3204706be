"""The dominant colours of a garment: its pixels in a few groups by CIELAB, each group with a name.

A fold's shade is the same dye with less light: groups whose colours differ by brightness alone, and not by much, are
taken as one before they are named. Groups are Lloyd's k-means, begun at the colours farthest apart, without chance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.attributes.palette import COLOURS, lab, nearest

GROUPS = 6
ROUNDS = 8
LEAST_PIXELS = 16
MOST_PIXELS = 1500  # looked at, evenly spread: more tell nothing new
SHADE_L = 26.0  # so much darker may a fold be
SHADE_AB = 9.0  # and so far off otherwise
LIT = 4  # how much more its light parts say of a dye than its folds
GAIN, FROM_L = 0.2, 20.0  # brightening of what is not dark anyway; chosen on drawn garments
DARK_L = 32.0  # below it all counts alike: black leather that shines is no grey
_PER_L = np.array([0.6, 1, 1], np.float32)  # light varies over a garment more than its dye does


def colour_shares(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much of a garment each named colour covers.

    Args:
        pixels: (N, 3) uint8 BGR, those of the garment alone.

    Returns:
        (len(COLOURS),) float32 that sums to 1; zeros where there are too few pixels to tell.
    """
    shares = np.zeros(len(COLOURS), np.float32)
    if len(pixels) < LEAST_PIXELS:
        return shares
    chosen = np.ascontiguousarray(pixels[:: max(len(pixels) // MOST_PIXELS, 1)])
    centres, weights = _dyes(*_groups(lab(chosen)))
    np.add.at(shares, nearest(centres), weights)
    return shares


def _groups(colours: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean colours (G, 3) of at most `GROUPS` groups, and their shares (G,)."""
    places = colours * _PER_L
    chosen = [places.mean(0)]
    away = np.square(places - chosen[0]).sum(1)
    for _ in range(GROUPS - 1):
        chosen.append(places[int(away.argmax())])
        away = np.minimum(away, np.square(places - chosen[-1]).sum(1))
    centres = np.stack(chosen)
    for _ in range(ROUNDS):
        group = (places @ (-2 * centres.T) + np.square(centres).sum(1)).argmin(1)
        count = np.bincount(group, minlength=len(centres))
        sums = np.stack([np.bincount(group, places[:, i], len(centres)) for i in range(3)], 1)
        centres = np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], centres).astype(np.float32)
    held = count > 0
    return centres[held] / _PER_L, (count[held] / len(places)).astype(np.float32)


def _dyes(
    centres: NDArray[np.float32], weights: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colour in the light (D, 3) and share (D,) of each dye: groups that are one dye in light and in shade are one."""
    dyes: list[list[int]] = []
    for i in np.argsort(-weights, kind="stable").tolist():
        # A group joins the dye whose largest group it is a shade of; the nearest one, if there are several.
        near = [dye for dye in dyes if _one_dye(centres[dye[0]], centres[i])]
        if near:
            min(near, key=lambda dye: float(np.linalg.norm(centres[dye[0]] - centres[i]))).append(i)
        else:
            dyes.append([i])
    lit = np.stack([_in_light(centres[dye], weights[dye]) for dye in dyes])
    return lit, np.array([weights[dye].sum() for dye in dyes], np.float32)


def _in_light(centres: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """A dye's colour (3,) as it would be called: cloth is darker in a picture than the name that it is given."""
    weights = weights * centres[:, 0].clip(DARK_L) ** LIT
    colour = (centres * weights[:, None]).sum(0) / weights.sum()
    colour[0] = min(colour[0] + GAIN * max(colour[0] - FROM_L, 0), 98)
    return colour


def _one_dye(first: NDArray[np.float32], second: NDArray[np.float32]) -> bool:
    """Whether two colours differ as light and shade do: with less light, what is coloured is less so."""
    light, dark = (first, second) if first[0] >= second[0] else (second, first)
    if light[0] - dark[0] > SHADE_L:
        return False
    faded = light[1:] * (dark[0] + 8) / (light[0] + 8)
    return float(np.linalg.norm(faded - dark[1:])) <= SHADE_AB
