"""Training the detector: one or more processes that average their gradients, checkpoints, resume."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from matcher.errors import ConfigError
from training.bundle_weights import bundle_to_start_from, load_weights
from training.checkpoint import load_checkpoint, save_checkpoint
from training.detector.batches import Batch, stream
from training.detector.config import DetectorConfig
from training.detector.model import MatchRCNN, Truth
from training.ema import WeightAverage
from training.journal import Journal, lines_are_shown, show_lines
from training.processes import by_torchrun, end_with_parent
from training.run_folder import note_start
from training.settings import to_table
from training.team import Team, leave

LAST = "last.pt"


class Trainer:
    """State of a run in one process: model, optimiser, average, step."""

    def __init__(self, config: DetectorConfig, team: Team | None = None) -> None:
        """Start from ImageNet weights or from `config.start`; alone, where no team is given."""
        torch.manual_seed(config.seed)
        self.config = config
        self.team = team or Team.here(config.device)
        self.device = self.team.device
        self.model = MatchRCNN(config.model, config.frozen_blocks)
        self._start()
        self.model.to(self.device, memory_format=torch.channels_last).train()
        self.network = self.team.wrap(self.model)
        self.optimiser = torch.optim.AdamW(self._groups(), weight_decay=config.weight_decay)
        self.scaler = torch.amp.GradScaler(config.device, enabled=config.amp)
        self.average = WeightAverage(self.model, config.ema)
        self.step = 0
        self.done = 0.0  # share of the run, 0..1
        self._spent_s = 0.0
        self._clock = time.monotonic()

    def _start(self) -> None:
        if bundle := bundle_to_start_from(self.config.start):
            load_weights(self.model, bundle, "detector")
        elif self.config.start:
            self.model.load_state_dict(load_checkpoint(Path(self.config.start))["average"])
        else:
            self.model.trunk.load_imagenet(self.config.weights)

    def _groups(self) -> list[dict[str, Any]]:
        trunk = [p for p in self.model.trunk.parameters() if p.requires_grad]
        known = {id(p) for p in self.model.trunk.parameters()}
        rest = [p for p in self.model.parameters() if id(p) not in known]
        return [
            {"params": trunk, "lr": self.config.trunk_rate, "peak": self.config.trunk_rate},
            {"params": rest, "lr": self.config.rate, "peak": self.config.rate},
        ]

    def rate_factor(self) -> float:
        """Learning rate as a share of the peak: linear warm-up, then cosine down to `final`."""
        config = self.config
        warm = min(1.0, (self.step + 1) / max(1, config.warmup))
        return warm * (config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * self.done)))

    def progress(self) -> float:
        """Share of the run that is over, 0..1, by steps and, where it is limited, by the clock."""
        now = time.monotonic()
        self._spent_s, self._clock = self._spent_s + now - self._clock, now
        by_clock = self._spent_s / (60 * self.config.minutes) if self.config.minutes else 0.0
        return min(1.0, max((self.step + 1) / self.config.steps, by_clock))

    def over(self) -> bool:
        """Whether the steps or the minutes of the recipe were spent before this start."""
        by_clock = bool(self.config.minutes) and self._spent_s >= 60 * self.config.minutes
        return self.step >= self.config.steps or by_clock

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One update; returns the losses by name.

        Raises:
            ConfigError: the loss is not a finite number.
        """
        images, truths = batch
        # Sampling of boxes is seeded by the step too, so that a resumed run equals an unbroken one.
        self.team.seed(self.config.seed, self.step)
        truths = [Truth(*(part.to(self.device, non_blocking=True) for part in truth)) for truth in truths]
        with torch.autocast(self.config.device, enabled=self.config.amp):
            losses = self.network(images.to(self.device, non_blocking=True), truths)
        values = {name: float(value.detach()) for name, value in losses.items()}
        self._check(values)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(sum(losses.values())).backward()
        self._update()
        return values

    def _check(self, values: dict[str, float]) -> None:
        if not all(math.isfinite(v) for v in values.values()):
            raise ConfigError(
                f"the loss is no longer finite at step {self.step} ({values}); "
                "start again from the last checkpoint with a lower rate"
            )

    def _update(self) -> None:
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.done = self.team.mean(self.progress())
        self.scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(parameters, self.config.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * self.rate_factor()
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.average.update(self.model)
        self.step += 1

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs, as tensors and plain values."""
        return {
            "config": to_table(self.config),
            "step": self.step,
            "spent_s": self._spent_s,
            "model": dict(self.model.state_dict()),
            "average": self.average.weights,
            "updates": self.average.updates,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned."""
        self.step, self._spent_s = state["step"], state["spent_s"]
        self.model.load_state_dict(state["model"])
        self.average.load(state["average"], state["updates"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.config.amp:
            self.scaler.load_state_dict(state["scaler"])


def train(config: DetectorConfig, out: Path) -> Path:
    """Train a detector, resuming where `out` already holds a checkpoint.

    Args:
        config: the recipe.
        out: folder for checkpoints and the log.

    Returns:
        The last checkpoint; its "average" holds the weights to export.

    Raises:
        ConfigError: data or weights are missing, or the loss stops being finite.
    """
    out.mkdir(parents=True, exist_ok=True)
    if config.processes == 1 or by_torchrun():
        _loop(config, Team.here(config.device), out)
    else:
        with tempfile.TemporaryDirectory() as folder:
            arguments = config, out, Path(folder) / "meeting", lines_are_shown()
            torch.multiprocessing.spawn(_run, arguments, nprocs=config.processes)
    return out / LAST


def _run(rank: int, config: DetectorConfig, out: Path, meeting: Path, shown: bool) -> None:
    end_with_parent()
    if shown and rank == 0:
        show_lines()
    try:
        _loop(config, Team.here(config.device, meeting, rank, config.processes), out)
    finally:
        leave()


def _loop(config: DetectorConfig, team: Team, out: Path) -> None:
    torch.set_num_threads(config.threads)
    trainer = Trainer(config, team)
    if (out / LAST).is_file():
        trainer.resume(load_checkpoint(out / LAST))
        if trainer.over():
            return
    if team.leads:
        note_start(out, to_table(config), trainer.step, team.size)
    with team.first_the_leader():
        batches: Iterator[Batch] = stream(config, team.rank, trainer.step)
    saved = time.monotonic()
    with Journal(out, config.steps, trainer.step, team.leads) as journal:
        means = _Means()
        for batch in batches:
            means.add(trainer.train_step(batch))
            if trainer.step % config.log_steps == 0:
                losses = means.take()
                journal.note(trainer.step, sum(losses.values()), losses, trainer.rate_factor(), trainer.done)
            if team.leads and time.monotonic() - saved > 60 * config.save_minutes:
                save_checkpoint(out / LAST, trainer.state())
                saved = time.monotonic()
            if trainer.done >= 1.0:
                break
    if team.leads:
        save_checkpoint(out / LAST, trainer.state())


class _Means:
    """Losses of several steps, averaged."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._steps = 0

    def add(self, losses: dict[str, float]) -> None:
        self._steps += 1
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def take(self) -> dict[str, float]:
        """The means by name, and begin anew."""
        means = {name: value / self._steps for name, value in self._sums.items()}
        self._sums, self._steps = {}, 0
        return means
