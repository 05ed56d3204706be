"""`asworn demo`: on the packaged bundle, as a user runs it, only shorter."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from benchmarks.demo import demo, judge, refuse_foreign
from benchmarks.showcase import Showcase
from matcher.bundle import bundled
from matcher.errors import InputError

needs_bundle = pytest.mark.skipif(
    not (bundled() / "card.json").is_file(), reason="the packaged bundle is not in this checkout"
)
OUTPUTS = ("frames.jsonl", "sightings.csv", "report.html", "overlay.mp4", "run.json")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished demo."""
    out = tmp_path_factory.mktemp("demo") / "out"
    demo(out, seconds=2, per_type=2)
    return out


@needs_bundle
def test_every_output_is_written(folder: Path) -> None:
    assert all((folder / "match" / name).stat().st_size for name in OUTPUTS)
    with (folder / "shop" / "products.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 22
    frames = (folder / "match" / "frames.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(frames) == json.loads((folder / "match" / "run.json").read_text())["frames"] == 60


@needs_bundle
def test_products_are_found_in_it(folder: Path) -> None:
    result = json.loads((folder / "demo.json").read_text())
    found = [product for product in result["per_product"].values() if product["settled"]]
    assert len(found) * 2 >= result["products"] > 2
    assert result["precision"] >= 0.5


def test_other_peoples_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        demo(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        demo(tmp_path / "thesis.txt")


def test_an_earlier_demo_may_be_overwritten(tmp_path: Path) -> None:
    for name in ("shop", "catalog", "match", "clip.mp4", "demo.json", ".clip.77.part.mp4"):
        (tmp_path / name).mkdir()
    refuse_foreign(tmp_path)


def frame(time: float, tier: str, product: str | None) -> str:
    products = [] if product is None else [{"id": product, "score": 0.8}]
    garment = {"box": [0, 0, 9, 9], "score": 0.9, "type": "tops", "type_score": 0.9, "track": 1, "tier": tier}
    return json.dumps({"pts": 0, "time": time, "garments": [{**garment, "products": products}]})


def test_a_finished_run_is_judged_by_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("t_start,t_end,product_id\n0,3.9,a\n")
    (tmp_path / "seen.csv").write_text("t_start,t_end,product_id\n0,5.9,a\n")
    lines = [frame(0, "none", None), frame(1, "none", "a"), frame(2, "similar", "a"), frame(3, "exact", "x")]
    (tmp_path / "frames.jsonl").write_text("\n".join(lines))
    result = judge(
        Showcase([], tmp_path, tmp_path, tmp_path / "truth.csv", tmp_path / "seen.csv"), tmp_path / "frames.jsonl"
    )
    # of 4 s: undecided, a candidate that is not shown, right, wrong
    assert (result["recall"], result["precision"], result["false_exact"]) == (0.25, 0.5, 1.0)
    assert result["per_product"]["a"]["first_right"] == 2.0 and result["per_product"]["a"]["score"] == 0.8
    assert result["flicker"] == 15.0  # one change in 4 s
