"""Cameras and lights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """A level camera looking along -z.

    Attributes:
        focal: pixels.
        centre: pixel (x, y) that the optical axis meets; y is the horizon.
        height: metres over the ground.
        distance: metres from the plane z = 0.
    """

    focal: float
    centre: tuple[float, float]
    height: float
    distance: float

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixel positions (..., 2) float32 and depths (...) metres of world points (..., 3)."""
        depth = np.maximum(self.distance - points[..., 2], 0.05)
        x = self.centre[0] + self.focal * points[..., 0] / depth
        y = self.centre[1] - self.focal * (points[..., 1] - self.height) / depth
        return np.stack([x, y], -1).astype(np.float32), depth.astype(np.float32)

    def zoomed(self, zoom: float, shift: tuple[float, float] = (0.0, 0.0)) -> Camera:
        """The same view enlarged by `zoom` round the pixel (0, 0), then moved by `shift` pixels."""
        centre = (self.centre[0] * zoom + shift[0], self.centre[1] * zoom + shift[1])
        return Camera(self.focal * zoom, centre, self.height, self.distance)


@dataclass(frozen=True)
class Light:
    """A key light and the light from all round.

    Attributes:
        direction: unit vector to the key light in view coordinates (x right, y up, z to the camera).
        key: BGR strength of the key light.
        sky: BGR strength of the light from above.
        ground: BGR strength of the light from below.
    """

    direction: tuple[float, float, float] = (-0.45, 0.7, 0.55)
    key: tuple[float, float, float] = (0.75, 0.78, 0.8)
    sky: tuple[float, float, float] = (0.42, 0.40, 0.38)
    ground: tuple[float, float, float] = (0.22, 0.23, 0.24)

    def scaled(self, factor: float | np.ndarray) -> Light:
        """The same light, each strength times `factor` (a number or one per BGR channel)."""
        scale = [tuple(float(v) for v in np.asarray(part) * factor) for part in (self.key, self.sky, self.ground)]
        return Light(self.direction, *scale)

    def blended(self, other: Light, amount: float) -> Light:
        """Light between this one (0) and `other` (1)."""
        parts = [
            tuple(float(v) for v in np.asarray(a) * (1 - amount) + np.asarray(b) * amount)
            for a, b in zip(
                (self.direction, self.key, self.sky, self.ground),
                (other.direction, other.key, other.sky, other.ground),
                strict=True,
            )
        ]
        direction = np.asarray(parts[0]) / np.linalg.norm(parts[0])
        return Light(tuple(float(v) for v in direction), *parts[1:])
