"""Surfaces of shoes and boots."""

from __future__ import annotations

import numpy as np

from matcher.wardrobe.body import leg_girth
from matcher.wardrobe.figure import foot_frame, foot_tube
from matcher.wardrobe.mesh import Patch, section, tube
from matcher.wardrobe.wear import Figure, Worn


def shoe_patches(figure: Figure, worn: Worn) -> list[Patch]:
    """All surfaces of a pair of shoes."""
    patches: list[Patch] = []
    for side in (0, 1):
        patches += [_upper(figure, worn, side), _sole(figure, worn, side)]
        if worn.cut.hem > 0:
            patches.append(_shaft(figure, worn, side))
        if "high heel" in worn.product.details:
            patches.append(_heel(figure, worn, side))
    return patches


def _upper(figure: Figure, worn: Worn, side: int) -> Patch:
    points = foot_tube(figure.skeleton, side, worn.cut.ease, rows=15, lift=0.006)
    keep = None
    rows, columns = points.shape[0] - 1, points.shape[1] - 1
    row, column = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    over = np.abs(column + 0.5 - columns / 2) < 0.23 * columns
    if "low vamp" in worn.product.details:
        keep = ~(over & (row > 1) & (row < 0.62 * rows))
    elif "straps" in worn.product.details:
        keep = ((row % 4) < 2) | (row < 2) | ~(np.abs(column + 0.5 - columns / 2) < 0.34 * columns)
    return Patch(points, worn.name("shoe"), worn.owner, 0.010, keep is not None, keep)


def _outline(figure: Figure, worn: Worn, side: int, grow: float) -> np.ndarray:
    """Outline of the sole, (25, 3) metres, and its frame."""
    ankle, toes = foot_frame(figure.skeleton, side)
    across = np.cross([0, 1, 0], toes)
    across /= np.linalg.norm(across)
    angle = np.linspace(-np.pi, np.pi, 25)
    side_share, along = section(angle, 2.6)
    length = np.where(along > 0, 0.180 * along, 0.070 * along) + grow * along
    length = length + worn.cut.ease * along
    half = np.interp(along, [-1, -0.6, 0, 0.6, 1], [0.030, 0.033, 0.040, 0.047, 0.040]) + grow + worn.cut.ease
    up = np.cross(toes, across)
    return (ankle - 0.085 * up) + length[:, None] * toes + (half * side_share)[:, None] * across


def _sole(figure: Figure, worn: Worn, side: int) -> Patch:
    thick = 0.030 if "thick sole" in worn.product.details else 0.014
    _, toes = foot_frame(figure.skeleton, side)
    up = np.cross(toes, np.cross([0, 1, 0], toes))
    up = up / np.linalg.norm(up)
    edge, inner = _outline(figure, worn, side, 0.004), _outline(figure, worn, side, -0.012)
    rows = [inner + thick * up, edge + thick * up, edge + 0.5 * thick * up, edge, inner]
    return Patch(np.stack(rows).astype(np.float32), worn.name("sole"), worn.owner, 0.011)


def _shaft(figure: Figure, worn: Worn, side: int) -> Patch:
    hip, knee, ankle = figure.skeleton.legs[side]
    up = (knee - ankle) / np.linalg.norm(knee - ankle)
    share = np.linspace(1, 0, 10)
    spine = ankle + (share[:, None] * worn.cut.hem - 0.015) * up
    v = 1 - share * worn.cut.hem / 0.41 * 0.49
    girth = np.maximum(leg_girth(v) * figure.skeleton.build.limb, 0.040) + worn.cut.ease + 0.006
    girth = girth + 0.002 * np.sin(share * 14)
    return Patch(tube(spine.astype(np.float32), girth, girth * 1.12, 17), worn.name("shaft"), worn.owner, 0.013, True)


def _heel(figure: Figure, worn: Worn, side: int) -> Patch:
    ankle, toes = foot_frame(figure.skeleton, side)
    spine = ankle - 0.055 * toes + np.array([[0, -0.04, 0], [0, -0.06, 0], [0, -0.086, 0]])
    return Patch(
        tube(spine.astype(np.float32), np.array([0.026, 0.016, 0.010]), np.array([0.026, 0.018, 0.012]), 11),
        worn.name("sole"),
        worn.owner,
        0.009,
    )
