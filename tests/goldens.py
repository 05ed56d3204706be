"""What the packaged bundle says about one drawn scene, kept to notice a change that nobody meant.

Remake after a new bundle or a meant change, and read the difference before committing it:

    python -m tests.goldens
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from matcher.boxes import paste_mask
from matcher.bundle import Bundle
from matcher.stages.classify import Classifier
from matcher.stages.detect import Detector
from matcher.stages.embed import Embedder
from matcher.wardrobe.scene import random_scene

FOLDER = Path(__file__).parent / "golden"
SCENE, VALUES = FOLDER / "scene.png", FOLDER / "tiny.json"
SEED = 10
THRESHOLD = 0.5


def measure(image: NDArray[np.uint8]) -> list[dict[str, Any]]:
    """Boxes, types, mask areas and embeddings that the packaged bundle finds in a picture, best first."""
    bundle = Bundle.open()
    found = Detector(bundle)(image, threshold=THRESHOLD)
    found = Embedder(bundle)(image, found)
    probs = Classifier(bundle).probs(image, found.xyxy)
    height, width = image.shape[:2]
    return [
        {
            "type": row.type_names[0],
            "box": [round(float(v), 1) for v in row.xyxy[0]],
            "score": round(float(row.score[0]), 3),
            "mask_pixels": int(paste_mask(row.mask[0], row.xyxy[0], width, height).sum()),
            "classifier": [round(float(v), 3) for v in probs[i]],
            "embedding": [round(float(v), 4) for v in row.embedding[0]],
        }
        for i, row in enumerate(found)
    ]


def main() -> None:
    """Draw the scene and write what the bundle says about it."""
    image = random_scene(SEED, (640, 360)).image
    FOLDER.mkdir(exist_ok=True)
    cv2.imwrite(str(SCENE), image)
    values = measure(image)
    VALUES.write_text("[\n" + ",\n".join(json.dumps(value) for value in values) + "\n]\n", encoding="utf-8")
    print(f"{len(values)} garments written to {VALUES}")


if __name__ == "__main__":
    main()
