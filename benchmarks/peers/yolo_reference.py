"""Export a YOLO11n-seg of random weights and keep what its own package finds with it.

Usage: yolo_reference.py PICTURES.npz OUT: the pictures are (H, W, 3) uint8 BGR by number; OUT gets model.onnx and
found.npz (see `detector_parity`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import yaml
from ultralytics import YOLO
from ultralytics.nn.tasks import yaml_model_load

CLASSES = 11
SIDE = 640
CONF, IOU, MOST = 0.05, 0.7, 100


def random_model(pictures: list[np.ndarray], folder: Path) -> YOLO:
    """A model whose scores and masks differ from place to place, as trained ones do."""
    torch.manual_seed(0)
    layout = {**yaml_model_load("yolo11n-seg.yaml"), "nc": CLASSES, "scale": "n"}
    path = folder / "yolo11n-seg.yaml"
    path.write_text(yaml.safe_dump(layout))
    model = YOLO(str(path), task="segment")
    network = model.model
    # As it is made every layer's output shrinks: statistics of real pictures bring them to the usual size.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.5
    batch = np.stack([np.resize(one, (SIDE, SIDE, 3)) for one in pictures[:4]])
    blob = torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255
    network.train()
    with torch.no_grad():
        for _ in range(8):
            network(blob)
        for branch in network.model[-1].cv3:
            torch.nn.init.normal_(branch[-1].weight, std=0.4)
            torch.nn.init.constant_(branch[-1].bias, -5.0)
    network.eval()
    network.names = {i: f"class {i}" for i in range(CLASSES)}
    return model


def main() -> None:
    """See the module."""
    pictures_path, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    with np.load(pictures_path, allow_pickle=False) as file:
        pictures = [file[str(i)] for i in range(len(file.files))]
    exported = random_model(pictures, out).export(format="onnx", imgsz=SIDE, simplify=False, device="cpu")
    target = out / "model.onnx"
    Path(exported).rename(target)
    loaded = YOLO(str(target), task="segment")
    kept = {}
    for i, picture in enumerate(pictures):
        found = loaded.predict(picture, conf=CONF, iou=IOU, max_det=MOST, imgsz=SIDE, retina_masks=True, verbose=False)[
            0
        ]
        kept[f"boxes{i}"] = found.boxes.xyxy.numpy()
        kept[f"scores{i}"] = found.boxes.conf.numpy()
        kept[f"classes{i}"] = found.boxes.cls.numpy().astype(np.int64)
        masks = found.masks.data.numpy() > 0.5 if found.masks is not None else np.zeros((0, *picture.shape[:2]), bool)
        kept[f"masks{i}"] = np.packbits(masks, axis=-1)
    np.savez(out / "found.npz", **kept)


if __name__ == "__main__":
    main()
