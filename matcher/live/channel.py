"""Makes what a stream runs on: its source, its pipeline on the shared models, and guards that keep failures to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from matcher.catalog.catalog import Catalog
from matcher.engine.live import Stream
from matcher.engine.schedule import Schedule
from matcher.live.apart import Failure, GuardedSink, GuardedSource, GuardedStages
from matcher.live.spec import StreamSpec
from matcher.pipeline import Pipeline
from matcher.sinks.base import Sink
from matcher.sinks.publish import PublishSink
from matcher.video.forward import form_of
from matcher.video.live_source import LiveSource


@runtime_checkable
class SeesSource(Protocol):
    """A sink that wants to see frames, or notices, when they come."""

    def watch(self, source: Any) -> Any:
        """The same source, seen while it is iterated over."""
        ...


@dataclass(frozen=True, eq=False)
class Channel:
    """One stream of a session.

    Attributes:
        spec: what was asked for, with its name.
        source: its frames and sound.
        pipeline: its own stages, on models that all share.
        failure: whether it has failed.
    """

    spec: StreamSpec
    source: LiveSource
    pipeline: Pipeline
    failure: Failure

    @property
    def name(self) -> str:
        """Its name."""
        return self.spec.name


MakeSinks = Callable[[Channel], Sequence[Sink]]


class Channels:
    """Makes channels, and the engine's streams of them.

    Attributes:
        catalogs: all that are loaded, by their folders.
    """

    def __init__(self, pipeline: Pipeline, sinks: MakeSinks, decode: str, shared_catalog: bool) -> None:
        """Say what all of them share; see `matcher.live.session.Session`."""
        self._pipeline, self._sinks, self._decode = pipeline, sinks, decode
        self._shared_catalog = shared_catalog
        self.catalogs: dict[Path, Catalog] = {}
        if pipeline.catalog is not None:
            self.catalogs[pipeline.catalog.path.resolve()] = pipeline.catalog

    def channel(self, spec: StreamSpec, apart: Callable[[], bool]) -> Channel:
        """A channel that does not run yet.

        Args:
            spec: with a name.
            apart: whether other streams are to go on when this one fails.

        Raises:
            MediaError: its source can never be opened.
            CatalogError: its catalogue is damaged, or of another embedder.
            InputError: nothing can be published there.
        """
        source = LiveSource(spec.source, self._pipeline.config.source, spec.loop, self._decode)
        if spec.publish:
            form_of(spec.publish)
        return Channel(spec, source, self._for_catalog(spec.catalog), Failure(apart, source.stop))

    def stream(self, channel: Channel) -> Stream:
        """What the engine runs, with the channel's sinks.

        Raises:
            MatcherError: as whoever makes the sinks does.
        """
        config, source, failure = channel.pipeline.config, channel.source, channel.failure
        schedule = Schedule(config.engine, config.frames_at_once)
        schedule.at_rate(float(source.rate))
        sinks = list(self._sinks(channel))
        guarded: list[Sink] = [GuardedSink(sink, failure) for sink in sinks]
        if channel.spec.publish:
            # The engine asks it how it does. It raises nothing: where its target fails it tries again.
            guarded.append(PublishSink(channel.spec.publish, source.rate, source.sound))
        for sink in sinks:
            source = sink.watch(source) if isinstance(sink, SeesSource) else source
        stages = GuardedStages(channel.pipeline, failure)
        return Stream(GuardedSource(source, failure), stages, guarded, schedule, config.engine.queue)

    def _for_catalog(self, catalog: str) -> Pipeline:
        if not catalog:
            return self._pipeline.beside() if self._shared_catalog else self._pipeline.on_catalog(None)
        path = Path(catalog).resolve()
        if path not in self.catalogs:
            self.catalogs[path] = Catalog.load(catalog, self._pipeline.bundle.embedder_hash)
        return self._pipeline.on_catalog(self.catalogs[path])
