"""Surfaces of bags and their straps."""

from __future__ import annotations

import numpy as np

from matcher.wardrobe.figure import hand_frame
from matcher.wardrobe.mesh import Patch, bend, section
from matcher.wardrobe.wear import Figure, Worn

SIZES = {
    "tote": (0.19, 0.19, 0.045),
    "handbag": (0.15, 0.11, 0.055),
    "crossbody": (0.11, 0.08, 0.035),
    "backpack": (0.15, 0.21, 0.07),
    "shoulder": (0.14, 0.10, 0.045),
    "holdall": (0.24, 0.13, 0.11),
}


def bag_patches(figure: Figure, worn: Worn) -> list[Patch]:
    """All surfaces of a bag, hung where its kind is carried."""
    kind = next(name for name in SIZES if name in worn.product.details)
    if kind == "backpack":
        return _backpack(figure, worn)
    if kind in ("handbag", "holdall"):
        return _in_hand(figure, worn, kind)
    return _on_strap(figure, worn, kind)


def _box(centre: np.ndarray, size: tuple[float, float, float], facing: float, soft: float = 0.92) -> np.ndarray:
    """A rounded box with half width, half height and half depth `size`, its face turned by `facing` radians."""
    angle = np.linspace(-np.pi, np.pi, 33)
    across, ahead = section(angle, 5.0)
    levels = np.array([1.0, 1.0, 0.8, 0.3, -0.4, -0.9, -1.0, -1.0])
    spread = np.array([0.05, soft, soft, 0.98, 1.0, 1.0, 0.9, 0.05])
    thin = np.array([0.05, 0.55, 0.75, 0.95, 1.0, 1.0, 0.85, 0.05])
    x, z = size[0] * spread[:, None] * across, size[2] * thin[:, None] * ahead
    y = np.broadcast_to(size[1] * levels[:, None], x.shape)
    cosine, sine = np.cos(facing), np.sin(facing)
    return (np.stack([x * cosine + z * sine, y, z * cosine - x * sine], -1) + centre).astype(np.float32)


def _box_uv() -> np.ndarray:
    """The face of the picture lies once on the front and once on the back of the box."""
    angle = np.linspace(-np.pi, np.pi, 33)
    across, ahead = section(angle, 5.0)
    u = 0.5 + 0.5 * across * np.where(ahead >= 0, 1, -1)
    v = np.array([0.0, 0.02, 0.1, 0.35, 0.7, 0.95, 0.99, 1.0])
    return np.dstack([np.broadcast_to(u, (8, 33)), np.broadcast_to(v[:, None], (8, 33))]).astype(np.float32)


def _body(worn: Worn, centre: np.ndarray, size: tuple[float, float, float], facing: float, layer: float) -> Patch:
    return Patch(_box(centre, size, facing), worn.name("bag"), worn.owner, layer, uv=_box_uv())


def _ribbon(worn: Worn, points: np.ndarray, width: float, across: tuple[float, float, float], layer: float) -> Patch:
    """A flat strap along a line, `width` metres wide in the direction `across`."""
    line = bend(points, 26, 2)
    side = np.asarray(across, np.float32) * width / 2
    rows = np.stack([line - side, line, line + side], 1)
    return Patch(rows.astype(np.float32), worn.name("strap"), worn.owner, layer, True)


def _in_hand(figure: Figure, worn: Worn, kind: str) -> list[Patch]:
    wrist, along = hand_frame(figure.skeleton, worn.side)
    grip = wrist + 0.085 * along
    size = SIZES[kind]
    drop = 0.11 if kind == "handbag" else 0.13
    centre = grip - np.array([0, drop + size[1], 0])
    patches = [_body(worn, centre, size, np.pi / 2 - 0.3, 0.05)]
    for shift in (-0.03, 0.03):
        reach = np.array([np.sin(0.3) * 0.5, 0, 1.0]) * size[0] * 0.55
        feet = centre + np.array([shift, size[1] * 0.92, 0])
        arch = np.array([feet - reach, grip + [shift * 0.5, 0.0, -0.03], grip + [shift * 0.5, 0.0, 0.03], feet + reach])
        patches.append(_ribbon(worn, arch, 0.018, (1, 0, 0.2), 0.05))
    return patches


def _on_strap(figure: Figure, worn: Worn, kind: str) -> list[Patch]:
    skeleton, sign = figure.skeleton, 1 - 2 * worn.side
    build = skeleton.build
    size = SIZES[kind]
    wide = float(build.torso(np.array([0.95]))[0][0])
    if kind == "crossbody":
        centre = skeleton.place(np.array([sign * (wide - 0.005), 0.90, 0.10], np.float32))
        shoulder = np.array([-sign * 0.10, 1.495, -0.02])
        front = [[-sign * 0.06, 1.42, 0.135], [sign * 0.04, 1.22, 0.19]]
        back = [[-sign * 0.06, 1.42, -0.14], [sign * 0.04, 1.20, -0.18]]
        facing = sign * 0.55
    else:
        centre = skeleton.place(
            np.array([sign * (wide + size[2] + 0.075), 0.98 if kind == "tote" else 1.06, -0.02], np.float32)
        )
        shoulder = np.array([sign * (build.shoulder_x - 0.045), 1.478, -0.02])
        front, back = (
            [[sign * (build.shoulder_x - 0.02), 1.40, 0.09]],
            [[sign * (build.shoulder_x - 0.02), 1.40, -0.12]],
        )
        facing = sign * np.pi / 2
    along = np.array([np.cos(facing), 0, -np.sin(facing)]) * size[0] * 0.75
    ends = [centre + [0, size[1] * 0.95, 0] + s * along for s in (1, -1)]
    ends.sort(key=lambda point: -point[2])
    line = np.array([ends[0], *skeleton.place(np.array([*reversed(front), shoulder, *back], np.float32)), ends[1]])
    layer = 0.09 if kind == "crossbody" else 0.06
    return [_body(worn, centre, size, facing, 0.05), _ribbon(worn, line, 0.026, (0.7, 0.35 * sign, 0.0), layer)]


def _backpack(figure: Figure, worn: Worn) -> list[Patch]:
    skeleton = figure.skeleton
    size = SIZES["backpack"]
    centre = skeleton.place(np.array([0, 1.20, -0.225], np.float32))
    patches = [_body(worn, centre, size, np.pi, 0.03)]
    for sign in (1, -1):
        x = skeleton.build.shoulder_x * 0.62
        line = np.array(
            [
                [sign * x, 1.36, -0.17],
                [sign * x, 1.475, -0.06],
                [sign * x, 1.45, 0.05],
                [sign * (x + 0.01), 1.33, 0.135],
                [sign * (x + 0.03), 1.20, 0.13],
                [sign * (x + 0.075), 1.10, 0.0],
                [sign * x, 1.05, -0.17],
            ],
            np.float32,
        )
        patches.append(_ribbon(worn, skeleton.place(line), 0.05, (1, 0, 0), 0.07))
    return patches


def bag_alone(worn: Worn) -> list[Patch]:
    """A bag that nobody carries: standing upright with its handles or strap up."""
    kind = next(name for name in SIZES if name in worn.product.details)
    size = SIZES[kind]
    patches = [_body(worn, np.zeros(3), size, 0.0, 0.02)]
    reach = {"crossbody": 0.55, "shoulder": 0.24, "tote": 0.22, "handbag": 0.13, "holdall": 0.12, "backpack": 0.06}[
        kind
    ]
    half = size[0] * {"crossbody": 0.9, "shoulder": 0.85, "backpack": 0.25}.get(kind, 0.55)
    angle = np.linspace(0, np.pi, 15)
    for depth in (-0.5, 0.5) if kind in ("tote", "handbag", "holdall") else (0.0,):
        arch = np.stack(
            [half * np.cos(angle), 0.9 * size[1] + reach * np.sin(angle) ** 0.7, np.full(15, depth * size[2])], 1
        )
        patches.append(_ribbon(worn, arch, 0.022, (0.25, 0, 1.0), 0.01))
    if kind == "backpack":
        for sign in (1, -1):
            x = sign * size[0] * 0.7
            line = np.array(
                [
                    [x * 0.6, 0.9 * size[1], -size[2]],
                    [x, 0.6 * size[1], -size[2] - 0.1],
                    [x * 1.25, -0.2 * size[1], -size[2] - 0.1],
                    [x, -0.85 * size[1], -size[2]],
                ]
            )
            patches.append(_ribbon(worn, line, 0.05, (1, 0, 0.3), 0.0))
    return patches
