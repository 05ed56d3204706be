"""A run of live streams: sources, pipelines on shared models, and where the results go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

from matcher.catalog.catalog import Catalog
from matcher.catalog.watch import Watch
from matcher.engine.live import Live, Status, Stream
from matcher.engine.schedule import Schedule
from matcher.errors import InputError
from matcher.live.spec import StreamSpec, named
from matcher.pipeline import Pipeline
from matcher.sinks.base import Sink
from matcher.sinks.publish import PublishSink
from matcher.video.live_source import LiveSource

WATCH_S = 1.0  # between two looks whether a catalogue has a new generation


@runtime_checkable
class SeesSource(Protocol):
    """A sink that wants to see frames, or notices, when they come."""

    def watch(self, source: Any) -> Any:
        """The same source, seen while it is iterated over."""
        ...


@dataclass(frozen=True)
class Channel:
    """One stream of a session.

    Attributes:
        spec: what was asked for, with its name.
        source: its frames and sound.
        pipeline: its own stages, on models that all share.
    """

    spec: StreamSpec
    source: LiveSource
    pipeline: Pipeline

    @property
    def name(self) -> str:
        """Its name."""
        return self.spec.name


MakeSinks = Callable[[Channel], Sequence[Sink]]


class Session:
    """Runs streams until they end or `stop` is called; a context manager. Leaving it raises the first failure.

    New generations of the catalogues are loaded beside the streams, which take them up between two frames.

    Attributes:
        channels: in the order in which they were named or added; their numbers are those of `live`.
        live: what runs them.
    """

    def __init__(
        self,
        specs: Sequence[StreamSpec],
        pipeline: Pipeline,
        sinks: MakeSinks = lambda channel: (),
        decode: str = "cpu",
        lasting: bool = False,
        shared_catalog: bool = True,
    ) -> None:
        """Prepare streams.

        Args:
            specs: at least one.
            pipeline: not yet used.
            sinks: makes what takes a stream's results, besides publishing.
            decode: one of `matcher.video.hardware.DECODERS`.
            lasting: go on where all streams have ended, for those that will be added.
            shared_catalog: whether the pipeline's catalogue is for the streams that name none; else these have none.

        Raises:
            MediaError: a source can never be opened.
            CatalogError: a catalogue is damaged, or of another embedder.
            ConfigError: a name was given twice.
            InputError: nothing can be published there.
        """
        self._pipeline, self._sinks, self._decode, self._lasting = pipeline, sinks, decode, lasting
        self._shared_catalog = shared_catalog
        self._catalogs: dict[Path, Catalog] = {}
        if pipeline.catalog is not None:
            self._catalogs[pipeline.catalog.path.resolve()] = pipeline.catalog
        self._watches = ExitStack()
        self.channels = [self._channel(spec) for spec in named(specs)]

    def __enter__(self) -> Self:
        config = self._pipeline.config
        self._pipeline.warm_up(self.channels[0].source.size)
        streams = [self._stream(channel) for channel in self.channels]
        # Threads that wait for a run of the detector that serves all of them cost nothing.
        self.live = Live(streams, max(config.frames_at_once, config.engine.batch), self._lasting)
        for catalog in self._catalogs.values():
            self._watch(catalog)
        self.live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.live.__exit__(kind, error, trace)
        finally:
            self._watches.close()

    def number(self, name: str) -> int:
        """The number of a stream.

        Raises:
            InputError: there is none of that name.
        """
        names = [channel.name for channel in self.channels]
        if name not in names:
            raise InputError(f"there is no stream {name!r}; there are: {', '.join(names)}")
        return names.index(name)

    def status(self) -> dict[str, Status]:
        """How each stream does now, by name."""
        return dict(zip((channel.name for channel in self.channels), self.live.status(), strict=False))

    def pause(self, name: str, paused: bool = True) -> None:
        """Match a stream's frames no more, or again.

        Raises:
            InputError: there is none of that name.
        """
        self.live.pause(self.number(name), paused)

    def add(self, spec: StreamSpec) -> Channel:
        """Start one more stream while the others run.

        Raises:
            MatcherError: as the constructor does.
        """
        known = set(self._catalogs)
        channel = self._channel(named([spec], [one.name for one in self.channels])[0])
        for path in set(self._catalogs) - known:
            self._watch(self._catalogs[path])
        self.channels.append(channel)
        self.live.add(self._stream(channel))
        return channel

    def remove(self, name: str) -> None:
        """End one stream; the others go on.

        Raises:
            InputError: there is none of that name.
        """
        self.live.remove(self.number(name))

    def _channel(self, spec: StreamSpec) -> Channel:
        config = self._pipeline.config
        source = LiveSource(spec.source, config.source, spec.loop, self._decode)
        return Channel(spec, source, self._for_catalog(spec.catalog))

    def _for_catalog(self, catalog: str) -> Pipeline:
        if not catalog:
            return self._pipeline.beside() if self._shared_catalog else self._pipeline.on_catalog(None)
        path = Path(catalog).resolve()
        if path not in self._catalogs:
            self._catalogs[path] = Catalog.load(catalog, self._pipeline.bundle.embedder_hash)
        return self._pipeline.on_catalog(self._catalogs[path])

    def _stream(self, channel: Channel) -> Stream:
        config, source = channel.pipeline.config, channel.source
        schedule = Schedule(config.engine, config.frames_at_once)
        schedule.at_rate(float(source.rate))
        sinks = list(self._sinks(channel))
        if channel.spec.publish:
            sinks.append(PublishSink(channel.spec.publish, source.rate, source.sound))
        for sink in sinks:
            source = sink.watch(source) if isinstance(sink, SeesSource) else source
        return Stream(source, channel.pipeline, sinks, schedule, config.engine.queue)

    def _watch(self, catalog: Catalog) -> None:
        self._watches.enter_context(Watch(catalog, WATCH_S))
