"""YOLO11n-seg (ONNX, by its own package), open_clip ViT-B/32 and FAISS flat, on frames that are asked for by number.

Usage: yolo_clip.py FRAMES.npz PRODUCTS THREADS MODEL.onnx
"""

from __future__ import annotations

import os
import sys

# The packages print what they do; the answers alone go to standard output.
answers = os.dup(1)
os.dup2(2, 1)

import cv2  # noqa: E402
import faiss  # noqa: E402
import open_clip  # noqa: E402
import timed  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from ultralytics import YOLO  # noqa: E402


def main() -> None:
    """See the module."""
    frames, count, threads = timed.load(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    detector = YOLO(sys.argv[4], task="segment")
    clip, _, prepare = open_clip.create_model_and_transforms("ViT-B-32", pretrained=None)
    clip.eval()
    index = faiss.IndexFlatIP(512)
    index.add(timed.gallery(count, 512))

    def detect(number: int, _: object) -> object:
        return detector.predict(frames[number], imgsz=640, verbose=False)

    def embed(number: int, _: object) -> object:
        rgb = cv2.cvtColor(frames[number], cv2.COLOR_BGR2RGB)
        crops = [prepare(Image.fromarray(rgb[y0:y1, x0:x1])) for x0, y0, x1, y1 in timed.boxes(rgb)]
        with torch.inference_mode():
            vectors = clip.encode_image(torch.stack(crops))
            return torch.nn.functional.normalize(vectors, dim=1).numpy()

    parts = {"detect": detect, "embed": embed, "search": lambda _, vectors: index.search(vectors, 5)}
    detect(0, None)
    embed(0, None)
    os.dup2(answers, 1)
    timed.serve("YOLO11n-seg ONNX 640, open_clip ViT-B/32, FAISS flat", parts)


if __name__ == "__main__":
    main()
