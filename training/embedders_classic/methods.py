"""How the older embedders learn: a network together with what it is trained by, which is dropped afterwards."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from matcher.errors import ConfigError
from training.data.garment_crops import Garments
from training.embedder.losses import make_loss
from training.embedder.metric_losses import PROXIES
from training.embedder.train import PairBatches
from training.embedders_classic.config import ClassicConfig, as_pairs
from training.embedders_classic.mining import TripletRounds, triplet_loss
from training.embedders_classic.networks import Autoencoder, Encoder, make_encoder
from training.loop import Loop

# Step -> loss, and embeddings (B, D) of one view of B different garments, for the watch over their spread.
StepOf = Callable[[int], tuple[Tensor, Tensor]]


class Student(nn.Module):
    """An encoder that is used as it is; the methods below train theirs."""

    def __init__(self, config: ClassicConfig) -> None:
        """Build what a recipe describes; for errors see `make_encoder`."""
        super().__init__()
        self.config = config
        self.encoder: Encoder = make_encoder(config)

    def steps(self, garments: Garments, loop: Loop) -> StepOf:
        """What a step of this loop does, on the training rows of these garments."""
        raise NotImplementedError("this encoder is not trained")


class _OnPairs(Student):
    """Sees the batches of pairs that our embedder is trained on; subclasses have a loss."""

    def steps(self, garments: Garments, loop: Loop) -> StepOf:
        """See `Student.steps`."""
        batches = loop.ahead(PairBatches(garments, as_pairs(self.config)))

        def step_of(step: int) -> tuple[Tensor, Tensor]:
            batch = loop.put(*batches(step))
            loop.team.seed(self.config.seed, step)
            return loop.network(*batch)

        return step_of

    def forward(self, crops: Tensor, masks: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and embeddings (B, D) of the shop's views, for a batch of `PairBatches`."""
        raise NotImplementedError


class ByIdentity(_OnPairs):
    """Classifies views into the garments of the training data, as face-recognition networks name people."""

    def __init__(self, config: ClassicConfig) -> None:
        """Build; `config.classes` is the number of garments."""
        super().__init__(config)
        self.head = nn.Linear(self.encoder.dimension, config.classes)

    def forward(self, crops: Tensor, masks: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """See `_OnPairs.forward`."""
        raw = self.encoder.raw(crops, masks)
        loss = nn.functional.cross_entropy(self.head(torch.relu(raw)), torch.cat([numbers, numbers]))
        return loss, nn.functional.normalize(raw[: len(numbers)], dim=1, eps=1e-6)


class ByPairs(_OnPairs):
    """Any of our embedder's losses."""

    def __init__(self, config: ClassicConfig) -> None:
        """Build; see `training.embedder.losses.make_loss` for the errors."""
        super().__init__(config)
        self.loss = make_loss(config.loss, dimension=self.encoder.dimension, classes=config.classes)

    def forward(self, crops: Tensor, masks: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """See `_OnPairs.forward`."""
        shop, worn = self.encoder(crops, masks).float().chunk(2)
        with torch.autocast(shop.device.type, enabled=False):  # cosines differ by less than bfloat16 can tell
            return self.loss(shop, worn, numbers), shop


class ByRebuilding(_OnPairs):
    """Draws the picture anew out of a narrow vector; who is who is never said."""

    def __init__(self, config: ClassicConfig) -> None:
        """Build.

        Raises:
            ConfigError: the network is no autoencoder.
        """
        super().__init__(config)
        if not isinstance(self.encoder, Autoencoder):
            raise ConfigError('method = "rebuild" needs network = "vae"')

    def forward(self, crops: Tensor, masks: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """See `_OnPairs.forward`."""
        seen, drawn, mean, log_variance = self.encoder.rebuilt(crops, masks)
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()
        loss = nn.functional.mse_loss(drawn, seen) + self.config.beta * divergence
        return loss, nn.functional.normalize(mean[: len(numbers)], dim=1, eps=1e-6)


class ByRounds(Student):
    """Triplets chosen anew by the network itself after every round, see `RoundsConfig`."""

    def __init__(self, config: ClassicConfig) -> None:
        """Build; `config.classes` is the number of garments."""
        super().__init__(config)
        # Part of a checkpoint: a run that goes on in the middle of a round could not choose them again.
        self.register_buffer("strangers", torch.zeros(config.classes, dtype=torch.int64))

    def steps(self, garments: Garments, loop: Loop) -> StepOf:
        """See `Student.steps`.

        Raises:
            ConfigError: a single garment has no stranger, or several processes train.
        """
        if loop.team.size > 1:
            raise ConfigError('method = "rounds" chooses its triplets in one process; start it without torchrun')
        rounds = TripletRounds(garments, self.config)
        if len(rounds) < 2:
            raise ConfigError("triplets need two garments or more")

        def step_of(step: int) -> tuple[Tensor, Tensor]:
            if rounds.starts(step):
                self.strangers[: len(rounds)] = rounds.mine(self.encoder, step)
            worn, shop, other = self.encoder(*loop.put(*rounds(step, self.strangers.cpu()))).float().chunk(3)
            return triplet_loss(worn, shop, other, self.config.rounds.margin), shop

        return step_of


METHODS: dict[str, type[Student]] = {
    "none": Student,
    "identity": ByIdentity,
    "pairs": ByPairs,
    "rounds": ByRounds,
    "rebuild": ByRebuilding,
}


def make_student(config: ClassicConfig) -> Student:
    """What a recipe trains.

    Raises:
        ConfigError: there is no such method, or its settings do not fit.
    """
    if config.method not in METHODS:
        raise ConfigError(f"no method is called {config.method!r}; choose one of {', '.join(METHODS)}")
    return METHODS[config.method](config)


def counts_garments(config: ClassicConfig) -> bool:
    """Whether a recipe's method must know how many garments the training data has."""
    return config.method in ("identity", "rounds") or (config.method == "pairs" and config.loss in PROXIES)
