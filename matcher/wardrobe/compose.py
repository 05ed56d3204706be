"""Puts drawn layers into a picture: order, shadows, visible masks, the camera's own flaws."""

from __future__ import annotations

import cv2
import numpy as np

from matcher.wardrobe.light import Camera, Light
from matcher.wardrobe.raster import Layer


def ground_shadow(
    image: np.ndarray, layer: Layer, camera: Camera, light: Light, x: float, z: float, strength: float, long: bool
) -> None:
    """Darken the ground where a person at (x, z) metres stands, in place; (H, W, 3) float32 linear.

    The silhouette is laid on the ground away from the light (one affine map), with a soft blot under the feet.
    """
    foot, _ = camera.project(np.array([x, 0.0, z], np.float32))
    head, _ = camera.project(np.array([x, 1.7, z], np.float32))
    tall = float(foot[1] - head[1])
    if foot[1] > image.shape[0] + 0.25 * tall or tall < 4:
        return
    cover = np.zeros(image.shape[:2], np.float32)
    if long and light.direction[1] > 0.2:
        reach = min(1.6, 1.7 / max(0.4, light.direction[1])) * 1.0
        tip = np.array([x - light.direction[0] * reach, 0.0, z - light.direction[2] * reach], np.float32)
        end, _ = camera.project(tip)
        up = (np.asarray(end) - np.asarray(foot)) / tall
        cast = _laid(layer, foot, up, image.shape[1::-1])
        cover = cv2.GaussianBlur(cast, (0, 0), max(0.8, 0.012 * tall)) * 0.6 * strength
    blot = np.zeros_like(cover)
    axes = (max(1, round(0.13 * tall)), max(1, round(0.028 * tall)))
    cv2.ellipse(blot, (round(float(foot[0])), round(float(foot[1]))), axes, 0, 0, 360, 1.0, -1)
    blot = cv2.GaussianBlur(blot, (0, 0), max(0.8, 0.025 * tall))
    image *= (1 - np.clip(np.maximum(cover, 0.65 * blot), 0, 0.85))[..., None]


def _laid(layer: Layer, foot: np.ndarray, up: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The silhouette mapped so that its upward direction becomes `up` on the ground."""
    origin_x, origin_y = layer.origin
    # a layer pixel (u, v) is (u + origin) on the frame; height over the foot is foot_y - y
    matrix = np.float32([[1, -up[0], 0], [0, -up[1], 0]])
    matrix[0, 2] = origin_x + up[0] * (foot[1] - origin_y)
    matrix[1, 2] = foot[1] + up[1] * (foot[1] - origin_y)
    if abs(matrix[1, 1]) < 0.02:
        matrix[1, 1] = 0.02 if matrix[1, 1] >= 0 else -0.02
        matrix[1, 2] = foot[1] - matrix[1, 1] * (foot[1] - origin_y)
    return cv2.warpAffine(layer.alpha, matrix, size, flags=cv2.INTER_LINEAR)


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
