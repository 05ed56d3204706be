"""`asworn train MODEL` and `asworn export`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from matcher.errors import BackendError, ConfigError
from training.cli_attributes import attributes
from training.cli_fusion import fusion, tiers, verifier
from training.cli_match_rcnn import match_rcnn
from training.cli_mix import mix
from training.cli_run import ConfigFile, Limit, RunFolder, begin, say
from training.processes import leads

train = typer.Typer(help="Train a model from a recipe.", no_args_is_help=True)


@train.callback()
def _needs_the_extra() -> None:
    """Train a model from a recipe.

    Raises:
        BackendError: the extra is not installed.
    """
    missing = [name for name in ("torch", "torchvision", "onnx", "pytorch_metric_learning") if find_spec(name) is None]
    if missing:
        raise BackendError(f"training needs {', '.join(missing)}: pip install 'asworn[train]'")


# torch is imported inside the commands, so that `asworn --help` stays quick and works without it.
@train.command()
def detector(config: ConfigFile, out: RunFolder = Path("runs/detector"), limit: Limit = 0) -> None:
    """Train the detector (boxes, types, masks)."""
    from training.detector.config import DetectorConfig
    from training.detector.train import train as run

    say(run(begin(DetectorConfig, config, out, limit), out))


@train.command("box-head")
def box_head(config: ConfigFile, out: RunFolder = Path("runs/box_head"), limit: Limit = 0) -> None:
    """Train a detector's box head alone: what type a box holds, in minutes."""
    from training.detector.box_head import train as run
    from training.detector.box_head_config import BoxHeadConfig

    say(run(begin(BoxHeadConfig, config, out, limit), out))


@train.command()
def types(config: ConfigFile, out: RunFolder = Path("runs/types"), limit: Limit = 0) -> None:
    """Train a type classifier and measure it."""
    from training.classifier.config import TypesConfig
    from training.classifier.report import report_of, write_report
    from training.classifier.train import train as run
    from training.export_bundle import load_types
    from training.measure import measure_types, write_figures
    from training.mixture import open_garments

    settings = begin(TypesConfig, config, out, limit)
    checkpoint = run(settings, out)
    if not leads():
        return
    model, _ = load_types(checkpoint)
    garments = open_garments(settings.data)
    figures = measure_types(model, garments, settings)
    write_figures(out, figures)
    report = report_of(model, garments, settings)
    for kind, scores in figures["measured"].items():
        typer.echo(f"{kind}: top-1 {scores['top1']:.1%}, top-2 {scores['top2']:.1%} of {scores['count']}")
    if (picture := write_report(report, out, settings.network)) is not None:
        top = report["top"]
        typer.echo(f"all {len(report['types'])} types: top-1 {top['top1']:.1%}, top-2 {top['top2']:.1%}; {picture}")
    typer.echo(checkpoint)


@train.command()
def embedder(
    config: Annotated[Path | None, typer.Option("--config", help="The recipe, a TOML file.")] = None,
    out: RunFolder = Path("runs/embedder"),
    from_review: Annotated[
        Path | None,
        typer.Option("--from-review", help="Tune a bundle on pairs judged in the web app (pairs.csv)."),
    ] = None,
    catalog: Annotated[
        Path | None, typer.Option("--catalog", help="With --from-review: whose products these are.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", help="With --from-review: the folder of the shop's feed.")
    ] = None,
    bundle: Annotated[str | None, typer.Option("--bundle", help="With --from-review: the bundle to tune.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="With --from-review: steps of training.")] = 200,
    limit: Limit = 0,
) -> None:
    """Train the embedder, compare it with the baselines, and choose the thresholds of the tiers.

    With --from-review, a bundle's embedder is tuned on what people judged, measured on products kept out of training
    before and after, and written into a new bundle.
    """
    if from_review is not None:
        from training.cli_review import tune_from_review

        tune_from_review(from_review, catalog, pictures, bundle, config, steps, out)
        return
    if config is None:
        raise ConfigError("name a recipe with --config, or judged pairs with --from-review")
    from training.embedder.config import EmbedderConfig
    from training.embedder.train import train as run
    from training.export_bundle import load_embedder
    from training.measure import measure_embedder, table, write_figures
    from training.mixture import open_garments

    settings = begin(EmbedderConfig, config, out, limit)
    checkpoint = run(settings, out)
    if not leads():
        return
    model, _ = load_embedder(checkpoint)
    figures = measure_embedder(model, open_garments(settings.data), settings)
    write_figures(out, figures)
    for name, part, *values in table(figures):
        typer.echo(f"{name} on {part}: recall@1/5/20 {' / '.join(values[:3])}, hard {values[3]}")
    typer.echo(checkpoint)


@train.command("embedder-classic")
def embedder_classic(config: ConfigFile, out: RunFolder = Path("runs/embedder_classic"), limit: Limit = 0) -> None:
    """Train an embedder of older work, to compare ours with (`asworn bench embedders` does)."""
    from training.embedders_classic.config import ClassicConfig
    from training.embedders_classic.train import train as run

    say(run(begin(ClassicConfig, config, out, limit), out))


@train.command("fashion-mnist")
def fashion_mnist(config: ConfigFile, out: RunFolder = Path("runs/fashion_mnist"), limit: Limit = 0) -> None:
    """Train a network on Fashion-MNIST and measure it."""
    from training.fashion_mnist.config import FashionMnistConfig
    from training.fashion_mnist.train import load_trained, measure
    from training.fashion_mnist.train import train as run
    from training.measure import write_figures

    settings = begin(FashionMnistConfig, config, out, limit)
    checkpoint = run(settings, out)
    if not leads():
        return
    figures = measure(load_trained(checkpoint, settings), settings)
    write_figures(out, figures)
    typer.echo(
        f"{figures['network']}, {figures['parameters']:,} parameters: top-1 {figures['top1']:.2%}, "
        f"top-2 {figures['top2']:.2%} of {figures['pictures']}, ECE {figures['calibration']['ece']:.3f}"
    )
    typer.echo(checkpoint)


@train.command()
def pairs(
    data: Annotated[Path, typer.Option("--data", help="Folder with clothing/ and ccp/.")] = Path("../shared/data"),
    out: Annotated[Path, typer.Option("--out", help="Picture to write.")] = Path("pairs.jpg"),
    seed: Annotated[int, typer.Option("--seed", help="Another number gives other pairs.")] = 1,
    family: Annotated[str, typer.Option("--family", help="Warps: grid (training) or outline (validation).")] = "grid",
) -> None:
    """Draw a sheet of try-on pairs to look at: shop photo, and the garment on somebody."""
    from training.tryon.sheets import write_sheet
    from training.tryon.warp import FAMILIES

    if family not in FAMILIES:
        raise ConfigError(f"no family of warps is called {family!r}; choose one of {', '.join(FAMILIES)}")
    typer.echo(write_sheet(data, out, seed=seed, family=family))


for command in (attributes, fusion, match_rcnn, mix, tiers, verifier):
    train.command()(command)


def export(
    out: Annotated[Path, typer.Option("--out", help="Folder of the bundle.")],
    detector: Annotated[
        Path | None, typer.Option("--detector", help="Checkpoint, or folder with an exported detector.")
    ] = None,
    types: Annotated[Path | None, typer.Option("--types", help="Checkpoint of the type classifier.")] = None,
    embedder: Annotated[Path | None, typer.Option("--embedder", help="Checkpoint of the embedder.")] = None,
    base: Annotated[
        str | None, typer.Option("--base", help="Bundle (tiny, or a folder) that gives the models not named.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="Name of the bundle.")] = "tiny",
    version: Annotated[str, typer.Option("--bundle-version", help="Version of the bundle.")] = "1",
    precision: Annotated[str, typer.Option("--precision", help="Of the stored weights: fp16 or fp32.")] = "fp16",
) -> None:
    """Export trained weights as a bundle: ONNX files and their card.

    Each file is compared with its network, and the difference goes into the card. asworn export-int8 makes 8-bit
    integers of a bundle.
    """
    _needs_the_extra()
    if precision not in ("fp16", "fp32"):
        raise ConfigError(f"--precision is {precision!r}; choose fp16 or fp32, or asworn export-int8 afterwards")
    from matcher.bundle import Bundle
    from training.export_bundle import export_bundle

    source = Bundle.open(base) if base else None
    typer.echo(export_bundle(detector, types, embedder, out, name, version, precision == "fp16", source))
