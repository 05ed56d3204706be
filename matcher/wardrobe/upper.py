"""Surfaces of tops, jackets, coats and dresses: body, sleeves, collars, lapels and hoods."""

from __future__ import annotations

import numpy as np

from matcher.wardrobe.body import arm_girth
from matcher.wardrobe.figure import torso_surface
from matcher.wardrobe.mesh import Patch, bend, smooth_step, tube
from matcher.wardrobe.shell import hang
from matcher.wardrobe.wear import Figure, Worn

COLUMNS = 41
LAYERS = {"tops": 0.032, "dresses": 0.030, "outerwear": 0.046}


def upper_patches(figure: Figure, worn: Worn) -> list[Patch]:
    """All surfaces of a garment of the upper body."""
    patches = [_body(figure, worn)]
    if worn.cut.sleeve > 0:
        patches += [_sleeve(figure, worn, side) for side in (0, 1)]
    return patches + _neck_parts(figure, worn)


def _layer(worn: Worn) -> float:
    return 0.010 if worn.tucked else LAYERS[worn.product.type]


def neckline(neck: str, angle: np.ndarray) -> np.ndarray:
    """Height of the upper edge at each angle round the body, metres."""
    away = np.abs(angle)
    front = np.clip(np.cos(angle), 0, 1)
    crew = 1.475 - 0.035 * front**2
    shapes = {
        "v": crew - 0.12 * np.clip(1 - away / 0.62, 0, 1),
        "lapel": crew - 0.25 * np.clip(1 - away / 0.5, 0, 1),
        "scoop": crew - 0.075 * smooth_step(front, 0.2, 1.0),
        "roll": np.full_like(angle, 1.50),
        "band": crew + 0.006,
        "shirt": crew - 0.03 * np.clip(1 - away / 0.35, 0, 1),
    }
    if neck == "tank":
        side = np.exp(-(((away - np.pi / 2) / 0.52) ** 4))
        scoop = 0.085 * np.clip(1 - (away / 0.62) ** 4, 0, 1) + 0.03 * np.clip(1 - ((np.pi - away) / 0.7) ** 4, 0, 1)
        return (1.452 - scoop - 0.115 * side).astype(np.float32)
    return shapes.get(neck, crew).astype(np.float32)


def _gap(worn: Worn, share: np.ndarray) -> np.ndarray:
    """Half angle of the opening in front at each share of the way down; negative where the edges overlap."""
    if worn.opening <= 0:
        shut = np.full_like(share, -0.02)
        return np.where(share < 0.06, 0.25 * (1 - share / 0.06), shut) if worn.cut.neck in ("shirt", "v") else shut
    if worn.cut.neck == "lapel" and worn.opening < 0.3:
        return 0.55 * np.clip(1 - share / 0.42, 0, 1)
    return worn.opening * (0.42 + 0.30 * np.sin(np.pi * np.clip(share * 0.9 + 0.1, 0, 1)) + 0.2 * share)


def _angles(worn: Worn, rows: int) -> np.ndarray:
    """(rows, COLUMNS) angles of the body piece."""
    across = np.linspace(0, 1, COLUMNS, dtype=np.float32)[None]
    if not worn.cut.closure:
        return np.broadcast_to(-np.pi + 2 * np.pi * across, (rows, COLUMNS))
    gap = _gap(worn, np.linspace(0, 1, rows, dtype=np.float32))[:, None]
    return gap + (2 * np.pi - 2 * gap) * across


def _hem(worn: Worn, angle: np.ndarray) -> np.ndarray:
    if worn.tucked:
        return np.full_like(angle, 1.0)
    if "curved hem" in worn.product.details:
        return worn.cut.hem + 0.035 * np.cos(2 * angle + np.pi) + 0.01
    return np.full_like(angle, worn.cut.hem)


def _wrapped(angle: np.ndarray) -> np.ndarray:
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _body(figure: Figure, worn: Worn) -> Patch:
    rows = max(22, round((1.47 - worn.cut.hem) * 40))
    angle = _angles(worn, rows)
    round_body = _wrapped(angle)
    share = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    top, hem = neckline(worn.cut.neck, round_body), _hem(worn, round_body)
    y = top + (hem - top) * share
    points = hang(figure.skeleton, worn.cut, worn.product.seed, y, round_body)
    points = _gathered(figure, worn, points, y, round_body)
    u = angle / (2 * np.pi) + (0 if worn.cut.closure else 0.5)
    v = (1.475 - y) / (1.475 - worn.cut.hem)
    uv = np.dstack([u, v]).clip(0, 1).astype(np.float32)
    shade = 1 - 0.35 * np.exp(-(((y - 1.30) / 0.10) ** 2)) * np.exp(-(((np.abs(round_body) - np.pi / 2) / 0.3) ** 2))
    opened = worn.opening > 0 or worn.cut.hem < 0.8 or worn.cut.neck == "tank"
    return Patch(points, worn.name("torso"), worn.owner, _layer(worn), opened, uv=uv, occlusion=shade)


def _gathered(figure: Figure, worn: Worn, points: np.ndarray, y: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Pull ribbed hems in, so that the cloth above bulges over them; shape the seams of quilted jackets."""
    details = worn.product.details
    if "rib hem" in details or worn.tucked:
        hem = 1.0 if worn.tucked else worn.cut.hem
        tight = hang(
            figure.skeleton, worn.cut, worn.product.seed, y, angle, 0.004 if worn.tucked else 0.45 * worn.cut.ease
        )
        share = (1 - smooth_step(y, hem + 0.015, hem + 0.085))[..., None]
        points = points * (1 - share) + tight * share
    return points.astype(np.float32)


def _sleeve(figure: Figure, worn: Worn, side: int) -> Patch:
    cut, skeleton = worn.cut, figure.skeleton
    rows = max(9, round(26 * cut.sleeve))
    spine = skeleton.arm_spine(side, 26)[:rows]
    v = np.linspace(0, 1, 26)[:rows]
    last = v[-1]
    ease = cut.sleeve_ease * (0.55 + 0.45 * smooth_step(v, 0.05, 0.25)) * (1 - 0.35 * smooth_step(v, 0.6, 1.0))
    if cut.sleeve < 0.7:
        ease = ease + 0.014 * smooth_step(v, 0.15, last) * (cut.sleeve_ease > 0.012)
    if {"rib cuffs", "cuffs"} & set(worn.product.details):
        ease = np.where(
            v > last - 0.06, 0.006 + 0.1 * cut.sleeve_ease, ease + 0.006 * np.exp(-(((v - last + 0.12) / 0.06) ** 2))
        )
    elbow = 0.0035 * np.sin(v * 75) * np.exp(-(((v - 0.6) / 0.12) ** 2)) * min(1.0, cut.sleeve_ease / 0.015)
    if "quilting" in worn.product.details:
        elbow = elbow + 0.008 * np.abs(np.sin(np.pi * v * 0.63 / 0.085))
    girth = arm_girth(v) * skeleton.build.limb + ease + elbow
    shade = (1 - 0.25 * np.exp(-(((v - 0.2) / 0.1) ** 2)))[:, None]
    return Patch(
        tube(spine, girth * 0.95, girth, 17),
        worn.name("sleeve"),
        worn.owner,
        _layer(worn) + 0.004,
        cut.sleeve < 0.9,
        occlusion=shade,
    )


def _neck_parts(figure: Figure, worn: Worn) -> list[Patch]:
    cut, details = worn.cut, worn.product.details
    if "hood" in details:
        return [_hood(figure, worn)]
    if "lapel" in details:
        return [
            _ring(figure, worn, 1.512, 1.445, 0.012, 0.036, 0.75),
            *(_lapel(figure, worn, sign) for sign in (1, -1)),
        ]
    if "collar" in details:
        return [
            _ring(figure, worn, 1.512, 1.500, 0.006, 0.012, 0.22),
            _ring(figure, worn, 1.510, 1.448, 0.012, 0.040, 0.16, True),
        ]
    if "high collar" in details:
        return [_ring(figure, worn, 1.545, 1.455, 0.034, 0.040, 0.10 + 0.5 * worn.opening)]
    if cut.neck == "band":
        return [_ring(figure, worn, 1.508, 1.455, 0.016, 0.022, 0.06 + 0.6 * worn.opening)]
    if cut.neck == "roll":
        return [_ring(figure, worn, 1.545, 1.470, 0.012, 0.018, 0.0)]
    if cut.neck == "crew" and worn.product.type == "tops":
        return [_crew(figure, worn)]
    return []


def _ring(
    figure: Figure, worn: Worn, top: float, bottom: float, near: float, far: float, gap: float, pointed: bool = False
) -> Patch:
    """A collar from height `top` to `bottom`, `near` and `far` metres from the neck there."""
    across = np.linspace(0, 1, 29, dtype=np.float32)
    angle = gap + (2 * np.pi - 2 * gap) * across if gap > 0 else 2 * np.pi * across
    around = _wrapped(angle)
    share = np.linspace(0, 1, 6, dtype=np.float32)[:, None]
    front = np.exp(-((around / 0.5) ** 2)) if pointed else np.zeros_like(around)
    drop = (0.018 if gap > 0.12 else 0.012) * np.clip(np.cos(around), 0, 1)
    y = top - drop + (bottom - 0.028 * front - top) * share
    ease = near + (far - near) * share**0.7
    points = torso_surface(figure.skeleton, y, np.broadcast_to(around, y.shape), ease, 2.1)
    return Patch(points, worn.name("collar"), worn.owner, _layer(worn) + 0.01, True)


def _crew(figure: Figure, worn: Worn) -> Patch:
    """The ribbed band round a neckline."""
    angle = np.linspace(-np.pi, np.pi, 33, dtype=np.float32)
    edge = neckline("crew", angle)
    share = np.linspace(-0.5, 1, 4, dtype=np.float32)[:, None]
    y = edge[None] - 0.016 * share
    points = torso_surface(figure.skeleton, y, np.broadcast_to(angle, y.shape), worn.cut.ease * 0.5 + 0.003)
    return Patch(points, worn.name("collar"), worn.owner, _layer(worn) + 0.006)


def _lapel(figure: Figure, worn: Worn, sign: int) -> Patch:
    """A turned-back front edge from the collar to the first button."""
    share = np.linspace(0, 1, 12, dtype=np.float32)[:, None]
    y = 1.455 - 0.34 * share
    gap = _gap(worn, share * 0.34 / (1.475 - worn.cut.hem)) if worn.opening > 0 else 0.5 * (1 - share)
    width = np.interp(share, [0, 0.22, 0.26, 1], [0.36, 0.50, 0.44, 0.03])
    across = np.linspace(0, 1, 5, dtype=np.float32)[None]
    angle = sign * (gap - 0.02 + width * (across if sign > 0 else 1 - across))
    points = hang(
        figure.skeleton, worn.cut, worn.product.seed, np.broadcast_to(y, angle.shape), angle, worn.cut.ease + 0.010
    )
    return Patch(points, worn.name("collar"), worn.owner, _layer(worn) + 0.012, True)


def _hood(figure: Figure, worn: Worn) -> Patch:
    """A hood lying on the back: a thick roll from collar bone to collar bone round the neck."""
    angle = np.linspace(0.45, 2 * np.pi - 0.45, 21)
    back = np.clip(-np.cos(angle), 0, 1)
    ring = np.stack([0.105 * np.sin(angle), 1.452 + 0.03 * back, 0.088 * np.cos(angle) - 0.03 - 0.045 * back], 1)
    spine = bend(figure.skeleton.place(ring.astype(np.float32)), 21, 1)
    thick = 0.018 + 0.034 * back
    return Patch(
        tube(spine, thick, thick * 1.2, 13, (0, 1, 0)), worn.name("collar"), worn.owner, _layer(worn) + 0.012, True
    )
