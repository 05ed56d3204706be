"""`asworn bench backbones|classifiers|embedders|losses|fashion-mnist|results`: older work's models beside ours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks.cache import default_folder
from matcher.errors import ConfigError
from training.evaluation.output import progress

if TYPE_CHECKING:
    from benchmarks.held_out import HeldOut
    from training.mixture import GarmentData

Steps = Annotated[int, typer.Option("--steps", min=1, help="Steps of each training.")]
Batch = Annotated[int, typer.Option("--batch", min=2, help="Crops, or garments in two views, of a step.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="CPU threads.")]
Size = Annotated[int, typer.Option("--size", min=32, help="Side of the crops in pixels, a multiple of 32.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of the run folders; finished runs there are only measured.")]
Garments = Annotated[
    Path | None, typer.Option("--garments", help="Folder of the stores of garments, made at first use.")
]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder for what is made once: photos, vectors.")]
Weights = Annotated[Path | None, typer.Option("--weights", help="ImageNet's MobileNetV2, .npz.")]
Bundle = Annotated[str | None, typer.Option("--bundle", help="The shipped weights to show too: a folder, or a name.")]
Full = Annotated[bool, typer.Option("--full", help="All queries and 3,000 distractors, in place of a sample.")]
Only = Annotated[list[str] | None, typer.Option("--only", help="Only entrants with this in their name; repeatable.")]
Results = Annotated[Path | None, typer.Option("--results", help="Folder for the JSON file; none is written without.")]


def backbones_command(
    steps: Steps = 100,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Pictures of a step.")] = 4,
    side: Annotated[int, typer.Option("--side", min=64, help="Short side of the pictures in pixels.")] = 224,
    threads: Threads = 2,
    weights: Weights = None,
    bundle: Bundle = None,
    only: Only = None,
    cache: Cache = None,
    out: Out = Path("runs/bench_backbones"),
    results: Results = None,
) -> None:
    """Match R-CNN on each backbone, trained alike for a short while: precision, and time for a frame."""
    from benchmarks.backbones import ENTRANTS, backbones
    from benchmarks.datasets import data_folder
    from benchmarks.recipes import Budget
    from matcher.bundle import Bundle as Shipped

    chosen = [one for one in ENTRANTS if not only or any(part in "-".join(one) for part in only)]
    if not chosen:
        raise ConfigError(f"--only {only[0]!r} is in none of: {', '.join('-'.join(one) for one in ENTRANTS)}")
    budget, folder = Budget(steps, batch, threads), cache or default_folder()
    places = data_folder(), folder, out
    made = backbones(*places, budget, side, _imagenet(weights), Shipped.open(bundle), chosen, progress)
    _finish("backbones", made, results)


def classifiers_command(
    steps: Steps = 400,
    batch: Batch = 66,
    threads: Threads = 2,
    garments: Garments = None,
    weights: Weights = None,
    bundle: Bundle = None,
    only: Only = None,
    out: Out = Path("runs/bench_classifiers"),
    results: Results = None,
) -> None:
    """Type classifiers of older work and ours, trained alike for a short while."""
    from benchmarks.classifiers import ENTRANTS, classifiers
    from benchmarks.recipes import Budget
    from matcher.bundle import Bundle as Shipped

    budget, chosen = Budget(steps, batch, threads), _chosen(ENTRANTS, only)
    data = replace(_data(garments), tried_on=0, tried_on_street=0, scenes=0)
    made = classifiers(data, out, budget, _imagenet(weights), Shipped.open(bundle), chosen, progress)
    _finish("classifiers", made, results)


def embedders_command(
    steps: Steps = 200,
    batch: Batch = 32,
    size: Size = 64,
    threads: Threads = 2,
    garments: Garments = None,
    weights: Weights = None,
    vgg: Annotated[str, typer.Option("--vgg", help="File of VGG16's ImageNet weights; random ones without.")] = "",
    pairs: Annotated[int, typer.Option("--pairs", min=8, help="Training pairs of the verifiers.")] = 400,
    bundle: Bundle = None,
    only: Only = None,
    full: Full = False,
    cache: Cache = None,
    out: Out = Path("runs/bench_embedders"),
    results: Results = None,
) -> None:
    """Embedders of older work and ours, by cosine and by verifiers, trained alike for a short while."""
    from benchmarks.embedders import ENTRANTS, Setting, embedders
    from benchmarks.recipes import Budget
    from matcher.bundle import Bundle as Shipped

    setting = Setting(_data(garments), Budget(steps, batch, threads), size, _imagenet(weights), vgg, pairs)
    held_out = _held_out(cache, full, threads)
    made = embedders(setting, out, held_out, Shipped.open(bundle), _chosen(ENTRANTS, only), progress)
    _finish("embedders", made, results)


def losses_command(
    steps: Steps = 60,
    batch: Batch = 32,
    size: Size = 96,
    threads: Threads = 2,
    garments: Garments = None,
    weights: Weights = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only this loss; repeatable.")] = None,
    full: Full = False,
    cache: Cache = None,
    out: Out = Path("runs/bench_losses"),
    results: Results = None,
) -> None:
    """Each loss of the embedder for the same few steps from the same start."""
    from benchmarks.losses import losses
    from benchmarks.recipes import Budget
    from training.embedder.losses import LOSSES

    unknown = sorted(set(only or ()) - set(LOSSES))
    if unknown:
        raise ConfigError(f"no loss is called {unknown[0]!r}; choose from {', '.join(LOSSES)}")
    names = [name for name in LOSSES if not only or name in only]
    budget, held_out = Budget(steps, batch, threads), _held_out(cache, full, threads)
    made = losses(_data(garments), out, budget, names, held_out, _imagenet(weights), size, progress)
    _finish("losses", made, results)


def fashion_mnist_command(
    passes: Annotated[float, typer.Option("--passes", min=0, help="Through the data; 0 = as each recipe says.")] = 0,
    threads: Threads = 2,
    root: Annotated[Path | None, typer.Option("--root", help="Folder of the data set.")] = None,
    only: Only = None,
    out: Out = Path("runs/fashion_mnist"),
    results: Results = None,
) -> None:
    """The published Fashion-MNIST networks and ours."""
    from benchmarks.datasets import data_folder
    from benchmarks.fashion_mnist import RECIPES, fashion_mnist

    names = [name for name in RECIPES if not only or name in only]
    if not names:
        raise ConfigError(f"--only {only[0]}: choose from {', '.join(RECIPES)}")
    made = fashion_mnist(root or data_folder() / "fashion_mnist", out, passes, names, threads, progress)
    _finish("fashion_mnist" if passes else "fashion_mnist_full", made, results)


def results_command(
    results: Annotated[Path, typer.Option("--results", help="Folder of the JSON files.")] = Path("benchmarks/results"),
    page: Annotated[Path, typer.Option("--page", help="The page to write.")] = Path("docs/results.md"),
) -> None:
    """Write the page of results from what has been measured."""
    from benchmarks.results_page import write_page

    typer.echo(f"written: {write_page(results, page)}")


def _chosen(entrants: Any, only: list[str] | None) -> list[Any]:
    chosen = [one for one in entrants if not only or any(part in one.name for part in only)]
    if not chosen:
        raise ConfigError(f"--only {only[0]!r} is in none of the names: {'; '.join(one.name for one in entrants)}")
    return chosen


def _data(garments: Path | None) -> GarmentData:
    """The garments of our embedder's recipe, at the places of this machine."""
    from benchmarks.datasets import data_folder
    from benchmarks.recipes import recipe
    from training.embedder.config import EmbedderConfig

    data = recipe(EmbedderConfig, "train_embedder").data
    return replace(data, root=data_folder(), cache=garments or data.cache)


def _imagenet(weights: Path | None) -> Path:
    from benchmarks.datasets import data_folder

    return weights or data_folder().parent / "weights" / "mobilenet_v2_imagenet.npz"


def _held_out(cache: Path | None, full: bool, threads: int) -> HeldOut:
    from benchmarks.datasets import data_folder
    from benchmarks.held_out import HeldOut
    from benchmarks.try_on import make_shop

    folder = cache or default_folder()
    return HeldOut(make_shop(data_folder(), folder, not full, threads, progress), folder, threads, progress)


def _finish(name: str, made: Any, results: Path | None) -> None:
    from benchmarks.environment import save

    made.show()
    typer.echo(made.text)
    if results is not None:
        typer.echo(f"written: {save(name, made.plain(), results)}")
