"""One connection that pictures and sound go out by: encoded here, sent by a program of its own (`forward.py`)."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import av
import cv2
import numpy as np
from numpy.typing import NDArray

import matcher
from matcher.errors import MediaError
from matcher.video import bridge, forward
from matcher.video.container import reason_of
from matcher.video.sound import SoundFormat, SoundPacket
from matcher.video.writer import add_video_stream, to_picture

UNIT = Fraction(1, 90_000)
STUCK_S = 5.0  # a target that takes nothing for so long is given up
KEY_S = 2  # between two pictures at which a viewer can begin
_BITS = 3.5  # a second at most, for each pixel: about 3.2 Mbit/s at 1280x720
_END_S = 3.0
_BARS = (16, 16, 16)
_OPEN = ("open", "progress=continue")  # said by `forward.py`, and by ffmpeg in its place
_FIGURE = re.compile(r"\w+=")


class Outgoing:
    """Sends pictures and sound until it is closed or fails; a context manager.

    Attributes:
        connected: whether the target has taken the connection.
    """

    def __init__(self, target: str, size: tuple[int, int], rate: Fraction, sound: SoundFormat | None = None) -> None:
        """Start the program and the encoder.

        Args:
            target: as `forward.form_of` takes it.
            size: (width, height); pictures of another size are fitted in, with bars.
            rate: about how many pictures a second.
            sound: what sound will come; None for none.

        Raises:
            MediaError: there is no encoder, or the program cannot be started.
        """
        self.size, self.connected = size, False
        self._said, self._last = "", {"video": -1, "audio": -1}
        self._process = _start(target)
        self._listener = threading.Thread(target=self._listen, name="asworn-publish-words", daemon=True)
        self._listener.start()
        try:
            self._container = av.open(_Pipe(self._process.stdin.fileno()), "w", format="nut")
            self._video = add_video_stream(self._container, size, rate, UNIT, _options(size, rate))
            self._video.codec_context.gop_size = max(round(KEY_S * float(rate)), 1)
            self._audio = self._container.add_stream_from_template(sound.stream) if sound is not None else None
        except BaseException:
            self.close()
            raise

    def picture(self, image: NDArray[np.uint8], time: Fraction) -> bool:
        """Send a picture (H, W, 3) uint8 BGR; whether its time was after the one before, else it is left out.

        Raises:
            MediaError: the connection is broken.
        """
        pts = round(time / UNIT)
        if pts <= self._last["video"]:
            return False
        self._last["video"] = pts
        picture = to_picture(fit(image, self.size), self.size, pts, UNIT)
        self._mux(lambda: self._video.encode(picture))
        return True

    def sound(self, packet: SoundPacket, zero: Fraction) -> None:
        """Send sound; times count from `zero`.

        Raises:
            MediaError: the connection is broken.
        """
        one = packet.packet(UNIT)
        one.pts = one.dts = one.pts - round(zero / UNIT)
        if self._audio is None or one.pts <= self._last["audio"]:
            return
        self._last["audio"], one.stream = one.pts, self._audio
        self._mux(lambda: [one])

    def close(self) -> None:
        """Send what is left, if that can be done soon, and end the program."""
        try:
            if self._last["video"] >= 0 and self._process.poll() is None:
                self._mux(lambda: self._video.encode(None))
                self._container.close()
        except (MediaError, av.FFmpegError, OSError):
            pass  # the target is gone: what was to be said of it has been said
        finally:
            self._process.stdin.close()
            self._end()

    def _mux(self, packets: Any) -> None:
        try:
            self._container.mux(packets())
        except (av.FFmpegError, OSError) as error:
            raise MediaError(self._why(error)) from error

    def _why(self, error: Exception) -> str:
        """What the program said, rather than that its pipe is broken."""
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            return f"it takes nothing ({reason_of(error)})" if self.connected else "no answer in time"
        return self._said or reason_of(error)

    def _listen(self) -> None:
        with self._process.stdout as words:
            for line in words:
                if line.strip() in _OPEN:
                    self.connected = True
                elif line.strip() and not _FIGURE.match(line):
                    self._said = line.strip()

    def _end(self) -> None:
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def fit(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """An image (H, W, 3) uint8 BGR in the middle of a picture of `size` (width, height), as large as fits."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    scale = min(size[0] / width, size[1] / height)
    small = max(round(width * scale), 1), max(round(height * scale), 1)
    result = np.full((size[1], size[0], 3), _BARS, np.uint8)
    left, top = (size[0] - small[0]) // 2, (size[1] - small[1]) // 2
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    result[top : top + small[1], left : left + small[0]] = cv2.resize(image, small, interpolation=method)
    return result


def _start(target: str) -> subprocess.Popen[str]:
    root = str(Path(matcher.__file__).parents[1])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    env = {**os.environ, forward.TARGET: target, "PYTHONPATH": paths}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    command = bridge.sending(target) if bridge.needed(target) else [sys.executable, "-m", forward.__name__]
    try:
        return subprocess.Popen(command, **pipes, env=env, text=True, errors="replace")
    except OSError as error:
        raise MediaError(f"the program that publishes cannot be started ({error})") from error


def _options(size: tuple[int, int], rate: Fraction) -> dict[str, dict[str, str]]:
    """Of the encoders: no picture is held back, and a second never takes more than a connection can carry."""
    most = max(round(size[0] * size[1] * _BITS), 300_000)
    x264 = {"preset": "veryfast", "tune": "zerolatency", "crf": "23", "maxrate": str(most), "bufsize": str(most)}
    return {"libx264": x264, "mpeg4": {"qscale": "4"}}


class _Pipe:
    """The writing end of a pipe as PyAV wants it: a reader that takes nothing is an error, not a long wait."""

    def __init__(self, number: int) -> None:
        self._number = number
        os.set_blocking(number, False)

    def write(self, data: bytes) -> int:
        left, end = memoryview(data), monotonic() + STUCK_S
        while len(left):
            if not select.select([], [self._number], [], max(end - monotonic(), 0))[1]:
                raise BrokenPipeError("the pipe is full")
            try:
                left = left[os.write(self._number, left) :]
            except BlockingIOError:
                continue
        return len(data)
