"""Where the pictures of a simulated track come from: the same garment again and again, worn a little otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.augment.cloth import remap, warp_maps
from training.augment.light import shade
from training.data.garment_crops import FLAT, PACKSHOT, Garment

CANVAS = 192


@dataclass(frozen=True)
class Plate:
    """A garment in its surroundings before any camera: image (H, W, 3) uint8 BGR, mask (H, W) uint8 0..255."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]


# One moment of a track: random numbers in, the garment as it is worn at that moment out.
Moments = Callable[[Generator], Plate]


def garment_moments(garment: Garment, scenery: Garment, family: str) -> Moments:
    """Moments of a garment that was cut out of a photo: bent anew at every moment.

    One that is worn already keeps its surroundings, the photo of a garment alone gets others.

    Args:
        garment: what is worn.
        scenery: another row, the background of a garment that was alone.
        family: of warps, see `training.augment.cloth`.
    """
    alone = garment.row.kind in (FLAT, PACKSHOT)
    strength = 0.8 if alone else 0.4
    ground = cv2.resize(scenery.image, (CANVAS, CANVAS), interpolation=cv2.INTER_AREA)

    def moment(rng: Generator) -> Plate:
        maps = warp_maps(garment.row.box, CANVAS, rng, family, strength)
        image, mask = shade(remap(garment.image, maps, 127), rng, strength), remap(garment.mask, maps, 0)
        if not alone:
            return Plate(image, mask)
        inside = mask.astype(np.float32) * (1 / 255)
        return Plate(cv2.blendLinear(image, ground, inside, 1 - inside), mask)

    return moment
