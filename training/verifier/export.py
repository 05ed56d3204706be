"""The verifier as an ONNX file of a bundle, measured: it is on by default only where it is worth its time."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from matcher.bundle import Bundle
from matcher.runtime.load import load_session
from matcher.stages.verify import MODEL, Verifier
from training.cards import change_card
from training.checkpoint import load_checkpoint
from training.fusion.answers import ask, fused
from training.fusion.tracks import TrackSet
from training.loop import TrainingError, load_averaged
from training.onnx_files import export_module
from training.settings import from_table
from training.verifier.model import VerifierModel, VerifierModelConfig

FILE = "verifier.onnx"
WEIGHTS = (0.05, 0.1, 0.2, 0.3, 0.5)
WORTH = 0.005  # gain in recall@1 that turns it on
_ROUNDS = 50


def export_verifier(checkpoint: Path, bundle: Bundle) -> Path:
    """Write the network of a checkpoint into a bundle's folder; the card is written by `put_into`.

    Raises:
        TrainingError: it was trained for another embedder.
        ConfigError: the checkpoint cannot be read.
    """
    recipe = load_checkpoint(checkpoint).get("recipe", {})
    if recipe.get("embedder") != bundle.embedder_hash:
        raise TrainingError(f"{checkpoint} was trained for another embedder than that of {bundle.name}; train it anew")
    model = VerifierModel(recipe["dimension"], from_table(VerifierModelConfig, recipe["model"], str(checkpoint)))
    load_averaged(model, checkpoint)
    rows, several = torch.export.Dim("rows", min=1, max=4096), torch.export.Dim("several", min=1, max=4096)
    inputs = [torch.randn(3, recipe["dimension"]), torch.randn(3, 5, recipe["dimension"])]
    dynamic = {"queries": {0: rows}, "candidates": {0: rows, 1: several}}
    with warnings.catch_warnings():
        # Queries and candidates have the same number of rows, which is meant, and the exporter remarks on it.
        warnings.filterwarnings("ignore", r"# The axis name", UserWarning)
        export_module(model.eval(), inputs, bundle.folder / FILE, (["queries", "candidates"], ["probs"]), dynamic)
    return bundle.folder / FILE


def measure_verifier(path: Path, depth: int, choose: TrackSet, report: TrackSet) -> dict[str, Any]:
    """The card's section, less the embedder: weight chosen on one set of tracks, gain measured on another.

    Args:
        path: the ONNX file.
        depth: products that are re-ranked.
        choose: tracks for the weight.
        report: tracks for the figures.
    """
    session = load_session(path, threads=1)
    verifiers = [Verifier(session, depth, weight) for weight in WEIGHTS]
    best = max(verifiers, key=lambda one: recall(choose, one))
    before, after = recall(report, None), recall(report, best)
    measured = {"tracks": len(report.tracks), "recall@1": after, "recall@1_without": before}
    measured["ms"] = milliseconds(best, report.gallery.embeddings.shape[1])
    return {"file": FILE, "depth": depth, "weight": best.weight, "on": after >= before + WORTH, "measured": measured}


def recall(found: TrackSet, verifier: Verifier | None) -> float:
    """Share of tracks whose fused descriptor finds its product first."""
    descriptors = np.stack([fused(track) for track in found.tracks])
    return round(float(ask(found, descriptors, verifier=verifier).right.mean()), 4)


def milliseconds(verifier: Verifier, dimension: int) -> float:
    """Median time to re-rank one look-up, without fetching the products' vectors."""
    rng = np.random.default_rng(0)
    query, candidates = (rng.normal(size=shape).astype(np.float32) for shape in ((1, dimension), (1, 20, dimension)))
    times = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        verifier.scores(query, candidates, np.zeros((1, 20), np.float32))
        times.append(1000 * (time.perf_counter() - started))
    return round(float(np.median(times)), 3)


def put_into(bundle: Bundle, section: dict[str, Any]) -> Path:
    """Write the verifier's section into a bundle's card; returns the card's path."""
    return change_card(bundle, MODEL, {**section, "embedder": bundle.embedder_hash})
