"""Single pictures out of a video, by their times: far ones are sought, near ones are read on to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
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
    name, turns = Path(path).name, Turns()
    with open_container(path, 10.0, name, "cpu") as container:
        stream = video_stream(container, name)
        frames, reached, waiting = iter(()), None, None
        for time in sorted(set(times)):
            if reached is None or time - reached > READ_ON_S:
                frames, waiting = _from(container, stream, time), None
            # The frame that was read last may be the one of a later time.
            while waiting is None or _time(waiting, stream) < time:
                waiting = next(frames, None)
                if waiting is None:
                    break
            reached = time if waiting is None else _time(waiting, stream)
            if waiting is not None and reached == time:
                yield time, to_bgr(waiting, turns)


def _from(container: InputContainer, stream: VideoStream, time: Fraction) -> Iterator[VideoFrame]:
    """Decoded frames from a key frame at or before a time on; damaged ones are passed over."""
    # A little before: in some containers seeking lands on the next key frame where stamps of packets are meant.
    container.seek(max(int((time - 1) / stream.time_base), stream.start_time or 0), stream=stream, backward=True)
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        yield from (frame for frame in frames if frame.pts is not None and not frame.is_corrupt)


def _time(frame: VideoFrame, stream: VideoStream) -> Fraction:
    return frame.pts * Fraction(stream.time_base)
