"""Surfaces of hats, glasses and belts."""

from __future__ import annotations

import numpy as np

from matcher.wardrobe.figure import torso_surface
from matcher.wardrobe.head import on_neck, skull
from matcher.wardrobe.mesh import Patch, smooth_step, tube
from matcher.wardrobe.wear import Figure, Worn

HAT_GROW = 0.014


def hat_patches(figure: Figure, worn: Worn) -> list[Patch]:
    """All surfaces of a hat."""
    details = worn.product.details
    patches = [_crown(figure, worn)]
    if "turn-up" in details:
        patches.append(_turn_up(figure, worn))
    if "peak" in details:
        patches.append(_peak(figure, worn))
    if {"brim", "wide brim", "down brim"} & set(details):
        patches.append(_brim(figure, worn))
    if "bobble" in details:
        patches.append(_bobble(figure, worn))
    return patches


def _edge(worn: Worn, angle: np.ndarray) -> np.ndarray:
    """Height of a hat's lower edge over the middle of the head, metres."""
    if "turn-up" in worn.product.details:
        return 0.040 - 0.045 * (1 - np.cos(angle)) / 2
    return 0.056 - 0.030 * (1 - np.cos(angle)) / 2


def _crown(figure: Figure, worn: Worn) -> Patch:
    angle = np.linspace(-np.pi, np.pi, 33, dtype=np.float32)
    share = np.linspace(0, 1, 14, dtype=np.float32)[:, None] ** 0.8
    ys = 0.1179 + (_edge(worn, angle)[None] - 0.1179) * share
    angles = np.broadcast_to(angle, ys.shape)
    details = worn.product.details
    points = skull(angles, ys, HAT_GROW)
    if {"brim", "wide brim", "down brim"} & set(details):
        points = _stiff_crown(angles, share, _edge(worn, angle), "pinch" in details, "down brim" in details)
    elif "turn-up" in details:
        points[..., 1] += 0.022 * smooth_step(points[..., 1], 0.07, 0.13)
        points[..., 2] -= 0.014 * smooth_step(points[..., 1], 0.09, 0.14)
    else:
        points[..., 1] += 0.012 * smooth_step(points[..., 1], 0.05, 0.11)
    return Patch(on_neck(points.astype(np.float32), figure.skeleton), worn.name("crown"), worn.owner, 0.070)


def _stiff_crown(angles: np.ndarray, share: np.ndarray, edge: np.ndarray, pinch: bool, soft: bool) -> np.ndarray:
    """A flat-topped crown: the first rows are the lid, the others the wall."""
    lid = np.clip(share / 0.35, 0, 1) ** 0.8
    wall = np.clip((share - 0.35) / 0.65, 0, 1)
    top = 0.135 if soft else 0.160
    lift = top - 0.012 * (lid > 0.99) + (edge[None] - top) * wall
    ring = skull(angles, np.broadcast_to(edge[None], angles.shape), HAT_GROW)
    narrow = lid * (0.86 + 0.14 * wall)
    if pinch:
        lift = lift - 0.03 * np.exp(-((angles / 0.5) ** 2)) * (1 - wall) - 0.018 * (1 - lid)
        narrow = narrow * (1 - 0.12 * np.exp(-(((np.abs(angles) - 0.6) / 0.3) ** 2)) * (1 - wall))
    return np.stack([ring[..., 0] * narrow, lift, ring[..., 2] * narrow], -1)


def _turn_up(figure: Figure, worn: Worn) -> Patch:
    angle = np.linspace(-np.pi, np.pi, 33, dtype=np.float32)
    share = np.linspace(0, 1, 6, dtype=np.float32)[:, None]
    ys = _edge(worn, angle)[None] + 0.052 - 0.056 * share
    grow = HAT_GROW + 0.008 * np.sin(np.pi * np.clip(share * 0.9 + 0.1, 0, 1))
    points = skull(np.broadcast_to(angle, ys.shape), ys, grow)
    points[..., 1] = ys
    return Patch(on_neck(points, figure.skeleton), worn.name("turn-up"), worn.owner, 0.075)


def _peak(figure: Figure, worn: Worn) -> Patch:
    angle = np.linspace(-1.05, 1.05, 21, dtype=np.float32)
    share = np.linspace(0, 1, 6, dtype=np.float32)[:, None]
    base = skull(angle, _edge(worn, angle), HAT_GROW)
    reach = 0.075 * np.clip(1 - (np.abs(angle) / 1.06) ** 3, 0, 1)
    z = base[None, :, 2] + reach * share
    x = base[None, :, 0] * (1 + 0.02 * share)
    y = base[None, :, 1] + 0.008 - 0.014 * share - 0.20 * np.abs(x) ** 1.6 * share
    return Patch(
        on_neck(np.stack([x, y + 0 * z, z], -1).astype(np.float32), figure.skeleton),
        worn.name("brim"),
        worn.owner,
        0.075,
        True,
    )


def _brim(figure: Figure, worn: Worn) -> Patch:
    details = worn.product.details
    reach, fall = (0.11, 0.012) if "wide brim" in details else (0.05, 0.042) if "down brim" in details else (0.065, 0.0)
    angle = np.linspace(-np.pi, np.pi, 41, dtype=np.float32)
    share = np.linspace(0, 1, 6, dtype=np.float32)[:, None]
    base = skull(angle, _edge(worn, angle), HAT_GROW)
    away = base[:, [0, 2]] / np.linalg.norm(base[:, [0, 2]], axis=1, keepdims=True)
    x, z = base[None, :, 0] + away[None, :, 0] * reach * share, base[None, :, 2] + away[None, :, 1] * reach * share
    curl = 0.014 * np.abs(np.sin(angle)) ** 2 * share**2 if "brim" in details else 0
    y = base[None, :, 1] + 0.004 - fall * share + curl
    return Patch(
        on_neck(np.stack([x, y, z], -1).astype(np.float32), figure.skeleton), worn.name("brim"), worn.owner, 0.075, True
    )


def _bobble(figure: Figure, worn: Worn) -> Patch:
    angle = np.linspace(-np.pi, np.pi, 15)
    tilt = np.linspace(0.02, np.pi - 0.02, 9)[:, None]
    radius = 0.042 * (1 + 0.06 * np.sin(7 * angle + 9 * tilt))
    points = np.stack(
        [
            radius * np.sin(tilt) * np.sin(angle),
            0.175 + radius * np.cos(tilt),
            -0.012 + radius * np.sin(tilt) * np.cos(angle),
        ],
        -1,
    )
    return Patch(on_neck(points.astype(np.float32), figure.skeleton), worn.name("turn-up"), worn.owner, 0.075)


def glasses_patches(figure: Figure, worn: Worn) -> list[Patch]:
    """Lenses, rims, bridge and temples."""
    patches: list[Patch] = []
    for sign in (1, -1):
        patches += _lens(figure, worn, sign)
        hinge, ear = np.array([sign * 0.070, 0.020, 0.072]), np.array([sign * 0.081, 0.012, -0.012])
        patches.append(_rod(figure, worn, [hinge, (hinge + ear) / 2 + [sign * 0.004, 0.003, 0], ear], 0.0028))
    bridge = [np.array([x, 0.022 + 0.004 * (x == 0), 0.112 - abs(x) * 0.3]) for x in (-0.011, 0.0, 0.011)]
    patches.append(_rod(figure, worn, bridge, 0.0026))
    return patches


def _lens(figure: Figure, worn: Worn, sign: int) -> list[Patch]:
    details = worn.product.details
    angle = np.linspace(-np.pi, np.pi, 25)
    power = 5.0 if {"square", "thick rim"} & set(details) else 2.2
    sine, cosine = np.sin(angle), np.cos(angle)
    across = np.sign(sine) * np.abs(sine) ** (2 / power) * 0.0275
    up = np.sign(cosine) * np.abs(cosine) ** (2 / power) * (0.0245 if "round" in details else 0.021)
    if "drop" in details:
        up = up - 0.006 * (up < 0)
    if "cat" in details:
        up = up + 0.007 * np.clip(sign * across / 0.0275, 0, 1)
    outline = np.stack([sign * 0.037 + across, 0.011 + up], 1)
    depth = 0.108 - 0.32 * np.abs(outline[:, 0]) ** 1.15 * 1.6
    edge = np.column_stack([outline, depth])
    middle = edge.mean(0)
    share = np.linspace(0.02, 0.98, 4)[:, None, None]
    lens = (middle + (edge - middle) * share)[:, ::-1]
    width = 0.0034 if "thick rim" in details else 0.0018
    patches = [
        Patch(on_neck(_frame(edge, middle, width), figure.skeleton), worn.name("frame"), worn.owner, 0.034, True)
    ]
    if "dark" in details:
        patches.insert(
            0, Patch(on_neck(lens.astype(np.float32), figure.skeleton), worn.name("lens"), worn.owner, 0.030, True)
        )
    return patches


def _frame(edge: np.ndarray, middle: np.ndarray, width: float) -> np.ndarray:
    """A flat ring round a lens, (3, 25, 3) metres."""
    out = edge - middle
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    ridge = np.array([0, 0, width])
    return np.stack([edge + out * width, edge + ridge, edge - out * width]).astype(np.float32)


def _rod(figure: Figure, worn: Worn, points: list[np.ndarray], radius: float) -> Patch:
    spine = on_neck(np.array(points, np.float32), figure.skeleton)
    girth = np.full(len(points), radius)
    return Patch(tube(spine, girth, girth * 1.4, 7, (0, 1, 0.1)), worn.name("frame"), worn.owner, 0.035)


def belt_patches(figure: Figure, worn: Worn, waist: float, ease: float, layer: float) -> list[Patch]:
    """A belt round the waist at height `waist`, `ease` metres from the skin, at a place in the drawing order."""
    angle = np.linspace(-np.pi, np.pi, 41, dtype=np.float32)
    width = worn.cut.ease
    share = np.linspace(0, 1, 4, dtype=np.float32)[:, None]
    y = waist - width * share + 0 * angle
    bulge = ease + 0.003 * np.sin(np.pi * share)
    points = torso_surface(figure.skeleton, y, np.broadcast_to(angle, y.shape), bulge)
    return [Patch(points, worn.name("belt"), worn.owner, layer), _buckle(figure, worn, waist, ease, layer + 0.003)]


def _buckle(figure: Figure, worn: Worn, waist: float, ease: float, layer: float) -> Patch:
    width = worn.cut.ease
    plate = "plate buckle" in worn.product.details
    half = 0.032 if plate else 0.022 + 0.2 * width
    tall = width * (0.72 if plate else 0.66)
    u = np.linspace(-1, 1, 7, dtype=np.float32)
    angle, share = np.meshgrid(u * half / 0.13, np.linspace(-1, 1, 6, dtype=np.float32))
    y = waist - width / 2 - tall * share
    points = torso_surface(figure.skeleton, y, angle, ease + 0.008)
    keep = np.ones((5, 6), bool)
    if not plate:
        keep[1:-1, 1:-1] = False
        keep[2, 2:4] = True
    return Patch(points, worn.name("buckle"), worn.owner, layer, True, keep)
