"""One training loop for the models that look at crops: schedule, averaged weights, checkpoints, resume."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor, nn

from matcher.errors import MatcherError
from training.bundle_weights import bundle_to_start_from, load_weights
from training.checkpoint import load_checkpoint, save_checkpoint
from training.ema import WeightAverage
from training.journal import Journal
from training.run_folder import note_start
from training.team import Team
from training.trunk import CropTrunk

Batch = TypeVar("Batch")

# Step number -> loss and figures for the log. Must depend on the step and the weights alone: then resuming is exact.
LossOf = Callable[[int], tuple[Tensor, Mapping[str, float]]]


class TrainingError(MatcherError):
    """Training cannot go on: the loss is not finite, or the embeddings have collapsed."""


@dataclass(frozen=True)
class LoopConfig:
    """How weights are moved.

    Attributes:
        steps: optimiser steps in all.
        minutes: the schedule also ends after this wall time; 0 = no such limit (then runs repeat exactly).
        rate, trunk_rate: peak learning rates of AdamW for new layers and for the trunk.
        warmup, final: steps of linear warm-up; last rate as a share of the peak (cosine).
        clip: largest norm of the gradient.
        ema: decay of the averaged weights, lower during the first steps.
        save_steps, log_steps: steps between checkpoints and between log lines.
        threads: CPU threads.
    """

    steps: int = 1000
    minutes: float = 0.0
    rate: float = 2e-3
    trunk_rate: float = 4e-4
    weight_decay: float = 0.02
    warmup: int = 40
    final: float = 0.01
    clip: float = 5.0
    ema: float = 0.995
    save_steps: int = 100
    log_steps: int = 20
    threads: int = 1


def rate_at(progress: float, step: int, config: LoopConfig) -> float:
    """Share of the peak learning rate at a step; `progress` 0..1 through the run."""
    cosine = config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return cosine * min((step + 1) / max(config.warmup, 1), 1.0)


class Loop:
    """Runs steps and keeps everything that a checkpoint needs.

    Attributes:
        network: the model as it is to be called in a step; in a team, gradients are averaged through it.
        team: the processes that train together.
    """

    partly = False  # whether a batch may leave parts of the model unused
    file = "last.pt"  # what goes on from where it was

    def __init__(
        self,
        model: nn.Module,
        config: LoopConfig,
        out: Path,
        recipe: Mapping[str, Any],
        team: Team | None = None,
        amp: bool = False,
    ) -> None:
        """Prepare optimiser and averaged weights.

        Args:
            model: is brought to the team's device; parameters whose name has "trunk." in it get the trunk's rate.
            config: how to train.
            out: run folder, for `last.pt`, `log.jsonl`, `run.json` and TensorBoard's files.
            recipe: plain values stored in the checkpoint, enough to build the model again.
            team: the processes that train together, and the device; this one alone on the CPU by default.
            amp: mixed precision: products in bfloat16, weights and sums in float32.
        """
        self.team, self._amp = team or Team(), amp
        self.model, self.config, self.out, self.recipe = model.to(self.team.device), config, out, dict(recipe)
        self.average = WeightAverage(model, config.ema)
        self.optimiser = self.make_optimiser()
        self.network = self.team.wrap(model, self.partly)
        self.step = 0
        self.done = self._before = 0.0  # share of the run that is over, and was over when it was last started
        out.mkdir(parents=True, exist_ok=True)

    def make_optimiser(self) -> torch.optim.Optimizer:
        """AdamW in groups that have a peak rate each; other methods override this."""
        return torch.optim.AdamW(_groups(self.model, self.config))

    def resumed(self) -> Self:
        """The loop itself, which goes on where its file in `out` stopped if that is there.

        Raises:
            ConfigError: the checkpoint cannot be read.
            TrainingError: it is no checkpoint of this model.
        """
        if self._kept.exists():
            self.resume(self._kept)
        return self

    @property
    def _kept(self) -> Path:
        return self.out / self.file

    def run(self, loss_of: LossOf, watch: Callable[[int], None] | None = None) -> Path:
        """Train to the end of the schedule.

        Args:
            loss_of: see `LossOf`.
            watch: called after each log line with the step, e.g. to stop a collapsed run by raising.

        Returns:
            Path of the last checkpoint.

        Raises:
            TrainingError: the loss is not finite.
        """
        torch.set_num_threads(self.config.threads)
        started, first = time.monotonic(), self.step
        if self.team.leads:
            note_start(self.out, self.recipe, first, self.team.size)
        self.network.train()
        self.done = self._progress(started)
        with Journal(self.out, self.config.steps, first, self.team.leads) as journal:
            while self.done < 1.0:
                share = self.share_at(self.done)
                loss, figures = self._advance(loss_of, share)
                self.done, due = self._progress(started), self.step % self.config.log_steps == 0
                if due or self.done >= 1.0:
                    journal.note(self.step, loss, figures, share, self.done)
                if due and watch is not None:
                    watch(self.step)
                if self.step % self.config.save_steps == 0:
                    self.save()
        # What was over before is left as it is, and with it whatever was made from it.
        return self.save() if self.step > first or not self._kept.exists() else self._kept

    def ahead(self, make: Callable[[int], Batch]) -> Ahead[Batch]:
        """This process's batches, made ahead; `make` gives the batch of any number, from the number alone."""
        return Ahead(lambda step: make(self.team.turn(step)))

    def put(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Tensors on the team's device."""
        return tuple(one.to(self.team.device, non_blocking=True) for one in tensors)

    def share_at(self, progress: float) -> float:
        """Share of the peak learning rate; `progress` 0..1 through the run. Other schedules override this."""
        return rate_at(progress, self.step, self.config)

    def _progress(self, started: float) -> float:
        by_step = self.step / self.config.steps
        if not self.config.minutes:
            return by_step
        by_time = self.team.mean((time.monotonic() - started) / (60 * self.config.minutes))
        return max(by_step, self._before + by_time)

    def _advance(self, loss_of: LossOf, share: float) -> tuple[float, Mapping[str, float]]:
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * share
        with torch.autocast(self.team.device.type, torch.bfloat16, enabled=self._amp):
            loss, figures = loss_of(self.step)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(f"the loss became {value} at step {self.step}; lower the rates and resume")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        self.optimiser.step()
        self.step += 1
        self.average.update(self.model)
        return value, figures

    def save(self) -> Path:
        """Write the file (replaced whole) with weights, averaged weights, optimiser, step and recipe; leaders only."""
        if not self.team.leads:
            return self._kept
        state = {
            "model": self.model.state_dict(),
            "averaged": self.average.weights,
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "progress": min(self.done, 1.0),
            "recipe": self.recipe,
        }
        save_checkpoint(self._kept, state)
        return self._kept

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of the same model and recipe.

        Raises:
            ConfigError: the file cannot be read.
            TrainingError: it is no checkpoint of this model.
        """
        state = load_checkpoint(path)
        try:
            self.model.load_state_dict(state["model"])
            self.average.load(state["averaged"], int(state["step"]))
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self._before = int(state["step"]), float(state.get("progress", 0.0))
        except (KeyError, ValueError, RuntimeError) as error:
            raise TrainingError(f"{path} is not a checkpoint of this model: {error}") from error


class Ahead(Generic[Batch]):
    """Batches of a step, each made in a thread of its own while the step before it trains."""

    def __init__(self, make: Callable[[int], Batch]) -> None:
        """`make` gives the batch of a step from the step's number alone, so that resuming stays exact."""
        self._make, self._worker = make, ThreadPoolExecutor(1)
        self._next: tuple[int, Future[Batch]] | None = None

    def __call__(self, step: int) -> Batch:
        """The batch of a step; errors of `make` come out here."""
        ready = self._next[1].result() if self._next and self._next[0] == step else self._make(step)
        self._next = step + 1, self._worker.submit(self._make, step + 1)
        return ready


class Origin(Protocol):
    """The settings of a recipe that say which weights training starts from."""

    weights: Path
    detector: str
    start: str


def start_from(model: nn.Module, network: nn.Module, origin: Origin, part: str) -> None:
    """Put into a model the weights that its recipe starts from.

    Args:
        model: gets the averaged weights of the checkpoint `origin.start`, if one is named.
        network: the part of it that bundles hold, with a trunk; gets the weights of the bundle `origin.start`, if that
            is one; else the trunk gets those of the detector `origin.detector`, or else ImageNet's.
        origin: the recipe.
        part: what the network is in a bundle.

    Raises:
        ConfigError: a file is missing or has no such weights.
        TrainingError: `start` is no checkpoint of this model.
    """
    trunk: CropTrunk = network.trunk
    if bundle := bundle_to_start_from(origin.start):
        load_weights(network, bundle, part)
    elif origin.start:
        load_averaged(model, Path(origin.start))
    elif origin.detector:
        trunk.load_detector(Path(origin.detector))
    else:
        trunk.load_imagenet(origin.weights)


def _groups(model: nn.Module, config: LoopConfig) -> list[dict[str, Any]]:
    """AdamW groups: the trunk apart from the rest, no decay for vectors and scalars."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(("trunk." in name, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "peak": config.trunk_rate if trunk else config.rate,
            "lr": 0.0,
            "weight_decay": config.weight_decay if decays else 0.0,
        }
        for (trunk, decays), parameters in groups.items()
    ]


def load_averaged(model: nn.Module, path: Path) -> None:
    """Put the averaged weights of a checkpoint into a model.

    Buffers, which are not averaged, come along as they are; the loss's (a memory of past batches) and those that the
    checkpoint lacks stay as the model has them.

    Raises:
        ConfigError: the file cannot be read.
        TrainingError: it is no checkpoint of this model.
    """
    state = load_checkpoint(path)
    try:
        stored = {name: value for name, value in state["model"].items() if not name.startswith("loss.")}
        buffers = {name: stored.get(name, value) for name, value in model.named_buffers() if name in model.state_dict()}
        model.load_state_dict({**buffers, **state["averaged"]})
    except (KeyError, RuntimeError) as error:
        raise TrainingError(f"{path} is not a checkpoint of this model: {error}") from error
