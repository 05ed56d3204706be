"""Training of the older embedders, by the loop and under the watch that ours has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import torch
from torch import Tensor

from training.checkpoint import load_checkpoint
from training.embedder.collapse import CollapseMonitor, spread_of
from training.embedder.sampler import PairSource
from training.embedders_classic.config import ClassicConfig
from training.embedders_classic.methods import Student, counts_garments, make_student
from training.embedders_classic.networks import Encoder
from training.loop import Loop, load_averaged
from training.mixture import open_garments
from training.settings import from_table, to_table
from training.team import Team


def build(config: ClassicConfig) -> Student:
    """What a recipe starts from; for errors see `make_student`."""
    torch.manual_seed(config.seed)
    return make_student(config).to(memory_format=torch.channels_last)


def train(config: ClassicConfig, out: Path) -> Path:
    """Train one of the older embedders; goes on where `out/last.pt` stopped, if it is there.

    Args:
        config: the recipe.
        out: run folder.

    Returns:
        Path of the last checkpoint; where the method is "none", of the network as it is.

    Raises:
        TrainingError: the loss became non-finite, or the embeddings collapsed.
        ConfigError: the recipe does not fit together, or weights or data are missing.
        BackendError: there is no such device.
    """
    cv2.setNumThreads(1)
    team = Team.here(config.device)
    if config.method != "none":
        with team.first_the_leader():
            garments = open_garments(config.data)
    if counts_garments(config) and not config.classes:
        config = replace(config, classes=len(PairSource(garments).identities))
    student = build(config)
    loop = Loop(student, config.loop, out, to_table(config), team, config.amp).resumed()
    if config.method == "none":
        return loop.save()
    step_of, monitor = student.steps(garments, loop), CollapseMonitor(config.collapse)

    def loss_of(step: int) -> tuple[Tensor, Mapping[str, float]]:
        loss, seen = step_of(step)
        if (step + 1) % config.loop.log_steps:
            return loss, {}
        grown, seen = step >= config.collapse_after, seen.detach().float()
        return loss, asdict(monitor.look(seen, step + 1) if grown else spread_of(seen))

    return loop.run(loss_of)


def load_classic(checkpoint: Path) -> tuple[Encoder, ClassicConfig]:
    """The embedder of a checkpoint, without what it was trained by, and its recipe less data and loop.

    Raises:
        ConfigError: the file cannot be read, or its recipe is of something else.
        TrainingError: it is no checkpoint of this model.
    """
    recipe = load_checkpoint(checkpoint).get("recipe", {})
    shape = {key: value for key, value in recipe.items() if key not in ("data", "loop", "weights")}
    config = from_table(ClassicConfig, shape, str(checkpoint))
    student = build(config)  # its weights come from the checkpoint, wherever they began
    load_averaged(student, checkpoint)
    return student.encoder.eval(), replace(config, weights=recipe.get("weights", ""))
