"""Training on Fashion-MNIST, and the figures of a trained network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from matcher.errors import ConfigError
from training.datasets.fashion_mnist import CLASSES, load_arrays
from training.datasets.records import TEST, TRAIN
from training.datasets.taxonomy import packaged
from training.evaluation.calibration import calibration, confusion, top_k
from training.fashion_mnist.batches import Batches
from training.fashion_mnist.config import FashionMnistConfig
from training.fashion_mnist.models import GreyNet, make_network, parameters, predict
from training.loop import Loop, load_averaged
from training.settings import to_table
from training.team import Team

SCHEDULES = ("cosine", "one-cycle")
_NORM_STEPS = 20  # batches that the means of the normalisation are taken over


def train(config: FashionMnistConfig, out: Path) -> Path:
    """Train a network; goes on where `out/last.pt` stopped, if it is there.

    Args:
        config: the recipe.
        out: run folder.

    Returns:
        Path of the last checkpoint.

    Raises:
        InputError: the data is missing or damaged.
        ConfigError: there is no such network or schedule.
        TrainingError: the loss became non-finite.
        BackendError: there is no such device.
    """
    if config.schedule not in SCHEDULES:
        raise ConfigError(f"no schedule is called {config.schedule!r}; choose one of {', '.join(SCHEDULES)}")
    torch.manual_seed(config.seed)
    model = make_network(config.network, config.dropout).to(memory_format=torch.channels_last)
    kind = _OneCycle if config.schedule == "one-cycle" else Loop
    loop = kind(model, config.loop, out, to_table(config), Team.here(config.device), config.amp).resumed()
    batches = loop.ahead(Batches(*_arrays(config), config))
    criterion = nn.CrossEntropyLoss(label_smoothing=config.smoothing)

    def loss_of(step: int) -> tuple[Tensor, Mapping[str, float]]:
        *tensors, share = batches(step)
        images, labels, others = loop.put(*tensors)
        loop.team.seed(config.seed, step)  # dropout
        logits = loop.network(images)
        loss = (1 - share) * criterion(logits, labels) + share * criterion(logits, others)
        return loss, {"top1": (logits.argmax(1) == labels).float().mean()}

    return loop.run(loss_of)


class _OneCycle(Loop):
    """The loop with a rate that rises in a line and falls in a line (Smith, 2018)."""

    def share_at(self, progress: float) -> float:
        """See `Loop.share_at`."""
        config = self.config
        top = min(config.warmup / config.steps, 0.9)
        if progress < top:
            return max((progress + 1 / config.steps) / (top + 1 / config.steps), 1e-3)
        return config.final + (1 - config.final) * max((1 - progress) / (1 - top), 0.0)


def _arrays(config: FashionMnistConfig) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images, labels = load_arrays(config.root, TRAIN)
    end = config.limit or len(images)
    return images[:end], labels[:end]


def load_trained(checkpoint: Path, config: FashionMnistConfig) -> GreyNet:
    """The network of a checkpoint with its averaged weights, and normalisation taken anew under them.

    Raises:
        ConfigError: the checkpoint or the data cannot be read.
        TrainingError: it is no checkpoint of this network.
    """
    model = make_network(config.network, config.dropout)
    load_averaged(model, checkpoint)
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    if norms:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over what follows
        images, labels = _arrays(config)
        batches = Batches(images, labels, config)
        model.train()
        with torch.no_grad():
            for step in range(_NORM_STEPS):
                model(batches(step)[0])
    return model.eval()


def measure(model: GreyNet, config: FashionMnistConfig) -> dict[str, Any]:
    """Figures of a network on the test split: top-1, top-2, calibration, confusion, parameters.

    Raises:
        InputError: the data is missing or damaged.
    """
    images, labels = load_arrays(config.root, TEST)
    truth = labels.astype(np.int64)
    probs = predict(model, torch.from_numpy(np.array(images)), config.views).numpy()
    names = packaged("fashion_mnist").categories
    said = probs.argmax(1)
    return {
        "network": config.network,
        "parameters": parameters(model),
        "pictures": len(truth),
        "views": config.views,
        **top_k(probs, truth, (1, 2)),
        "calibration": calibration(probs, truth),
        "confusion": confusion(truth, said, CLASSES).tolist(),
        "per_class": {
            n: round(float((said == i)[truth == i].mean()), 4) for i, n in enumerate(names) if (truth == i).any()
        },
    }
