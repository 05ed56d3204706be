"""A clip that flashes and beeps at the same moments, and what of it is left after it went through something."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

RATE, SAMPLES = 25, 48_000
FLASH = 5  # frames
SIZE = (320, 240)


def write_flashes(path: Path, seconds: int = 4) -> None:
    """White for some frames and loud for as long, at the beginning of each second but the first."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"g": "25", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLES)
        audio.layout = "mono"
        for number in range(seconds * RATE):
            white = number >= RATE and number % RATE < FLASH
            image = np.full((SIZE[1], SIZE[0], 3), 235 if white else 20, np.uint8)
            frame = VideoFrame.from_ndarray(image, format="bgr24")
            container.mux(video.encode(frame))
        tone = np.sin(np.arange(seconds * SAMPLES) * 2 * np.pi * 1000 / SAMPLES).astype(np.float32)
        time = np.arange(len(tone)) / SAMPLES
        tone[(time < 1) | (time % 1 >= FLASH / RATE)] = 0
        for start in range(0, len(tone), 1024):
            part = np.zeros(1024, np.float32)
            part[: len(tone[start : start + 1024])] = tone[start : start + 1024]
            frame = AudioFrame.from_ndarray(part[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = SAMPLES, start
            container.mux(audio.encode(frame))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def flashes_and_beeps(path: Path) -> tuple[list[float], list[float]]:
    """Times in seconds at which flashes and beeps begin."""
    bright: list[tuple[float, bool]] = []
    loud: list[tuple[float, bool]] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0, audio=0):
            if isinstance(frame, VideoFrame):
                # The middle of the upper half, where no label is drawn.
                bright.append((frame.time, frame.to_ndarray(format="gray")[20:100, 100:220].mean() > 128))
                continue
            wave = np.abs(frame.to_ndarray().astype(np.float32)).max(0)
            scale = 1.0 if frame.format.name.startswith("flt") else 32768.0
            for at in range(0, len(wave), 128):
                loud.append((frame.time + at / frame.sample_rate, wave[at : at + 128].max() / scale > 0.2))
    return _begins(bright), _begins(loud)


def _begins(levels: list[tuple[float, bool]]) -> list[float]:
    begins, quiet_since = [], None
    for time, on in sorted(levels):
        if on and (quiet_since is None or time - quiet_since > 0.2):
            begins.append(time)
        if on:
            quiet_since = time
    return begins
