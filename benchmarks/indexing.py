"""How fast a shop is indexed: from files to a catalogue, and each part, against open_clip's picture encoder alone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.timing import alternate, quantiles
from indexer.build import BuildOptions, build
from indexer.describe import BundleDescriber, Description
from indexer.feeds.base import FeedContent, FeedItem, Picture
from matcher.bundle import Bundle
from matcher.foreign import with_embedder
from matcher.stages.models import Runtime
from matcher.types import Product
from matcher.video.image import read_image

PEER = "open_clip:ViT-B-32"
TYPE_OF = {"dress": "dresses", "hat": "hats", "longsleeve": "tops", "outwear": "outerwear", "pants": "pants"}
TYPE_OF |= {"shirt": "tops", "shoes": "footwear", "shorts": "pants", "skirt": "skirts", "t-shirt": "tops"}


def indexing(data: Path, folder: Path, bundle: str | None, photos: int, rounds: int, threads: int) -> dict[str, Any]:
    """Index photos of single garments, and embed the same ones with the peer, in turn.

    The peer's weights are random (time alone is compared), and it is given decoded pictures of its own size, in one
    batch: what it needs beside its network is not counted. The indexer is given files.

    Args:
        data: as from `datasets.data_folder`.
        folder: for catalogues that are made and removed.
        bundle: weights, see `Bundle.open`.
        photos: in each round.
        rounds: how often each is timed.
        threads: of the models, the same for both.

    Returns:
        "photos_per_s" of both, "ratio" ours to the peer's by the clock and by processor time, "stages_ms" of a photo.
    """
    weights = Bundle.open(bundle)
    ours, peer = _Indexing(weights, folder, threads), _Peer(weights, threads)
    chosen = _chosen(data, photos * rounds)
    parts = [chosen[i * photos : (i + 1) * photos] for i in range(rounds)]
    crops = [peer.crops([path for _, path in part]) for part in parts]
    tasks = {"indexer": lambda i: ours.index(parts[i]), "peer": lambda i: peer.embed(crops[i])}
    wall, cpu = _both_clocks(tasks, rounds)
    rate = {name: round(photos / float(np.median(times)) * 1000, 2) for name, times in wall.items()}
    return {
        "peer": PEER,
        "photos": photos,
        "rounds": rounds,
        "threads": threads,
        "photos_per_s": rate,
        "ratio": {
            "clock": round(float(np.median(wall["peer"]) / np.median(wall["indexer"])), 2),
            "processor": round(float(np.median(cpu["peer"]) / np.median(cpu["indexer"])), 2),
        },
        "processor_ms_a_photo": {name: round(float(np.median(t)) / photos, 2) for name, t in cpu.items()},
        "stages_ms": ours.stages(parts[0]),
    }


def _both_clocks(tasks: dict[str, Any], rounds: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Milliseconds of each round by the clock, and of the processor."""
    cpu: dict[str, list[float]] = {name: [] for name in tasks}

    def counted(name: str) -> Any:
        def run(number: int) -> None:
            start = time.process_time()
            tasks[name](number)
            cpu[name].append(1000 * (time.process_time() - start))

        return run

    wall = alternate({name: counted(name) for name in tasks}, rounds, warm_up=1)
    return wall, {name: times[1:] for name, times in cpu.items()}


def _chosen(data: Path, count: int) -> list[tuple[str, Path]]:
    """Type and file of photos, evenly over all classes; from the first again where there are too few."""
    folders = sorted((data / "clothing" / "validation").iterdir())
    files = [[(TYPE_OF.get(one.name, ""), path) for path in sorted(one.iterdir())] for one in folders if one.is_dir()]
    found = [one[i] for i in range(max(map(len, files))) for one in files if i < len(one)]
    return [found[i % len(found)] for i in range(count)]


class _Indexing:
    """The indexer with the models loaded, as in the midst of a long build."""

    def __init__(self, weights: Bundle, folder: Path, threads: int) -> None:
        self._weights, self._folder = weights, folder
        self._describer = BundleDescriber(weights, Runtime(threads=threads))

    def index(self, photos: Sequence[tuple[str, Path]], describer: Any = None) -> None:
        """Make a catalogue of photos, each a product, and remove it."""
        items = [
            FeedItem(i, Product(str(i), type=kind), (Picture(i, path.name, path),))
            for i, (kind, path) in enumerate(photos)
        ]
        out = self._folder / "bench.catalog"
        options = BuildOptions(reuse=False)
        build(FeedContent(tuple(items), ()), out, self._weights, describer or self._describer, options=options)
        shutil.rmtree(out)

    def stages(self, photos: Sequence[tuple[str, Path]]) -> dict[str, dict[str, float]]:
        """Milliseconds of the parts of a photo, one after the other."""
        times: dict[str, list[float]] = {name: [] for name in ("read and decode", "detect and classify", "embed")}
        last: Description | None = None
        for kind, path in photos:
            marks = [time.perf_counter()]
            image = read_image(path)
            marks.append(time.perf_counter())
            located = self._describer.locate(image, kind or None)
            marks.append(time.perf_counter())
            vector = self._describer.embed(image, located)
            marks.append(time.perf_counter())
            last = Description(located.type_probs, vector, located.xyxy, located.localised)
            for name, took in zip(times, np.diff(marks), strict=True):
                times[name].append(1000 * took)
        start = time.perf_counter()
        self.index(photos, _Known(last, self._describer.dimension))
        whole = 1000 * (time.perf_counter() - start) / len(photos)
        rest = {"p50": round(whole, 2), "p95": None, "p99": None}
        return {**{name: quantiles(one) for name, one in times.items()}, "read, decode and write (mean)": rest}


class _Known:
    """In place of the models: says the same of every picture."""

    def __init__(self, found: Description | None, dimension: int) -> None:
        self._found, self.dimension = found, dimension

    def describe(self, image: NDArray[np.uint8], type_hint: str | None) -> Description:
        """See `Describer.describe`."""
        return self._found


class _Peer:
    """open_clip's picture encoder."""

    def __init__(self, weights: Bundle, threads: int) -> None:
        self._session = Runtime(threads=threads).load(with_embedder(weights, PEER), "embedder")
        self._size = self._session.card["input"]["size"]

    def crops(self, paths: Sequence[Path]) -> NDArray[np.uint8]:
        """(N, S, S, 3) uint8 BGR, the photos in the encoder's size."""
        size = (self._size, self._size)
        return np.stack([cv2.resize(read_image(path), size, interpolation=cv2.INTER_AREA) for path in paths])

    def embed(self, crops: NDArray[np.uint8]) -> None:
        """Embed them."""
        self._session.run(crops=crops, masks=np.ones(crops.shape[:3], np.float32))
