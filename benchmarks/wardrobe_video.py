"""Precision, recall and flicker on drawn clips with exact truth; false claims when the worn products are removed."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.showcase import Showcase, make_showcase
from indexer.cli import index
from matcher.video.open import open_video
from training.evaluation.video_eval import from_zero, open_pipeline, watch
from training.evaluation.video_score import flicker, score_video
from training.evaluation.video_truth import Interval, load_truth

KEPT = ("products", "tracks", "top1", "precision", "recall", "precision_exact", "recall_exact", "false_exact")


def wardrobe_video(
    folder: Path, seed: int, per_type: int, size: tuple[int, int], seconds: float, bundle: str | None, threads: int = 0
) -> dict[str, Any]:
    """Draw a shop and a clip, index, match, and judge what is shown.

    The clip is matched twice: with the whole shop, and with a shop that sells none of the worn products, where every
    "exact" is false.

    Args:
        folder: for everything that is made.
        seed: of shop and clip.
        per_type: products of each of the eleven types.
        size: (width, height) of the clip.
        seconds: its length.
        bundle: the weights; the packaged ones when None.
        threads: of each model.

    Returns:
        {"gallery", "whole": figures, "removed": {"tracks", "false_exact", "flicker"}}; see `score_video`.
        Every frame is judged and counts for as long as it lasts. `first_right_s` is the mean over the products that
        are shown rightly at all, from their first clear appearance on; `top1` says how many are.
    """
    showcase = make_showcase(folder, seed, per_type, size, seconds)
    truth = load_truth(showcase.truth)
    poor = without(showcase, truth)
    whole = _match(showcase, showcase.feed, folder / "catalog", truth, bundle, threads)
    removed = _match(showcase, poor, folder / "catalog-removed", truth, bundle, threads)
    first_right = [p["first_right"] for p in whole["per_product"].values() if p["first_right"] is not None]
    return {
        "gallery": len(showcase.products),
        "whole": {
            **{name: whole[name] for name in (*KEPT, "flicker")},
            "first_right_s": round(sum(first_right) / len(first_right), 2) if first_right else None,
        },
        "removed": {name: removed[name] for name in ("tracks", "false_exact", "flicker")},
    }


def mean_of(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The runs' figures in one, as for a run of its own; a figure that a run lacks counts for nothing."""
    parts = {part: [run[part] for run in runs] for part in ("whole", "removed")}
    means = {part: {key: _mean([one[key] for one in rows]) for key in rows[0]} for part, rows in parts.items()}
    return {"seed": "mean", "gallery": _mean([run["gallery"] for run in runs]), **means}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None


def without(showcase: Showcase, truth: list[Interval]) -> Path:
    """A feed beside the shop's that lacks the products that are worn in the clip."""
    worn = {interval.product_id for interval in truth}
    path = showcase.feed.with_name("products-removed.csv")
    with showcase.feed.open(newline="", encoding="utf-8") as file:
        table = csv.DictReader(file)
        rows = [row for row in table if row["id"] not in worn]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, table.fieldnames or [])
        writer.writeheader()
        writer.writerows(rows)
    return path


def _match(
    showcase: Showcase, feed: Path, catalog: Path, truth: list[Interval], bundle: str | None, threads: int
) -> dict[str, Any]:
    index(feed, out=catalog, bundle=bundle)
    pipeline, _ = open_pipeline(catalog, bundle=bundle, threads=threads)
    with open_video(showcase.video) as source:
        moments = from_zero(watch(pipeline, source, pipeline.products))
    seen = load_truth(showcase.seen)
    return {**score_video(truth, moments, complete=True, seen=seen), "flicker": flicker(moments)}
