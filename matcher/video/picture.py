"""From a decoded PyAV frame to an upright BGR picture."""

from __future__ import annotations

import struct

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace
from numpy.typing import NDArray

from matcher.video.hdr import to_standard

_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_HD_LINES = 720


class Turns:
    """The display matrices of one stream, read from one frame for each rotation that occurs.

    PyAV ties a frame whose side data is read into a circle of references: its pixels then stay until Python's collector
    happens to run, hundreds of megabytes later.
    """

    def __init__(self) -> None:
        """Nothing read yet."""
        self._known: dict[int, tuple[int, int, int, int] | None] = {}

    def __call__(self, frame: VideoFrame) -> tuple[int, int, int, int] | None:
        """As `display_matrix`."""
        if frame.rotation not in self._known:
            self._known[frame.rotation] = display_matrix(frame)
        return self._known[frame.rotation]


def to_bgr(frame: VideoFrame, turns: Turns | None = None) -> NDArray[np.uint8]:
    """Convert any pixel format (10 bit, HDR, grey, palette...) and turn the picture upright.

    Args:
        frame: as decoded.
        turns: those of its stream.

    Returns:
        (H, W, 3) uint8 BGR, C-contiguous.
    """
    # Files that do not name their matrix: television's rule by size, as players do it.
    hd = frame.colorspace == _UNSPECIFIED and min(frame.width, frame.height) >= _HD_LINES
    image = frame.to_ndarray(format="bgr24", src_colorspace=Colorspace.ITU709 if hd else None)
    image = to_standard(image, frame.color_trc, frame.color_primaries)
    return upright(image, (turns or Turns())(frame))


def display_matrix(frame: VideoFrame) -> tuple[int, int, int, int] | None:
    """The turn that the file asks for: signs (a, b, c, d) of the display matrix, or None for none.

    A pixel at (x, y) is shown at (a x + c y, b x + d y); only turns by quarters and mirrors are taken, others are
    rounded to the nearest of them.
    """
    data = frame.side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return None
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(data)[:36])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return _sign(a), 0, 0, _sign(d)
    return 0, _sign(b), _sign(c), 0


def upright(image: NDArray[np.uint8], matrix: tuple[int, int, int, int] | None) -> NDArray[np.uint8]:
    """Apply what `display_matrix` gave to an image (H, W, 3)."""
    if matrix is None or matrix == (1, 0, 0, 1):
        return np.ascontiguousarray(image)  # rows of odd widths come padded
    a, b, c, d = matrix
    if b:
        image = image.transpose(1, 0, 2)
        a, d = c, b
    return np.ascontiguousarray(image[:: d or 1, :: a or 1])


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)
