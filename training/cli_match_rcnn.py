"""`asworn train match-rcnn`."""

from __future__ import annotations

from pathlib import Path

from training.cli_run import ConfigFile, Limit, RunFolder, begin, say


def match_rcnn(config: ConfigFile, out: RunFolder = Path("runs/match_rcnn"), limit: Limit = 0) -> None:
    """Train the detector in full size: ResNets, ResNeXt or MobileNetV2; masks, landmarks, attributes, match head."""
    from training.match_rcnn.train import MatchRCNNConfig, train

    say(train(begin(MatchRCNNConfig, config, out, limit), out))
