"""Tiny videos made on the fly, each with one peculiarity that real files have.

Every frame shows four coloured quarters, so that a turned or badly converted picture is seen, and a small grey patch in
the middle whose level tells the frame's number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

RED, GREEN, BLUE, WHITE = (30, 30, 200), (40, 180, 40), (200, 60, 30), (235, 235, 235)  # BGR
QUARTERS = (RED, GREEN, BLUE, WHITE)  # top left, top right, bottom left, bottom right
STEP = 8  # grey levels between two frames' patches


@dataclass(frozen=True)
class Clip:
    """A file and what a source must say about it.

    Attributes:
        path: the file.
        size: (width, height), upright.
        times: exact time of each frame in seconds, as far as the format can hold it.
        quarters: colours BGR at the top left, top right, bottom left, bottom right.
        tick: coarsest rounding of times, seconds.
    """

    path: Path
    size: tuple[int, int]
    times: tuple[Fraction, ...]
    quarters: tuple[tuple[int, int, int], ...] = QUARTERS
    tick: Fraction = Fraction(0)


def picture(number: int, width: int = 160, height: int = 120) -> NDArray[np.uint8]:
    """The picture (height, width, 3) uint8 BGR of a frame."""
    image = np.zeros((height, width, 3), np.uint8)
    half_w, half_h = width // 2, height // 2
    image[:half_h, :half_w], image[:half_h, half_w:] = RED, GREEN
    image[half_h:, :half_w], image[half_h:, half_w:] = BLUE, WHITE
    image[half_h - 16 : half_h + 16, half_w - 16 : half_w + 16] = number_level(number)
    return image


def number_level(number: int) -> int:
    """Grey level of the middle patch of a frame."""
    return 20 + STEP * (number % 25)


def number_of(image: NDArray[np.uint8]) -> int:
    """Which frame a decoded picture is, modulo 25."""
    height, width = image.shape[:2]
    patch = image[height // 2 - 6 : height // 2 + 6, width // 2 - 6 : width // 2 + 6]
    return round((float(patch.mean()) - 20) / STEP)


def corners(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean colours (4, 3) BGR near the four corners, in the order of `Clip.quarters`."""
    height, width = image.shape[:2]
    y, x = height // 8, width // 8
    parts = image[:y, :x], image[:y, -x:], image[-y:, :x], image[-y:, -x:]
    return np.array([part.reshape(-1, 3).mean(0) for part in parts])


def encode(
    path: Path,
    stamps: list[int],
    unit: Fraction,
    size: tuple[int, int] = (160, 120),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    audio_first: bool = False,
    rotation: int = 0,
    timecode: str = "",
    tagged: bool = True,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a video whose frame `i` has the stamp `stamps[i]` in units of `unit` seconds.

    Colour pictures are BT.709, and say so if `tagged`.
    """
    with av.open(str(path), "w", options=container_options or {}) as container:
        sound = container.add_stream("aac", rate=44_100, layout="mono") if audio_first else None
        rate = 1 / (sorted(b - a for a, b in pairwise(stamps))[(len(stamps) - 1) // 2] * unit)
        stream = container.add_stream(codec, rate=rate, options=options or {"g": "12"})
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.time_base = stream.time_base = unit
        if tagged and pixels.startswith("yuv"):
            stream.codec_context.colorspace = stream.codec_context.color_primaries = stream.codec_context.color_trc = 1
        if rotation:
            stream.set_display_rotation(rotation)
        if timecode:
            stream.metadata["timecode"] = timecode
        if sound is not None:
            container.mux(list(_silence(sound, float((stamps[-1] - stamps[0]) * unit))))
        for number, stamp in enumerate(stamps):
            container.mux(stream.encode(_frame(number, size, pixels, stamp, unit)))
        container.mux(stream.encode(None))
    return path


def _frame(number: int, size: tuple[int, int], pixels: str, stamp: int, unit: Fraction) -> VideoFrame:
    rgb = VideoFrame.from_ndarray(picture(number, *size), format="bgr24")
    yuv = pixels.startswith("yuv")
    frame = rgb.reformat(
        format=pixels,
        dst_colorspace=Colorspace.ITU709 if yuv else None,
        dst_color_range=ColorRange.MPEG if yuv else None,
    )
    frame.pts, frame.time_base = stamp, unit
    return frame


def _silence(stream: av.AudioStream, seconds: float) -> Iterator[av.Packet]:
    for number in range(int(seconds * 44_100 / 1024) + 1):
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate, sound.pts, sound.time_base = 44_100, number * 1024, Fraction(1, 44_100)
        yield from stream.encode(sound)
    yield from stream.encode(None)


def _steady(count: int = 24, start: int = 0) -> list[int]:
    return [start + i for i in range(count)]


_VARIABLE = [0, 33, 67, 100, 400, 433, 900, 917, 934, 2000, 2033, 2100]
_NTSC = Fraction(1001, 30_000)
_MS = Fraction(1, 1000)


def _clip(path: Path, stamps: list[int], unit: Fraction, tick: Fraction = Fraction(0), **how: object) -> Clip:
    size = how.get("size", (160, 120))
    encode(path, stamps, unit, **how)
    return Clip(path, size, tuple(stamp * unit for stamp in stamps), tick=tick)


def constant(folder: Path) -> Clip:
    """MP4, 29.97 frames a second."""
    return _clip(folder / "constant.mp4", _steady(), _NTSC)


def variable(folder: Path) -> Clip:
    """MP4, frames at irregular times."""
    return _clip(folder / "variable.mp4", _VARIABLE, _MS)


def rotated(folder: Path) -> Clip:
    """MP4 of a telephone held upright: the player turns it by a quarter."""
    clip = _clip(folder / "rotated.mp4", _steady(), Fraction(1, 25), rotation=90)
    # Turned counter-clockwise by 90 degrees: what was at the right is now at the top.
    return Clip(clip.path, (120, 160), clip.times, (GREEN, WHITE, RED, BLUE))


def audio_first(folder: Path) -> Clip:
    """MP4 whose first stream is sound."""
    return _clip(folder / "audio.mp4", _steady(), Fraction(1, 25), audio_first=True)


def late_start(folder: Path) -> Clip:
    """MP4 whose first frame is shown after 1.4 s."""
    return _clip(folder / "late.mp4", _steady(start=35), Fraction(1, 25))


def odd(folder: Path) -> Clip:
    """MP4 of odd width and height, without chroma subsampling."""
    return _clip(folder / "odd.mp4", _steady(), Fraction(1, 25), size=(161, 121), pixels="yuv444p")


def webm(folder: Path) -> Clip:
    """WebM with VP9, times in milliseconds."""
    how = {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "deadline": "realtime"}}
    return _clip(folder / "clip.webm", _steady(), _NTSC, tick=_MS, **how)


def mkv(folder: Path) -> Clip:
    """MKV at a variable rate."""
    return _clip(folder / "clip.mkv", _VARIABLE, _MS, tick=_MS)


def mpegts(folder: Path) -> Clip:
    """MPEG transport stream, which starts at its own time; the muxer adds 1.4 s."""
    clip = _clip(folder / "clip.ts", _steady(), Fraction(1, 25), tick=Fraction(1, 90_000))
    with av.open(str(clip.path)) as container:
        start = Fraction(container.start_time, av.time_base)
    return Clip(clip.path, clip.size, tuple(time + start for time in clip.times), tick=Fraction(1, 45_000))


def ten_bit(folder: Path) -> Clip:
    """MP4 with 10 bits a channel."""
    how = {"codec": "libx265", "pixels": "yuv420p10le", "options": {"x265-params": "log-level=none:keyint=12"}}
    return _clip(folder / "ten.mp4", _steady(), Fraction(1, 25), **how)


def grey(folder: Path) -> Clip:
    """MKV without colour."""
    clip = _clip(folder / "grey.mkv", _steady(), Fraction(1, 25), tick=_MS, codec="ffv1", pixels="gray")
    levels = tuple(3 * (round(0.114 * b + 0.587 * g + 0.299 * r),) for b, g, r in QUARTERS)
    return Clip(clip.path, clip.size, clip.times, levels, clip.tick)


def interlaced(folder: Path) -> Clip:
    """MP4 coded as fields."""
    options = {"x264-params": "interlaced=1", "g": "12"}
    return _clip(folder / "fields.mp4", _steady(), Fraction(1, 25), options=options)


CLIPS: dict[str, Callable[[Path], Clip]] = {
    make.__name__: make
    for make in (
        constant,
        variable,
        rotated,
        audio_first,
        late_start,
        odd,
        webm,
        mkv,
        mpegts,
        ten_bit,
        grey,
        interlaced,
    )
}


def cut_off(folder: Path) -> Path:
    """An MP4 that says that it has 24 frames and ends within the 16th; its index is at the front."""
    how = {"options": {"g": "4", "bf": "0"}, "container_options": {"movflags": "+faststart"}}
    path = encode(folder / "whole.mp4", _steady(), Fraction(1, 25), **how)
    with av.open(str(path)) as container:
        packet = [p for p in container.demux(video=0) if p.size][15]
        end = packet.pos + packet.size // 2
    cut = folder / "cut.mp4"
    cut.write_bytes(path.read_bytes()[:end])
    return cut


def without_index(folder: Path) -> Path:
    """An MP4 cut before its index: nothing of it can be read."""
    path = encode(folder / "full.mp4", _steady(), Fraction(1, 25))
    cut = folder / "no_index.mp4"
    cut.write_bytes(path.read_bytes()[:2000])
    return cut


DAMAGED = (5, 6, 20, 41)


def damaged(folder: Path) -> Path:
    """An MKV of 60 separately coded pictures, of which those in `DAMAGED` are overwritten."""
    path = encode(folder / "good.mkv", _steady(60), Fraction(1, 25), options={"g": "1"})
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        places = [bytes(p) for p in container.demux(video=0) if p.size]
    for number in DAMAGED:
        start = data.index(places[number])
        data[start : start + 64] = b"\xff" * 64
    bad = folder / "damaged.mkv"
    bad.write_bytes(bytes(data))
    return bad


def sound_only(folder: Path) -> Path:
    """An M4A."""
    path = folder / "sound.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        container.mux(list(_silence(stream, 0.5)))
    return path
