"""Shape of a Match R-CNN. Defaults are Detectron2's for Mask R-CNN with a feature pyramid."""

from __future__ import annotations

from dataclasses import dataclass

from matcher.errors import ConfigError
from matcher.taxonomy import TYPES

# Name -> (blocks of each stage, groups, channels of a group): He et al., 2016, table 1; Xie et al., 2017.
RESNETS: dict[str, tuple[tuple[int, int, int, int], int, int]] = {
    "r50": ((3, 4, 6, 3), 1, 64),
    "r101": ((3, 4, 23, 3), 1, 64),
    "x101": ((3, 4, 23, 3), 32, 8),
}
MOBILENET = "mobilenetv2"
NECKS = ("fpn", "c4", "dc5")
BACKBONES = (*(f"{net}_{neck}" for net in RESNETS for neck in NECKS), f"{MOBILENET}_fpn")
# Of ImageNet, BGR: what the networks trained in Caffe subtract, and what torchvision's divide by.
CAFFE_MEAN = (103.53, 116.28, 123.675)
IMAGENET_STD = (57.375, 57.12, 58.395)


@dataclass(frozen=True)
class ModelConfig:
    """What a network is built of.

    Attributes:
        backbone: one of `BACKBONES`.
        names: names of the classes; class i of the outputs is names[i].
        blocks: of each stage, to build a shallower network than the name says; empty = as the name says.
        stride_in_1x1: a ResNet's stages halve their maps in the first 1x1 convolution, as networks trained in Caffe
            do, rather than in the 3x3 one.
        mean, std: of the pixels, BGR.
        rgb: the network reads RGB; `mean` and `std` stay in the order BGR.
        frozen_stages: stages of the trunk that take no gradient, the stem counted as one.
        anchors: sizes in pixels for each map that proposals come from.
        anchor_ratios: height / width.
        pyramid_width: channels of each level.
        before_nms, proposals: of a picture, in training and at test; `before_nms` counts for each map.
        proposal_nms: overlap above which the weaker of two proposals is dropped.
        sampled_anchors, sampled_boxes: of a picture, that the losses see.
        positive_boxes: largest share of positive ones among `sampled_boxes`.
        agnostic_boxes, agnostic_masks: one box or mask for all classes instead of one for each.
        box_cells, box_layers, box_width: pooled size, fully connected layers and width of the box head.
        masks: whether there is a mask head.
        mask_cells, mask_convolutions, mask_width: of the mask head; masks come out twice as large.
        sampling: points a side that RoIAlign reads in each cell; 0 = as many as the cell is large.
        score_threshold, nms_iou, detections: what is kept of a picture.
        landmark_counts: landmarks of each class; empty = no landmark head. `landmark_width` channels.
        attributes: number of attributes; 0 = no attribute head.
        attribute_names: of these, as the data set has them; bundles need them. Empty = not known.
        match: whether there is a match head; `match_width` channels, vectors of `match_dimension`.
    """

    backbone: str = "r50_fpn"
    names: tuple[str, ...] = TYPES
    blocks: tuple[int, ...] = ()
    stride_in_1x1: bool = True
    mean: tuple[float, float, float] = CAFFE_MEAN
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    rgb: bool = False
    frozen_stages: int = 2
    anchors: tuple[tuple[float, ...], ...] = ((32.0,), (64.0,), (128.0,), (256.0,), (512.0,))
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    pyramid_width: int = 256
    before_nms: tuple[int, int] = (2000, 1000)
    proposals: tuple[int, int] = (1000, 1000)
    proposal_nms: float = 0.7
    sampled_anchors: int = 256
    sampled_boxes: int = 512
    positive_boxes: float = 0.25
    agnostic_boxes: bool = False
    agnostic_masks: bool = False
    box_cells: int = 7
    box_layers: int = 2
    box_width: int = 1024
    masks: bool = True
    mask_cells: int = 14
    mask_convolutions: int = 4
    mask_width: int = 256
    sampling: int = 0
    score_threshold: float = 0.05
    nms_iou: float = 0.5
    detections: int = 100
    landmark_counts: tuple[int, ...] = ()
    landmark_width: int = 512
    attributes: int = 0
    attribute_names: tuple[str, ...] = ()
    match: bool = False
    match_width: int = 256
    match_dimension: int = 256

    def __post_init__(self) -> None:
        """Check what would otherwise fail far from here.

        Raises:
            ConfigError: there is no such backbone, the landmarks are not of these classes, or the names of attributes
                are not as many as these.
        """
        if self.backbone not in BACKBONES:
            raise ConfigError(f"no backbone is called {self.backbone!r}; choose one of {', '.join(BACKBONES)}")
        if self.landmark_counts and len(self.landmark_counts) != len(self.names):
            raise ConfigError(
                f"landmark_counts is for {len(self.landmark_counts)} classes, there are {len(self.names)}; landmarks"
                ' need the data set\'s own categories: set data.labels = "categories"'
            )

        if self.attribute_names and len(self.attribute_names) != self.attributes:
            raise ConfigError(f"attribute_names has {len(self.attribute_names)} names, attributes is {self.attributes}")

    @property
    def net(self) -> str:
        """The trunk: one of `RESNETS`, or `MOBILENET`."""
        return self.backbone.rpartition("_")[0]

    @property
    def neck(self) -> str:
        """One of `NECKS`."""
        return self.backbone.rpartition("_")[2]

    @property
    def classes(self) -> int:
        """How many classes there are, the background not counted."""
        return len(self.names)


def neck_defaults(neck: str) -> dict[str, object]:
    """Detectron2's settings where they differ from a pyramid's: one map of stride 16 has all anchors.

    Args:
        neck: one of `NECKS`.
    """
    if neck == "fpn":
        return {}
    shared: dict[str, object] = {
        "anchors": ((32.0, 64.0, 128.0, 256.0, 512.0),),
        "before_nms": (12000, 6000),
        "proposals": (2000, 1000),
    }
    return shared if neck == "dc5" else {**shared, "box_cells": 14, "box_layers": 0, "mask_convolutions": 0}
