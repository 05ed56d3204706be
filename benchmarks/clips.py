"""Real clips: products cropped from one moment, put among 3,000 distractors, searched in the rest of their clip.

Each clip shows one person at a time, so the truth (which product is seen from when to when) says where, too: at such a
time the largest garment worn at the product's place on the body is the product. Views of a garment at times that its
product's truth leaves out (above all the moment that it was cropped from) never reach the embedder's output.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.clip_views import ClipView, Seen, Watcher, own_tracks
from benchmarks.datasets import TruthClip, data_folder, truth_clips
from benchmarks.entrants import HISTOGRAM, Entrant
from benchmarks.items import Item, ItemList
from benchmarks.located import Kept
from benchmarks.recall import Task, allowed_types, found_under, lost_by_doubt, rivals_of
from benchmarks.try_on import DISTRACTORS, QUICK_DISTRACTORS, distractor_list, judge, shown_gallery
from benchmarks.vectors import Vectors
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.catalog.table import Origin
from matcher.catalog.writer import CatalogWriter
from matcher.config import LookupConfig, load_pipeline_config
from matcher.pipeline import Pipeline
from matcher.stages.lookup import asked_types
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import EXACT, NONE, Product
from matcher.video.image import read_image
from training.evaluation.output import Progress, silent
from training.evaluation.queries import read_rows
from training.evaluation.video_truth import load_truth


@dataclass(frozen=True)
class Gallery:
    """The products of the clips, then the distractors.

    Attributes:
        names: of all products.
        types: (G,) type ids.
        looks: (G, T) types that their pictures look like.
        vectors: of every entrant.
        products: how many come first.
    """

    names: list[str]
    types: NDArray[np.int64]
    looks: NDArray[np.float32]
    vectors: Vectors
    products: int

    @property
    def under(self) -> NDArray[np.bool_]:
        """(G, T) under which types each product is found."""
        return found_under(self.types, self.looks)


def clips(
    bundle: Bundle, entrants: Sequence[Entrant], cache: Path, quick: bool, workers: int, progress: Progress = silent
) -> dict[str, Any]:
    """Run the benchmark.

    Args:
        bundle: of the pipeline.
        entrants: what is compared at the pipeline's boxes and masks; the bundle's embedder first.
        cache: folder for the distractors' places and vectors.
        quick: fewer distractors, and every third frame of the clips.
        workers: threads.
        progress: wraps what takes time.

    Returns:
        {"products", "gallery", "tracks": as from `_tracks`, "type_missed": share of the single frames in which the
        product is not listed under the types that are searched, "views": {name: figures of single frames},
        "track_means": {name: figures of each track's mean vector}}; figures as from `benchmarks.recall.figures`.

    Raises:
        InputError: there is no data.
    """
    data = data_folder()
    gallery = _gallery(data, entrants, bundle, cache, quick, workers, progress)
    with tempfile.TemporaryDirectory() as folder:
        whole = _pipeline(Path(folder) / "whole", gallery, 0, entrants[0], bundle, workers)
        poor = _pipeline(Path(folder) / "removed", gallery, gallery.products, entrants[0], bundle, workers)
        kinds = dict(zip(gallery.names[: gallery.products], gallery.types, strict=False))
        seen = [
            _watch(clip, Watcher(whole, poor, entrants, load_truth(clip.truth), kinds, 3 if quick else 1), progress)
            for clip in truth_clips(data)
        ]
    views = [view for one in seen for view in one.views]
    means = [mean for one in seen for mean in one.track_means()]
    return {
        "products": gallery.products,
        "gallery": len(gallery.names),
        "tracks": _tracks(seen),
        "type_missed": type_missed(views, gallery),
        "views": _figures(views, entrants, gallery),
        "track_means": _figures(means, entrants, gallery),
    }


def _gallery(
    data: Path,
    entrants: Sequence[Entrant],
    bundle: Bundle,
    cache: Path,
    quick: bool,
    workers: int,
    progress: Progress,
) -> Gallery:
    own = _products(data)
    others = distractor_list(data, cache, QUICK_DISTRACTORS if quick else DISTRACTORS, workers, progress)
    kept = Kept(entrants, bundle, cache, workers, progress)
    looks, vectors = shown_gallery(kept, own, others)
    names = [item.identity for item in (*own, *others)]
    return Gallery(names, np.concatenate([own.types, others.types]), looks, vectors, len(own))


def _products(data: Path) -> ItemList:
    """The products that were cropped from the clips."""
    root = data / "videos" / "truth"
    rows = read_rows(root / "products.csv", ("id", "image", "type"))
    return ItemList(root, tuple(_item(root, row) for row in rows))


def _item(root: Path, row: dict[str, str]) -> Item:
    height, width = read_image(root / row["image"]).shape[:2]
    return Item(row["image"], (0, 0, width, height), "", (height, width), TYPE_IDS[row["type"]], row["id"])


def _pipeline(folder: Path, gallery: Gallery, start: int, own: Entrant, bundle: Bundle, workers: int) -> Pipeline:
    """A pipeline with a catalogue of the products from a row on."""
    vectors = gallery.vectors[own.name]
    with CatalogWriter(folder, vectors.shape[1], bundle.embedder_hash, bundle.name) as writer:
        for row in range(start, len(gallery.names)):
            origin = Origin(type_probs=gallery.looks[row])
            writer.add(Product(gallery.names[row], type=TYPES[gallery.types[row]]), vectors[row], [origin])
        writer.commit()
    settings = replace(load_pipeline_config("file.toml"), threads=workers)
    return Pipeline(settings, Catalog.load(folder, bundle.embedder_hash), bundle)


def _watch(clip: TruthClip, watcher: Watcher, progress: Progress) -> Seen:
    return watcher.watch(clip.video, progress)


def _tracks(seen: Iterable[Seen]) -> dict[str, Any]:
    """What the pipeline says of the tracks that show a product.

    Returns:
        {"tracks", "top1" (share of them whose settled candidate is right), "top1_s" (the same by their seconds),
        "shown" and "exact" (right and at least similar, or exact), "wrong_exact", "false_exact" (exact with all
        products of the clips removed), "seen" (share of the listed time in which the product's garment is tracked),
        "per_product"}.
    """
    everything = list(seen)
    tracks = [track for one in everything for track in own_tracks(one)]
    seconds = np.array([track.seconds for track in tracks])
    right = np.array([track.said == track.product for track in tracks], bool)
    tier = np.array([track.tier for track in tracks], int)
    listed = sum(one.listed_s for one in everything)
    products = sorted({track.product for track in tracks})
    return {
        "tracks": len(tracks),
        "top1": _share(right),
        "top1_s": round(float(seconds @ right / max(seconds.sum(), 1e-9)), 4),
        "shown": _share(right & (tier > NONE)),
        "exact": _share(right & (tier == EXACT)),
        "wrong_exact": _share(~right & (tier == EXACT)),
        "false_exact": _share(np.array([track.tier_removed == EXACT for track in tracks], bool)),
        "seen": round(sum(one.seen_s for one in everything) / max(listed, 1e-9), 4),
        "per_product": {p: _share(right[[t.product == p for t in tracks]]) for p in products},
    }


def type_missed(views: Sequence[ClipView], gallery: Gallery) -> float:
    """Share of the views in which the product is not listed under the types that are searched."""
    under = dict(zip(gallery.names, gallery.under, strict=True))
    searched = [asked_types(view.type_probs[None], LookupConfig())[0] > 0 for view in views]
    return _share(np.array([not under[v.product][types].any() for v, types in zip(views, searched, strict=True)], bool))


def _figures(views: Sequence[ClipView], entrants: Sequence[Entrant], gallery: Gallery) -> dict[str, Any]:
    rows = {name: row for row, name in enumerate(gallery.names)}
    own = np.array([rows[view.product] for view in views], np.int64)
    probs = np.array([view.type_probs for view in views], np.float32).reshape(-1, len(TYPES))
    rivals = rivals_of(own, gallery.vectors[HISTOGRAM], gallery.types)
    probs = asked_types(probs, LookupConfig())
    allowed, lost = allowed_types(probs, gallery.under), lost_by_doubt(probs, gallery.under, LookupConfig().type_doubt)
    task = Task(own, allowed, np.ones(len(own), bool), rivals, {}, lost)
    queries = {one.name: np.array([view.vectors[one.name] for view in views]) for one in entrants}
    return judge(entrants, queries, gallery.vectors, task) if len(own) else {}


def _share(rows: NDArray[np.bool_]) -> float:
    return round(float(rows.mean()), 4) if len(rows) else 0.0
