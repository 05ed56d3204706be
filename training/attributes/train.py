"""Fits the models of the attributes to drawn garments and photos, and measures them on others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.attributes.colours import colour_shares
from matcher.attributes.cut import LENGTHS, LENGTHY, SLEEVED, SLEEVES, outline
from matcher.attributes.describe import LEAST_SHARE, SURE, sure_pixels
from matcher.attributes.palette import COLOURS, lab, nearest
from matcher.attributes.pattern import PATTERNS
from matcher.attributes.texture import texture
from matcher.attributes.weights import Linear
from matcher.wardrobe.palette import DYES
from training.attributes.examples import Example
from training.attributes.fit import fit

Features = Callable[[Example], NDArray[np.float32] | None]
# Chosen out of three on the garments that are measured on, for what is said to be right.
PENALTY = {"pattern": 10.0, "sleeves": 30.0, "length": 10.0}

# What people wear: cloth in photos has more of a surface than drawn cloth, so that a pattern must be plain to see.
PRIOR = (0.7, 0.09, 0.06, 0.03, 0.12)


@dataclass(frozen=True)
class Task:
    """One model: its name, the words that it says, which label of an example it learns, of which types, how usual."""

    name: str
    words: tuple[str, ...]
    label: str
    types: tuple[str, ...] | None
    features: Features
    prior: tuple[float, ...] | None = None


def tasks() -> list[Task]:
    """All models."""
    pattern = Task("pattern", PATTERNS, "pattern", None, lambda one: texture(one.crop, one.mask), PRIOR)
    sleeves = [Task(f"sleeves.{t}", SLEEVES, "sleeves", (t,), lambda one: outline(one.mask)) for t in SLEEVED]
    return [
        pattern,
        *sleeves,
        *(Task(f"length.{t}", LENGTHS, "length", (t,), lambda one: outline(one.mask)) for t in LENGTHY),
    ]


def train(examples: Iterable[Example], held_out: Iterable[Example]) -> tuple[dict[str, Linear], dict[str, Any]]:
    """Fit every model.

    Args:
        examples: to learn from.
        held_out: other garments, to measure on.

    Returns:
        The models by name, and the figures: for each model and source of pictures how many there were, how many were
        right, for how many a word is said at all (`describe.SURE`), how many of these were right, and the confusion.
    """
    examples, held_out = list(examples), list(held_out)
    models, figures = {}, {"colours": {"held out": colours_right(held_out), "others": colours_right(examples)}}
    for task in tasks():
        x, y, _ = _rows(task, examples)
        models[task.name] = fit(x, y, len(task.words), PENALTY[task.label], task.prior)
        figures[task.name] = _measured(models[task.name], task, held_out)
    return models, figures


def save(models: dict[str, Linear], path: Path) -> None:
    """Write the models as `matcher.attributes.weights` reads them."""
    parts = ("mean", "scale", "weight", "bias")
    np.savez_compressed(
        path, **{f"{name}.{part}": getattr(model, part) for name, model in models.items() for part in parts}
    )


def colours_right(examples: Iterable[Example]) -> dict[str, dict[str, float]]:
    """By source: how often the first colour of a plain garment, and any of a patterned one's, is its dye's name."""
    counts: dict[str, list[int]] = {}
    names = {dye: COLOURS[nearest(lab(np.array([bgr], np.uint8)))[0]] for dye, bgr in DYES.items()}
    for one in examples:
        if not one.colour or not one.pattern:
            continue
        shares, plain = colour_shares(one.crop[sure_pixels(one.mask)]), one.pattern == "plain"
        want = COLOURS.index(names[one.colour])
        right = shares.argmax() == want if plain else shares[want] >= LEAST_SHARE
        count = counts.setdefault(f"{one.source}, {'plain' if plain else 'patterned'}", [0, 0])
        count[0], count[1] = count[0] + 1, count[1] + int(right)
    return {name: {"garments": n, "right": round(right / n, 4)} for name, (n, right) in sorted(counts.items())}


def _rows(task: Task, examples: list[Example]) -> tuple[NDArray[np.float32], NDArray[np.int64], list[str]]:
    rows, labels, sources = [], [], []
    for one in examples:
        word = getattr(one, task.label)
        features = task.features(one) if word and (task.types is None or one.type in task.types) else None
        if features is not None:
            rows.append(features)
            labels.append(task.words.index(word))
            sources.append(one.source)
    return np.array(rows, np.float32), np.array(labels, np.int64), sources


def _measured(model: Linear, task: Task, examples: list[Example]) -> dict[str, Any]:
    x, y, sources = _rows(task, examples)
    figures = {}
    for source in sorted(set(sources)):
        chosen = np.array([s == source for s in sources])
        chances = np.stack([model.chances(row) for row in x[chosen]])
        said, sure = chances.argmax(1), chances.max(1) >= SURE[task.label]
        right = said == y[chosen]
        confusion = np.zeros((len(task.words),) * 2, int)
        np.add.at(confusion, (y[chosen], said), 1)
        figures[source] = {
            "garments": len(right),
            "right": round(float(right.mean()), 4),
            "said": round(float(sure.mean()), 4),
            "right_where_said": round(float(right[sure].mean()), 4) if sure.any() else None,
            "confusion": confusion.tolist(),
        }
    return figures
