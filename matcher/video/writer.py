"""Encodes frames into a file, each at its own time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

from matcher.errors import InputError, MediaError
from matcher.files import PartFile
from matcher.video.soundtrack import CODEC, Soundtrack

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_CODECS = ("libx264", "mpeg4")  # MPEG-4 part 2 where the build has no H.264 encoder
_OPTIONS = {"libx264": {"preset": "veryfast", "crf": "21"}, "mpeg4": {"qscale": "4"}}
_MAX_DENOMINATOR = {"libx264": 1_000_000, "mpeg4": 65_535}  # of the unit of time
_FALLBACK_UNIT = Fraction(1, 60_000)
_BT709 = 1  # AVCOL_SPC_BT709 and its primaries and transfer


class VideoWriter:
    """Writes MP4, MOV or MKV; a context manager.

    Frames keep their time stamps exactly where the format can hold their unit (MKV holds milliseconds; MPEG-4 no unit
    below 1/65535 s). Stamps that begin below zero are shifted to begin at zero, since players drop earlier frames.
    Odd widths and heights are padded by one repeated pixel. The file appears under its name when it is finished; a
    failure removes what was written.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        rate: Fraction,
        time_base: Fraction,
        sound: Soundtrack | None = None,
    ) -> None:
        """Open the file.

        Args:
            path: ending in one of `FORMATS`.
            size: (width, height) of the frames; frames of another size are scaled to it.
            rate: about how many frames a second there are; guides only the encoder's bit rate.
            time_base: seconds per unit of the stamps.
            sound: whose samples `hear` will be given; None = a video without sound.

        Raises:
            InputError: the ending is unknown or the folder cannot be written to.
        """
        form = FORMATS.get(Path(path).suffix.lower())
        if form is None:
            raise InputError(f"{path}: name a video that ends in {', '.join(FORMATS)}")
        self.size, self.path = size, Path(path)
        self._file = PartFile(path)
        self._last = -1
        self._shift: int | None = None
        try:
            self._container: OutputContainer | None = av.open(str(self._file.part), "w", format=form)
        except (av.FFmpegError, OSError) as error:
            raise InputError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error
        try:
            self._stream = add_video_stream(self._container, size, rate, time_base)
            self._sound = _add_sound_stream(self._container, sound) if sound is not None else None
        except BaseException:
            self.close(ok=False)
            raise
        self._time_base = time_base

    def write(self, image: NDArray[np.uint8], pts: int) -> None:
        """Add one picture.

        Args:
            image: (H, W, 3) uint8 BGR.
            pts: its time in units of the `time_base` given, above that of the picture before.

        Raises:
            ValueError: the time does not grow, or the writer is closed.
        """
        if self._shift is None:
            self._shift = max(-pts, 0)
        pts += self._shift
        unit = self._stream.codec_context.time_base
        if unit != self._time_base:
            pts = max(round(pts * self._time_base / unit), self._last + 1)
        if pts <= self._last or self._container is None:
            raise ValueError(f"{self.path}: frames must come in the order of their times, before closing")
        self._last = pts
        for packet in self._encode(self._stream, to_picture(image, self.size, pts, unit)):
            self._container.mux(packet)

    def hear(self, samples: AudioFrame) -> None:
        """Add the next samples of the sound, which begins with the first picture.

        Raises:
            ValueError: the writer was made without sound, or is closed.
        """
        if self._sound is None or self._container is None:
            raise ValueError(f"{self.path}: there is no sound to add to")
        for packet in self._encode(self._sound, samples):
            self._container.mux(packet)

    def close(self, ok: bool = True) -> None:
        """Finish the file (`ok`) or remove it. Closing again does nothing.

        Raises:
            MediaError: the file cannot be finished, for instance because the disk is full.
        """
        container, self._container = self._container, None
        if container is None:
            return
        try:
            if ok:  # the encoder still holds frames back
                for stream in filter(None, (self._stream, self._sound)):
                    for packet in self._encode(stream, None):
                        container.mux(packet)
            container.close()
            if ok:
                self._file.commit()
        except (av.FFmpegError, OSError) as error:
            raise MediaError(f"cannot finish {self.path}: {getattr(error, 'strerror', None) or error}") from error
        finally:
            self._file.discard()

    def _encode(self, stream: VideoStream | AudioStream, frame: VideoFrame | AudioFrame | None) -> Iterator[Any]:
        try:
            yield from stream.encode(frame)
        except av.FFmpegError as error:
            raise MediaError(f"cannot encode {self.path}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(ok=kind is None)


def add_video_stream(
    container: OutputContainer,
    size: tuple[int, int],
    rate: Fraction,
    time_base: Fraction,
    options: Mapping[str, Mapping[str, str]] = _OPTIONS,
) -> VideoStream:
    """Add a stream of H.264 where this build has an encoder for it, else of MPEG-4.

    Args:
        container: open for writing, nothing written yet.
        size: (width, height) of the pictures; odd sides are padded.
        rate: about how many a second.
        time_base: seconds per unit of their stamps; the encoder may take another.
        options: of each encoder.

    Raises:
        MediaError: there is no encoder.
    """
    codec = next((name for name in _CODECS if name in av.codecs_available), None)
    if codec is None:
        raise MediaError("this build of PyAV has no encoder for H.264 or MPEG-4; install the PyAV wheel")
    stream = container.add_stream(codec, rate=rate.limit_denominator(60_000), options=dict(options[codec]))
    stream.width, stream.height = (side + side % 2 for side in size)
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    unit = time_base if time_base.denominator <= _MAX_DENOMINATOR[codec] else _FALLBACK_UNIT
    context.time_base = stream.time_base = unit
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    context.color_range = ColorRange.MPEG
    return stream


def _add_sound_stream(container: OutputContainer, sound: Soundtrack) -> AudioStream:
    stream = container.add_stream(CODEC, rate=sound.rate)
    stream.layout, stream.bit_rate = sound.layout, 128_000 if sound.layout == "stereo" else 80_000
    return stream


def to_picture(image: NDArray[np.uint8], size: tuple[int, int], pts: int, time_base: Fraction) -> VideoFrame:
    """What an encoder takes: an image (H, W, 3) uint8 BGR, scaled to `size` and padded to even sides."""
    if (image.shape[1], image.shape[0]) != size:
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    odd_w, odd_h = size[0] % 2, size[1] % 2
    if odd_w or odd_h:
        image = cv2.copyMakeBorder(image, 0, odd_h, 0, odd_w, cv2.BORDER_REPLICATE)
    # Named BT.709 and converted by it, since players assume different matrices for files that name none.
    rgb = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
    frame = rgb.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG)
    frame.pts, frame.time_base = pts, time_base
    return frame
