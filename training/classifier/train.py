"""Training of the type classifier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from training.classifier.config import TypesConfig
from training.classifier.networks import known_types, make_network
from training.classifier.pictures import open_all
from training.classifier.views import TypeSampler, type_view
from training.data.garment_crops import Garments
from training.loop import Loop, load_averaged, start_from
from training.settings import to_table
from training.team import Team


class TypeBatches:
    """The crops and types of any step, from the step's number alone."""

    def __init__(self, garments: Garments, config: TypesConfig) -> None:
        """Draw from the training rows of `garments`."""
        self._garments, self._config = garments, config
        self._known = known_types(config)
        self._sampler = TypeSampler(garments, config.kinds, self._known)

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Crops (B, S, S, 3) uint8 and places (B,) int64 of their types among the known ones, of a step."""
        config, rng = self._config, np.random.default_rng((self._config.seed, step))
        rows = self._sampler.draw(config.batch, rng)
        others = rng.permutation(rows)
        crops = [
            type_view(
                self._garments[a], self._garments[b], rng, config.size, config.margin, config.strength, config.alone
            )
            for a, b in zip(rows, others, strict=True)
        ]
        types = [self._known.index(self._garments.rows[i].type_id) for i in rows]
        return torch.from_numpy(np.stack(crops)), torch.tensor(types)


def build(config: TypesConfig) -> nn.Module:
    """The network that a recipe starts from; for errors see `make_network` and `start_from`."""
    torch.manual_seed(config.seed)
    model = make_network(config)
    if config.network == "mobilenetv2":
        start_from(model, model, config, "classifier")
    elif config.start:
        load_averaged(model, Path(config.start))
    return model.to(memory_format=torch.channels_last)


def train(config: TypesConfig, out: Path) -> Path:
    """Train the type classifier; goes on where `out/last.pt` stopped, if it is there.

    Args:
        config: the recipe.
        out: run folder.

    Returns:
        Path of the last checkpoint.

    Raises:
        TrainingError: the loss became non-finite.
        ConfigError: weights or data are missing.
        BackendError: there is no such device.
    """
    cv2.setNumThreads(1)
    team = Team.here(config.device)
    with team.first_the_leader():
        garments = open_all(config)
    loop = Loop(build(config), config.loop, out, to_table(config), team, config.amp).resumed()
    batches = loop.ahead(TypeBatches(garments, config))
    criterion = nn.CrossEntropyLoss(label_smoothing=config.smoothing)

    def loss_of(step: int) -> tuple[Tensor, Mapping[str, float]]:
        crops, types = loop.put(*batches(step))
        team.seed(config.seed, step)  # dropout
        logits = loop.network(crops)
        return criterion(logits, types), {"top1": (logits.argmax(1) == types).float().mean()}

    return loop.run(loss_of)
