"""`asworn train embedder --from-review`: tunes a bundle on judged pairs."""

from __future__ import annotations

from pathlib import Path

import typer

from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.config import load_toml
from matcher.errors import ConfigError, InputError
from training.evaluation.output import percent, print_table

RECIPE = "train_embedder.toml"  # of the bundle that ships


def tune_from_review(
    file: Path,
    catalog: Path | None,
    pictures: Path | None,
    bundle: str | None,
    config: Path | None,
    steps: int,
    out: Path,
) -> None:
    """Tune, measure and say what came of it.

    Args:
        file: pairs.csv.
        catalog: whose products these are.
        pictures: folder that the catalogue's pictures are named from.
        bundle: a folder or a packaged name; None = the packaged one.
        config: recipe whose model is the bundle's; None = that of the bundle that ships.
        steps: of training.
        out: run folder.

    Raises:
        InputError: something is not given, or there are too few pairs.
    """
    from training.embedder.config import EmbedderConfig
    from training.review.pairs import ReviewPairs
    from training.review.tune import tune
    from training.settings import from_table

    if catalog is None or pictures is None:
        raise InputError("judged pairs need --catalog and --pictures, the folder of the shop's feed")
    if not pictures.is_dir():
        raise InputError(f"{pictures} is no folder; give the one that the feed's pictures are named from")
    weights = Bundle.open(bundle)
    shop = Catalog.load(catalog, weights.embedder_hash)
    model_of = from_table(EmbedderConfig, load_toml(config or RECIPE), str(config or RECIPE))
    if weights.model("embedder")["file"] not in weights.card["files"]:
        raise ConfigError(f"{weights.name} has no embedder of its own to tune")
    tuned = tune(ReviewPairs(file, shop, pictures, weights), weights, model_of, steps, out, typer.echo)
    rows = []
    for part, before, after in zip(("trained on", "kept out"), tuned.before, tuned.after, strict=True):
        figures = (before.recall1, after.recall1, before.recall5, after.recall5)
        rows.append((part, str(before.queries), str(before.gallery), *map(percent, figures)))
    header = ("pairs", "seen", "pictures", "first: before", "after", "in five: before", "after")
    print_table("Found among the shop's pictures", header, rows)
    if not tuned.after[1].recall1 >= tuned.before[1].recall1:
        typer.echo("what was kept out is found less often than before: keep the old bundle, or judge more matches")
    typer.echo(
        f"{tuned.bundle}: build the catalogue anew with it: asworn index FEED --out CATALOG --bundle {tuned.bundle}"
    )
