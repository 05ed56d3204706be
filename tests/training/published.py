"""Small data sets written in the exact forms that the real ones are published in."""

from __future__ import annotations

import csv
import gzip
import json
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scipy.io
from pycocotools import mask as rle

from matcher.video.writer import VideoWriter
from training.datasets.taxonomy import packaged

WIDTH, HEIGHT = 64, 96
TOP, PANTS = (15, 10, 50, 45), (20, 45, 45, 90)  # xyxy of the two garments of every photo


def photo(seed: int) -> np.ndarray:
    """A bright block (a top) over a dark one (pants) on noise, in colours of the seed."""
    rng = np.random.default_rng(seed)
    image = rng.integers(90, 130, (HEIGHT, WIDTH, 3), np.uint8)
    for (x0, y0, x1, y1), low in ((TOP, 140), (PANTS, 0)):
        image[y0:y1, x0:x1] = rng.integers(low, low + 100, 3)
    return image


def write_photo(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), photo(seed))
    return path


def write_json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def corners(box: tuple[int, int, int, int]) -> list[list[float]]:
    x0, y0, x1, y1 = box
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def df2_item(category: int, box: tuple[int, int, int, int], style: int) -> dict[str, Any]:
    names, points = packaged("deepfashion2").categories, packaged("deepfashion2").rest["landmarks"]["counts"]
    count = points[category - 1]
    xs, ys = np.linspace(box[0], box[2] - 1, count), np.linspace(box[1], box[3] - 1, count)
    flat = [v for i in range(count) for v in (int(xs[i]), int(ys[i]), i % 3)]
    return {
        "segmentation": corners(box),
        "scale": 2,
        "viewpoint": 2,
        "zoom_in": 1,
        "landmarks": flat,
        "style": style,
        "bounding_box": list(box),
        "category_id": category,
        "occlusion": 1,
        "category_name": names[category - 1],
    }


def df2_note(pair: int, source: str, style: int = 1) -> dict[str, Any]:
    """A photo with a top of that style, and trousers that belong to nobody."""
    return {
        "source": source,
        "pair_id": pair,
        "item1": df2_item(1, TOP, style),
        "item2": df2_item(8, PANTS, 0),
    }


def deepfashion2(root: Path, pairs: int = 4) -> Path:
    """`pairs` products for training and two for validation, each worn by two people and shown by a shop."""
    for split, first, count in (("train", 1, pairs), ("validation", 1001, 2)):
        number = 0
        for pair in range(first, first + count):
            for source in ("user", "user", "shop"):
                number += 1
                stem = f"{number:06d}"
                write_photo(root / split / "image" / f"{stem}.jpg", 10 * pair + number)
                write_json(root / split / "annos" / f"{stem}.json", df2_note(pair, source))
    write_photo(root / "test" / "image" / "000001.jpg", 7)
    return root


def street2shop(root: Path) -> Path:
    """Two products of tops and one of pants; photo 5 was not downloaded, and one box has no area."""

    def pair(photo_id: int, product: int, box: tuple[int, int, int, int]) -> dict[str, Any]:
        x0, y0, x1, y1 = box
        return {
            "photo": photo_id,
            "product": product,
            "bbox": {"width": x1 - x0, "top": y0, "height": y1 - y0, "left": x0},
        }

    meta = root / "meta" / "json"
    write_json(meta / "train_pairs_tops.json", [pair(1, 100, TOP), pair(5, 101, TOP), pair(2, 101, (9, 9, 9, 30))])
    write_json(meta / "train_pairs_pants.json", [pair(1, 200, PANTS)])
    write_json(meta / "test_pairs_tops.json", [pair(3, 102, TOP)])
    shop = [{"photo": 11, "product": 100}, {"photo": 12, "product": 102}, {"photo": 13, "product": 100}]
    write_json(meta / "retrieval_tops.json", shop)
    write_json(meta / "retrieval_pants.json", [{"photo": 14, "product": 200}])
    (root / "photos").mkdir()
    lines = [f"{i:09d},http://shop.example/{i}.jpg" for i in (1, 2, 3, 5, 11, 12, 13, 14)]
    (root / "photos" / "photos.txt").write_text("\n".join(lines) + "\n")
    for i in (1, 2, 3, 11):
        write_photo(root / "images" / f"{i:09d}.jpeg", i)
    write_photo(root / "images" / "tops" / "12.JPEG", 12)
    write_photo(root / "images" / "tops" / "13.JPEG", 13)
    write_photo(root / "images" / "pants" / "14.JPEG", 14)
    return root


def consumer2shop(root: Path) -> Path:
    names = [f"img/{path}" for path in ("TOPS/T_Shirt/id_1/", "TROUSERS/Leggings/id_2/", "DRESSES/Odd/id_3/")]
    files = [
        (folder + f, 1 if f.startswith("shop") else 2) for folder in names for f in ("comsumer_01.jpg", "shop_01.jpg")
    ]
    for i, (name, _) in enumerate(files):
        write_photo(root / name, i)
    kinds = {"TOPS": 1, "TROUSERS": 2, "DRESSES": 3}
    rows = [f"{n}  {kinds[n.split('/')[1]]} {source} 015 010 050 045" for n, source in files]
    _write_list(
        root / "Anno" / "list_bbox_consumer2shop.txt", "image_name clothes_type source_type x_1 y_1 x_2 y_2", rows
    )
    status = ("train", "val", "test")
    pairs = [f"{n}comsumer_01.jpg {n}shop_01.jpg {n.split('/')[3]} {s}" for n, s in zip(names, status, strict=True)]
    header = "image_pair_name_1 image_pair_name_2 item_id evaluation_status"
    _write_list(root / "Eval" / "list_eval_partition.txt", header, pairs)
    return root


def inshop(root: Path) -> Path:
    """A training product, and one with a query and a gallery picture; attributes and landmarks included."""
    files = {
        "img/WOMEN/Dresses/id_00000001/01_1_front.jpg": ("id_00000001", "train"),
        "img/MEN/Tees_Tanks/id_00000002/02_1_front.jpg": ("id_00000002", "query"),
        "img/MEN/Tees_Tanks/id_00000002/02_2_side.jpg": ("id_00000002", "gallery"),
    }
    kinds = {name: 3 if "Dresses" in name else 1 for name in files}
    for i, name in enumerate(files):
        write_photo(root / name, i)
    boxes = [f"{n} {kinds[n]} 1 015 010 050 045" for n in files]
    _write_list(root / "Anno" / "list_bbox_inshop.txt", "image_name clothes_type pose_type x_1 y_1 x_2 y_2", boxes)
    marks = [f"{n} {kinds[n]} 1 " + " ".join("0 020 030" for _ in range({1: 6, 3: 8}[kinds[n]])) for n in files]
    _write_list(root / "Anno" / "list_landmarks_inshop.txt", "image_name clothes_type variation_type ...", marks)
    _write_list(root / "Anno" / "list_attr_cloth.txt", "attribute_name", ["a-line", "striped", "red"])
    items = ["id_00000001 1 -1 -1", "id_00000002 -1 1 1"]
    _write_list(root / "Anno" / "list_attr_items.txt", "item_id attribute_labels", items)
    rows = [f"{n} {item} {status}" for n, (item, status) in files.items()]
    _write_list(root / "Eval" / "list_eval_partition.txt", "image_name item_id evaluation_status", rows)
    return root


def _write_list(path: Path, header: str, rows: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([str(len(rows)), header, *rows]) + "\n")


def coco_note(seeds: range, category: str = "top, t-shirt, sweatshirt", attributes: bool = False) -> dict[str, Any]:
    """Photos with a top as polygon and a sleeve as uncompressed run lengths."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[PANTS[1] : PANTS[3], PANTS[0] : PANTS[2]] = 1
    images = [{"id": s, "file_name": f"{s}.jpg", "width": WIDTH, "height": HEIGHT, "license": 1} for s in seeds]
    rows: list[dict[str, Any]] = []
    for s in seeds:
        top = {"category_id": 1, "segmentation": corners(TOP), "bbox": [15, 10, 35, 35], "iscrowd": 0}
        other = {"category_id": 31, "segmentation": plain_runs(mask), "bbox": [20, 45, 25, 45], "iscrowd": 0}
        for row, own in ((top, [3, 5]), (other, [])):
            row |= {"id": len(rows) + 1, "image_id": s, "area": 1.0}
            rows.append(row | ({"attribute_ids": own} if attributes else {}))
    categories = [{"id": 1, "name": category, "supercategory": "upperbody"}, {"id": 31, "name": "sleeve"}]
    note = {"info": {}, "licenses": [], "images": images, "annotations": rows, "categories": categories}
    named = [{"id": i, "name": f"attribute {i}", "supercategory": "length", "level": 1} for i in (3, 5, 8)]
    return note | ({"attributes": named} if attributes else {})


def plain_runs(mask: np.ndarray) -> dict[str, Any]:
    """Uncompressed COCO run lengths of a mask, by a plain walk down its columns."""
    runs, value = [0], 0
    for pixel in mask.T.ravel():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return {"size": list(mask.shape), "counts": runs}


def compressed_runs(mask: np.ndarray) -> dict[str, Any]:
    packed = rle.encode(np.asfortranarray(mask))
    return {"size": packed["size"], "counts": packed["counts"].decode()}


def fashionpedia(root: Path) -> Path:
    for name, folder, seeds in (("train", "train", range(1, 4)), ("val", "test", range(4, 6))):
        note = coco_note(seeds, attributes=True)
        write_json(root / "annotations" / f"instances_attributes_{name}2020.json", note)
        for s in seeds:
            write_photo(root / folder / f"{s}.jpg", s)
    return root


def imaterialist(root: Path) -> Path:
    names = packaged("imaterialist2019").categories
    labels = {"info": {}, "categories": [{"id": i, "name": n, "level": 2} for i, n in enumerate(names)]}
    labels["attributes"] = [{"id": i, "name": f"attribute {i}"} for i in range(92)]
    write_json(root / "label_descriptions.json", labels)
    rows = []
    for i in range(3):
        write_photo(root / "train" / f"{i:032x}.jpg", i)
        rows += [[f"{i:032x}.jpg", kaggle_runs(TOP), HEIGHT, WIDTH, "1_11_91"]]
        rows += [[f"{i:032x}.jpg", kaggle_runs(PANTS), HEIGHT, WIDTH, "6"]]
    with (root / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ImageId", "EncodedPixels", "Height", "Width", "ClassId"])
        writer.writerows(rows)
    return root


def kaggle_runs(box: tuple[int, int, int, int], height: int = HEIGHT) -> str:
    """A filled box as "start length ..." down the columns, counted from 1."""
    x0, y0, x1, y1 = box
    return " ".join(f"{x * height + y0 + 1} {y1 - y0}" for x in range(x0, x1))


def movingfashion(root: Path) -> Path:
    for split, products in (("train", (1, 2)), ("test", (3,))):
        note = {}
        for product in products:
            write_photo(root / "imgs" / f"{product}.jpg", product)
            write_clip(root / "videos" / f"{product}.mp4", product)
            note[str(product)] = {
                "video_paths": [f"videos/{product}.mp4"],
                "img_path": f"imgs/{product}.jpg",
                "source": 1 if product != 2 else 2,
            }
        write_json(root / f"{split}.json", note)
    return root


def write_clip(path: Path, seed: int, frames: int = 20) -> None:
    """Two seconds; frame i is the photo of seed + i, each much unlike the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, (WIDTH, HEIGHT), Fraction(10), Fraction(1, 10)) as writer:
        for i in range(frames):
            writer.write(np.full((HEIGHT, WIDTH, 3), 10 + 12 * i, np.uint8), i)


def ccp(root: Path) -> Path:
    """Photos 2 and 3 for training and 11 for validation: a t-shirt (51), pants (31) and skin (41)."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[2:10, 25:35] = 41
    for value, (x0, y0, x1, y1) in ((51, TOP), (31, PANTS)):
        labels[y0:y1, x0:x1] = value
    notes = root / "annotations" / "pixel-level"
    notes.mkdir(parents=True)
    for number in (2, 3, 11):
        write_photo(root / "photos" / f"{number:04d}.jpg", number)
        scipy.io.savemat(notes / f"{number:04d}.mat", {"groundtruth": labels}, do_compression=True)
    names = np.empty((1, 59), object)
    names[0] = list(packaged("ccp").categories)
    scipy.io.savemat(root / "label_list.mat", {"label_list": names})
    return root


def fashion_mnist(root: Path, train: int = 30, test: int = 10, npz: bool = False) -> Path:
    rng = np.random.default_rng(0)
    root.mkdir(parents=True, exist_ok=True)
    for split, prefix, count in (("train", "train", train), ("test", "t10k", test)):
        y = (np.arange(count) % 10).astype(np.uint8)
        # A class is a bright row at its own height, so that a network can learn it.
        x = rng.integers(0, 60, (count, 28, 28), np.uint8)
        for i, label in enumerate(y):
            x[i, 2 * label + 4 : 2 * label + 7] = 250
        if npz:
            np.savez_compressed(root / f"fmnist_{split}.npz", x=x, y=y)
        else:
            _write_idx(root / f"{prefix}-images-idx3-ubyte.gz", 0x803, x)
            _write_idx(root / f"{prefix}-labels-idx1-ubyte.gz", 0x801, y)
    return root


def _write_idx(path: Path, magic: int, array: np.ndarray) -> None:
    header = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


def plain_coco(root: Path) -> Path:
    for split, seeds in (("train", range(1, 3)), ("val", range(3, 4))):
        write_json(root / "annotations" / f"instances_{split}2017.json", coco_note(seeds, "T-shirt"))
        for s in seeds:
            write_photo(root / split / f"{s}.jpg", s)
    return root


def folders(root: Path) -> Path:
    for i, name in enumerate(("tops", "t-shirt", "Jeans")):
        write_photo(root / "train" / name / f"{i}.jpg", i)
        write_photo(root / "val" / name / f"{i + 10}.png", i + 10)
    return root


WRITERS: dict[str, Callable[[Path], Path]] = {
    "deepfashion2": deepfashion2,
    "street2shop": street2shop,
    "deepfashion-consumer": consumer2shop,
    "deepfashion-inshop": inshop,
    "fashionpedia": fashionpedia,
    "imaterialist2019": imaterialist,
    "movingfashion": movingfashion,
    "ccp": ccp,
    "fashion-mnist": fashion_mnist,
    "coco": plain_coco,
    "folders": folders,
}
