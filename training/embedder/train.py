"""Training of the embedder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from matcher.outline import refined
from training.data.garment_crops import Garment, Garments
from training.embedder.collapse import CollapseMonitor
from training.embedder.colourway import dyed
from training.embedder.config import EmbedderConfig
from training.embedder.losses import make_loss
from training.embedder.metric_losses import PROXIES
from training.embedder.model import Embedder
from training.embedder.sampler import PairSampler, PairSource
from training.embedder.views import shop_view, worn_view
from training.loop import Loop, start_from
from training.mixture import open_garments
from training.settings import to_table
from training.team import Team

# Crops (2B, S, S, 3) uint8, masks (2B, S, S) float32, numbers (B,) int64 of the garments.
Batch = tuple[Tensor, Tensor, Tensor]


_COLOUR_BATCHES = 8


class PairBatches:
    """The views of any step, from the step's number alone."""

    def __init__(self, garments: Garments, config: EmbedderConfig) -> None:
        """Draw from the training rows of `garments`."""
        self._garments, self._config = garments, config
        source = PairSource(garments, own=config.own)
        self._sampler = PairSampler(garments, source, config.colourways, config.one_source)

    def __call__(self, step: int) -> Batch:
        """Crops (2B, S, S, 3) uint8, masks (2B, S, S) float32, numbers (B,) int64; the shop's views come first."""
        config, rng = self._config, np.random.default_rng((self._config.seed, step))
        pairs = self._sampler.draw(config.garments, rng)
        others = rng.permutation([pair.worn for pair in pairs])
        size, margin = config.train_size, config.model.margin
        views = [shop_view(self._garment(pair.shop, pair.dye), rng, size, margin) for pair in pairs]
        for pair, other in zip(pairs, others, strict=True):
            views.append(worn_view(self._garment(pair.worn, pair.dye), self._garments[other], rng, size, margin))
        crops, masks = (np.stack(column) for column in zip(*views, strict=True))
        masks = refined(crops, masks) if config.model.refine else masks
        numbers = torch.tensor([pair.number for pair in pairs])
        return torch.from_numpy(crops), torch.from_numpy(masks), numbers

    def _garment(self, row: int, dye: int) -> Garment:
        garment = self._garments[row]
        return replace(garment, image=dyed(garment.image, dye)) if dye else garment


class Student(nn.Module):
    """The embedder together with the loss, whose scale is learnt with it."""

    def __init__(self, config: EmbedderConfig) -> None:
        """Build what a recipe describes, with random weights."""
        super().__init__()
        self.embedder = Embedder(config.model, config.frozen_blocks)
        self.loss = make_loss(config.loss, config.memory, config.model.dimension, config.memory_after, config.classes)

    def forward(self, crops: Tensor, masks: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Loss, and embeddings (B, D) of the shop's and of the worn views, of a batch of `PairBatches`."""
        shop, worn = self.embedder(crops, masks).chunk(2)
        with torch.autocast(shop.device.type, enabled=False):  # cosines differ by less than bfloat16 can tell
            return self.loss(shop.float(), worn.float(), numbers), shop, worn


def build(config: EmbedderConfig) -> Student:
    """What a recipe starts from."""
    torch.manual_seed(config.seed)
    student = Student(config)
    start_from(student, student.embedder, config, "embedder")
    return student.to(memory_format=torch.channels_last)


def with_classes(config: EmbedderConfig) -> EmbedderConfig:
    """The recipe with its garments counted where its loss has a vector for each, so that a checkpoint says how many."""
    if config.loss not in PROXIES or config.classes:
        return config
    return replace(config, classes=len(PairSource(open_garments(config.data)).identities))


def train(config: EmbedderConfig, out: Path) -> Path:
    """Train the embedder; goes on where `out/last.pt` stopped, if it is there.

    Args:
        config: the recipe.
        out: run folder.

    Returns:
        Path of the last checkpoint.

    Raises:
        TrainingError: the loss became non-finite, or the embeddings collapsed.
        ConfigError: weights or data are missing.
        BackendError: there is no such device.
    """
    cv2.setNumThreads(1)
    team = Team.here(config.device)
    with team.first_the_leader():
        garments = open_garments(config.data)
    config = with_classes(config)
    student = build(config)
    pairs = PairBatches(garments, config)
    _fit_colours(student.embedder, pairs)
    loop = Loop(student, config.loop, out, to_table(config), team, config.amp).resumed()
    batches = loop.ahead(pairs)
    monitor = CollapseMonitor(config.collapse)

    def loss_of(step: int) -> tuple[Tensor, Mapping[str, float]]:
        loss, shop, worn = loop.network(*loop.put(*batches(step)))
        figures = {"recall@1": _recall(shop, worn)}
        if (step + 1) % config.loop.log_steps == 0:
            # The exact colours cannot collapse, and would hide it if the rest did.
            learnt = shop.detach().float()[:, : config.model.dimension - config.model.colours]
            figures |= asdict(monitor.look(nn.functional.normalize(learnt, dim=1), step + 1))
        return loss, figures

    return loop.run(loss_of)


@torch.no_grad()
def _fit_colours(embedder: Embedder, batches: PairBatches) -> None:
    """Fit the exact colours to the first batches; a checkpoint that training goes on from brings its own."""
    if embedder.colours is None or embedder.colours.fitted:
        return
    seen = [batches(step)[:2] for step in range(_COLOUR_BATCHES)]
    embedder.colours.fit(torch.cat([embedder.colours.histogram(crops, masks) for crops, masks in seen]))


@torch.no_grad()
def _recall(shop: Tensor, worn: Tensor) -> float:
    return float(((worn @ shop.T).argmax(1) == torch.arange(len(worn), device=worn.device)).float().mean())
