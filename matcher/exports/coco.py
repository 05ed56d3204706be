"""detections.coco.json: the boxes of every frame in the COCO format, for annotation tools and for measuring."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from matcher.errors import InputError
from matcher.exports.finished import Finished
from matcher.files import PartFile
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import NONE, TIERS


def write_coco(run: Finished, path: Path) -> None:
    """Write images (a frame each), annotations (a garment each: box, type, score, track) and categories (the types).

    It is written line by line, so that a long film does not fill the memory. There are boxes only: frames.jsonl keeps
    no masks.

    Raises:
        InputError: frames.jsonl cannot be read, or the file cannot be written.
    """
    file = PartFile(path)
    try:
        with file.part.open("w", encoding="utf-8") as out:
            info = {"description": f"garments in {run.facts.name}, found by As Worn"}
            kinds = [{"id": i + 1, "name": name, "supercategory": "garment"} for i, name in enumerate(TYPES)]
            out.write(f'{{"info": {_json(info)},\n"licenses": [],\n"categories": {_json(kinds)},\n"images": [\n')
            out.write(",\n".join(_json(_image(run, line)) for line in run.lines()))
            out.write('\n],\n"annotations": [\n')
            for number, row in enumerate(_annotations(run), 1):
                out.write((",\n" if number > 1 else "") + _json({"id": number, **row}))
            out.write("\n]}\n")
        file.commit()
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        file.discard()


def _image(run: Finished, line: dict[str, Any]) -> dict[str, Any]:
    width, height = run.facts.size
    name = f"{run.facts.name}#{line['frame']}"
    return {"id": line["frame"], "file_name": name, "width": width, "height": height, "time_s": line["time"]}


def _annotations(run: Finished) -> Iterator[dict[str, Any]]:
    for line in run.lines():
        for garment in line["garments"]:
            if None in garment["box"] or garment["type"] not in TYPE_IDS or garment.get("held"):
                continue
            x0, y0, x1, y1 = garment["box"]
            size = round(x1 - x0, 1), round(y1 - y0, 1)
            settled = garment["tier"] not in (None, TIERS[NONE])
            yield {
                "image_id": line["frame"],
                "category_id": TYPE_IDS[garment["type"]] + 1,
                "bbox": [x0, y0, *size],
                "area": round(size[0] * size[1], 1),
                "iscrowd": 0,
                "segmentation": [],
                "score": garment["score"],
                "track_id": garment["track"],
                "product_ids": [product["id"] for product in garment["products"][:settled]],
            }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
