"""Puts drawn layers into a picture: order, shadows, visible masks, the camera's own flaws."""

from __future__ import annotations

import cv2
import numpy as np

from matcher.wardrobe.light import Camera, Light
from matcher.wardrobe.raster import Layer

_SHADOW_SCALE = 0.25


def shadows(
    size: tuple[int, int], standing: list[tuple[Layer, float, float]], camera: Camera, light: Light, long: bool
) -> np.ndarray:
    """How much light the ground keeps where people stand.

    Each silhouette is laid on the ground away from the light (one affine map), with a soft blot under the feet.

    Args:
        size: (width, height) of the frame.
        standing: layers with the place of their feet, x and z metres.
        camera: where they are seen from.
        light: its direction throws the shadows.
        long: whether they are thrown at all, as outdoors; otherwise there are only the blots.

    Returns:
        (H, W) float32, 1 where nothing is darkened.
    """
    width, height = (max(1, round(side * _SHADOW_SCALE)) for side in size)
    kept = np.ones((height, width), np.float32)
    for layer, x, z in standing:
        foot = camera.project(np.array([x, 0.0, z], np.float32))[0]
        tall = float(foot[1] - camera.project(np.array([x, 1.7, z], np.float32))[0][1])
        if foot[1] < size[1] + 0.25 * tall and tall >= 4:
            kept *= 1 - _one_shadow((height, width), layer, camera, light, (x, z), foot, tall, long)
    return cv2.resize(kept, size, interpolation=cv2.INTER_LINEAR)


def _one_shadow(
    shape: tuple[int, int],
    layer: Layer,
    camera: Camera,
    light: Light,
    spot: tuple[float, float],
    foot: np.ndarray,
    tall: float,
    long: bool,
) -> np.ndarray:
    cover = np.zeros(shape, np.float32)
    small = tall * _SHADOW_SCALE
    if long and light.direction[1] > 0.2:
        reach = min(1.6, 1.7 / max(0.4, light.direction[1]))
        tip = np.array([spot[0] - light.direction[0] * reach, 0.0, spot[1] - light.direction[2] * reach], np.float32)
        up = (camera.project(tip)[0] - foot) / tall
        cover = 0.5 * cv2.GaussianBlur(_laid(layer, foot, up, shape[::-1]), (0, 0), max(0.4, 0.012 * small))
    blot = np.zeros(shape, np.float32)
    axes = (max(1, round(0.13 * small)), max(1, round(0.028 * small)))
    centre = tuple(int(v) for v in np.round(foot * _SHADOW_SCALE))
    cv2.ellipse(blot, centre, axes, 0, 0, 360, 1.0, -1)
    blot = cv2.GaussianBlur(blot, (0, 0), max(0.6, 0.025 * small))
    return np.clip(np.maximum(cover, 0.65 * blot), 0, 0.85)


def _laid(layer: Layer, foot: np.ndarray, up: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The silhouette mapped so that its upward direction becomes `up` on the ground, at the scale of the shadows."""
    origin_x, origin_y = layer.origin
    down = up[1] if abs(up[1]) >= 0.02 else 0.02
    # a layer pixel (u, v) is (u + origin) on the frame; its height over the foot is foot_y - y
    matrix = np.float32(
        [[1, -up[0], origin_x + up[0] * (foot[1] - origin_y)], [0, -down, foot[1] + down * (foot[1] - origin_y)]]
    )
    return cv2.warpAffine(layer.alpha, matrix * _SHADOW_SCALE, size, flags=cv2.INTER_LINEAR)


def paste(image: np.ndarray, owners: np.ndarray, layer: Layer, offset: int) -> None:
    """Lay a layer over the picture, in place.

    Args:
        image: (H, W, 3) float32 linear.
        owners: (H, W) int16 of garment numbers, -1 for none; the layer's garments are written as owner + offset.
        layer: what to lay on.
        offset: number of the layer's first garment.
    """
    x, y = layer.origin
    height, width = layer.alpha.shape
    area = image[y : y + height, x : x + width]
    area *= (1 - layer.alpha)[..., None]
    area += layer.colour
    claim(owners, layer, offset)


def paste_photo(photo: np.ndarray, owners: np.ndarray, layer: Layer, offset: int) -> None:
    """Like `paste`, on a finished (H, W, 3) uint8 BGR picture: faster where only a few pixels change."""
    x, y = layer.origin
    height, width = layer.alpha.shape
    area = photo[y : y + height, x : x + width]
    light = area.astype(np.float32)
    light *= light * (1 - layer.alpha)[..., None]
    light += layer.colour * 65025.0
    area[:] = np.sqrt(np.minimum(light, 65025.0) + 0.25)
    claim(owners, layer, offset)


def claim(owners: np.ndarray, layer: Layer, offset: int) -> None:
    """Write the layer's garment numbers + `offset` into the owner map, -1 where its skin covers what was there."""
    x, y = layer.origin
    height, width = layer.alpha.shape
    kept = owners[y : y + height, x : x + width]
    solid = layer.owners > -2
    kept[solid] = np.where(layer.owners[solid] >= 0, layer.owners[solid] + offset, -1)


def develop(
    image: np.ndarray, rng: np.random.Generator, exposure: float = 1.0, noise: float = 0.012, soft: float = 0.45
) -> np.ndarray:
    """Turn linear light into a photo: exposure, highlight roll-off, lens softness, vignette, sensor noise.

    Returns:
        (H, W, 3) uint8 BGR.
    """
    height, width = image.shape[:2]
    light = image * exposure
    light = np.where(light > 0.7, 0.7 + 0.3 * (1 - np.exp(-(light - 0.7) / 0.3)), light)
    photo = np.sqrt(np.clip(light, 0, 1)).astype(np.float32)
    if soft > 0.2:
        photo = cv2.GaussianBlur(photo, (0, 0), soft)
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)[None]
    photo *= (1 - 0.10 * (x * x + y * y) / 2)[..., None]
    if noise > 0:
        grain = rng.standard_normal((height, width, 1), np.float32) + 0.5 * rng.standard_normal(
            (height, width, 3), np.float32
        )
        photo += grain * noise
    return (np.clip(photo, 0, 1) * 255 + 0.5).astype(np.uint8)
