"""`asworn train match-rcnn`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def match_rcnn(
    config: Annotated[Path, typer.Option("--config", help="The recipe, a TOML file.")],
    out: Annotated[Path, typer.Option("--out", help="Run folder; a stopped run there goes on.")] = Path(
        "runs/match_rcnn"
    ),
) -> None:
    """Train the detector in full size: ResNets, ResNeXt or MobileNetV2; masks, landmarks, attributes, match head."""
    from training.match_rcnn.train import MatchRCNNConfig, train
    from training.settings import load_settings

    typer.echo(train(load_settings(MatchRCNNConfig, config), out))
