"""Where the data for measuring lies, which is never part of the project."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from matcher.errors import InputError

VALIDATION = 1  # photos of Clothing Co-Parsing whose id ends in this digit are never trained on


@dataclass(frozen=True)
class TruthClip:
    """A real clip with truth made by hand: frames in COCO format, products, and when they are seen."""

    name: str
    video: Path
    frames: Path
    annotations: Path
    truth: Path


def data_folder() -> Path:
    """The data's folder: ASWORN_DATA, or ../shared/data beside the repository.

    Raises:
        InputError: there is no such folder.
    """
    path = Path(os.environ.get("ASWORN_DATA") or Path(__file__).parents[1] / ".." / "shared" / "data").resolve()
    if not path.is_dir():
        raise InputError(f"no data at {path}; set ASWORN_DATA to the folder that has ccp, clothing and videos")
    return path


def truth_clips(data: Path) -> list[TruthClip]:
    """The clips that have truth; their shared product list is `videos/truth/products.csv`."""
    truth = data / "videos" / "truth"
    videos = {"juggle": "juggle.mp4", "onebyone": "one-by-one-person-detection.mp4"}
    return [
        TruthClip(name, data / "videos" / video, truth / "frames", truth / f"{name}.json", truth / f"{name}.truth.csv")
        for name, video in videos.items()
    ]


def street_validation(data: Path, out: Path) -> Path:
    """Write the validation part of the street photos as a COCO file of its own.

    Args:
        data: as from `data_folder`.
        out: the file to write.

    Returns:
        `out`; its photos are in `ccp/photos`.
    """
    table = json.loads((data / "ccp" / "instances.json").read_text(encoding="utf-8"))
    images = [image for image in table["images"] if image["id"] % 10 == VALIDATION]
    ids = {image["id"] for image in images}
    annotations = [a for a in table["annotations"] if a["image_id"] in ids]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**table, "images": images, "annotations": annotations}), encoding="utf-8")
    return out
