"""A live stream on a real server for a long time, and how late its results are."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import live_sender
from benchmarks.live_servers import RtmpServer
from benchmarks.live_stage import Shown, streaming
from benchmarks.long_run import slope, watch
from benchmarks.picture_code import BITS, read_code
from benchmarks.timing import quantiles
from matcher.live.session import Session
from matcher.live.spec import StreamSpec
from matcher.pipeline import Pipeline
from matcher.sinks.base import Closing
from matcher.types import Frame, Garments

GIVE_UP_S = 30.0
_WARM_S = 4.0

Told = Callable[[dict[str, Any]], None]


def live_soak(
    clip: Path, pipeline: Pipeline, folder: Path, minutes: float, told: Told = lambda row: None
) -> dict[str, Any]:
    """Read from an RTMP server, match, and publish there again, for a time.

    Returns:
        {"minutes", "frames", "dropped", "reconnects", "sent", "not_sent", "samples", "slope"}, the last two as in
        `benchmarks.long_run`.
    """
    with streaming(clip, pipeline, folder, [Shown()]) as (_, _, session):
        samples = watch(session.live, 60 * minutes, 5.0, told)
        status = session.live.status()[0]
    return {
        "minutes": minutes,
        "frames": status.frames,
        "dropped": status.dropped,
        "reconnects": status.health.reconnects,
        "sent": status.published[0].frames,
        "not_sent": status.published[0].dropped,
        "samples": samples,
        "slope": {f"{name}_per_hour": slope(samples, name) for name in ("rss_mb", "latency_ms")},
    }


class _Late(Closing):
    """Milliseconds from the time drawn into a picture to its coming, and to its result."""

    def __init__(self) -> None:
        self.ms: list[float] = []
        self.frames, self._began = 0, time.monotonic()

    def write(self, frame: Frame, garments: Garments) -> None:
        if not self.frames:
            self._began = time.monotonic()
        self.frames += 1
        if time.monotonic() - self._began > _WARM_S:
            self.ms.append((live_sender.now_ms() - read_code(frame.image)) % 2**BITS)

    def close(self, ok: bool = True) -> None:
        """Nothing is open."""


def live_latency(clip: Path, pipeline: Pipeline, folder: Path, seconds: float) -> dict[str, Any]:
    """From a picture's being given to an encoder, over an RTMP server, to its result.

    Returns:
        {"ms" (quantiles), "inside_ms" (from decoding to the result), "frames", "dropped", "detections" (a second)}.
    """
    server, late = RtmpServer(folder), _Late()
    command: Sequence[str] = [sys.executable, "-m", live_sender.__name__, str(clip), server.url("in")]
    sender = subprocess.Popen(command)
    try:
        with Session([StreamSpec(server.url("in"), "in")], pipeline, lambda channel: [late]) as session:
            end = time.monotonic() + GIVE_UP_S
            while not late.frames and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(_WARM_S + seconds)
            status, inside = session.live.status()[0], session.live.latencies_ms()
            session.live.stop()
    finally:
        sender.terminate()
        sender.wait()
        server.kill()
    return {
        "ms": quantiles(late.ms) if late.ms else {},
        "inside_ms": quantiles(inside) if inside else {},
        "frames": status.frames,
        "dropped": status.dropped,
        "detections": round(status.detections, 2),
    }
