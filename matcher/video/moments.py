"""Single pictures out of a video, by their times: far ones are sought, near ones are read on to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from matcher.video.container import open_container, video_stream
from matcher.video.picture import Turns, to_bgr

READ_ON_S = 2  # nearer ones are read on to
BACK_S = (1, 10, None)


def pictures_at(path: str | Path, times: Iterable[Fraction]) -> Iterator[tuple[Fraction, NDArray[np.uint8]]]:
    """The frames of a video that are shown at exact times.

    Args:
        path: of the video.
        times: seconds, as in `Frame.timestamp`; those at which no frame begins are left out.

    Yields:
        (time, picture (H, W, 3) uint8 BGR), in the order of the times.

    Raises:
        MediaError: not a video that can be read.
    """
    turns, frames, waiting, reached = Turns(), iter(()), None, None
    with ExitStack() as opened:
        for time in sorted(set(times)):
            if reached is None or time - reached > READ_ON_S:
                opened.close()
                frames, waiting = _from(path, time, opened), None
            # The frame that was read last may be the one of a later time.
            while waiting is None or _time(waiting) < time:
                waiting = next(frames, None)
                if waiting is None:
                    break
            reached = time if waiting is None else _time(waiting)
            if waiting is not None and reached == time:
                yield time, to_bgr(waiting, turns)


def _from(path: str | Path, time: Fraction, opened: ExitStack) -> Iterator[VideoFrame]:
    """Decoded frames from one at or before a time on."""
    # Some containers have no index, and land after the place that is sought: then further back, at last from the start.
    for back in BACK_S:
        container = opened.enter_context(open_container(path, 10.0, Path(path).name, "cpu"))
        stream = video_stream(container, Path(path).name)
        stream.thread_type = "AUTO"
        if back is not None and time > back:
            container.seek(int((time - back) / stream.time_base), stream=stream, backward=True)
        frames = _decoded(container, stream)
        first = next(frames, None)
        if back is None or (first is not None and _time(first) <= time):
            return iter(()) if first is None else chain([first], frames)
    return iter(())


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Frames from here on; damaged ones are passed over."""
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        yield from (frame for frame in frames if frame.pts is not None and not frame.is_corrupt)


def _time(frame: VideoFrame) -> Fraction:
    return frame.pts * Fraction(frame.time_base)
