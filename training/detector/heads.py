"""The heads on the pyramid: proposals, boxes with types, masks. Losses are torchvision's."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead

from training.detector.config import ModelConfig
from training.detector.pyramid import PyramidPool

BOX_CODER = (10.0, 10.0, 5.0, 5.0)


class BoxHead(nn.Module):
    """Two fully connected layers on a pooled box."""

    def __init__(self, channels: int, size: int, width: int) -> None:
        """Take `channels` maps of `size` x `size` cells to `width` numbers."""
        super().__init__()
        self.first = nn.Linear(channels * size * size, width)
        self.second = nn.Linear(width, width)

    def forward(self, pooled: Tensor) -> Tensor:
        """(N, C, size, size) -> (N, width)."""
        return self.second(self.first(pooled.flatten(1)).relu()).relu()


class BoxPredictor(nn.Module):
    """Type scores, and one box refinement shared by all types."""

    def __init__(self, width: int, classes: int) -> None:
        """`classes` counts the background, which is class 0."""
        super().__init__()
        self.classes = classes
        self.score = nn.Linear(width, classes)
        self.refine = nn.Linear(width, 4)
        nn.init.normal_(self.score.weight, std=0.01)
        nn.init.normal_(self.refine.weight, std=0.001)
        nn.init.zeros_(self.score.bias)
        nn.init.zeros_(self.refine.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, width) -> logits (N, classes), refinements (N, 4 * classes).

        torchvision expects a refinement for each class; here they are all the same one.
        """
        return self.score(x), self.refine(x).repeat(1, self.classes)


class MaskHead(nn.Sequential):
    """Convolutions on a pooled box, then twice the size: (N, C, 14, 14) -> (N, classes, 28, 28) logits."""

    def __init__(self, channels: int, width: int, convolutions: int, classes: int) -> None:
        """Build `convolutions` layers of `width` channels, and one mask for each class."""
        layers: list[nn.Module] = []
        for i in range(convolutions):
            layers += [nn.Conv2d(channels if i == 0 else width, width, 3, padding=1), nn.ReLU()]
        layers += [nn.ConvTranspose2d(width, width, 2, 2), nn.ReLU(), nn.Conv2d(width, classes, 1)]
        super().__init__(*layers)
        for layer in self:
            if hasattr(layer, "weight"):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(layer.bias)


def build_rpn(config: ModelConfig) -> RegionProposalNetwork:
    """The proposal network: one shared convolution, `config.anchors` at every level."""
    ratios = (tuple(config.anchor_ratios),) * len(config.anchors)
    anchors = AnchorGenerator(tuple(tuple(sizes) for sizes in config.anchors), ratios)
    head = RPNHead(config.width, anchors.num_anchors_per_location()[0])
    return RegionProposalNetwork(
        anchors,
        head,
        fg_iou_thresh=0.6,
        bg_iou_thresh=0.3,
        batch_size_per_image=128,
        positive_fraction=0.5,
        pre_nms_top_n={"training": 400, "testing": 200},
        post_nms_top_n={"training": 200, "testing": config.proposals},
        nms_thresh=config.proposal_nms,
    )


def build_roi_heads(config: ModelConfig, classes: int) -> RoIHeads:
    """Box, type and mask heads; `classes` counts the background."""
    return RoIHeads(
        PyramidPool(config.box_cells),
        BoxHead(config.width, config.box_cells, config.box_width),
        BoxPredictor(config.box_width, classes),
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.5,
        batch_size_per_image=config.sampled_boxes,
        positive_fraction=0.25,
        bbox_reg_weights=BOX_CODER,
        score_thresh=0.05,
        nms_thresh=0.5,
        detections_per_img=100,
        mask_roi_pool=PyramidPool(config.mask_cells),
        mask_head=nn.Identity(),
        mask_predictor=MaskHead(config.width, config.mask_width, config.mask_convolutions, classes),
    )
