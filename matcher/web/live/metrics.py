"""Figures for Prometheus, gathered when they are asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from matcher import __version__
from matcher.video.health import State
from matcher.web.live.hub import Hub

TYPE = "text/plain; version=0.0.4; charset=utf-8"
_COUNTS = {
    "frames": "results so far",
    "dropped": "frames that nobody had time for",
}
_RATES = {"rate": "results a second, lately", "detections": "detections a second, lately"}


class HubCollector:
    """Gives a hub's figures to a registry of `prometheus_client`."""

    def __init__(self, hub: Hub) -> None:
        """Name the hub."""
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """All figures as they are now; `stream` is the label of each."""
        about = GaugeMetricFamily("asworn_info", "the version that runs", labels=["version"])
        about.add_metric([__version__], 1)
        uptime = GaugeMetricFamily("asworn_uptime_seconds", "since the server began", time.time() - self._hub.began)
        yield from (about, uptime)
        yield from self._sources()
        yield from self._boards()

    def _sources(self) -> Iterator[Metric]:
        facts = self._hub.sources()
        for name, words in _COUNTS.items():
            counter = CounterMetricFamily(f"asworn_{name}", words, labels=["stream"])
            _fill(counter, [(one["name"], one.get(name)) for one in facts])
            yield counter
        for name, words in _RATES.items():
            gauge = GaugeMetricFamily(f"asworn_{name}_per_second", words, labels=["stream"])
            _fill(gauge, [(one["name"], one.get(name)) for one in facts])
            yield gauge
        late = GaugeMetricFamily("asworn_latency_seconds", "from picture to result", labels=["stream", "quantile"])
        for one in facts:
            for name, value in one.get("latency_ms", {}).items():
                late.add_metric([one["name"], f"0.{name[1:]}"], value / 1e3)
        back = CounterMetricFamily("asworn_reconnects", "how often the source came back", labels=["stream"])
        _fill(back, [(one["name"], one["health"].get("reconnects")) for one in facts if "health" in one])
        yield from (late, back)

    def _boards(self) -> Iterator[Metric]:
        boards = self._hub.boards.values()
        parts = {
            "up": ("1 where frames come", lambda board: board.state == State.LIVE),
            "failed": ("1 where the stream has failed, and others go on", lambda board: board.state == State.FAILED),
            "cards": ("cards on screen", lambda board: len(board.cards())),
            "pages": ("overlay pages that listen", lambda board: board.journal.listeners),
        }
        for name, (words, value) in parts.items():
            gauge = GaugeMetricFamily(f"asworn_{name}", words, labels=["stream"])
            _fill(gauge, [(board.name, value(board)) for board in boards])
            yield gauge
        changes = CounterMetricFamily("asworn_card_changes", "cards that came or went", labels=["stream"])
        _fill(changes, [(board.name, board.changes) for board in boards])
        yield changes


def exposition(hub: Hub) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(HubCollector(hub))
    return generate_latest(registry)


def _fill(metric: CounterMetricFamily | GaugeMetricFamily, values: list[tuple[str, float | None]]) -> None:
    for name, value in values:
        if value is not None:
            metric.add_metric([name], float(value))
