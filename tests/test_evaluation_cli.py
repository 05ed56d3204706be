"""`asworn eval` as a user runs it, on the toy bundle, its shop and a clip of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import pytest

from matcher.catalog.catalog import Catalog
from matcher.catalog.writer import CatalogWriter
from matcher.cli.commands import as_command
from matcher.errors import CatalogError, InputError
from matcher.stages.models import Runtime
from matcher.types import Product
from matcher.video.writer import VideoWriter
from tests.toy_bundle import make_bundle, paint
from training.cli_eval import app
from training.evaluation.retrieval_eval import describer

SIZE = (320, 192)
RATE = Fraction(10)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle, a shop of three products, a clip in which a top and a bag are seen, and all truths."""
    root = tmp_path_factory.mktemp("world")
    bundle = make_bundle(root / "bundle")
    describe = describer(bundle, Runtime(threads=1))
    with CatalogWriter(root / "shop", 8, bundle.embedder_hash, bundle="toy") as writer:
        for name in ("tops", "bags", "hats"):
            (row,) = describe(paint((96, 96), {name: (10, 10, 86, 86)}), [None])
            writer.add(Product(id=f"p-{name}", type=name), row.embedding)
        writer.commit()
    (root / "photos" / "tops").mkdir(parents=True)
    cv2.imwrite(str(root / "photos" / "tops" / "a.png"), paint(SIZE, {"tops": (40, 40, 120, 150)}))
    write_truths(root)
    write_clip(root / "clip.mp4")
    return root


def write_truths(root: Path) -> None:
    categories = [{"id": 3, "name": "tops"}]
    images = [{"id": 1, "file_name": "tops/a.png", "width": SIZE[0], "height": SIZE[1]}]
    annotations = [{"image_id": 1, "category_id": 3, "bbox": [40, 40, 80, 110], "iscrowd": 0}]
    coco = {"images": images, "annotations": annotations, "categories": categories}
    (root / "coco.json").write_text(json.dumps(coco))
    (root / "queries.csv").write_text("image,x0,y0,x1,y1,product_id\nphotos/tops/a.png,,,,,p-tops\n")
    (root / "truth.csv").write_text("t_start,t_end,product_id\n0,1.95,p-tops\n1,1.95,p-bags\n0,1.95,p-hats\n")


def write_clip(path: Path) -> None:
    """Two seconds: a top walks to the right, a bag appears after one second; the listed hat never does."""
    with VideoWriter(path, SIZE, RATE, 1 / RATE) as writer:
        for i in range(20):
            boxes = {"tops": (20 + 4 * i, 40, 100 + 4 * i, 150)}
            if i >= 10:
                boxes["bags"] = (230, 60, 280, 120)
            writer.write(paint(SIZE, boxes), i)


def asworn_eval(*arguments: object) -> None:
    as_command(app, "eval").main([str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture
def evaluate(world: Path, tmp_path: Path) -> Callable[..., dict]:
    def run(*arguments: object) -> dict:
        out = tmp_path / "result.json"
        asworn_eval(*arguments, "--bundle", world / "bundle", "--threads", 1, "--json", out)
        return json.loads(out.read_text())

    return run


def test_detector(world: Path, evaluate: Callable[..., dict]) -> None:
    result = evaluate("detector", "--images", world / "photos", "--annotations", world / "coco.json")
    assert set(result) == {"photos", "box", "mask", "per_type", "ms_per_photo"}
    assert result["box"]["AP50"] == 1.0 and result["mask"] is None


def test_types(world: Path, evaluate: Callable[..., dict]) -> None:
    result = evaluate("types", "--images", world / "photos")
    assert result == {"photos": 1, "top1": 1.0, "top2": 1.0, "per_type": {"tops": {"photos": 1, "top1": 1, "top2": 1}}}


def test_retrieval(world: Path, evaluate: Callable[..., dict]) -> None:
    result = evaluate("retrieval", "--queries", world / "queries.csv", "--catalog", world / "shop")
    wanted = {"queries": 1, "gallery": 3, "recall@1": 1, "recall@5": 1, "recall@20": 1, "mrr": 1, "undetected": 0}
    assert result == wanted


def test_video(world: Path, evaluate: Callable[..., dict]) -> None:
    result = evaluate(
        "video", "--video", world / "clip.mp4", "--truth", world / "truth.csv", "--catalog", world / "shop"
    )
    assert {"products", "tracks", "top1", "precision", "recall", "false_exact"} <= set(result)
    assert (result["products"], result["tracks"], result["top1"]) == (3, 2, round(2 / 3, 4))
    assert (result["precision"], result["false_exact"]) == (1.0, 0.0)
    # 2 s of the top and nearly 1 s of the bag are seen, of 2 + 1 + 2 listed; a track is confirmed in its second frame
    assert result["recall"] == pytest.approx(29 / 50, abs=0.04)
    assert result["per_product"]["p-tops"]["first_right"] <= 0.2
    assert not result["per_product"]["p-hats"]["settled"]


def test_a_catalogue_of_another_embedder_is_refused(world: Path, tmp_path: Path) -> None:
    with CatalogWriter(tmp_path / "other", 8, "f" * 64, bundle="other") as writer:
        writer.add(Product(id="p", type="tops"), Catalog.load(world / "shop").reconstruct(0))
        writer.commit()
    with pytest.raises(CatalogError, match="another embedder"):
        asworn_eval(
            *("retrieval", "--queries", world / "queries.csv"),
            *("--catalog", tmp_path / "other", "--bundle", world / "bundle"),
        )


def test_results_are_not_written_into_nowhere(world: Path) -> None:
    photos = ("--images", world / "photos", "--bundle", world / "bundle")
    with pytest.raises(InputError, match="is a folder"):
        asworn_eval("types", *photos, "--json", world)


def test_help_loads_no_model_code() -> None:
    program = "import sys, training.cli_eval; sys.exit('torch' in sys.modules or 'onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60).returncode == 0
