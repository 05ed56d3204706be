"""Mask R-CNN R101-FPN in eager mode, VGG16 features and brute-force cosine, on frames that are asked for by number.

Detectron2's Mask R-CNN where it is installed, else torchvision's with a ResNet-101 trunk, at Detectron2's test size.

Usage: older.py FRAMES.npz PRODUCTS THREADS
"""

from __future__ import annotations

import os
import sys

answers = os.dup(1)
os.dup2(2, 1)

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import timed  # noqa: E402
import torch  # noqa: E402
import torchvision  # noqa: E402
from torchvision.models.detection import MaskRCNN  # noqa: E402
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone  # noqa: E402

CLASSES = 14  # of DeepFashion2, and the background
SHORT, LONG = 800, 1333
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def torchvision_detector():
    """A function of a picture (3, H, W) RGB 0..1. Only `GARMENTS` boxes get masks, as in a frame of three garments."""
    trunk = resnet_fpn_backbone(backbone_name="resnet101", weights=None)
    sizes = {"min_size": SHORT, "max_size": LONG, "box_detections_per_img": timed.GARMENTS, "box_score_thresh": 0.0}
    model = MaskRCNN(trunk, CLASSES, **sizes).eval()
    return lambda picture: model([picture])


def detectron2_detector():
    """The same by Detectron2; raises ImportError where it is not installed."""
    from detectron2 import model_zoo
    from detectron2.modeling import build_model

    config = model_zoo.get_config("COCO-InstanceSegmentation/mask_rcnn_R_101_FPN_3x.yaml")
    config.MODEL.DEVICE, config.MODEL.WEIGHTS = "cpu", ""
    config.MODEL.ROI_HEADS.NUM_CLASSES = CLASSES - 1
    config.MODEL.ROI_HEADS.SCORE_THRESH_TEST, config.TEST.DETECTIONS_PER_IMAGE = 0.0, timed.GARMENTS
    model = build_model(config).eval()

    def detect(picture: torch.Tensor) -> object:
        height, width = picture.shape[1:]
        scale = min(SHORT / min(height, width), LONG / max(height, width))
        small = torch.nn.functional.interpolate(picture[None], scale_factor=scale, mode="bilinear")[0]
        return model([{"image": small.flip(0) * 255, "height": height, "width": width}])

    return detect


def main() -> None:
    """See the module."""
    frames, count, threads = timed.load(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    try:
        name, detector = "Detectron2", detectron2_detector()
    except ImportError:
        name, detector = "torchvision", torchvision_detector()
    vgg = torchvision.models.vgg16(weights=None).eval()
    features = torch.nn.Sequential(vgg.features, vgg.avgpool, torch.nn.Flatten(), *vgg.classifier[:5])
    products = timed.gallery(count, 4096)

    def detect(number: int, _: object) -> object:
        rgb = cv2.cvtColor(frames[number], cv2.COLOR_BGR2RGB)
        with torch.inference_mode():
            return detector(torch.from_numpy(rgb).permute(2, 0, 1).float() / 255)

    def embed(number: int, _: object) -> object:
        rgb = cv2.cvtColor(frames[number], cv2.COLOR_BGR2RGB)
        crops = [cv2.resize(rgb[y0:y1, x0:x1], (224, 224)) for x0, y0, x1, y1 in timed.boxes(rgb)]
        batch = (torch.from_numpy(np.stack(crops)).float() / 255 - MEAN) / STD
        with torch.inference_mode():
            vectors = features(batch.permute(0, 3, 1, 2))
            return torch.nn.functional.normalize(vectors, dim=1).numpy()

    def search(_: int, vectors: np.ndarray) -> object:
        return np.argsort(-(vectors @ products.T), axis=1)[:, :5]

    detect(0, None)
    embed(0, None)
    os.dup2(answers, 1)
    parts = {"detect": detect, "embed": embed, "search": search}
    timed.serve(f"Mask R-CNN R101-FPN of {name} eager {SHORT} px, VGG16, cosine by brute force", parts)


if __name__ == "__main__":
    main()
