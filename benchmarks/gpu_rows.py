"""The full detector on a GPU, in one go: whole frames, against an eager network alone, and live streams that share it.

Everything is made on the spot: weights are random, products are drawn around random vectors, pictures are drawn, so
a machine that can reach nothing needs this source and its libraries alone. Random weights find nothing, so the least
score is set so low that a few boxes pass in every frame: what follows the detector has as much to do as in a real clip.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.synthetic_catalog import synthetic_catalog
from benchmarks.timing import alternate, quantiles
from matcher.boxes import fit
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.catalog.interface import OpenOptions
from matcher.catalog.writer import CatalogWriter
from matcher.config import DetectConfig, EngineConfig, LookupConfig, PipelineConfig, TrackConfig
from matcher.engine.live import Live, Stream
from matcher.engine.schedule import Schedule
from matcher.pipeline import Pipeline
from matcher.runtime.torch_session import check_device
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime
from matcher.taxonomy import TYPES
from matcher.types import Product
from matcher.video.live_source import LiveSource
from matcher.video.open import open_video
from matcher.video.writer import VideoWriter
from matcher.wardrobe.scene import random_scene
from training.match_rcnn.config import ModelConfig
from training.match_rcnn.model import MatchRCNN
from training.programs.bundle import random_models, write_bundle

RATE = 30
WARM_UP = 5
_STEP = 4  # pixels that the view moves in each frame
_PAIRS = 3  # of box and type that pass, for each garment
_REAL = 220  # products whose vectors are drawn at random; all others are near one of them


@dataclass(frozen=True)
class GpuRun:
    """What is measured.

    Attributes:
        model: the detector.
        precision: of the detector in our program; the eager network is float32.
        device: cuda, or cpu for a rehearsal.
        lookup_device: where the catalogue is searched.
        decode: what decodes the clip.
        size: (width, height) of the clip.
        sides: short and longest side of the detector's input.
        products: in the catalogue.
        frames: timed, one after the other.
        eager: forwards of the eager network that are timed, in turn with ours.
        streams: numbers of live streams, at `RATE` frames a second each.
        seconds: for each of these.
        garments: in a frame at most.
    """

    model: ModelConfig = ModelConfig(backbone="r101_fpn")
    precision: str = "bf16"
    device: str = "cuda"
    lookup_device: str = "cpu"
    decode: str = "cpu"
    size: tuple[int, int] = (1920, 1080)
    sides: tuple[int, int] = (800, 1333)
    products: int = 1_000_000
    frames: int = 300
    eager: int = 50
    streams: tuple[int, ...] = (1, 4, 16)
    seconds: float = 10.0
    garments: int = 6


_TINY = ModelConfig(
    backbone="mobilenetv2_fpn", pyramid_width=16, box_width=16, box_cells=3, mask_width=8, mask_convolutions=1
)
REHEARSAL = GpuRun(
    _TINY, "fp32", "cpu", size=(160, 96), sides=(64, 128), products=300, frames=6, eager=2, streams=(1, 2), seconds=2
)


def gpu_rows(run: GpuRun, folder: Path, told: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Measure.

    Args:
        run: what.
        folder: for the bundle, the clip and the catalogue; those that are there are used again.
        told: called with a line for people before each part.

    Returns:
        {"run", "device", "frames": {"ms": {part: {p50, p95, p99}}, "garments", "fps"}, "eager_ms", "ours_ms",
        "ratio_detector" (eager to our detector), "ratio_whole" (eager to whole frames), "streams": [...]}.

    Raises:
        BackendError: the device is not here.
    """
    check_device(run.device)
    told("making weights, products and a clip")
    models = random_models(run.model)
    bundle = _bundle(run, models, folder)
    catalog, clip = _catalog(run, bundle, folder), _clip(run, folder)
    least = _least_score(run, bundle, clip)
    pipeline = Pipeline(_settings(run, least), catalog, bundle)
    told(f"timing {run.frames} frames")
    whole = _whole(run, pipeline, clip)
    told("timing the eager network in turn with ours")
    eager = _eager(run, models.detector, pipeline, clip)
    streams = []
    for count in run.streams:
        told(f"{count} streams for {run.seconds:g} s")
        shared = Pipeline(_settings(run, least, count), catalog, bundle)
        streams.append({"streams": count, **_streams(run, shared, clip, count)})
    ratio = eager["eager_ms"]["p50"] / max(whole["ms"]["frame"]["p50"], 1e-6)
    return {
        "run": asdict(run),
        "device": torch.cuda.get_device_name() if run.device == "cuda" else "cpu",
        "torch": torch.__version__,
        "frames": whole,
        **eager,
        "ratio_whole": round(ratio, 2),
        "streams": streams,
    }


def _bundle(run: GpuRun, models: Any, folder: Path) -> Bundle:
    place = folder / f"bundle-{run.model.backbone}-{run.precision}"
    if not (place / "card.json").is_file():
        write_bundle(models, place, f"random {run.model.backbone}", precision=run.precision)
    return Bundle.open(place)


def _catalog(run: GpuRun, bundle: Bundle, folder: Path) -> Catalog:
    """Products around a few random vectors, as many of each type."""
    few, all_of_them = folder / "shop-few", folder / f"shop-{run.products}"
    dimension, rng = bundle.model("embedder")["dimension"], np.random.default_rng(1)
    if not (few / "CURRENT").is_file():
        with CatalogWriter(few, dimension, bundle.embedder_hash, bundle.name) as writer:
            for number in range(_REAL):
                vector = rng.normal(size=(1, dimension)).astype(np.float32)
                vector /= np.linalg.norm(vector)
                writer.add(Product(f"random-{number}", type=TYPES[number % len(TYPES)]), vector)
            writer.commit()
    synthetic_catalog(all_of_them, Catalog.load(few, bundle.embedder_hash), run.products, bundle.name)
    return Catalog.load(all_of_them, bundle.embedder_hash, OpenOptions(run.lookup_device))


def _clip(run: GpuRun, folder: Path) -> Path:
    """Drawn people, over whom the view moves; a scene lasts two seconds at most."""
    width, height = run.size
    path = folder / f"clip-{width}x{height}-{run.frames}.mp4"
    if path.is_file():
        return path
    total = run.frames + WARM_UP
    length = min(2 * RATE, total)
    wide = (width + _STEP * length, height)
    with VideoWriter(path, run.size, Fraction(RATE), Fraction(1, RATE)) as writer:
        for scene in range(-(-total // length)):
            image = random_scene(scene, wide).image
            for number in range(length):
                left = _STEP * number
                writer.write(np.ascontiguousarray(image[:, left : left + width]), scene * length + number)
    return path


def _least_score(run: GpuRun, bundle: Bundle, clip: Path) -> float:
    """A score that lets a few more pairs of box and type pass than there are to be garments, in any second."""
    detector = Detector(bundle, DetectConfig(*run.sides), Runtime("torch", run.device))
    least = 1.0
    with open_video(clip) as source:
        for frame in islice(source, 0, None, RATE):
            scores = np.sort(detector.propose(frame.image).scores, axis=None)
            least = min(least, float(scores[-min(_PAIRS * run.garments, len(scores))]))
    return least


def _settings(run: GpuRun, least: float, streams: int = 1) -> PipelineConfig:
    short, longest = run.sides
    detect = DetectConfig(short, longest, least, max_garments=run.garments, mask_rows="due")
    return PipelineConfig(
        backend="torch",
        device=run.device,
        detect=detect,
        track=TrackConfig(low_score=least),
        lookup=LookupConfig(device=run.lookup_device),
        engine=EngineConfig(batch=streams),
    )


def _whole(run: GpuRun, pipeline: Pipeline, clip: Path) -> dict[str, Any]:
    """Frames one after the other, decoding and search included; the first few are not counted."""
    pipeline.warm_up(run.size)
    with open_video(clip, decode=run.decode) as source:
        frames = iter(source)
        for frame in islice(frames, WARM_UP):
            pipeline(frame)
        pipeline.reset()
        times: list[float] = []
        decoding: list[float] = []
        garments = 0
        for _ in range(run.frames):
            start = time.perf_counter()
            frame = next(frames)
            decoded = time.perf_counter()
            garments += len(pipeline(frame))
            times.append(1000 * (time.perf_counter() - start))
            decoding.append(1000 * (decoded - start))
    parts = {"decode": decoding, **pipeline.timings, "frame": times}
    return {
        "ms": {name: quantiles(values) for name, values in parts.items()},
        "garments": round(garments / run.frames, 2),
        "fps": round(1000 * run.frames / sum(times), 2),
    }


def _eager(run: GpuRun, model: MatchRCNN, pipeline: Pipeline, clip: Path) -> dict[str, Any]:
    """The network as torch runs it line by line, in float32, on the picture that our detector gets."""
    with open_video(clip) as source:
        picture = next(iter(source)).image
    canvas, _ = fit(picture, *run.sides, 32)
    network, there = model.to(run.device), torch.from_numpy(canvas[None]).to(run.device)

    def forward(_: int) -> None:
        with torch.inference_mode():
            network(there)
        if run.device == "cuda":
            torch.cuda.synchronize()

    tasks = {"eager": forward, "ours": lambda _: pipeline.detector.propose(picture)}
    times = alternate(tasks, run.eager)
    ours, theirs = quantiles(times["ours"]), quantiles(times["eager"])
    ratio = round(theirs["p50"] / max(ours["p50"], 1e-6), 2)
    return {"eager_ms": theirs, "ours_ms": ours, "ratio_detector": ratio}


def _streams(run: GpuRun, pipeline: Pipeline, clip: Path, count: int) -> dict[str, Any]:
    """Live streams of one detector: what each gets in a second, how late, and what is dropped."""
    pipeline.warm_up(run.size)
    sources = [LiveSource(clip, loop=True, decode=run.decode) for _ in range(count)]
    streams = [Stream(one, pipeline.beside(), (), Schedule(workers=count, frame_ms=1000 / RATE)) for one in sources]
    with Live(streams, workers=count) as live:
        live.wait(run.seconds)
        status = live.status()
    late = [ms for number in range(count) for ms in live.latencies_ms(number)]
    frames, dropped = sum(one.frames for one in status), sum(one.dropped for one in status)
    counts = [stream.schedule.counts for stream in streams]
    detected, carried = sum(one.detected for one in counts), sum(one.carried for one in counts)
    return {
        "fps_of_each": round(frames / count / run.seconds, 2),
        "detected_share": round(detected / max(detected + carried, 1), 4),
        "dropped_share": round(dropped / max(frames + dropped, 1), 4),
        "latency_ms": quantiles(late),
    }
