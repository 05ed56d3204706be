"""`asworn live`: cameras, streams, or files played at their own speed, matched while they play."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.markup import escape

from matcher.cli.options import (
    BackendOption,
    BundleOption,
    CatalogOption,
    ClassesOption,
    ConfigOption,
    DecodeOption,
    DetectorOption,
    DeviceOption,
    MasksOption,
    ThreadsOption,
    make_pipeline,
)
from matcher.cli.output import RunFolder, err, out
from matcher.engine.live import Live, Status, Stream
from matcher.engine.schedule import Schedule
from matcher.pipeline import Pipeline
from matcher.sinks.jsonl import JsonlSink
from matcher.sinks.run_json import percentiles, pipeline_record, run_record, write_run
from matcher.video.container import is_url
from matcher.video.open import open_video
from matcher.video.paced import Paced
from matcher.video.source import VideoSource

REFRESH_S = 0.5
RATES = (5.0, 120.0)  # what streams say of their rate is often wrong


def live(
    sources: Annotated[list[str], typer.Argument(help="Addresses, or files played at their own speed.")],
    catalog: CatalogOption = None,
    folder: Annotated[Path | None, typer.Option("--out", help="Folder for frames.jsonl and run.json.")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Play files again and again.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after so many seconds.")] = None,
    config: ConfigOption = "live.toml",
    bundle: BundleOption = None,
    detector: DetectorOption = "",
    classes: ClassesOption = "",
    threads: ThreadsOption = 0,
    masks: MasksOption = True,
    backend: BackendOption = "",
    device: DeviceOption = "",
    decode: DecodeOption = "cpu",
) -> None:
    """Match live sources until they end or Ctrl-C is pressed; all of them share one set of models.

    No frame is waited for: those that there is no time to detect have their boxes carried on, and those that there is
    no time for at all are dropped and counted. With several sources each has a folder of its own in --out.
    """
    with ExitStack() as stack:
        videos = [stack.enter_context(_open(source, loop, decode)) for source in sources]
        how = {"backend": backend, "device": device, "streams": len(videos)}
        pipeline = make_pipeline(catalog, config, bundle, threads, masks, "due", True, detector, classes, **how)
        pipeline.warm_up(videos[0].size)
        pipelines = [pipeline, *(pipeline.beside() for _ in videos[1:])]
        folders = _folders(folder, videos)
        staging = [stack.enter_context(one) for one in folders]
        pairs = zip(videos, pipelines, staging or [None] * len(videos), strict=True)
        streams = [_stream(video, stages, place) for video, stages, place in pairs]
        began = monotonic()
        # Threads that wait for a run of the detector that serves all of them cost nothing.
        with Live(streams, max(pipeline.config.frames_at_once, pipeline.config.engine.batch)) as running:
            _watch(running, [video.name for video in videos], seconds)
        for number, place in enumerate(staging):
            write_run(place / "run.json", _record(running, number, streams[number], monotonic() - began))
        _tell(running, videos)


def _open(source: str, loop: bool, decode: str) -> VideoSource:
    video = open_video(source, decode=decode)
    return video if is_url(source) else Paced(video, loop)


def _stream(video: VideoSource, pipeline: Pipeline, staging: Path | None) -> Stream:
    engine = pipeline.config.engine
    rate = min(max(float(video.rate), RATES[0]), RATES[1])
    schedule = Schedule(engine, pipeline.config.frames_at_once, engine.frame_ms or 1000 / rate)
    sinks = [] if staging is None else [JsonlSink(staging / "frames.jsonl", pipeline.products)]
    return Stream(video, pipeline, sinks, schedule, engine.queue)


def _folders(folder: Path | None, videos: list[VideoSource]) -> list[RunFolder]:
    if folder is None:
        return []
    if len(videos) == 1:
        return [RunFolder(folder)]
    names = (re.sub(r"[^\w.-]+", "_", video.name).strip("._") for video in videos)
    return [RunFolder(folder / f"{number}-{name}") for number, name in enumerate(names, 1)]


def _watch(running: Live, names: list[str], seconds: float | None) -> None:
    """Show how it goes until it ends; Ctrl-C is the usual way to end it, and no failure."""
    began = monotonic()
    try:
        with err.status("starting") as line:
            while not running.wait(REFRESH_S):
                line.update("\n".join(map(_line, names, running.status())))
                if seconds is not None and monotonic() - began >= seconds:
                    break
    except KeyboardInterrupt:
        err.print("stopping")
    running.stop()


def _line(name: str, status: Status) -> str:
    detected = f"{status.rate:.1f} frames a second, {status.detections:.1f} of them detected"
    return f"{escape(name)}: {detected}, {status.latency_ms:.0f} ms late, {status.dropped} dropped"


def _record(running: Live, number: int, stream: Stream, wall_s: float) -> dict:
    status, video = running.status()[number], stream.source
    return run_record(
        video.name,
        status.frames,
        wall_s,
        stream.pipeline.timings,
        dropped=status.dropped,
        corrupt=video.corrupt,
        latency_ms=percentiles({"latency": running.latencies_ms(number)}).get("latency"),
        **pipeline_record(stream.pipeline, stream.schedule),
    )


def _tell(running: Live, videos: list[VideoSource]) -> None:
    for number, (video, status) in enumerate(zip(videos, running.status(), strict=True)):
        late = percentiles({"latency": running.latencies_ms(number)}).get("latency", {}).get("p50", 0)
        name = escape(video.name)
        out.print(f"{name}: {status.frames} frames, {status.dropped} dropped, {late:.0f} ms from picture to result")
