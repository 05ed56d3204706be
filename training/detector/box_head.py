"""Training the box head of a detector alone, on pooled boxes: minutes in place of hours.

What kind of garment a box holds is told by two small layers on maps that many kinds of picture share. On drawn scenes
nine in ten garments had a good proposal and seven in ten got their type: these layers were the narrow place. Trained
alone they see every box several times in the time that the whole network takes to see a picture once.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
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
from training.ema import WeightAverage
from training.journal import Journal
from training.loop import TrainingError
from training.run_folder import note_start
from training.settings import from_table, to_table

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


def train(config: BoxHeadConfig, out: Path) -> Path:
    """Train the box head of a detector.

    Args:
        config: the recipe.
        out: folder for the checkpoint and the log.

    Returns:
        The checkpoint, of a whole detector: `asworn export` and `asworn train mix` take it.

    Raises:
        ConfigError: data or weights are missing.
        TrainingError: the loss stops being finite, or the head would be narrower than it is.
    """
    torch.manual_seed(config.seed)
    out.mkdir(parents=True, exist_ok=True)
    start = _start(config.start)
    pooled = open_pooled(config, start, config.cache)
    torch.set_num_threads(config.threads)
    heads = start.roi_heads
    head = widened(Head(heads.box_head, heads.box_predictor), config.width)
    note_start(out, to_table(config), 0)
    average = _fit(head, pooled, config, out)
    head.load_state_dict(average.weights)
    heads.box_head, heads.box_predictor = head.head, head.predictor
    model = from_table(ModelConfig, {**to_table(start.config), "box_width": config.width}, "box head")
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


def _fit(head: Head, pooled: Pooled, config: BoxHeadConfig, out: Path) -> WeightAverage:
    average = WeightAverage(head, config.ema)
    optimiser = torch.optim.AdamW(head.parameters(), weight_decay=config.weight_decay)
    per_pass = max(len(pooled) // config.batch, 1)
    steps, rng = per_pass * config.passes, np.random.default_rng(config.seed)
    with Journal(out, steps) as journal:
        for step in range(steps):
            if step % per_pass == 0:
                order = rng.permutation(len(pooled))
            # In order of place: read from the disk, neighbours are read at once.
            rows = np.sort(order[step % per_pass * config.batch :][: config.batch])
            factor = _factor(step, steps, config)
            losses = _losses(head, pooled, rows, config.smooth)
            total = losses["types"] + losses["boxes"]
            if not math.isfinite(float(total.detach())):
                raise TrainingError(f"the loss is no longer finite at step {step}; use a lower rate")
            optimiser.zero_grad(set_to_none=True)
            total.backward()
            nn.utils.clip_grad_norm_(head.parameters(), config.clip)
            for group in optimiser.param_groups:
                group["lr"] = config.rate * factor
            optimiser.step()
            average.update(head)
            if (step + 1) % config.log_steps == 0:
                figures: dict[str, Any] = {name: float(value.detach()) for name, value in losses.items()}
                journal.note(step + 1, float(total.detach()), figures, factor, (step + 1) / steps)
    return average


def _factor(step: int, steps: int, config: BoxHeadConfig) -> float:
    """Learning rate as a share of the peak: linear warm-up, then cosine down to `final`."""
    warm = min(1.0, (step + 1) / max(1, config.warmup))
    return warm * (config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * step / steps)))


def _losses(head: Head, pooled: Pooled, rows: np.ndarray, smooth: float) -> dict[str, Tensor]:
    maps = torch.from_numpy(np.asarray(pooled.maps[rows])).float()
    labels, offsets = torch.from_numpy(pooled.labels[rows]), torch.from_numpy(pooled.offsets[rows])
    logits, refinements = head(maps)
    types, boxes = fastrcnn_loss(logits, refinements, [labels], [offsets])
    if smooth:
        types = nn.functional.cross_entropy(logits, labels, label_smoothing=smooth)
    return {"types": types, "boxes": boxes}
