"""A run of live streams: sources, pipelines on shared models, and where the results go."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from matcher.catalog.watch import Watch
from matcher.engine.live import Live, Status
from matcher.engine.stream import Stream
from matcher.errors import InputError, MatcherError
from matcher.live.apart import failed
from matcher.live.channel import Channel, Channels, MakeSinks
from matcher.live.spec import StreamSpec, named
from matcher.pipeline import Pipeline

WATCH_S = 1.0  # between two looks whether a catalogue has a new generation
END_S = 20.0  # a stream that was asked to end has so long for it
_POLL_S = 0.02


@dataclass
class _Place:
    """What a name stands for now: a channel by its number, or why there never was one."""

    spec: StreamSpec
    number: int | None = None
    error: MatcherError | None = None


class Session:
    """Runs streams until they end or they are stopped; a context manager.

    A stream that fails ends alone, with the state `failed`, as long as there are others; what fails in the only one is
    raised, here or where the block is left. New generations of the catalogues are loaded beside the streams, which take
    them up between two frames.

    Attributes:
        channels: all that were ever started; their numbers are those of `live`.
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
            MediaError: the only source, or the first of several that all fail, can never be opened.
            CatalogError: its catalogue is damaged, or of another embedder.
            InputError: nothing can be published there.
            ConfigError: a name was given twice.
        """
        self._pipeline, self._lasting = pipeline, lasting
        self._make = Channels(pipeline, sinks, decode, shared_catalog)
        self._watched: set[Path] = set()
        self._watches, self._changing = ExitStack(), threading.Lock()
        self.channels: list[Channel] = []
        self._places = {spec.name: _Place(spec) for spec in named(specs)}
        for place in self._places.values():
            self._prepare(place)
        self._need_one()

    def __enter__(self) -> Self:
        config = self._pipeline.config
        self._pipeline.warm_up(self.channels[0].source.size)
        streams = self._streams()
        # Threads that wait for a run of the detector that serves all of them cost nothing. When all is over is decided
        # here: while a stream is started again there may be none.
        self.live = Live(streams, max(config.frames_at_once, config.engine.batch), lasting=True)
        self._watch()
        self.live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.live.__exit__(kind, error, trace)
        finally:
            self._watches.close()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all streams have ended or failed; whether that is so after `timeout_s` seconds."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._over():
            left = WATCH_S if end is None else min(end - time.monotonic(), WATCH_S)
            if left <= 0:
                return False
            self.live.wait(left)
        return True

    def number(self, name: str) -> int:
        """The number of a stream's newest run.

        Raises:
            InputError: there is no stream of that name, or it could not be started.
        """
        place = self._place(name)
        if place.number is None:
            raise InputError(f"the stream {name!r} has failed: {place.error}")
        return place.number

    @property
    def specs(self) -> dict[str, StreamSpec]:
        """The streams that there are, by name."""
        return {name: place.spec for name, place in self._places.items()}

    def status(self) -> dict[str, Status]:
        """How each stream does now, by name."""
        places = [(name, place, place.number) for name, place in self._places.items()]
        status = self.live.status()  # after the numbers: of these none is missing then
        return {name: self._status(place, number, status) for name, place, number in places}

    def failures(self) -> dict[str, str]:
        """Why streams have failed, by name."""
        errors = {name: self._error(place, place.number) for name, place in self._places.items()}
        return {name: failed(error).reason for name, error in errors.items() if error is not None}

    def latencies_ms(self, name: str) -> list[float]:
        """Milliseconds from coming to result of a stream's newest frames, in order."""
        place = self._places.get(name)
        return [] if place is None or place.number is None else self.live.latencies_ms(place.number)

    def pause(self, name: str, paused: bool = True) -> None:
        """Match a stream's frames no more, or again.

        Raises:
            InputError: there is none of that name, or it could not be started.
        """
        self.live.pause(self.number(name), paused)

    def add(self, spec: StreamSpec) -> Channel:
        """Start one more stream while the others run.

        Raises:
            MatcherError: as the constructor does; or all are being stopped.
        """
        with self._changing:
            spec = named([spec], list(self._places))[0]
            channel, place = self._channel(spec), _Place(spec)
            self._start(channel, place)
            self._places = {**self._places, spec.name: place}
            return channel

    def restart(self, name: str) -> Channel:
        """End a stream, if it has not ended, and start it anew as it was asked for.

        Raises:
            InputError: there is none of that name.
            MatcherError: it can no longer be started, or does not end; it stays as it is.
        """
        with self._changing:
            place = self._place(name)
            if place.spec.publish and "://" not in place.spec.publish:
                raise InputError(f"{place.spec.publish} would be written anew; add another stream, with another file")
            channel = self._channel(place.spec)
            self._end(place)
            self._start(channel, place)
            return channel

    def remove(self, name: str) -> None:
        """End one stream and forget it, when it has ended; the others go on.

        Raises:
            InputError: there is none of that name.
            MatcherError: it does not end.
        """
        with self._changing:
            self._end(self._place(name))
            self._places = {one: place for one, place in self._places.items() if one != name}

    def _place(self, name: str) -> _Place:
        if name not in self._places:
            raise InputError(f"there is no stream {name!r}; there are: {', '.join(self._places)}")
        return self._places[name]

    def _prepare(self, place: _Place) -> None:
        try:
            channel = self._channel(place.spec)
        except MatcherError as error:
            self._keep(place, error)
        else:
            place.number = len(self.channels)
            self.channels.append(channel)

    def _keep(self, place: _Place, error: MatcherError) -> None:
        if len(self._places) == 1:
            raise error
        place.error, place.number = error, None

    def _need_one(self) -> None:
        """Where none can be started there is nothing to go on with."""
        if not self.channels:
            raise next(place.error for place in self._places.values() if place.error is not None)

    def _streams(self) -> list[Stream]:
        """What runs; those that cannot be are left out, so that numbers stay those of the channels."""
        channels, streams, self.channels = self.channels, [], []
        for channel in channels:
            place = self._places[channel.name]
            try:
                streams.append(self._make.stream(channel))
            except MatcherError as error:
                self._keep(place, error)
            else:
                place.number = len(self.channels)
                self.channels.append(channel)
        self._need_one()
        return streams

    def _start(self, channel: Channel, place: _Place) -> None:
        stream = self._make.stream(channel)
        self._watch()
        try:
            number = self.live.add(stream)
        except ValueError as error:
            raise InputError("the streams are being stopped") from error
        self.channels.append(channel)
        place.number, place.error = number, None

    def _end(self, place: _Place) -> None:
        if place.number is None:
            return
        self.live.remove(place.number)
        end = time.monotonic() + END_S
        while not self.live.status()[place.number].ended:
            if time.monotonic() > end:
                raise MatcherError(f"the stream {place.spec.name!r} does not end; try again")
            time.sleep(_POLL_S)
        self.live.forget(place.number)

    def _over(self) -> bool:
        if self.live.wait(0):
            return True
        # One that is started again just now has ended, and has not.
        if self._lasting or not self._changing.acquire(blocking=False):
            return False
        try:
            return all(status.ended for status in self.status().values())
        finally:
            self._changing.release()

    def _error(self, place: _Place, number: int | None) -> Exception | None:
        return place.error if number is None else self.channels[number].failure.error

    def _status(self, place: _Place, number: int | None, status: Sequence[Status]) -> Status:
        error = self._error(place, number)
        now = status[number] if number is not None else Status(0, 0, 0.0, 0.0, 0.0, ended=True)
        return now if error is None else replace(now, health=failed(error, now.health.reconnects))

    def _channel(self, spec: StreamSpec) -> Channel:
        return self._make.channel(spec, lambda: len(self._places) > 1)

    def _watch(self) -> None:
        for path, catalog in self._make.catalogs.items():
            if path not in self._watched:
                self._watches.enter_context(Watch(catalog, WATCH_S))
                self._watched.add(path)
