"""`asworn bench fusion`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from training.evaluation.output import percent, print_table, progress

CONFIG = Path("configs/train_tiers.toml")
HEADER = ("", "recall@1", "recall@5", "against one view", "right and exact", "exact, product removed")


def fusion_command(
    config: Annotated[Path, typer.Option("--config", help="Which tracks are simulated, and the cache.")] = CONFIG,
    simulated: Annotated[bool, typer.Option(help="Simulated tracks of held-out garments.")] = True,
    drawn: Annotated[bool, typer.Option(help="Tracks of drawn clips.")] = True,
    real: Annotated[bool, typer.Option(help="Tracks of the real clips.")] = True,
    pooling: Annotated[Path | None, typer.Option("--pooling", help="Checkpoint of asworn train fusion.")] = None,
    clips: Annotated[int, typer.Option(min=1, help="Drawn clips.")] = 3,
    seconds: Annotated[float, typer.Option(min=2, help="Length of each.")] = 15,
    per_type: Annotated[int, typer.Option(min=2, help="Products of each of the 11 types in their shop.")] = 18,
    bundle: Annotated[str | None, typer.Option("--bundle", help="Weights: a folder, or a packaged name.")] = None,
    results: Annotated[Path | None, typer.Option("--results", help="Folder for the JSON file.")] = None,
) -> None:
    """One view, the mean, the best score, the shipped fusion and attention pooling on the same tracks."""
    from benchmarks.environment import save
    from benchmarks.fusion import DRAWN, REAL, SIMULATED, ClipPlan, fusion
    from benchmarks.fusion_methods import ATTENTION, attention
    from matcher.bundle import Bundle
    from training.fusion.sets import TrackData
    from training.settings import load_settings

    weights, data = Bundle.open(bundle), load_settings(TrackData, config)
    parts = tuple(name for name, on in ((SIMULATED, simulated), (DRAWN, drawn), (REAL, real)) if on)
    more = {ATTENTION: attention(pooling, weights)} if pooling else {}
    result = fusion(data, weights, parts, ClipPlan(clips, seconds, per_type), progress, more)
    for name, part in result.items():
        title = f"{name}: {part['tracks']} tracks of {part['views']} views, gallery {part['gallery']}"
        print_table(title, HEADER, rows(part["methods"]))
    if results is not None:
        typer.echo(f"written: {save('fusion', {'bundle': weights.name, 'parts': result}, results)}")


def rows(methods: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """Lines of a table: recalls, points gained over one view, and the tiers."""
    first = next(iter(methods.values()))["recall@1"]
    return [
        (
            name,
            percent(one["recall@1"]),
            percent(one["recall@5"]),
            f"{100 * (one['recall@1'] - first):+.1f}",
            percent(one["recall_exact"]),
            percent(one["false_exact_removed"]),
        )
        for name, one in methods.items()
    ]
