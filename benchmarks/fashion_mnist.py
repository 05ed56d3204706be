"""The published Fashion-MNIST networks beside ours, each trained for the same number of passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.comparison import COUNT, NUMBER, SECONDS, SHARE, TEXT, Column, Comparison
from benchmarks.recipes import recipe
from training.checkpoint import load_checkpoint
from training.evaluation.output import Progress, silent
from training.fashion_mnist.config import FashionMnistConfig
from training.fashion_mnist.train import load_trained, measure, train
from training.journal import spent

RECIPES = ("conv1", "conv2", "conv3", "best")
PUBLISHED = 0.9691  # test accuracy that is to be beaten
_PICTURES = 60_000
_COLUMNS = (
    Column("name", "recipe", TEXT),
    Column("parameters", "parameters", COUNT),
    Column("passes", "passes", NUMBER),
    Column("seconds", "training", SECONDS),
    Column("top1", "top-1", SHARE),
    Column("top2", "top-2", SHARE),
    Column("ece", "calibration error", SHARE),
)


def fashion_mnist(
    root: Path, out: Path, passes: float, names: Sequence[str], threads: int = 1, progress: Progress = silent
) -> Comparison:
    """Train and measure; runs that are finished in `out` are only measured.

    Args:
        root: folder of the data set.
        out: folder of the run folders, one for each recipe.
        passes: through the training pictures; 0 = as many as each recipe says.
        names: of `RECIPES`.
        threads: of the training.
        progress: wraps the recipes.

    Raises:
        InputError: the data is missing or damaged.
        TrainingError: a loss became non-finite.
    """
    had = f"{passes:g} {'pass' if passes == 1 else 'passes'}" if passes else "what its recipe says, passes or minutes,"
    rows = [_row(name, root, out / name, passes, threads) for name in progress(list(names), "networks")]
    text = (
        f"The 10,000 test pictures. Each network had {had} "
        f"through the 60,000 training pictures, {threads} thread{'s' if threads > 1 else ''}; the recipes are "
        f"`configs/train_fashion_mnist_*.toml`. The best published figure for the older networks is {PUBLISHED:.2%}."
    )
    title = "Fashion-MNIST" if passes else "Fashion-MNIST, recipes at their full length"
    return Comparison(title, text, _COLUMNS, rows)


def _row(name: str, root: Path, out: Path, passes: float, threads: int) -> dict[str, object]:
    config = budgeted(recipe(FashionMnistConfig, f"train_fashion_mnist_{name}"), root, passes, threads)
    checkpoint = train(config, out)
    figures = measure(load_trained(checkpoint, config), config)
    return {
        "name": name,
        "parameters": figures["parameters"],
        "passes": round(load_checkpoint(checkpoint)["step"] * config.batch / _PICTURES, 2),
        "seconds": spent(out),
        "top1": figures["top1"],
        "top2": figures["top2"],
        "ece": figures["calibration"]["ece"],
    }


def budgeted(config: FashionMnistConfig, root: Path, passes: float, threads: int) -> FashionMnistConfig:
    """A recipe with its steps for so many passes; its warm-up shrinks with them, and no clock ends it."""
    loop = replace(config.loop, threads=threads)
    if passes:
        steps = max(round(passes * _PICTURES / config.batch), 1)
        warmup = max(round(loop.warmup * steps / loop.steps), 1)
        loop = replace(loop, steps=steps, warmup=warmup, minutes=0.0)
    return replace(config, root=root, loop=loop)
