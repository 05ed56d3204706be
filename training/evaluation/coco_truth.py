"""COCO annotation files as truth about garments: categories become types by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycocotools import mask as rle

from matcher.errors import InputError
from matcher.taxonomy import TYPE_IDS, TYPES, type_of

LISTS = ("images", "annotations", "categories")
CATEGORIES = [{"id": i, "name": name} for i, name in enumerate(TYPES)]


@dataclass(frozen=True)
class CocoTruth:
    """A COCO file whose category ids are type ids (index into `taxonomy.TYPES`).

    Attributes:
        images: {"id", "file_name", "width", "height"} of each photo; the sizes are None where the file has none.
        annotations: COCO annotations of garments; `bbox` is xywh in pixels of the photo.
        masks: whether every garment that counts has a segmentation, so that masks can be scored.
        unknown: names of categories that are no garment type; their annotations are left out.
    """

    images: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    masks: bool
    unknown: tuple[str, ...]

    def dataset(self, garments: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """The COCO dictionary of the truth, or of other annotations on the same photos."""
        annotations = self.annotations if garments is None else garments
        return {"images": self.images, "annotations": annotations, "categories": CATEGORIES}


def load_coco(path: Path) -> CocoTruth:
    """Read a COCO annotation file.

    Categories are matched to types by name; several may become one type. A region with `iscrowd` whose category is
    no type (for example "person") is an ignored region of every type.

    Raises:
        InputError: the file is no COCO file, refers to photos or categories that it lacks, or has no garment.
    """
    table = _read(path)
    try:
        names = {category["id"]: str(category["name"]) for category in table["categories"]}
        images = [_image(image) for image in table["images"]]
        known = {image["id"]: image for image in images}
        mapped = {id_: type_of(name) for id_, name in names.items()}
        annotations = [
            _annotation(item, known[item["image_id"]], type_id)
            for item in table["annotations"]
            for type_id in _types_of(item, mapped[item["category_id"]])
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is not a usable COCO file: {type(error).__name__} {error}") from error
    return _checked(path, names, mapped, images, annotations)


def photo_path(folder: Path, name: str) -> Path:
    """Path of a photo that a COCO file or a list names, relative to a folder.

    Raises:
        InputError: there is no such file.
    """
    path = folder / name
    if not path.is_file():
        raise InputError(f"no photo {path}; names are taken relative to {folder}")
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(table, dict) or not all(isinstance(table.get(key), list) for key in LISTS):
        raise InputError(f"{path} is not a COCO file: it needs the lists images, annotations and categories")
    return table


def _image(image: dict[str, Any]) -> dict[str, Any]:
    size = {key: int(image[key]) if image.get(key) else None for key in ("width", "height")}
    return {"id": image["id"], "file_name": str(image["file_name"]), **size}


def _types_of(item: dict[str, Any], name: str | None) -> list[int]:
    if name is not None:
        return [TYPE_IDS[name]]
    return list(TYPE_IDS.values()) if item.get("iscrowd") else []


def _annotation(item: dict[str, Any], image: dict[str, Any], type_id: int) -> dict[str, Any]:
    segmentation = _segmentation(item.get("segmentation"), image)
    if item.get("bbox") is not None:
        x, y, width, height = (float(v) for v in item["bbox"])
    elif segmentation is not None:
        x, y, width, height = (float(v) for v in rle.toBbox(segmentation))
    else:
        raise ValueError(f"annotation {item.get('id')} has neither bbox nor segmentation")
    # COCO's area ranges use the mask's area; boxes alone are scored over all sizes, so either will do.
    area = float(rle.area(segmentation)) if segmentation is not None else width * height
    return {
        "image_id": image["id"],
        "category_id": type_id,
        "iscrowd": int(bool(item.get("iscrowd"))),
        "bbox": [x, y, width, height],
        "area": area,
        "segmentation": segmentation,
    }


def _segmentation(value: Any, image: dict[str, Any]) -> dict[str, Any] | None:
    """Any COCO segmentation (polygons, plain or compressed RLE) as compressed RLE; None where there is none."""
    if not value:
        return None
    if isinstance(value, list):
        return rle.merge(rle.frPyObjects(value, image["height"], image["width"]))
    if isinstance(value["counts"], list):
        return rle.frPyObjects(value, *value["size"])
    return {"size": value["size"], "counts": value["counts"]}


def _checked(
    path: Path,
    names: dict[Any, str],
    mapped: dict[Any, str | None],
    images: list[dict[str, Any]],
    annotations: list[dict[str, Any]],
) -> CocoTruth:
    garments = [a for a in annotations if not a["iscrowd"]]
    if not garments:
        raise InputError(f"{path} has no garment of a known type; its categories are {', '.join(names.values())}")
    numbered = [{"id": i, **annotation} for i, annotation in enumerate(annotations, 1)]
    unknown = tuple(names[id_] for id_, name in mapped.items() if name is None)
    return CocoTruth(images, numbered, all(a["segmentation"] for a in garments), unknown)
