"""Training Match R-CNN: recipes, Detectron2's schedule, resuming."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from training.loop import Loop, LoopConfig
from training.match_rcnn.batches import Batches
from training.match_rcnn.config import ModelConfig, neck_defaults
from training.match_rcnn.data import Examples, ExamplesConfig, class_names, landmark_counts
from training.match_rcnn.files import start_model
from training.match_rcnn.model import MatchRCNN
from training.match_rcnn.norms import measure_norms
from training.settings import to_table
from training.team import Team

log = logging.getLogger(__name__)
_FIRST_SHARE = 0.001  # of the rate, at the first step of the warm-up


@dataclass(frozen=True)
class ScheduleConfig(LoopConfig):
    """Stochastic gradient descent as Detectron2 runs it; attributes besides `LoopConfig`'s.

    Attributes:
        momentum: of the descent.
        milestones: steps from which on the rate is multiplied by `gamma` once more.
        gamma: see `milestones`.
    """

    steps: int = 90_000
    rate: float = 0.02
    trunk_rate: float = 0.02
    weight_decay: float = 1e-4
    warmup: int = 1000
    clip: float = 10.0
    ema: float = 0.9998
    save_steps: int = 1000
    momentum: float = 0.9
    milestones: tuple[int, ...] = (60_000, 80_000)
    gamma: float = 0.1


@dataclass(frozen=True)
class MatchRCNNConfig:
    """One training run.

    Attributes:
        start: weights to start from: a checkpoint of ours, e.g. one converted from Detectron2, or for MobileNetV2 its
            ImageNet weights (.npz); empty = random ones, with normalisations measured on the first batch.
        device: "cpu" or "cuda".
        amp: half precision (bfloat16), on a GPU.
        batch: pictures of a step; even with a match head.
        seed: of weights, pictures and samples.
        landmarks, attributes: whether to train these heads on what the data set has.
        model: classes, landmarks and attributes in it are filled in from the data set.
    """

    start: str = ""
    device: str = "cpu"
    amp: bool = False
    batch: int = 16
    seed: int = 1
    landmarks: bool = False
    attributes: bool = False
    model: ModelConfig = field(default_factory=ModelConfig)
    data: ExamplesConfig = field(default_factory=ExamplesConfig)
    loop: ScheduleConfig = field(default_factory=ScheduleConfig)


class ScheduledLoop(Loop):
    """The loop with momentum and steps instead of Adam and a cosine."""

    partly = True  # pictures without a mask, a landmark, an attribute

    def make_optimiser(self) -> torch.optim.Optimizer:
        """See `Loop.make_optimiser`."""
        kept = ("params", "peak", "lr", "weight_decay")
        groups = [{key: group[key] for key in kept} for group in super().make_optimiser().param_groups]
        return torch.optim.SGD(groups, lr=0.0, momentum=self.config.momentum)

    def share_at(self, progress: float) -> float:
        """Linear from a thousandth over the warm-up, then one step down at each milestone."""
        config = self.config
        warm = min(self.step / max(config.warmup, 1), 1.0)
        return (_FIRST_SHARE * (1 - warm) + warm) * config.gamma ** sum(self.step >= m for m in config.milestones)


def complete(config: MatchRCNNConfig) -> MatchRCNNConfig:
    """The recipe with what its backbone and its data set settle filled in; what it says itself stays.

    Raises:
        ConfigError: the data set lacks what the recipe trains.
    """
    model, plain = config.model, ModelConfig()
    settled = {k: v for k, v in neck_defaults(model.neck).items() if getattr(model, k) == getattr(plain, k)}
    counts = landmark_counts(config.data) if config.landmarks else ()
    model = replace(model, **settled, names=class_names(config.data), landmark_counts=counts)
    return replace(config, model=model)


def train(config: MatchRCNNConfig, out: Path) -> Path:
    """Train, going on where `out` already holds a checkpoint.

    Args:
        config: the recipe.
        out: run folder, for `last.pt` and `log.jsonl`.

    Returns:
        The last checkpoint, for `training.match_rcnn.files.load_model`.

    Raises:
        ConfigError: data or weights are missing or do not fit.
        BackendError: there is no such device.
        TrainingError: the loss is not finite.
    """
    config = complete(config)
    team = Team.here(config.device)
    torch.manual_seed(config.seed)
    most = max(config.model.landmark_counts, default=0)
    examples = Examples(config.data, most, config.model.match, config.attributes)
    names = tuple(examples.attributes.values())
    config = replace(config, model=replace(config.model, attributes=len(names), attribute_names=names))
    model = MatchRCNN(config.model)
    if config.start and not (out / "last.pt").exists():
        left = start_model(model, Path(config.start))
        log.info("%d of the parameters start at random: %s ...", len(left), ", ".join(left[:3]))
    model.to(team.device)
    made = Batches(examples, config.batch, config.seed, config.model.mean)
    if not config.start and not (out / "last.pt").exists():
        log.info("%d normalisations measured on the first batch", measure_norms(model.train(), made(0).to(team.device)))
    loop = ScheduledLoop(model, config.loop, out, to_table(config), team, config.amp).resumed()
    batches = loop.ahead(made)

    def loss_of(step: int) -> tuple[Tensor, Mapping[str, float]]:
        # Boxes are sampled by the step too, so that a resumed run equals an unbroken one.
        team.seed(config.seed, step)
        batch = batches(step).to(team.device)
        losses = loop.network(batch.images, batch.truths, batch.sizes)
        return sum(losses.values()), {name: float(value.detach()) for name, value in losses.items()}

    return loop.run(loss_of)
