"""`asworn live`: cameras, streams, or files played at their own speed, matched while they play."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.markup import escape

from matcher.cli.live_overlay import (
    AllowHostOption,
    AllowPathsOption,
    AllowPrivateOption,
    BlockedOption,
    HostOption,
    Overlay,
    OverlayOptions,
    PicturesOption,
    PortOption,
    SettingsOption,
)
from matcher.cli.models import ModelOptions, with_models
from matcher.cli.options import CatalogOption, DecodeOption
from matcher.cli.output import RunFolder, err, out
from matcher.engine.live import Status
from matcher.errors import CatalogError, ConfigError, MatcherError
from matcher.live.apart import reason_of
from matcher.live.channel import Channel
from matcher.live.session import Session
from matcher.live.spec import StreamSpec, load_streams
from matcher.pipeline import Pipeline
from matcher.sinks.base import Sink
from matcher.sinks.jsonl import JsonlSink
from matcher.sinks.run_json import percentiles, pipeline_record, run_record, write_run
from matcher.video.health import State
from matcher.web.server import HOST

REFRESH_S = 0.5
_Sources = Annotated[
    list[str] | None, typer.Argument(help="Addresses, cameras (camera:0), or files played at their own speed.")
]
_PublishOption = Annotated[str, typer.Option("--publish", help="Send the annotated picture on: rtmp://..., or a file.")]


@with_models("live.toml")
def live(
    sources: _Sources = None,
    catalog: CatalogOption = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Folder for frames.jsonl and run.json.")] = None,
    streams: Annotated[Path | None, typer.Option("--streams", help="TOML file that names the streams.")] = None,
    publish: _PublishOption = "",
    overlay_port: PortOption = None,
    overlay_host: HostOption = HOST,
    overlay_config: SettingsOption = "overlay.toml",
    pictures: PicturesOption = None,
    blocked: BlockedOption = None,
    allow_host: AllowHostOption = None,
    allow_paths: AllowPathsOption = False,
    allow_private: AllowPrivateOption = False,
    loop: Annotated[bool, typer.Option("--loop", help="Play files again and again.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after so many seconds.")] = None,
    models: ModelOptions = ModelOptions(),
    decode: DecodeOption = "cpu",
) -> None:
    """Match live sources until they end or Ctrl-C is pressed; all of them share one set of models.

    No frame is waited for: those that there is no time to detect have their boxes carried on, and those that there is
    no time for at all are dropped and counted. A source that breaks off is tried again and again; what it showed is
    cleared after two seconds. With several sources each has a folder of its own in --out.
    """
    specs = _specs(sources or [], streams, publish, loop)
    with ExitStack() as stack:
        overlay = None
        if overlay_port is not None:
            asked = OverlayOptions(overlay_port, overlay_host, overlay_config, pictures, blocked, allow_host or ())
            asked = replace(asked, allow_paths=allow_paths, allow_private=allow_private)
            overlay = stack.enter_context(closing(Overlay(asked)))
        pipeline = _pipeline(models, catalog, specs)
        folders: dict[Channel, Path] = {}

        def sinks(channel: Channel) -> Sequence[Sink]:
            boards = [] if overlay is None else [overlay.board(channel)]
            if folder is None:
                return boards
            number = len(folders) + 1
            place = folder if len(specs) == number == 1 else folder / f"{number}-{channel.name}"
            folders[channel] = stack.enter_context(RunFolder(place))
            return [*boards, JsonlSink(folders[channel] / "frames.jsonl")]

        session = Session(specs, pipeline, sinks, decode, shared_catalog=catalog is not None)
        began = monotonic()
        with _until_asked(), session, overlay.serving(session) if overlay is not None else nullcontext():
            _watch(session, seconds)
        for number, channel in enumerate(session.channels):
            if channel in folders:
                write_run(folders[channel] / "run.json", _record(session, number, monotonic() - began))
        _tell(session)
    failures = session.failures()
    if failures:
        raise MatcherError("; ".join(f"the stream {name} has failed: {reason}" for name, reason in failures.items()))


def _specs(sources: list[str], streams: Path | None, publish: str, loop: bool) -> list[StreamSpec]:
    specs = [StreamSpec(source, publish=publish, loop=loop) for source in sources]
    if streams is not None:
        specs += [replace(spec, loop=spec.loop or loop) for spec in load_streams(streams)]
    if not specs:
        raise ConfigError("name a source, such as camera:0 or rtmp://host/name, or a file of them with --streams")
    if publish and len(sources) != 1:
        raise ConfigError("--publish is for one source; write publish = ... for each stream in a file for --streams")
    return specs


def _pipeline(models: ModelOptions, catalog: Path | None, specs: list[StreamSpec]) -> Pipeline:
    """On the first catalogue that can be used: a stream whose own cannot must not keep the others from starting."""
    named = [Path(spec.catalog) if spec.catalog else None for spec in specs]
    places = [catalog] if catalog is not None else sorted(dict.fromkeys(named), key=lambda path: path is None)
    for place in places[:-1]:
        with suppress(CatalogError):
            return models.pipeline(place, "due", whole_file=True, streams=len(specs))
    return models.pipeline(places[-1], "due", whole_file=True, streams=len(specs))


@contextmanager
def _until_asked() -> Iterator[None]:
    """Let the signal that systemd and Docker end programs with do what Ctrl-C does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread: whoever runs us there ends us otherwise
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _watch(session: Session, seconds: float | None) -> None:
    """Show how it goes until it ends; Ctrl-C is the usual way to end it, and no failure."""
    began = monotonic()
    try:
        with err.status("starting") as line:
            while not session.wait(REFRESH_S):
                line.update("\n".join(_line(name, status) for name, status in session.status().items()))
                if seconds is not None and monotonic() - began >= seconds:
                    break
    except KeyboardInterrupt:
        err.print("stopping")
    session.live.stop()


def _line(name: str, status: Status) -> str:
    detected = f"{status.rate:.1f} frames a second, {status.detections:.1f} of them detected"
    line = f"{escape(name)}: {detected}, {status.latency_ms:.0f} ms late, {status.dropped} dropped"
    if status.health.state != State.LIVE:
        line += f"; {status.health.state}"
    if status.health.reason:
        line += f" ({escape(status.health.reason)})"
    for sent in status.published:
        state = f"{sent.frames} sent" if sent.connected else escape(sent.reason)
        line += f"; {escape(sent.name)}: {state}, {sent.dropped} not sent"
    return line


def _record(session: Session, number: int, wall_s: float) -> dict:
    status, channel, live = session.live.status()[number], session.channels[number], session.live
    error = channel.failure.error
    return run_record(
        channel.source.name,
        status.frames,
        wall_s,
        channel.pipeline.timings,
        dropped=status.dropped,
        corrupt=channel.source.corrupt,
        reconnects=status.health.reconnects,
        latency_ms=percentiles({"latency": live.latencies_ms(number)}).get("latency"),
        **({"failed": reason_of(error)} if error is not None else {}),
        **pipeline_record(channel.pipeline, live.schedule(number)),
    )


def _tell(session: Session) -> None:
    for name, status in session.status().items():
        late = percentiles({"latency": session.latencies_ms(name)}).get("latency", {}).get("p50", 0)
        line = f"{escape(name)}: {status.frames} frames, {status.dropped} dropped, {late:.0f} ms late"
        failed = status.health.state == State.FAILED
        out.print(line + (f"; failed ({escape(status.health.reason)})" if failed else ""))
