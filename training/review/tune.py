"""Fine-tunes a bundle's embedder on judged pairs and puts a new bundle together."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from matcher.bundle import Bundle, write_card
from training.data.garment_crops import TRAIN, VALIDATION, GarmentStore
from training.embedder.config import EmbedderConfig
from training.embedder.train import train
from training.export_bundle import export_embedding, load_embedder
from training.loop import LoopConfig
from training.mixture import GarmentData
from training.review.measure import Recall, recall_of
from training.review.pairs import Counts, ReviewPairs
from training.review.weights import checkpoint_of

# Small steps: the weights are good, and a few hundred pairs must not make them forget all else.
LOOP = LoopConfig(
    steps=200, rate=5e-5, trunk_rate=1e-5, warmup=20, ema=0.98, save_steps=50, log_steps=10, threads=2, final=0.1
)
_GARMENTS = 24  # in a batch


@dataclass(frozen=True)
class Tuned:
    """What came of it.

    Attributes:
        counts: what was read.
        before, after: on products kept out of training; (training, held out).
        bundle: folder of the new bundle.
    """

    counts: Counts
    before: tuple[Recall, Recall]
    after: tuple[Recall, Recall]
    bundle: Path


def recipe(model_of: EmbedderConfig, steps: int, store: Path) -> EmbedderConfig:
    """A recipe for fine-tuning: the network of another recipe, on a store of judged garments."""
    data = GarmentData(review=str(store))
    loop = replace(LOOP, steps=steps, warmup=min(LOOP.warmup, max(steps // 4, 1)))
    return replace(model_of, garments=_GARMENTS, colourways=0.0, own=0.25, memory=0, data=data, loop=loop)


def tune(
    pairs: ReviewPairs,
    bundle: Bundle,
    model_of: EmbedderConfig,
    steps: int,
    out: Path,
    say: Callable[[str], None],
) -> Tuned:
    """Read the pairs, train, measure, and write `out/bundle`.

    Args:
        pairs: what people judged.
        bundle: whose embedder is trained on.
        model_of: the recipe whose model is that of the bundle.
        steps: of training.
        out: run folder; a stopped run there goes on.
        say: told what happens.

    Raises:
        InputError: there are too few pairs.
        ConfigError: the recipe is not that of the bundle.
    """
    cv2.setNumThreads(1)
    store = _store(pairs, out / "garments")
    config = recipe(model_of, steps, out / "garments")
    start = checkpoint_of(bundle, config, out / "start.pt")
    say(f"{pairs.counts.pairs} pairs of {pairs.counts.products} products, {pairs.counts.unusable} without a picture")
    before = _recalls(start, store)
    _, known = load_embedder(start)
    checkpoint = train(replace(config, model=known.model, start=str(start)), out)
    return Tuned(pairs.counts, before, _recalls(checkpoint, store), _bundle(bundle, checkpoint, out / "bundle"))


def _store(pairs: ReviewPairs, folder: Path) -> GarmentStore:
    if (folder / "index.json").is_file():
        return GarmentStore(folder)
    return GarmentStore.write(folder, pairs)


def _recalls(checkpoint: Path, store: GarmentStore) -> tuple[Recall, Recall]:
    model, _ = load_embedder(checkpoint)
    return recall_of(model, store, TRAIN), recall_of(model, store, VALIDATION)


def _bundle(bundle: Bundle, checkpoint: Path, out: Path) -> Path:
    """The bundle with the new embedder. Its thresholds stay those of the old one, and the card says so."""
    out.mkdir(parents=True, exist_ok=True)
    for name in bundle.card["files"]:
        shutil.copyfile(bundle.path(name), out / name)
    old = bundle.model("embedder")
    section = export_embedding(checkpoint, out)
    section |= {key: old[key] for key in ("calibration",) if key in old}
    section["measured"] = {"note": "tuned on judged pairs; the calibration is that of the bundle before"}
    card = bundle.stated
    origin = [*card.get("origin", []), {"name": "pairs judged by the user", "licence": "", "used_for": "embedder"}]
    models = {**card["models"], "embedder": section}
    write_card(out, {**card, "name": f"{card['name']}-tuned", "origin": origin, "models": models})
    return out
