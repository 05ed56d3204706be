"""Weights, pictures and expected numbers to compare with Detectron2: nothing of it is stored but what it answers.

Weights follow from their names alone, so that the same model can be built here and in Detectron2. Where Detectron2 is
installed, this writes the golden answers anew, which is meant for a new version of it alone:

    python -m tests.training.detectron2_reference
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from training.match_rcnn.config import IMAGENET_STD, ModelConfig, neck_defaults

GOLDEN = Path(__file__).parents[1] / "golden" / "detectron2.npz"
SHOWN = 8  # detections and masks that are kept of each model
NAMES = tuple(f"class {i}" for i in range(80))
# Model -> its file in Detectron2's zoo of configurations.
ZOO = {
    "r50_fpn": "COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x.yaml",
    "r101_fpn": "COCO-InstanceSegmentation/mask_rcnn_R_101_FPN_3x.yaml",
    "x101_fpn": "COCO-InstanceSegmentation/mask_rcnn_X_101_32x8d_FPN_3x.yaml",
    "r50_c4": "COCO-InstanceSegmentation/mask_rcnn_R_50_C4_3x.yaml",
    "r50_dc5": "COCO-InstanceSegmentation/mask_rcnn_R_50_DC5_3x.yaml",
}


# So many proposals and detections, and a narrower box head, so that a comparison takes seconds.
PROPOSALS, DETECTIONS, BOX_WIDTH = 60, 20, 128


EVERY = 10**6  # so many samples that there is nothing to draw
LOSSES = {
    "loss_rpn_cls": "objectness", "loss_rpn_loc": "proposal_boxes", "loss_cls": "classes", "loss_box_reg": "boxes",
    "loss_mask": "masks",
}  # fmt: skip


def config_of(name: str) -> ModelConfig:
    """Our settings of a model of the zoo."""
    neck = name.rpartition("_")[2]
    form: dict[str, Any] = {"stride_in_1x1": False, "std": IMAGENET_STD} if name.startswith("x101") else {}
    form |= neck_defaults(neck) | {"proposals": (PROPOSALS, PROPOSALS), "detections": DETECTIONS}
    return ModelConfig(backbone=name, names=NAMES, box_width=BOX_WIDTH, **form)


def picture(height: int = 96, width: int = 131) -> np.ndarray:
    """Blocks of colour and noise, (H, W, 3) uint8; its width is no multiple of 32."""
    state = np.random.RandomState(7)
    blocks = state.randint(0, 200, (height // 12 + 1, width // 12 + 1, 3)).repeat(12, 0).repeat(12, 1)
    return (blocks[:height, :width] + state.randint(0, 55, (height, width, 3))).astype(np.uint8)


def values_of(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The weights of one of Detectron2's layers: random, but of a size that lets signals through.

    The deepest models keep their activations near 1, and scores and boxes differ from place to place.
    """
    state = np.random.RandomState(zlib.crc32(name.encode()))
    unit = state.random_sample(shape).astype(np.float32) * 2 - 1
    if name.endswith("running_var"):
        # The stem sees pixels up to 128 away from the mean.
        return (1 + 0.2 * unit) * (1e4 if ".stem." in name else 1.0)
    if ".norm." in name:
        if not name.endswith("weight"):
            return 0.1 * unit
        return (1 + 0.2 * unit) * (0.3 if ".conv3." in name else 0.7 if ".shortcut." in name else 1.0)
    if name.endswith("bias"):
        return 0.1 * unit
    fan = int(np.prod(shape[1:])) if "deconv" not in name else shape[0]
    gain = next((g for part, g in _GAINS.items() if part in name), 1.0)
    return unit * np.float32(gain * np.sqrt(6 / fan))


# Of layers whose answers decide: spread enough that there are clear detections.
_GAINS = {
    "fpn_": 0.7,
    "objectness_logits": 2.0,
    "anchor_deltas": 0.2,
    "cls_score": 2.5,
    "bbox_pred": 0.7,
    "mask_head.predictor": 1.5,
}


def fill(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Weights for all layers of these names and shapes."""
    return {name: np.ascontiguousarray(values_of(name, tuple(shape)), np.float32) for name, shape in shapes.items()}


def summary(maps: list[np.ndarray]) -> np.ndarray:
    """Mean, deviation and one value of each map."""
    return np.array([[m.mean(), m.std(), m.flat[m.size // 3]] for m in maps], np.float32)


def detectron2_answers(name: str, image: np.ndarray, weights_file: Path | None = None) -> dict[str, np.ndarray]:
    """What the real Detectron2 says of a picture; its weights are also written to a `.pkl` of its zoo's form."""
    import pickle

    import torch
    from detectron2 import model_zoo
    from detectron2.checkpoint import DetectionCheckpointer
    from detectron2.modeling import build_model

    config = model_zoo.get_config(ZOO[name])
    config.MODEL.DEVICE = "cpu"
    config.MODEL.RPN.POST_NMS_TOPK_TEST, config.TEST.DETECTIONS_PER_IMAGE = PROPOSALS, DETECTIONS
    config.MODEL.ROI_BOX_HEAD.FC_DIM = BOX_WIDTH
    model = build_model(config).eval()
    weights = fill({k: tuple(v.shape) for k, v in model.state_dict().items()})
    if weights_file is not None:
        with weights_file.open("wb") as file:
            pickle.dump({"model": weights, "__author__": "Detectron2 Model Zoo"}, file)
        DetectionCheckpointer(model).load(str(weights_file))
    else:
        model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    with torch.no_grad():
        inputs = [{"image": torch.from_numpy(image.transpose(2, 0, 1).copy())}]
        pictures = model.preprocess_image(inputs)
        features = model.backbone(pictures.tensor)
        proposals, _ = model.proposal_generator(pictures, features, None)
        found = model.inference(inputs, do_postprocess=False)[0]
    return {
        "maps": summary([m.numpy() for m in features.values()]),
        "proposals": proposals[0].proposal_boxes.tensor.numpy(),
        "boxes": found.pred_boxes.tensor.numpy(),
        "scores": found.scores.numpy(),
        "labels": found.pred_classes.numpy(),
        "masks": found.pred_masks[:, 0].numpy(),
    }


def detectron2_losses(image: np.ndarray, boxes: np.ndarray, labels: np.ndarray, masks: np.ndarray) -> dict[str, float]:
    """The losses of the real Detectron2's R50-FPN on one picture, by our names, with nothing drawn at random.

    Args:
        image: (H, W, 3) uint8.
        boxes: (N, 4) xyxy.
        labels: (N,).
        masks: (N, H, W) of 0 and 1.
    """
    import torch
    from detectron2 import model_zoo
    from detectron2.modeling import build_model
    from detectron2.structures import BitMasks, Boxes, Instances
    from detectron2.utils.events import EventStorage

    config = model_zoo.get_config(ZOO["r50_fpn"])
    config.MODEL.DEVICE, config.MODEL.ROI_BOX_HEAD.FC_DIM = "cpu", BOX_WIDTH
    config.MODEL.RPN.POST_NMS_TOPK_TRAIN = PROPOSALS
    config.MODEL.RPN.BATCH_SIZE_PER_IMAGE = config.MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE = EVERY
    model = build_model(config).train()
    weights = fill({k: tuple(v.shape) for k, v in model.state_dict().items()})
    model.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    truth = Instances(image.shape[:2], gt_boxes=Boxes(torch.from_numpy(boxes)), gt_classes=torch.from_numpy(labels))
    truth.gt_masks = BitMasks(torch.from_numpy(masks))
    with EventStorage():
        found = model([{"image": torch.from_numpy(image.transpose(2, 0, 1).copy()), "instances": truth}])
    return {ours: float(found[theirs].detach()) for theirs, ours in LOSSES.items()}


def our_answers(model: Any, image: np.ndarray) -> dict[str, np.ndarray]:
    """What our model says of a picture, in the same form."""
    import torch

    with torch.no_grad():
        images = torch.from_numpy(image[None])
        maps = model.maps(images)
        proposals = model.rpn.propose(model.rpn(maps), [image.shape[:2]])
        found = model(images)[0]
    return {
        "maps": summary([m.numpy() for m in maps]),
        "proposals": proposals[0].numpy(),
        "boxes": found.boxes.numpy(),
        "scores": found.scores.numpy(),
        "labels": found.labels.numpy(),
        "masks": found.masks.numpy(),
    }


def main() -> None:
    """Ask Detectron2 and keep the first answers of each model."""
    kept = {}
    for name in ZOO:
        answers = detectron2_answers(name, picture())
        kept |= {f"{name}/{part}": values[:SHOWN] for part, values in answers.items()}
        kept[f"{name}/counts"] = np.array([len(answers["proposals"]), len(answers["boxes"])])
    np.savez_compressed(GOLDEN, **kept)


if __name__ == "__main__":
    main()
