"""Embedders of older work beside ours, by cosine and by verifiers: recall on held-out pairs after short trainings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.comparison import COUNT, NUMBER, SECONDS, SHARE, TEXT, Column, Comparison
from benchmarks.entrants import Entrant, bundle_entrant, histogram
from benchmarks.held_out import HeldOut, training_pairs
from benchmarks.items import View
from benchmarks.losses import budgeted
from benchmarks.recipes import Budget, recipe
from matcher.bundle import Bundle
from matcher.stages.models import Runtime
from training.embedder.train import train as train_ours
from training.embedders_classic.config import ClassicConfig
from training.embedders_classic.train import load_classic, train
from training.evaluation.output import Progress, silent
from training.export_bundle import load_embedder
from training.journal import spent
from training.mixture import GarmentData, open_garments
from training.verifier.concatenated import ConcatenatedVerifier
from training.verifier.model import VerifierModel, VerifierModelConfig
from training.verifier.pairs import PairLoss, PairTraining, all_scores, learn, sigmoid_loss
from training.verifier.train import pair_loss

_ROUNDS = 3  # of FaceNet, whatever the budget
OURS = "ours, same budget"


@dataclass(frozen=True)
class Classic:
    """One entrant: its name in the table, its packaged recipe, and the depth where the recipe is of the custom CNN."""

    name: str
    recipe: str
    depth: int = 0


ENTRANTS = (
    Classic("face-recognition CNN, head dropped", "train_embedder_face"),
    Classic("VGG16 as it is", "train_embedder_vgg16"),
    Classic("VGG16 fine-tuned, triplets", "train_embedder_vgg16_tuned"),
    Classic("variational autoencoder's bottleneck", "train_embedder_vae"),
    Classic("FaceNet, re-mined triplets", "train_embedder_facenet"),
    *(Classic(f"CNN of {n} layer{'s' if n > 1 else ''}, triplets", "train_embedder_custom", n) for n in range(1, 6)),
)

# How pairs are scored besides the cosine: columns' prefix, network for a dimension, loss.
VERIFIERS: dict[str, tuple[Callable[[int], nn.Module], PairLoss]] = {
    "concatenated": (ConcatenatedVerifier, sigmoid_loss),
    "ours": (lambda dimension: VerifierModel(dimension, VerifierModelConfig()), pair_loss),
}
_COLUMNS = (
    Column("name", "embedder", TEXT),
    Column("parameters", "parameters", COUNT),
    Column("seconds", "training", SECONDS),
    *(Column(f"recall@{k}", f"cosine @{k}" if k == 1 else f"@{k}", SHARE) for k in (1, 5, 20)),
    *(
        Column(f"{way} recall@{k}", f"verifier, {way} @{k}" if k == 1 else f"@{k}", SHARE)
        for way in VERIFIERS
        for k in (1, 5, 20)
    ),
    Column("variance", "variance", NUMBER),
    Column("rank", "effective rank", NUMBER),
    Column("watch", "watch", TEXT),
)


@dataclass(frozen=True)
class Setting:
    """What all entrants share.

    Attributes:
        data: what is trained on.
        budget: of each training.
        size: side of the crops in pixels.
        imagenet: weights that our embedder starts from.
        vgg: a file with VGG16's ImageNet weights; empty = random ones.
        pairs: training pairs that the verifiers learn from.
    """

    data: GarmentData
    budget: Budget
    size: int
    imagenet: Path
    vgg: str = ""
    pairs: int = 400


def embedders(
    setting: Setting,
    out: Path,
    held_out: HeldOut,
    bundle: Bundle | None = None,
    entrants: Sequence[Classic] = ENTRANTS,
    progress: Progress = silent,
) -> Comparison:
    """Train and measure.

    Args:
        setting: data and budget.
        out: folder of the run folders; finished runs there are only measured.
        held_out: queries and gallery.
        bundle: its embedder is measured too, without training.
        entrants: the older ones; ours is trained besides.
        progress: wraps them.

    Raises:
        ConfigError: data or weights are missing.
        TrainingError: a loss became non-finite.
    """
    views = training_pairs(open_garments(setting.data), setting.pairs)
    rows = []
    for one in progress([*entrants, None], "embedders"):
        entrant, facts = _ours(setting, out, held_out) if one is None else _older(one, setting, out, held_out)
        rows.append({**facts, **_measured(entrant, held_out, views, setting)})
    others = [histogram()] if bundle is None else [_shipped(bundle), histogram()]
    rows += [{"name": one.name, **_measured(one, held_out, views, setting)} for one in others]
    return Comparison("Embedders", _text(setting, held_out, len(views)), _COLUMNS, rows)


def classic_config(one: Classic, setting: Setting) -> ClassicConfig:
    """An older embedder's recipe with this data and budget; the watch only reports, so that every row is measured."""
    config = recipe(ClassicConfig, one.recipe)
    budget = setting.budget
    # So few garments that rounds of 15 epochs end within the budget: without re-mining it would not be this method.
    fewer = max(budget.steps // (_ROUNDS * config.rounds.epochs), 1) * budget.batch
    return replace(
        config,
        depth=one.depth or config.depth,
        size=setting.size,
        weights=setting.vgg if config.network == "vgg16" else "",
        garments=budget.batch,
        data=setting.data,
        rounds=replace(config.rounds, garments=fewer),
        collapse_after=budget.steps,
        loop=budget.loop(config.loop),
    )


def _older(one: Classic, setting: Setting, out: Path, held_out: HeldOut) -> tuple[Entrant, dict[str, Any]]:
    folder = out / f"{one.recipe.removeprefix('train_embedder_')}{one.depth or ''}"
    config = classic_config(one, setting)
    checkpoint = train(config, folder)
    encoder, kept = load_classic(checkpoint)
    encoder.config = kept
    name = one.name + ("" if config.network != "vgg16" or setting.vgg else " (random weights)")
    facts = {"name": name, "parameters": _parameters(encoder), "seconds": spent(folder)}
    return held_out.entrant(name, encoder, checkpoint), facts


def _ours(setting: Setting, out: Path, held_out: HeldOut) -> tuple[Entrant, dict[str, Any]]:
    config = budgeted(setting.data, setting.budget, setting.imagenet, setting.size)
    checkpoint = train_ours(config, out / "ours")
    model, _ = load_embedder(checkpoint)
    return held_out.entrant(OURS, model, checkpoint), {
        "name": OURS,
        "parameters": _parameters(model),
        "seconds": spent(out / "ours"),
    }


def _shipped(bundle: Bundle) -> Entrant:
    return bundle_entrant(bundle, f"ours, as shipped in {bundle.name}", Runtime(threads=1))


def _measured(
    entrant: Entrant, held_out: HeldOut, views: Sequence[tuple[View, View]], setting: Setting
) -> dict[str, Any]:
    figures: dict[str, Any] = held_out.cosine(entrant)
    limits = ClassicConfig().collapse
    dead = figures["variance"] < limits.variance or figures["rank"] < limits.rank
    figures["watch"] = "collapsed" if dead else "spread"
    queries, gallery = held_out.vectors(entrant)
    worn, shop = (np.stack([entrant.embed(pair[side]) for pair in views]) for side in (0, 1))
    for way in VERIFIERS:
        recalls = held_out.recalls(verified(way, (worn, shop), queries, gallery))
        figures |= {f"{way} {name}": value for name, value in recalls.items()}
    return figures


def verified(
    way: str,
    learnt: tuple[NDArray[np.float32], NDArray[np.float32]],
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    how: PairTraining | None = None,
) -> NDArray[np.float32]:
    """Scores (Q, G) of a verifier that is trained for these embeddings first.

    Args:
        way: one of `VERIFIERS`.
        learnt: worn and shop embeddings (N, D) of training garments.
        queries: (Q, D).
        gallery: (G, D).
        how: settings of its training.
    """
    make, loss = VERIFIERS[way]
    torch.manual_seed(1)
    model = make(queries.shape[1])
    learn(model, *learnt, loss, how or PairTraining())
    return all_scores(model, queries, gallery)


def _parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def _text(setting: Setting, held_out: HeldOut, pairs: int) -> str:
    budget = setting.budget
    weights = "ImageNet weights of a file" if setting.vgg else "random weights, because ImageNet's were not at hand"
    return (
        f"{held_out.text} Each embedder was trained for {budget.steps} steps of {budget.batch} garments in two views "
        f"of {setting.size} pixels; VGG16 begins with {weights}, ours with ImageNet's trunk, others with random ones. "
        f"FaceNet had {_ROUNDS} rounds of 15 epochs, of so few garments that they fit into these steps. The verifiers "
        f"learnt from {pairs} training pairs by the embedder of their row: 'concatenated' is the older network on both "
        "embeddings with a sigmoid, 'ours' looks at products and distances. Variance and effective rank are of the "
        "products' embeddings; 'collapsed' means that the watch would have stopped a longer run. The shipped embedder "
        "was trained for thousands of steps and is here for orientation, as is the colour histogram, which needs none."
    )
