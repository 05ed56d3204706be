"""Head and hair: shape, and the pictures painted on them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from matcher.wardrobe.body import Skeleton
from matcher.wardrobe.mesh import Patch, smooth_step
from matcher.wardrobe.noise import fractal, stream, value_noise

HEAD_RISE = 0.095
HEAD_Y = np.array([0.118, 0.112, 0.098, 0.07, 0.03, 0.0, -0.03, -0.06, -0.09, -0.108, -0.118])
HEAD_WIDE = np.array([0.0, 0.022, 0.048, 0.068, 0.076, 0.076, 0.073, 0.067, 0.053, 0.036, 0.010])
HEAD_FRONT = np.array([0.0, 0.024, 0.052, 0.082, 0.094, 0.094, 0.093, 0.093, 0.092, 0.084, 0.06])
HEAD_BACK = np.array([0.0, 0.030, 0.065, 0.094, 0.104, 0.100, 0.086, 0.066, 0.046, 0.030, 0.0])
FACE_SIZE = (256, 448)
STYLES = ("bald", "buzz", "short", "quiff", "bob", "long", "bun", "ponytail", "curly", "afro")


@dataclass(frozen=True)
class Head:
    """Looks of a head: hair style, colours (BGR 0..255), beard (0 none to 1 full), face details by seed."""

    style: str
    hair: tuple[int, int, int]
    skin: tuple[int, int, int]
    beard: float
    female: float
    seed: int


def skull(angle: np.ndarray, y: np.ndarray, grow: float | np.ndarray = 0.0) -> np.ndarray:
    """Points on the skull.

    Args:
        angle: round the head, 0 is the face, pi/2 the person's left ear.
        y: height over the middle of the head, metres; same shape as `angle`.
        grow: distance from the skull, metres.

    Returns:
        (..., 3) float32 metres, from the middle of the head.
    """
    wide = np.interp(y, HEAD_Y[::-1], HEAD_WIDE[::-1]) + grow
    front = np.interp(y, HEAD_Y[::-1], HEAD_FRONT[::-1]) + grow
    back = np.interp(y, HEAD_Y[::-1], HEAD_BACK[::-1]) + grow
    cosine = np.cos(angle)
    ahead = np.where(cosine > 0, front, back) * np.sign(cosine) * np.abs(cosine) ** 0.92
    lifted = y + grow * np.clip(y / 0.118, 0, 1) ** 2
    return np.stack([wide * np.sin(angle), lifted, ahead], -1).astype(np.float32)


def _bumps(angle: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Nose, eye sockets, lips and chin as a distance along z, metres."""
    nose = 0.020 * np.exp(-((angle / 0.13) ** 2)) * np.clip((0.028 - y) / 0.06, 0, 1) * (y > -0.034)
    tip = 0.007 * np.exp(-((angle / 0.2) ** 2) - ((y + 0.028) / 0.01) ** 2)
    sockets = -0.009 * np.exp(-(((np.abs(angle) - 0.36) / 0.2) ** 2) - ((y - 0.014) / 0.014) ** 2)
    lips = 0.006 * np.exp(-((angle / 0.25) ** 2) - ((y + 0.062) / 0.010) ** 2)
    brow = 0.004 * np.exp(-((angle / 0.6) ** 2) - ((y - 0.036) / 0.010) ** 2)
    return nose + tip + sockets + lips + brow


def on_neck(points: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Move points given from the middle of the head, (..., 3) metres, to the posed body."""
    pose, scale = skeleton.pose, skeleton.build.head
    cosine, sine = np.cos(pose.turn + pose.twist), np.sin(pose.turn + pose.twist)
    x, y, z = (points * scale)[..., 0], (points * scale)[..., 1] + HEAD_RISE, (points * scale)[..., 2] + 0.012
    z, y = z * np.cos(pose.nod) + y * np.sin(pose.nod), y * np.cos(pose.nod) - z * np.sin(pose.nod)
    turned = np.stack([x * cosine + z * sine, y, z * cosine - x * sine], -1)
    return (turned + skeleton.head_base()).astype(np.float32)


def head_patches(skeleton: Skeleton, head: Head, covered: bool = False) -> list[Patch]:
    """Surfaces of head, ears and hair; under a hat (`covered`) the hair on top lies flat."""
    angle = np.linspace(-np.pi, np.pi, 45, dtype=np.float32)
    rows = np.concatenate([np.linspace(0.1179, 0.06, 8), np.linspace(0.045, -0.1179, 22)]).astype(np.float32)
    angles, ys = np.meshgrid(angle, rows)
    points = skull(angles, ys)
    points[..., 2] += _bumps(angles, ys) * (np.cos(angles) > 0)
    uv = np.dstack([(angles + np.pi) / (2 * np.pi), (0.118 - ys) / 0.236]).astype(np.float32)
    under = 1 - 0.45 * smooth_step(-ys, 0.095, 0.118)
    patches = [Patch(on_neck(points, skeleton), "face", layer=0.012, uv=uv, occlusion=under)]
    patches += [_ear(skeleton, sign) for sign in (1, -1)]
    return patches + _hair(skeleton, head, covered)


def _ear(skeleton: Skeleton, sign: int) -> Patch:
    angle = np.linspace(-np.pi, np.pi, 11, dtype=np.float32)
    size = np.array([0.2, 0.9, 1.0, 0.7, 0.1], np.float32)[:, None]
    depth = np.array([0.0, 0.004, 0.011, 0.016, 0.016], np.float32)[:, None] * sign
    x = sign * 0.073 + depth + 0 * angle
    y = -0.008 + 0.030 * size * np.cos(angle) * sign
    z = -0.004 - 0.4 * np.abs(depth) + 0.017 * size * np.sin(angle)
    return Patch(on_neck(np.stack([x, y, z], -1).astype(np.float32), skeleton), "skin", layer=0.014)


def _lower_edge(style: str, angle: np.ndarray) -> np.ndarray:
    """Height where the hair ends at each angle, metres from the middle of the head."""
    away = np.abs(angle)
    face = 0.078 - 0.012 * np.cos(3 * away)
    temple = smooth_step(away, 0.75, 1.25)
    nape = smooth_step(away, 1.55, 2.0)
    side, back = {
        "bob": (-0.10, -0.12),
        "long": (-0.24, -0.32),
        "curly": (-0.10, -0.13),
        "afro": (0.0, -0.07),
        "bun": (0.005, -0.06),
        "ponytail": (0.005, -0.06),
    }.get(style, (0.0, -0.072))
    return face + (side - face) * temple + (back - side) * nape


def _hair(skeleton: Skeleton, head: Head, covered: bool) -> list[Patch]:
    if head.style == "bald":
        return []
    rng = stream(head.seed, "hair")
    angle = np.linspace(-np.pi, np.pi, 41, dtype=np.float32)
    edge = _lower_edge(head.style, angle) + rng.uniform(-0.004, 0.004, angle.size) * (np.abs(angle) > 1)
    edge[0] = edge[-1]
    share = np.linspace(0, 1, 18, dtype=np.float32)[:, None] ** 0.8
    ys = 0.1179 + (edge[None] - 0.1179) * share
    angles = np.broadcast_to(angle, ys.shape)
    grow = _volume(head, rng, angles, share, covered)
    points = skull(angles, np.maximum(ys, -0.03), grow)
    points[..., 1] += np.minimum(ys + 0.03, 0)
    hanging = smooth_step(-ys, 0.03, 0.25)
    points[..., 2] -= 0.03 * hanging * (np.cos(angles) > -0.5)
    patches = [
        Patch(
            on_neck(points, skeleton),
            "hair",
            layer=0.055 if head.style in ("long", "bob", "curly") else 0.03,
            two_sided=head.style in ("long", "bob", "curly"),
        )
    ]
    if head.style in ("bun", "ponytail"):
        patches.append(_tail(skeleton, head.style))
    return patches


def _volume(head: Head, rng: np.random.Generator, angles: np.ndarray, share: np.ndarray, covered: bool) -> np.ndarray:
    thick = {"buzz": 0.003, "short": 0.011, "quiff": 0.014, "curly": 0.026, "afro": 0.055}.get(head.style, 0.013)
    if covered:
        thick = min(thick, 0.008)
    taper = 1 - 0.75 * smooth_step(share, 0.75, 1.0) * (np.abs(angles) < 1.3)
    if head.style not in ("bob", "long", "curly"):
        taper = 1 - 0.8 * smooth_step(share, 0.7, 1.0)
    grow = thick * taper
    if head.style == "quiff" and not covered:
        grow = grow + 0.022 * np.exp(-((angles / 0.8) ** 2)) * np.exp(-(((share - 0.7) / 0.25) ** 2))
    if head.style in ("curly", "afro"):
        bumps = value_noise(rng, (angles.shape[0], angles.shape[1] - 1), (6, 11))
        grow = grow * (1 + 0.35 * np.hstack([bumps, bumps[:, :1]]))
    return grow


def _tail(skeleton: Skeleton, style: str) -> Patch:
    """A bun or a pony tail behind the crown."""
    angle = np.linspace(-np.pi, np.pi, 13, dtype=np.float32)
    share = np.linspace(0, 1, 9, dtype=np.float32)[:, None]
    if style == "bun":
        y, z = 0.075 + 0.038 * np.cos(np.pi * share), -0.115 + 0 * share
        radius = 0.038 * np.sin(np.pi * share) + 0.002
    else:
        y, z = 0.045 - 0.24 * share, -0.105 - 0.035 * np.sin(2.6 * share)
        radius = 0.006 + 0.03 * np.sin(np.pi * np.clip(share * 0.9 + 0.05, 0, 1)) ** 0.7
    points = np.stack([radius * np.sin(angle), y + 0 * angle, z + radius * np.cos(angle)], -1)
    return Patch(on_neck(points.astype(np.float32), skeleton), "hair", layer=0.035)


def paint_face(head: Head) -> np.ndarray:
    """Picture of the head's skin, (256, 448, 4) uint8 BGR and height; the face is in the middle."""
    rng = stream(head.seed, "face")
    height, width = FACE_SIZE
    skin = np.array(head.skin, np.float32)
    image = np.broadcast_to(skin, (height, width, 3)) * (1 + 0.03 * fractal(rng, FACE_SIZE, (16, 28), 3))[..., None]
    xs = (np.arange(width, dtype=np.float32) + 0.5) / width * 2 * np.pi - np.pi
    ys = 0.118 - (np.arange(height, dtype=np.float32) + 0.5) / height * 0.236
    x, y = np.meshgrid(xs, ys)
    flush = np.exp(-(((np.abs(x) - 0.6) / 0.3) ** 2) - ((y + 0.03) / 0.03) ** 2)
    image = image * (1 - flush[..., None] * np.array([0.14, 0.12, 0.0], np.float32))
    image = _paint_features(np.ascontiguousarray(image.astype(np.float32)), head, rng)
    image = _paint_beard(image, head, x, y, rng)
    image = cv2.GaussianBlur(image, (3, 3), 0.7)
    return np.dstack([image, np.full((height, width), 128)]).clip(0, 255).astype(np.uint8)


def _spot(angle: float, y: float) -> tuple[int, int]:
    """Pixel of a place on the face picture, in 1/16 pixels."""
    return (round((angle + np.pi) / (2 * np.pi) * FACE_SIZE[1] * 16), round((0.118 - y) / 0.236 * FACE_SIZE[0] * 16))


def _oval(
    image: np.ndarray,
    angle: float,
    y: float,
    size: tuple[float, float],
    colour: np.ndarray,
    tilt: float = 0,
    arc: tuple[int, int] = (0, 360),
    thick: int = -1,
) -> None:
    """Ellipse with half axes `size` in pixels."""
    axes = (round(size[0] * 16), round(size[1] * 16))
    cv2.ellipse(image, _spot(angle, y), axes, tilt, *arc, tuple(float(c) for c in colour), thick, cv2.LINE_AA, 4)


def _paint_features(image: np.ndarray, head: Head, rng: np.random.Generator) -> np.ndarray:
    skin, hair = np.array(head.skin, np.float32), np.array(head.hair, np.float32)
    shade, brow = skin * 0.62, hair * 0.7 + skin * 0.2
    iris = np.array([(60, 40, 30), (90, 70, 50), (40, 60, 80), (140, 110, 80)][rng.integers(4)], np.float32)
    socket = image.copy()
    for sign in (-1, 1):
        _oval(socket, sign * 0.37, 0.014, (17, 9), skin * 0.72)
        _oval(socket, 0.0 + sign * 0.11, -0.024, (4, 9), skin * 0.8)
    _oval(socket, 0.0, -0.078, (14, 3.5), shade)
    image = cv2.GaussianBlur(socket, (0, 0), 3.5)
    for sign in (-1, 1):
        _oval(image, sign * 0.36, 0.012, (10.5, 4.6), np.array([214, 218, 222]))
        _oval(image, sign * 0.36, 0.0125, (4.6, 4.6), iris)
        _oval(image, sign * 0.36, 0.0125, (2.2, 2.2), np.array([16, 16, 16]))
        _oval(image, sign * 0.36, 0.012, (11, 5.5), skin * (0.3 if head.female > 0.5 else 0.45), 0, (185, 355), 2)
        _oval(image, sign * 0.375, 0.030, (14, 6), brow, sign * 6, (200, 340), 3 if head.female > 0.5 else 4)
        _oval(image, sign * 0.075, -0.037, (2.6, 1.6), skin * 0.4)
    lip = skin * np.array([0.72, 0.66, 0.92]) if head.female < 0.5 else skin * np.array([0.62, 0.5, 0.9])
    _oval(image, 0.0, -0.0615, (13.5 - 2 * (head.female < 0.5), 4.6), lip)
    _oval(image, 0.0, -0.0615, (13, 1.0), lip * 0.55)
    return image


def _paint_beard(image: np.ndarray, head: Head, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if head.beard <= 0:
        return image
    jaw = smooth_step(-y, 0.035, 0.075) * (1 - smooth_step(np.abs(x), 1.35, 1.6))
    side = smooth_step(np.abs(x), 0.85, 1.15) * (1 - smooth_step(np.abs(x), 1.4, 1.6)) * smooth_step(-y, -0.01, 0.02)
    lips = np.exp(-((x / 0.28) ** 4) - ((y + 0.061) / 0.011) ** 4)
    amount = np.maximum(jaw, side) * (1 - lips) * (0.8 + 0.3 * value_noise(rng, x.shape, (64, 110))) * head.beard
    amount = np.clip(amount, 0, 0.92)[..., None]
    return image * (1 - amount) + np.array(head.hair, np.float32) * 0.9 * amount


def paint_hair(head: Head) -> np.ndarray:
    """Picture of the hair, (128, 256, 4) uint8 BGR and height: strands from the crown down."""
    rng = stream(head.seed, "strands")
    cells = (10, 40) if head.style in ("curly", "afro", "buzz") else (2, 60)
    strands = fractal(rng, (128, 256), cells, 2)
    image = np.array(head.hair, np.float32) * (1 + 0.3 * strands[..., None]) + 6 * np.clip(strands, 0, 1)[..., None]
    return np.dstack([image, 128 + 26 * strands]).clip(0, 255).astype(np.uint8)
