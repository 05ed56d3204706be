"""The losses of the embedder beside each other: the same start, the same batches, the same few steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.comparison import NUMBER, SECONDS, SHARE, TEXT, Column, Comparison
from benchmarks.held_out import HeldOut
from benchmarks.recipes import Budget, recipe
from training.embedder.config import EmbedderConfig
from training.embedder.train import train
from training.evaluation.output import Progress, silent
from training.export_bundle import load_embedder
from training.journal import spent
from training.mixture import GarmentData

COLUMNS = (
    Column("name", "loss", TEXT),
    Column("seconds", "training", SECONDS),
    Column("recall@1", "recall@1", SHARE),
    Column("recall@5", "@5", SHARE),
    Column("recall@20", "@20", SHARE),
    Column("hard@1", "hard @1", SHARE),
    Column("variance", "variance", NUMBER),
    Column("rank", "effective rank", NUMBER),
)


def losses(
    data: GarmentData,
    out: Path,
    budget: Budget,
    names: Sequence[str],
    held_out: HeldOut,
    weights: Path,
    size: int = 96,
    progress: Progress = silent,
) -> Comparison:
    """Train the embedder once with each loss and measure it.

    Args:
        data: what is trained on.
        out: folder of the run folders, one for each loss; finished runs there are only measured.
        budget: of each training.
        names: of `training.embedder.losses.LOSSES`.
        held_out: queries and gallery.
        weights: ImageNet weights that all start from.
        size: side of the crops, in training and after it.
        progress: wraps the losses.

    Raises:
        ConfigError: data or weights are missing, or there is no such loss.
        TrainingError: a loss became non-finite.
    """
    base = budgeted(data, budget, weights, size)
    rows = [_row(name, replace(base, loss=name), out / name, held_out) for name in progress(list(names), "losses")]
    text = (
        f"{held_out.text} The embedder was trained with each loss for {budget.steps} steps of {budget.batch} garments "
        f"in two views of {size} pixels, from the same start (ImageNet's trunk) and on the same batches; the settings "
        "of the losses are those of `training/embedder`, not tuned for so short a run. Losses with a vector for each "
        "garment (arcface, cosface, proxy_anchor) have seen most garments once at most by then. Variance and effective "
        "rank are of the products' embeddings: what the watch over their spread looks at."
    )
    return Comparison("Losses of the embedder", text, COLUMNS, rows)


def budgeted(data: GarmentData, budget: Budget, weights: Path, size: int) -> EmbedderConfig:
    """The packaged recipe of our embedder with this data and budget, under no watch: a table says it all."""
    config = recipe(EmbedderConfig, "train_embedder")
    return replace(
        config,
        data=data,
        weights=weights,
        detector="",
        start="",
        garments=budget.batch,
        train_size=size,
        model=replace(config.model, size=size),
        collapse=replace(config.collapse, patience=budget.steps + 1),
        loop=budget.loop(config.loop),
    )


def _row(name: str, config: EmbedderConfig, out: Path, held_out: HeldOut) -> dict[str, Any]:
    checkpoint = train(config, out)
    model, _ = load_embedder(checkpoint)
    return {"name": name, "seconds": spent(out), **held_out.cosine(held_out.entrant(name, model, checkpoint))}
