"""Surfaces of trousers, leggings and skirts."""

from __future__ import annotations

import numpy as np

from matcher.wardrobe.body import leg_girth
from matcher.wardrobe.figure import torso_grid, torso_surface
from matcher.wardrobe.mesh import Patch, smooth_step, tube
from matcher.wardrobe.shell import hang
from matcher.wardrobe.wear import Figure, Worn


def leg_patches(figure: Figure, worn: Worn) -> list[Patch]:
    """All surfaces of trousers or leggings."""
    return [_hips(figure, worn), _leg(figure, worn, 0), _leg(figure, worn, 1)]


def _layer(worn: Worn) -> float:
    return 0.008 if worn.product.type == "leggings" else 0.012


def _hips(figure: Figure, worn: Worn) -> Patch:
    angle = np.linspace(-np.pi, np.pi, 37, dtype=np.float32)
    y, angles = torso_grid(np.full(37, worn.cut.waist, np.float32), np.full(37, 0.80, np.float32), 14, angle)
    ease = np.minimum(worn.cut.ease, 0.012) * (1 - 0.5 * smooth_step(y, worn.cut.waist - 0.05, worn.cut.waist)) + 0.002
    # the seat narrows towards the crotch, where the legs take over
    ease = ease - 0.02 * (1 - smooth_step(y, 0.80, 0.86))
    points = torso_surface(figure.skeleton, y, angles, ease)
    return Patch(points, worn.name("hip"), worn.owner, _layer(worn))


def _leg(figure: Figure, worn: Worn, side: int) -> Patch:
    cut, skeleton = worn.cut, figure.skeleton
    rows = max(12, round(30 * cut.hem))
    spine = skeleton.leg_spine(side, 30)[:rows]
    v = np.linspace(0, 1, 30)[:rows]
    girth = leg_girth(v) * skeleton.build.limb + _room(worn, v)
    bent = min(1.0, skeleton.pose.knee[side])
    girth = girth + 0.004 * bent * np.sin(v * 90) * np.exp(-(((v - 0.52) / 0.08) ** 2)) * (cut.ease > 0.003)
    if worn.product.type != "leggings" and cut.hem > 0.9:
        girth = girth + 0.003 * np.sin(v * 110) * smooth_step(v, 0.84, 0.94)
    shade = (1 - 0.3 * np.exp(-((v / 0.12) ** 2)))[:, None]
    return Patch(
        tube(spine, girth, girth * 1.05, 19),
        worn.name("leg"),
        worn.owner,
        _layer(worn) + 0.001,
        cut.hem < 0.9 or cut.flare > 0.04,
        occlusion=shade,
    )


def _room(worn: Worn, v: np.ndarray) -> np.ndarray:
    """Distance of a trouser leg from the skin, metres."""
    cut, details = worn.cut, worn.product.details
    thigh = np.minimum(cut.ease, 0.012) + (cut.ease - np.minimum(cut.ease, 0.012)) * smooth_step(v, 0.1, 0.4)
    if "bell" in details:
        return thigh + cut.flare * smooth_step(v, 0.55, 1.0)
    room = thigh + cut.flare * smooth_step(v, 0.15, 0.75)
    if cut.hem > 0.9 and cut.flare > 0.003:
        room = room + 0.6 * np.maximum(leg_girth(np.full(1, 0.66)) - leg_girth(v), 0) * smooth_step(v, 0.66, 0.8) * (
            cut.flare > 0.01
        )
    if "rib cuffs" in details:
        room = np.where(v > 0.93, 0.006, room + 0.01 * smooth_step(v, 0.75, 0.9))
    return room


def skirt_patches(figure: Figure, worn: Worn) -> list[Patch]:
    """The surface of a skirt."""
    cut = worn.cut
    columns = 4 * cut.pleats + 1 if cut.pleats else 49
    angle = np.linspace(-np.pi, np.pi, columns, dtype=np.float32)
    rows = max(14, round((cut.waist - cut.hem) * 36))
    y, angles = torso_grid(np.full(columns, cut.waist, np.float32), np.full(columns, cut.hem, np.float32), rows, angle)
    points = hang(figure.skeleton, cut, worn.product.seed, y, angles)
    return [Patch(points, worn.name("skirt"), worn.owner, 0.028, True)]
