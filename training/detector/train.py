"""Training the detector: one or more processes that average their gradients, checkpoints, resume."""

from __future__ import annotations

import logging
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from matcher.errors import ConfigError
from training.checkpoint import load_checkpoint, save_checkpoint
from training.detector.batches import Batch, stream
from training.detector.config import DetectorConfig
from training.detector.model import MatchRCNN, Truth
from training.ema import WeightAverage
from training.processes import end_with_parent
from training.settings import to_table

log = logging.getLogger(__name__)
LAST = "last.pt"


class Trainer:
    """State of a run in one process: model, optimiser, average, step."""

    def __init__(self, config: DetectorConfig) -> None:
        """Start from ImageNet weights or from `config.start`."""
        torch.manual_seed(config.seed)
        self.config = config
        self.device = torch.device(config.device)
        self.model = MatchRCNN(config.model, config.frozen_blocks)
        self._start()
        self.model.to(self.device, memory_format=torch.channels_last).train()
        self.optimiser = torch.optim.AdamW(self._groups(), weight_decay=config.weight_decay)
        self.scaler = torch.amp.GradScaler(config.device, enabled=config.amp)
        self.average = WeightAverage(self.model, config.ema)
        self.step = 0
        self.done = 0.0  # share of the run, 0..1
        self._spent_s = 0.0
        self._clock = time.monotonic()

    def _start(self) -> None:
        if self.config.start:
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

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One update; returns the losses by name.

        Raises:
            ConfigError: the loss is not a finite number.
        """
        images, truths = batch
        # Sampling of boxes is seeded by the step too, so that a resumed run equals an unbroken one.
        torch.manual_seed(self.config.seed * 1_000_003 + self.step)
        truths = [Truth(*(part.to(self.device, non_blocking=True) for part in truth)) for truth in truths]
        with torch.autocast(self.config.device, enabled=self.config.amp):
            losses = self.model(images.to(self.device, non_blocking=True), truths)
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
        self.done = average_gradients(parameters, self.progress())
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


def average_gradients(parameters: list[nn.Parameter], progress: float) -> float:
    """Average gradients, and one number besides, over the processes in one message.

    Args:
        parameters: those that take a gradient; their `grad` is replaced.
        progress: this process's view of how far the run is; clocks differ, learning rates must not.

    Returns:
        The average of `progress`. A run of one process returns it as it is.
    """
    if not dist.is_initialized():
        return progress
    gradients: list[Tensor] = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
    flat = torch.cat([*(g.flatten() for g in gradients), gradients[0].new_tensor([progress])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for p, piece in zip(parameters, flat[:-1].split([p.numel() for p in parameters]), strict=True):
        p.grad = piece.view(p.shape)
    return float(flat[-1])


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
    if config.processes == 1:
        _run(0, config, out, None)
    else:
        with tempfile.TemporaryDirectory() as meeting:
            store = f"file://{Path(meeting).resolve()}/meeting"
            torch.multiprocessing.spawn(_run, (config, out, store), nprocs=config.processes)
    return out / LAST


def _run(rank: int, config: DetectorConfig, out: Path, store: str | None) -> None:
    torch.set_num_threads(config.threads)
    if store is not None:
        end_with_parent()
        backend = "nccl" if config.device == "cuda" else "gloo"
        dist.init_process_group(backend, init_method=store, rank=rank, world_size=config.processes)
    try:
        _loop(Trainer(config), rank, out)
    finally:
        if store is not None:
            dist.destroy_process_group()


def _loop(trainer: Trainer, rank: int, out: Path) -> None:
    config = trainer.config
    if (out / LAST).is_file():
        trainer.resume(load_checkpoint(out / LAST))
    batches: Iterator[Batch] = stream(config, rank, trainer.step)
    journal = Journal(out, config) if rank == 0 else None
    for batch in batches:
        values = trainer.train_step(batch)
        if journal is not None:
            journal.note(trainer, values)
        if trainer.done >= 1.0:
            break
    if rank == 0:
        save_checkpoint(out / LAST, trainer.state())


class Journal:
    """The log of a run and its checkpoints by the clock."""

    def __init__(self, out: Path, config: DetectorConfig) -> None:
        """Log into `out/train.log`, and save there as often as the recipe says."""
        self._out = out
        self._config = config
        self._started = self._saved = time.monotonic()
        self._sums: dict[str, float] = {}
        self._steps = 0
        handler = logging.FileHandler(out / "train.log")
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)

    def note(self, trainer: Trainer, values: dict[str, float]) -> None:
        """Take in the losses of a step; write a line or a checkpoint when it is time."""
        self._steps += 1
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        if self._steps % self._config.log_steps == 0:
            self._write(trainer)
        if time.monotonic() - self._saved > 60 * self._config.save_minutes:
            save_checkpoint(self._out / LAST, trainer.state())
            self._saved = time.monotonic()

    def _write(self, trainer: Trainer) -> None:
        rate = (time.monotonic() - self._started) / self._steps
        means = {name: value / self._config.log_steps for name, value in self._sums.items()}
        parts = " ".join(f"{name.removeprefix('loss_')}={mean:.3f}" for name, mean in means.items())
        at = f"step {trainer.step}/{self._config.steps} ({100 * trainer.done:.1f} %)"
        log.info("%s loss=%.3f %s %.2f s/step", at, sum(means.values()), parts, rate)
        self._sums.clear()
