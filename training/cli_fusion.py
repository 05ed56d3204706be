"""`asworn train fusion|tiers|verifier`: what is trained and chosen on tracks, for an embedder that is there already."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.cli_run import ConfigFile, Limit, RunFolder, begin

Bundle = Annotated[str, typer.Option("--bundle", help="Bundle with the embedder: a folder, or a packaged name.")]


def fusion(config: ConfigFile, bundle: Bundle = "tiny", out: RunFolder = Path("runs/fusion"), limit: Limit = 0) -> None:
    """Train attention pooling of a track's views, to compare it: asworn bench fusion --pooling CHECKPOINT."""
    from matcher.bundle import Bundle as Weights
    from training.evaluation.output import progress
    from training.fusion.train import FusionConfig, train

    typer.echo(train(begin(FusionConfig, config, out, limit), Weights.open(bundle), out, progress))


def tiers(config: ConfigFile, bundle: Bundle = "tiny") -> None:
    """Choose the thresholds of exact and similar for tracks, and write them into the bundle's card."""
    from matcher.bundle import Bundle as Weights
    from matcher.stages.verify import Verifier
    from training.evaluation.output import percent, progress
    from training.fusion.sets import CHOOSE, TrackData, simulated
    from training.fusion.tiers import calibrate_tracks, put_into
    from training.settings import load_settings

    weights = Weights.open(bundle)
    found = simulated(load_settings(TrackData, config), weights, CHOOSE, progress)
    chosen = calibrate_tracks(found, Verifier.open(weights))
    measured = chosen["measured"]
    typer.echo(f"exact from {chosen['exact']:.4f}, similar from {chosen['similar']:.4f}, lead x {chosen['lead']:.2f}")
    typer.echo(
        f"{measured['tracks']} tracks: right {percent(measured['recall@1'])}, of all right and exact"
        f" {percent(measured['recall_exact'])}; exact without the product {percent(measured['false_exact_removed'])}"
    )
    typer.echo(put_into(weights, chosen))


def verifier(
    config: ConfigFile, bundle: Bundle = "tiny", out: RunFolder = Path("runs/verifier"), limit: Limit = 0
) -> None:
    """Train the verifier on the bundle's embeddings, measure it, and put it into the bundle."""
    from matcher.bundle import Bundle as Weights
    from training.evaluation.output import percent, progress
    from training.fusion.sets import CHOOSE, REPORT, simulated
    from training.verifier.export import export_verifier, measure_verifier, put_into
    from training.verifier.train import VerifierConfig, train

    settings, weights = begin(VerifierConfig, config, out, limit), Weights.open(bundle)
    checkpoint = train(settings, weights, out, progress)
    path = export_verifier(checkpoint, weights)
    choose, report = (simulated(settings.data, weights, part, progress) for part in (CHOOSE, REPORT))
    section = measure_verifier(path, settings.depth, choose, report)
    measured = section["measured"]
    typer.echo(
        f"recall@1 of {measured['tracks']} tracks: {percent(measured['recall@1_without'])} without,"
        f" {percent(measured['recall@1'])} with it (weight {section['weight']}), {measured['ms']} ms a look-up;"
        f" {'on' if section['on'] else 'off'} by default"
    )
    typer.echo(put_into(weights, section))
