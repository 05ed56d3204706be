"""A piece of cloth to sew on: drawing in metres on a picture of colour and height."""

from __future__ import annotations

import cv2
import numpy as np

from matcher.wardrobe.fabric import TILE_M, Fabric, drape, fabric_tile
from matcher.wardrobe.noise import fractal

Point = tuple[float, float]


class Canvas:
    """A piece of fabric of a given size, drawn on in metres from its upper left corner.

    Attributes:
        colour: (H, W, 3) float32 BGR 0..255.
        height: (H, W) float32, 128 is the middle, one unit is 0.3 mm.
        density: pixels per metre.
        width, length: size in metres.
        base: mean colour of the fabric, (3,) float32.
    """

    def __init__(self, fabric: Fabric, width: float, length: float, density: float, turn: bool = False) -> None:
        """Cut a piece of `width` x `length` metres; `turn` lays the fabric across."""
        self.density, self.width, self.length = density, width, length
        size = (max(8, round(length * density)), max(8, round(width * density)))
        tile = fabric_tile(fabric)
        side = max(4, round(TILE_M * density))
        tile = cv2.resize(
            tile, (side, side), interpolation=cv2.INTER_AREA if side < tile.shape[0] else cv2.INTER_LINEAR
        )
        if turn:
            tile = np.ascontiguousarray(tile.transpose(1, 0, 2))
        sheet = np.tile(tile, (-(-size[0] // side), -(-size[1] // side), 1))[: size[0], : size[1]]
        self.colour = np.ascontiguousarray(sheet[..., :3].astype(np.float32))
        self.height = np.ascontiguousarray(sheet[..., 3].astype(np.float32))
        self.fall = drape(fabric)
        self.base = tile[..., :3].reshape(-1, 3).mean(0).astype(np.float32)

    def at(self, point: Point) -> tuple[int, int]:
        """Pixel of a place, in 1/16 pixels."""
        return round(point[0] * self.density * 16), round(point[1] * self.density * 16)

    def span(self, metres: float) -> int:
        """Line width in pixels, at least 1."""
        return max(1, round(metres * self.density))

    def fold(
        self,
        rng: np.random.Generator,
        cells: tuple[int, int],
        amount: float,
        envelope: np.ndarray | float = 1.0,
        slant: float = 0.0,
    ) -> None:
        """Add folds to the height: noise of `cells` down and across, sheared by `slant`, times `envelope` per row."""
        field = fractal(rng, self.height.shape, cells, 2)
        if slant:
            shear = np.float32([[1, slant, 0], [0, 1, 0]])
            field = cv2.warpAffine(field, shear, field.shape[::-1], borderMode=cv2.BORDER_WRAP)
        rows = np.asarray(envelope, np.float32)
        rows = rows[:, None] if rows.ndim else rows
        self.height += field * (amount * self.fall) * rows

    def rows(self) -> np.ndarray:
        """Share of the way down of each pixel row, (H,) float32."""
        return np.linspace(0, 1, self.height.shape[0], dtype=np.float32)

    def line(self, start: Point, end: Point, colour: np.ndarray, width: float = 0.002, relief: float = 0.0) -> None:
        """Straight line; `relief` sets the height along it too."""
        cv2.line(self.colour, self.at(start), self.at(end), _scalar(colour), self.span(width), cv2.LINE_AA, 4)
        if relief:
            cv2.line(self.height, self.at(start), self.at(end), 128 + relief, self.span(width), cv2.LINE_AA, 4)

    def seam(self, start: Point, end: Point, strength: float = 0.7) -> None:
        """A seam: a dark groove."""
        self.line(start, end, self.base * strength, 0.0025, -14)

    def stitches(self, start: Point, end: Point, colour: np.ndarray, step: float = 0.008) -> None:
        """A dashed line of thread."""
        a, b = np.asarray(start), np.asarray(end)
        count = max(1, int(np.linalg.norm(b - a) / step))
        if step * self.density < 3:
            # too fine to see single stitches: a faint line
            self.line(start, end, 0.5 * (np.asarray(colour) + self.base), 0.0022)
            return
        begin = np.arange(count)[:, None] / count
        dashes = np.stack([a + (b - a) * begin, a + (b - a) * (begin + 0.6 / count)], 1) * self.density * 16
        cv2.polylines(
            self.colour, np.round(dashes).astype(np.int32), False, _scalar(colour), self.span(0.0022), cv2.LINE_AA, 4
        )

    def polygon(self, points: list[Point], colour: np.ndarray, relief: float | None = None) -> None:
        """Filled shape."""
        corners = np.array([self.at(point) for point in points], np.int32)
        cv2.fillPoly(self.colour, [corners], _scalar(colour), cv2.LINE_AA, 4)
        if relief is not None:
            cv2.fillPoly(self.height, [corners], 128 + relief, cv2.LINE_AA, 4)

    def disc(self, centre: Point, radius: float, colour: np.ndarray, relief: float = 20) -> None:
        """Filled circle."""
        size = max(8, round(radius * self.density * 16))
        cv2.circle(self.colour, self.at(centre), size, _scalar(colour), -1, cv2.LINE_AA, 4)
        cv2.circle(self.height, self.at(centre), size, 128 + relief, -1, cv2.LINE_AA, 4)

    def pocket(self, left: float, top: float, width: float, height: float, thread: np.ndarray | None = None) -> None:
        """A patch pocket: outline, stitching and a slight rise."""
        corners = [
            (left, top),
            (left + width, top),
            (left + width, top + 0.85 * height),
            (left + width / 2, top + height),
            (left, top + 0.85 * height),
        ]
        for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
            self.seam(start, end, 0.62)
        inset = [(x + 0.005 * np.sign(left + width / 2 - x), y) for x, y in corners]
        for start, end in zip(inset, inset[1:], strict=False):
            self.stitches(start, end, self.base * 1.25 if thread is None else thread)
        self.line((left, top + 0.012), (left + width, top + 0.012), self.base * 0.75, 0.0015)

    def band(self, top: float, height: float, fabric: Fabric, ribs: bool = False) -> None:
        """A strip of another fabric over the whole width; with `ribs` it is knitted in ribs."""
        strip = Canvas(fabric, self.width, height, self.density)
        begin = round(top * self.density)
        end = min(self.height.shape[0], begin + strip.height.shape[0])
        if end <= begin:
            return
        self.colour[begin:end] = strip.colour[: end - begin]
        self.height[begin:end] = strip.height[: end - begin]
        if ribs:
            wave = np.cos(np.arange(self.height.shape[1]) * (6.2832 / (0.009 * self.density)))
            self.height[begin:end] += 10 * wave
            self.colour[begin:end] *= (1 + 0.08 * wave)[:, None]
        edge = self.base * 0.65
        for y in (top, top + height):
            self.line((0, y), (self.width, y), edge, 0.002)

    def hem(self, at: float, thread: np.ndarray | None = None) -> None:
        """A hem `at` metres from the top: a fold and a row of stitches above it."""
        self.line((0, at), (self.width, at), self.base * 0.7, 0.003, -10)
        self.stitches((0, at - 0.02), (self.width, at - 0.02), self.base * 0.82 if thread is None else thread)

    def picture(self) -> np.ndarray:
        """(H, W, 4) uint8: blue, green, red and height."""
        return np.dstack([self.colour, self.height]).clip(0, 255).astype(np.uint8)


def _scalar(colour: np.ndarray) -> tuple[float, float, float]:
    return tuple(float(v) for v in np.clip(colour, 0, 255))
