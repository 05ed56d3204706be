"""overlay.mp4: the video with what was found drawn in."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from matcher.sinks.base import Closing, Products
from matcher.sinks.draw import draw
from matcher.types import Frame, Garments
from matcher.video.writer import VideoWriter


class OverlaySink(Closing):
    """Writes the frames with boxes, masks and labels, each at its own time; without sound."""

    def __init__(self, path: str | Path, rate: Fraction, products: Products | None = None) -> None:
        """Name the file; it is opened with the first frame, whose size it takes.

        Args:
            path: ending in .mp4, .mov or .mkv.
            rate: frames per second of the source, about.
            products: gives the listing of a catalogue row; by default the one attached to the garments.
        """
        self._path, self._rate, self._products = Path(path), rate, products
        self._writer: VideoWriter | None = None

    def write(self, frame: Frame, garments: Garments) -> None:
        """Add one frame."""
        if self._writer is None:
            self._writer = VideoWriter(self._path, frame.size, self._rate, frame.time_base)
        self._writer.write(draw(frame.image, garments, self._products), frame.pts)

    def close(self, ok: bool = True) -> None:
        """Finish the file, or remove it; without a frame there is no file."""
        if self._writer is not None:
            self._writer.close(ok)
