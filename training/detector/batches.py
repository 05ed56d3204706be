"""Batches of composed pictures, one canvas shape a batch, determined by (seed, step, process) alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.data.mix import Mix
from training.data.records import Sample
from training.detector.config import DetectorConfig
from training.detector.model import Truth
from training.pictures import open_sources

Batch = tuple[Tensor, list[Truth]]


def to_truth(sample: Sample) -> Truth:
    """A sample's boxes, labels (1..11) and one mask for each instance."""
    masks = (sample.ids[None] == sample.instances[:, None, None]).astype(np.uint8)
    return Truth(torch.from_numpy(sample.boxes), torch.from_numpy(sample.type_ids + 1), torch.from_numpy(masks))


class Batches(Dataset):
    """Batch number `step`, the same whenever it is asked for."""

    def __init__(self, config: DetectorConfig, rank: int) -> None:
        """Open the sources of a recipe for the training process `rank`."""
        self._config = config
        self._rank = rank
        data = config.data
        self._mix = Mix(open_sources(data), data.mix)

    def __len__(self) -> int:
        return self._config.steps

    def __getitem__(self, step: int) -> Batch:
        config = self._config
        # All processes draw the same shape, so that none waits for another's larger canvas.
        shape = self._mix.shape_of(np.random.default_rng([config.seed, step]))
        canvas = config.data.portrait if shape == "portrait" else config.data.wide
        rng = np.random.default_rng([config.seed, step, self._rank + 1])
        count = config.batch if shape == "portrait" else config.batch_wide
        samples = [self._mix.make(shape, canvas, rng) for _ in range(count)]
        return torch.from_numpy(np.stack([s.image for s in samples])), [to_truth(s) for s in samples]


def stream(config: DetectorConfig, rank: int, first: int) -> Iterator[Batch]:
    """Batches from step `first` to the end of the run."""
    batches = Batches(config, rank)
    if config.workers == 0:
        return (batches[step] for step in range(first, config.steps))
    order = range(first, config.steps)
    return iter(DataLoader(batches, None, sampler=order, num_workers=config.workers, prefetch_factor=4))
