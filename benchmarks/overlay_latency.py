"""Picture to overlay: a number drawn into each picture, and when the overlay page in a browser shows its result."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.browser import chromium
from benchmarks.picture_code import Coded, read_code
from benchmarks.timing import quantiles
from matcher.live.channel import Channel
from matcher.live.session import Session
from matcher.live.spec import StreamSpec
from matcher.pipeline import Pipeline
from matcher.sinks.base import Closing, Sink
from matcher.types import Frame, Garments
from matcher.web.live.app import live_app
from matcher.web.live.board import Board
from matcher.web.live.hub import Hub
from matcher.web.server import Serving
from matcher.web.token import Token

WARM_S = 4.0  # left out at the beginning: the schedule finds its stride, the page loads
# Runs in the page: when it shows which number, and how long its frames take.
_WATCH = """
window.shown = []; window.gaps = [];
let last = "", before = 0;
const look = now => {
    const text = document.getElementById("timecode")?.textContent ?? "";
    if (text !== last) window.shown.push([Number(last = text), performance.timeOrigin + performance.now()]);
    if (before) window.gaps.push(now - before);
    before = now;
    requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


class _Coder(Closing):
    """A sink that draws numbers into the frames of its source, see `matcher.live.channel.SeesSource`."""

    def __init__(self) -> None:
        self.drawn: dict[int, float] = {}

    def watch(self, source: Any) -> Coded:
        return Coded(source, time.time, self.drawn)

    def write(self, frame: Frame, garments: Garments) -> None:
        """Nothing: the pictures have been seen."""

    def close(self, ok: bool = True) -> None:
        """Nothing is open."""


def overlay_latency(video: Path, pipeline: Pipeline, seconds: float, query: str = "") -> dict[str, Any]:
    """Play a clip as a live source, and watch the overlay in Chromium on this machine.

    Args:
        video: the clip.
        pipeline: not yet used, with live settings and a catalogue.
        seconds: how long, after the first seconds, which do not count.
        query: options of the overlay's address.

    Returns:
        {"frames", "dropped", "detections" (a second), "shown" (share of the results that the page showed), "cards"
        (mean on screen), "ms": {"picture to result", "result to overlay", "picture to overlay", "screen frame"}: {p50,
        p95, p99}}. From the moment when the number is drawn into the picture to the one at which a screen frame begins
        that has it on the page; a result is there when its sink gets it.

    Raises:
        BackendError: Playwright or Chromium is not there.
    """
    coder, hub, written = _Coder(), Hub(), {}

    def mark(frame: Frame) -> int:
        number = read_code(frame.image)
        written[number] = time.time()
        return number

    def sinks(channel: Channel) -> list[Sink]:
        return [coder, hub.add(channel.name, mark=mark)]

    session = Session([StreamSpec(str(video), loop=True)], pipeline, sinks)
    with session, Serving(live_app(hub, Token("b" * 20))) as server, closing(_Counts(hub.board())) as counts:
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.add_init_script(_WATCH)
            page.goto(f"{server.url}/overlay?timecode&{query}")
            page.wait_for_timeout(1000 * WARM_S)
            began, first = time.time(), len(session.live.latencies_ms())
            for _ in range(round(10 * seconds)):
                page.wait_for_timeout(100)
                counts.look()
            shown, gaps = page.evaluate("[window.shown, window.gaps]")
        late = session.live.latencies_ms()[first:]
        status = session.live.status()[0]
        session.live.stop()
    judged = [(number, at) for number, at in shown if coder.drawn.get(number, 0) >= began]
    times = [at - 1e3 * coder.drawn[number] for number, at in judged]
    return {
        "frames": len(late),
        "dropped": status.dropped,
        "detections": round(status.detections, 1),
        "shown": round(len(times) / max(len(late), 1), 3),
        "cards": round(counts.mean, 2),
        "ms": {
            "picture to result": quantiles(late),
            "result to overlay": quantiles([at - 1e3 * written[number] for number, at in judged]),
            "picture to overlay": quantiles(times),
            "screen frame": quantiles(gaps),
        },
    }


class _Counts:
    """How many cards there are, on average."""

    def __init__(self, board: Board) -> None:
        self._board, self._seen = board, []

    def look(self) -> None:
        self._seen.append(len(self._board.cards()))

    @property
    def mean(self) -> float:
        return sum(self._seen) / max(len(self._seen), 1)

    def close(self) -> None:
        """Nothing is open."""
