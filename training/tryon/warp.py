"""Where each pixel of the worn garment comes from on the shop photo. Two laws, one of them for validation only.

`GRID` lays the garment's own coordinates (see `spans`) over the wearer's and bends them on a coarse grid. `OUTLINE`
maps outline on outline and fills in with a thin-plate spline (Bookstein, 1989). A model that is measured on the second
has not seen its warps.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from training.tryon.spans import Spans

GRID, OUTLINE = "grid", "outline"
FAMILIES = (GRID, OUTLINE)
Maps = tuple[NDArray[np.float32], NDArray[np.float32]]
_POINTS = 9  # on each of the four stretches of an outline
_LATTICE = 16


def grid_maps(size: tuple[int, int], worn: Spans, shop: Spans, rng: Generator) -> Maps:
    """Maps of the first law.

    Args:
        size: (height, width) of the wearer's picture.
        worn: the wearer's spans, in its pixels.
        shop: the garment's spans, in its pixels.
        rng: source of randomness.

    Returns:
        x and y in pixels of the shop photo, each (H, W) float32.
    """
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float64)
    t = (y - worn.top) / worn.height
    middle, half = worn.at(t)
    s = (x - middle) / half
    # A hem that is tucked in, or a collar under hair: not all of the garment need be on view.
    low, high = rng.uniform(0, 0.06), rng.uniform(0.8, 1.0)
    t = low + t * (high - low)
    s = s * rng.uniform(0.85, 1.05) + rng.normal(0, 0.04)
    dt, ds = (_ripple(size, rng, 0.025) for _ in range(2))
    t, s = t + dt, s + ds
    middle, half = shop.at(t)
    return (middle + s * half).astype(np.float32), (shop.top + t * shop.height).astype(np.float32)


def _ripple(size: tuple[int, int], rng: Generator, amount: float) -> NDArray[np.float32]:
    cells = (int(rng.integers(4, 8)), int(rng.integers(4, 8)))
    coarse = rng.normal(0, amount, cells).astype(np.float32)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)


def outline_maps(worn: NDArray[np.uint8], shop: NDArray[np.uint8], rng: Generator) -> Maps:
    """Maps of the second law.

    Args:
        worn: (H, W) mask of the wearer's garment, not empty.
        shop: (h, w) mask of the shop's garment, not empty.
        rng: source of randomness.

    Returns:
        As `grid_maps`.
    """
    target, source = _ring(worn), _ring(shop)
    source = source + rng.normal(0, 0.012 * np.ptp(source, 0).max(), source.shape)
    target, index = np.unique(target.round(1), axis=0, return_index=True)
    spline = RBFInterpolator(target, source[index], smoothing=rng.uniform(20, 120), kernel="thin_plate_spline")
    height, width = worn.shape
    ys, xs = np.linspace(0, height - 1, _LATTICE), np.linspace(0, width - 1, _LATTICE)
    lattice = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
    found = spline(lattice).reshape(_LATTICE, _LATTICE, 2).astype(np.float32)
    return _enlarge(found[..., 0], worn.shape), _enlarge(found[..., 1], worn.shape)


def _enlarge(lattice: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Interpolate so that the lattice's corners meet the picture's corners."""
    ys = np.linspace(0, _LATTICE - 1, size[0], dtype=np.float32)
    xs = np.linspace(0, _LATTICE - 1, size[1], dtype=np.float32)
    return cv2.remap(lattice, *np.meshgrid(xs, ys), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _ring(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Points around a garment: its four corners, and as many evenly spaced between each two on every garment."""
    contour = _outline(mask)
    low, high = contour.min(0), contour.max(0)
    unit = (contour - low) / np.maximum(high - low, 1)
    corners = [int(np.argmax(unit @ way)) for way in np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])]
    stretches = [_stretch(contour, a, b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    return np.concatenate(stretches)


def _outline(mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The outline (N, 2) of all parts together, clockwise on the screen."""
    solid = (mask > 0).astype(np.uint8)
    reach = max(3, max(mask.shape) // 40) | 1
    contours, _ = cv2.findContours(
        cv2.dilate(solid, np.ones((reach, reach), np.uint8)), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    areas = [cv2.contourArea(c) for c in contours]
    main = contours[int(np.argmax(areas))]
    if max(areas) < 0.8 * sum(areas):  # a pair of shoes, or legs apart
        main = cv2.convexHull(np.concatenate(contours))
    if cv2.contourArea(main, oriented=True) < 0:
        main = main[::-1]
    return main[:, 0].astype(np.float64)


def _stretch(contour: NDArray, start: int, end: int) -> NDArray[np.float64]:
    """Points from one corner up to the next, the next one left out."""
    end = end if end > start else end + len(contour)
    path = contour[np.arange(start, end + 1) % len(contour)]
    steps = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    wanted = np.linspace(0, steps[-1], _POINTS, endpoint=False)
    return np.stack([np.interp(wanted, steps, path[:, i]) for i in range(2)], 1)
