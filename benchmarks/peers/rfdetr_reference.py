"""Export an RF-DETR-Seg (nano) of random weights and keep what its own package finds with it.

Usage: rfdetr_reference.py PICTURES.npz OUT: as `yolo_reference`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from rfdetr import RFDETRSegNano

CLASSES = 11
THRESHOLD = 0.05


def random_model() -> RFDETRSegNano:
    """A model whose scores differ from place to place, as trained ones do."""
    torch.manual_seed(0)
    model = RFDETRSegNano(pretrain_weights=None, num_classes=CLASSES, device="cpu")
    network = model.model.model
    with torch.no_grad():
        heads = [network.class_embed, *getattr(network.transformer, "enc_out_class_embed", [])]
        for head in heads:
            torch.nn.init.normal_(head.weight, std=0.15)
            torch.nn.init.constant_(head.bias, -2.0)
    return model


def main() -> None:
    """See the module."""
    pictures_path, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    with np.load(pictures_path, allow_pickle=False) as file:
        pictures = [file[str(i)] for i in range(len(file.files))]
    model = random_model()
    kept = {}
    for i, picture in enumerate(pictures):
        found = model.predict(np.ascontiguousarray(picture[:, :, ::-1]), threshold=THRESHOLD)
        kept[f"boxes{i}"] = found.xyxy.astype(np.float32)
        kept[f"scores{i}"] = found.confidence.astype(np.float32)
        kept[f"classes{i}"] = found.class_id.astype(np.int64)
        masks = found.mask if found.mask is not None else np.zeros((0, *picture.shape[:2]), bool)
        kept[f"masks{i}"] = np.packbits(masks, axis=-1)
    np.savez(out / "found.npz", **kept)
    model.export(output_dir=str(out))
    written = next(path for path in sorted(out.glob("*.onnx")))
    written.rename(out / "model.onnx")


if __name__ == "__main__":
    main()
