"""What the box head sees of composed pictures, worked out once: the rest of a detector stands still meanwhile."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import box_iou

from matcher.errors import ConfigError
from training.data.mix import Mix
from training.data.records import Sample
from training.detector.box_head_config import BoxHeadConfig
from training.detector.heads import BOX_CODER
from training.detector.inference import DetectGraph
from training.detector.model import MatchRCNN
from training.pictures import open_sources
from training.processes import end_with_parent

_SAME = 0.5  # overlap from which on a box is a garment's
_NEAR = 0.06  # of a garment's size: by so much boxes near it are moved
_INDEX = "index.json"


@dataclass(frozen=True)
class Pooled:
    """Pooled boxes of many pictures.

    Attributes:
        maps: (N, C * S * S) float16, what the box head reads of each box.
        labels: (N,) int64, 0 = background, 1 + type id of the garment.
        offsets: (N, 4) float32, the refinement that leads to the garment's own box; 0 for the background.
    """

    maps: NDArray[np.float16]
    labels: NDArray[np.int64]
    offsets: NDArray[np.float32]

    def __len__(self) -> int:
        """Number of boxes."""
        return len(self.labels)


def boxes_of(graph: DetectGraph, sample: Sample, most_background: int, rng: Generator) -> Pooled:
    """The boxes of one picture: what the proposal network finds, and boxes near the garments.

    Args:
        graph: of the detector, with as many proposals as are wanted.
        sample: the picture.
        most_background: boxes without a garment at most, chosen at random.
        rng: source of randomness.
    """
    height, width = sample.image.shape[:2]
    levels = graph.model.levels(torch.from_numpy(sample.image)[None])
    truth = torch.from_numpy(sample.boxes)
    boxes = torch.cat([graph.propose(levels, height, width), *(_moved(truth, rng) for _ in range(2))])
    overlap, nearest = box_iou(boxes, truth).max(1) if len(truth) else (torch.zeros(len(boxes)),) * 2
    inside = torch.nonzero(overlap >= _SAME)[:, 0]
    outside = torch.nonzero(overlap < _SAME)[:, 0]
    rows = torch.cat([inside, outside[torch.from_numpy(rng.permutation(len(outside))[:most_background])]])
    chosen, labels, offsets = boxes[rows], torch.zeros(len(rows), dtype=torch.int64), torch.zeros(len(rows), 4)
    if len(inside):
        own = nearest[inside]
        labels[: len(inside)] = torch.from_numpy(sample.type_ids)[own] + 1
        offsets[: len(inside)] = BoxCoder(BOX_CODER).encode_single(truth[own], boxes[inside])
    rois = torch.cat([torch.zeros_like(chosen[:, :1]), chosen], 1)
    maps = graph.model.roi_heads.box_roi_pool.pool(levels, rois).flatten(1)
    return Pooled(maps.half().numpy(), labels.numpy(), offsets.numpy())


def _moved(boxes: Tensor, rng: Generator) -> Tensor:
    """Boxes (N, 4) with every side a little off."""
    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    return boxes + sides * torch.from_numpy(rng.normal(0, _NEAR, tuple(boxes.shape))).float()


def open_pooled(config: BoxHeadConfig, model: MatchRCNN, folder: Path) -> Pooled:
    """Open the boxes that a recipe asks for, working them out at first use in `config.processes` processes.

    Args:
        config: the recipe.
        model: the detector, in evaluation mode.
        folder: for the files; those of another recipe or of other weights are made anew.

    Raises:
        ConfigError: the data is not there, or no picture is asked for.
    """
    if config.composed < 1 or config.processes < 1:
        raise ConfigError(f"composed and processes must be 1 or more, not {config.composed} and {config.processes}")
    key = config.pooled_key(model)
    if not _holds(folder, key):
        folder.mkdir(parents=True, exist_ok=True)
        open_sources(config.data)  # makes what is missing, once
        parts = min(config.processes, config.composed)
        torch.multiprocessing.spawn(_work, (replace(config, processes=parts), model, folder), nprocs=parts)
        _join(folder, parts)
        (folder / _INDEX).write_text(json.dumps({"key": key}), encoding="utf-8")
    labels = np.load(folder / "labels.npy")
    maps = np.memmap(folder / "maps.f16", np.float16, "r").reshape(len(labels), -1)
    return Pooled(maps, labels, np.load(folder / "offsets.npy"))


def _holds(folder: Path, key: str) -> bool:
    try:
        return json.loads((folder / _INDEX).read_text(encoding="utf-8"))["key"] == key
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _work(rank: int, config: BoxHeadConfig, model: MatchRCNN, folder: Path) -> None:
    end_with_parent()
    torch.set_num_threads(1)
    labels, offsets = [], []
    with (folder / f"maps-{rank}.f16").open("wb") as file, torch.inference_mode():
        for one in _pictures(rank, config, model):
            one.maps.tofile(file)
            labels.append(one.labels)
            offsets.append(one.offsets)
    np.savez(folder / f"truth-{rank}.npz", labels=np.concatenate(labels), offsets=np.concatenate(offsets))


def _pictures(rank: int, config: BoxHeadConfig, model: MatchRCNN) -> Iterator[Pooled]:
    graph = DetectGraph(model).eval()
    graph.proposals = config.proposals
    mix = Mix(open_sources(config.data), config.data.mix)
    for number in range(rank, config.composed, config.processes):
        rng = np.random.default_rng([config.seed, number])
        shape = mix.shape_of(rng)
        canvas = config.data.portrait if shape == "portrait" else config.data.wide
        yield boxes_of(graph, mix.make(shape, canvas, rng), config.most_background, rng)


def _join(folder: Path, processes: int) -> None:
    """Put the processes' files behind one another."""
    truths = [np.load(folder / f"truth-{rank}.npz") for rank in range(processes)]
    with (folder / "maps.f16").open("wb") as file:
        for rank in range(processes):
            path = folder / f"maps-{rank}.f16"
            with path.open("rb") as part:
                shutil.copyfileobj(part, file, 2**24)
            path.unlink()
    for name in ("labels", "offsets"):
        np.save(folder / f"{name}.npy", np.concatenate([truth[name] for truth in truths]))
    for rank in range(processes):
        (folder / f"truth-{rank}.npz").unlink()
