"""Training the box head of a detector alone, on pooled boxes: minutes in place of hours.

What kind of garment a box holds is told by two small layers on maps that many kinds of picture share. On drawn scenes
nine in ten garments had a good proposal and seven in ten got their type: these layers were the narrow place. Trained
alone they see every box several times in the time that the whole network takes to see a picture once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import fastrcnn_loss

from training.bundle_weights import bundle_to_start_from, load_weights, stored_weights
from training.checkpoint import save_checkpoint
from training.detector.box_head_config import BoxHeadConfig
from training.detector.config import DetectorConfig, ModelConfig
from training.detector.export import load_model
from training.detector.heads import BoxHead, BoxPredictor
from training.detector.model import CLASSES, MatchRCNN
from training.detector.pooled import Pooled, open_pooled
from training.loop import Loop, LossOf, TrainingError
from training.settings import to_table

LAST = "last.pt"
_WIDTH = "roi_heads.box_head.first.bias"  # as long as the head is wide


class Head(nn.Module):
    """The part of a detector that is trained: types and refinements of pooled boxes."""

    def __init__(self, head: BoxHead, predictor: BoxPredictor) -> None:
        """Take the two parts."""
        super().__init__()
        self.head, self.predictor = head, predictor

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C * S * S) -> logits (N, classes), refinements (N, 4 * classes)."""
        return self.predictor(self.head(maps))


def widened(head: Head, width: int) -> Head:
    """The same head with more units that add nothing yet (Chen et al., "Net2Net", ICLR 2016).

    Raises:
        TrainingError: it is wider already.
    """
    old, first = head.head.first.out_features, head.head.first
    if width == old:
        return head
    if width < old:
        raise TrainingError(f"the box head has {old} units; width = {width} would cut some off")
    new = Head(BoxHead(first.in_features, 1, width), BoxPredictor(width, CLASSES))
    with torch.no_grad():
        new.head.first.weight[:old], new.head.first.bias[:old] = first.weight, first.bias
        new.head.second.weight[:old, :old], new.head.second.bias[:old] = head.head.second.weight, head.head.second.bias
        new.head.second.weight[:old, old:] = 0
        for name in ("score", "refine"):
            last, given = getattr(new.predictor, name), getattr(head.predictor, name)
            last.weight[:, old:] = 0
            last.weight[:, :old], last.bias[:] = given.weight, given.bias
    return new


class HeadLoop(Loop):
    """The loop of the head alone: `last.pt` is for the whole detector."""

    file = "head.pt"


def train(config: BoxHeadConfig, out: Path) -> Path:
    """Train the box head of a detector; goes on where `out/head.pt` stopped, if it is there.

    Args:
        config: the recipe; with 0 steps the head is widened only.
        out: folder for the checkpoints and the log.

    Returns:
        The checkpoint of a whole detector: `asworn export` and `asworn train mix` take it.

    Raises:
        ConfigError: data or weights are missing.
        TrainingError: the loss stops being finite, or the head would be narrower than it is.
    """
    torch.manual_seed(config.seed)
    start = _start(config.start)
    pooled = open_pooled(config, start, config.cache)
    heads = start.roi_heads
    head = widened(Head(heads.box_head, heads.box_predictor), config.width)
    if config.loop.steps:
        loop = HeadLoop(head, config.loop, out, to_table(config)).resumed()
        loop.run(_loss_of(head, pooled, config))
        head.load_state_dict(loop.average.weights)
    heads.box_head, heads.box_predictor = head.head, head.predictor
    model = replace(start.config, box_width=config.width)
    state = {"config": to_table(DetectorConfig(start=config.start, model=model)), "recipe_of_head": to_table(config)}
    save_checkpoint(out / LAST, {**state, "average": {name: p.detach() for name, p in start.named_parameters()}})
    return out / LAST


def _start(name: str) -> MatchRCNN:
    if (bundle := bundle_to_start_from(name)) is None:
        return load_model(Path(name))
    width = stored_weights(bundle, "detector")[_WIDTH].shape[0]
    model = MatchRCNN(ModelConfig(box_width=width))
    load_weights(model, bundle, "detector")
    return model.eval()


def _loss_of(head: Head, pooled: Pooled, config: BoxHeadConfig) -> LossOf:
    """The loss of a step; every box is seen once before any is seen again."""
    per_pass = max(len(pooled) // config.batch, 1)

    @lru_cache(1)
    def order(number: int) -> NDArray[np.int64]:
        return np.random.default_rng([config.seed, number]).permutation(len(pooled))

    def loss_of(step: int) -> tuple[Tensor, Mapping[str, float]]:
        # In order of place: read from the disk, neighbours are read at once.
        rows = np.sort(order(step // per_pass)[step % per_pass * config.batch :][: config.batch])
        maps = torch.from_numpy(np.asarray(pooled.maps[rows])).float()
        labels, offsets = torch.from_numpy(pooled.labels[rows]), torch.from_numpy(pooled.offsets[rows])
        types, boxes = fastrcnn_loss(*head(maps), [labels], [offsets])
        return types + boxes, {"types": float(types.detach()), "boxes": float(boxes.detach())}

    return loss_of
