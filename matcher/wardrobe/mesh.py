"""Surfaces as grids of points: tubes along a bent spine, normals, triangles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np


@dataclass
class Patch:
    """One surface, a grid of R rows and C columns of points.

    Attributes:
        points: (R, C, 3) float32 metres; x to the person's left, y up, z to the front.
        texture: name of the picture on it; u runs along the columns, v down the rows.
        owner: index of the garment it belongs to, -1 for the body.
        layer: how far it is from the skin in drawing order; the outer one wins where two touch.
        two_sided: whether the inner side is seen (open jackets, skirts from below).
        keep: (R-1, C-1) bool, cells to draw; None for all.
        uv: (R, C, 2) float32 in 0..1; None for an even spread.
        occlusion: (R, 1) or (R, C) float32 light that reaches it, 1 for all; None for 1.
    """

    points: np.ndarray
    texture: str
    owner: int = -1
    layer: float = 0.0
    two_sided: bool = False
    keep: np.ndarray | None = None
    uv: np.ndarray | None = None
    occlusion: np.ndarray | None = None

    def normals(self) -> np.ndarray:
        """Unit normals, (R, C, 3) float32, outwards where rows run down and columns to the person's left."""
        points = self.points
        down, across = np.empty_like(points), np.empty_like(points)
        down[1:-1], down[0], down[-1] = points[2:] - points[:-2], points[1] - points[0], points[-1] - points[-2]
        across[:, 1:-1] = points[:, 2:] - points[:, :-2]
        across[:, 0], across[:, -1] = points[:, 1] - points[:, 0], points[:, -1] - points[:, -2]
        if float(np.abs(points[:, 0] - points[:, -1]).max()) < 1e-4:
            across[:, 0] = across[:, -1] = points[:, 1] - points[:, -2]
        normal = cross(down, across)
        length = np.sqrt(np.einsum("ijk,ijk->ij", normal, normal))[..., None]
        return normal / np.maximum(length, 1e-12)

    def coarser(self) -> Patch:
        """The same surface with every other row and column, for people far away."""
        if self.keep is not None or min(self.points.shape[:2]) < 10:
            return self
        rows, columns = (np.unique([*range(0, count, 2), count - 1]) for count in self.points.shape[:2])
        pick = np.ix_(rows, columns)
        light = None if self.occlusion is None else np.broadcast_to(self.occlusion, self.points.shape[:2])[pick]
        return replace(self, points=self.points[pick], uv=self.coordinates()[pick], occlusion=light)

    def coordinates(self) -> np.ndarray:
        """Texture coordinates, (R, C, 2) float32 in 0..1."""
        return even_uv(*self.points.shape[:2]) if self.uv is None else self.uv

    def triangles(self) -> np.ndarray:
        """Point numbers of the triangles, (T, 3) int32."""
        faces = grid_triangles(*self.points.shape[:2])
        if self.keep is None:
            return faces
        return faces[np.repeat(self.keep.reshape(-1), 2)]


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product over the last axis; several times faster than NumPy's for many short vectors."""
    result = np.empty_like(a)
    for axis, (second, third) in enumerate(((1, 2), (2, 0), (0, 1))):
        result[..., axis] = a[..., second] * b[..., third] - a[..., third] * b[..., second]
    return result


@lru_cache(maxsize=64)
def even_uv(rows: int, columns: int) -> np.ndarray:
    """(rows, columns, 2) float32 ramp from 0 to 1 across and down."""
    u, v = np.meshgrid(np.linspace(0, 1, columns, dtype=np.float32), np.linspace(0, 1, rows, dtype=np.float32))
    return np.dstack([u, v])


@lru_cache(maxsize=64)
def grid_triangles(rows: int, columns: int) -> np.ndarray:
    """Two triangles for each cell of a grid, cell by cell; (2 * cells, 3) int32."""
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    first = np.stack([a, c, b], -1)
    second = np.stack([b, c, d], -1)
    return np.stack([first, second], 2).reshape(-1, 3)


def bend(corners: np.ndarray, rows: int, rounding: int = 3) -> np.ndarray:
    """Points along a polyline with softened corners.

    Args:
        corners: (K, 3) metres.
        rows: number of points wanted.
        rounding: smoothing passes; 0 keeps the corners.

    Returns:
        (rows, 3) float32, evenly spread over the length; the ends are kept.
    """
    corners = np.asarray(corners, np.float32)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    at = np.linspace(0, along[-1], rows)
    line = np.stack([np.interp(at, along, corners[:, k]) for k in range(3)], 1)
    for _ in range(rounding):
        line[1:-1] = 0.25 * line[:-2] + 0.5 * line[1:-1] + 0.25 * line[2:]
    return line.astype(np.float32)


def frames(spine: np.ndarray, front: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Carry a sideways and a forward direction along a spine without twisting.

    Args:
        spine: (R, 3) metres.
        front: the forward direction wanted at the first point.

    Returns:
        side and forward directions, (R, 3) float32 each, square to the spine.
    """
    tangent = np.empty_like(spine)
    tangent[1:-1], tangent[0], tangent[-1] = spine[2:] - spine[:-2], spine[1] - spine[0], spine[-1] - spine[-2]
    tangent /= np.maximum(np.sqrt(np.einsum("ij,ij->i", tangent, tangent)), 1e-9)[:, None]
    rows, (x, y, z) = [], (float(v) for v in front)
    # plain numbers: for a dozen rows they are faster than arrays
    for tx, ty, tz in tangent.tolist():
        along = x * tx + y * ty + z * tz
        x, y, z = x - along * tx, y - along * ty, z - along * tz
        length = max((x * x + y * y + z * z) ** 0.5, 1e-6)
        x, y, z = x / length, y / length, z / length
        rows.append((x, y, z))
    forward = np.array(rows, np.float32)
    return cross(forward, tangent.astype(np.float32)), forward


def tube(
    spine: np.ndarray,
    wide: np.ndarray,
    deep: np.ndarray,
    columns: int = 18,
    front: tuple[float, float, float] = (0, 0, 1),
    power: float = 2.0,
) -> np.ndarray:
    """Sweep an ellipse along a spine.

    Args:
        spine: (R, 3) metres.
        wide: (R,) or (R, C) half width, metres.
        deep: (R,) or (R, C) half depth, metres.
        columns: number of points round it; the first and the last coincide at the back.
        front: forward direction at the first point.
        power: 2 for an ellipse, more for a boxier section.

    Returns:
        (R, columns, 3) float32 metres.
    """
    side, forward = frames(spine, front)
    angle = np.linspace(-np.pi, np.pi, columns, dtype=np.float32)
    across, ahead = section(angle, power)
    wide = np.atleast_2d(wide.T).T if wide.ndim == 1 else wide
    deep = np.atleast_2d(deep.T).T if deep.ndim == 1 else deep
    offset = (wide * across)[..., None] * side[:, None] + (deep * ahead)[..., None] * forward[:, None]
    return (spine[:, None] + offset).astype(np.float32)


def section(angle: np.ndarray, power: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Sideways and forward part of a superellipse at `angle` (0 is the front, pi/2 the person's left)."""
    sine, cosine = np.sin(angle), np.cos(angle)
    exponent = 2.0 / power
    return np.sign(sine) * np.abs(sine) ** exponent, np.sign(cosine) * np.abs(cosine) ** exponent


def smooth_step(value: np.ndarray | float, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth in between."""
    t = np.clip((np.asarray(value, np.float32) - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
