"""The comparisons with older work: tables and page, and every bench from end to end on toys."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks import classifiers as types_bench
from benchmarks import embedders as embedder_bench
from benchmarks import losses as loss_bench
from benchmarks.classifiers import ENTRANTS as TYPE_ENTRANTS
from benchmarks.cli import bench
from benchmarks.comparison import COUNT, NUMBER, SECONDS, SHARE, TEXT, Column, Comparison
from benchmarks.embedders import ENTRANTS, Classic, Setting, classic_config, embedders
from benchmarks.fashion_mnist import budgeted, fashion_mnist
from benchmarks.held_out import HeldOut, training_pairs, view_of
from benchmarks.items import Item, ItemList
from benchmarks.losses import losses
from benchmarks.recipes import Budget, recipe
from benchmarks.results_page import make_page
from benchmarks.try_on import Shop
from matcher.errors import ConfigError, InputError
from training.classifier import train as types_training
from training.data.garment_crops import FLAT, TRAIN, TRYON, Garments, GarmentStore
from training.embedder import train as ours
from training.embedders_classic import train as older
from training.fashion_mnist.config import FashionMnistConfig
from training.mixture import GarmentData

from .training import published
from .training.garment_toys import toy_garment, toy_garments

BUDGET = Budget(steps=2, batch=4)
SIZE = 64


@pytest.fixture(scope="module")
def garments(tmp_path_factory: pytest.TempPathFactory) -> Garments:
    """Toys, nine of which somebody else wears too."""
    folder = tmp_path_factory.mktemp("garments")
    worn = []
    for number in range(100, 109):
        flat = toy_garment(number, FLAT, TRAIN)
        worn += [flat, replace(flat, image=flat.image // 2, row=replace(flat.row, kind=TRYON))]
    return Garments([toy_garments(folder, 12), GarmentStore.write(folder / "worn", worn)])


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, garments: Garments) -> None:
    for module in (ours, older, embedder_bench, types_bench):
        monkeypatch.setattr(module, "open_garments", lambda data: garments)
    monkeypatch.setattr(types_training, "open_all", lambda config: garments)
    monkeypatch.setattr("training.trunk.CropTrunk.load_imagenet", lambda self, path: None)


@pytest.fixture
def held_out(tmp_path: Path) -> HeldOut:
    """Five products and three distractors as pictures of one colour each; the worn ones are a little darker."""

    def pictures(names: list[str], dim: int) -> ItemList:
        items = []
        for name in names:
            colour = np.random.default_rng(int(name)).integers(60, 250, 3) - dim
            image = np.full((48, 40, 3), 200, np.uint8)
            image[8:40, 10:30] = colour
            cv2.imwrite(str(tmp_path / f"{name}-{dim}.png"), image)
            items.append(Item(f"{name}-{dim}.png", (10, 8, 30, 40), "", (48, 40), 10, name))
        return ItemList(tmp_path, tuple(items))

    shop = Shop(pictures(list("12345"), 0), pictures(list("678"), 0), pictures(list("12345"), 20))
    return HeldOut(shop, tmp_path / "cache")


def table(**changes: object) -> Comparison:
    columns = (
        Column("name", "model | name", TEXT),
        Column("top1", "top-1", SHARE),
        Column("count", "n", COUNT),
        Column("s", "time", SECONDS),
        Column("rank", "rank", NUMBER),
    )
    rows = [{"name": "a<b", "top1": 0.875, "count": 12345, "s": 61.4, "rank": 3.14159}, {"name": "none"}]
    return replace(Comparison("A title", "Conditions.", columns, rows), **changes)


def test_a_comparison_goes_through_json_to_a_section() -> None:
    result = json.loads(json.dumps(table().plain()))
    again = Comparison.read(result, "here")
    assert again.cells() == [["a<b", "87.5 %", "12,345", "61 s", "3.14"], ["none", "-", "-", "-", "-"]]
    lines = again.markdown().splitlines()
    assert lines[:3] == ["## A title", "", "Conditions."]
    assert lines[4:7] == [
        "| model \\| name | top-1 | n | time | rank |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| a&lt;b | 87.5 % | 12,345 | 61 s | 3.14 |",
    ]
    assert Comparison.read({"benchmark": "other"}, "here") is None


@pytest.mark.parametrize("broken", [{"columns": [["a"]]}, [], {"rows": 3}, {"columns": [["name", "b", "x"]]}])
def test_a_comparison_that_cannot_be_read_says_where(broken: object) -> None:
    plain = table().plain()["comparison"]
    with pytest.raises(InputError, match="here.json: the comparison in it cannot be read"):
        Comparison.read({"comparison": {**plain, **broken} if isinstance(broken, dict) else broken}, "here.json")


def test_the_page_has_what_was_measured_in_order_and_nothing_else(tmp_path: Path) -> None:
    for name, title in (("zebra", "Last"), ("losses", "Third"), ("classifiers", "First"), ("embedders", "Second")):
        result = {"environment": {"date": "2026-01-02", "processor": "P", "cores": 2}, **table(title=title).plain()}
        (tmp_path / f"{name}.json").write_text(json.dumps(result))
    (tmp_path / "latency.json").write_text('{"benchmark": "latency"}')
    page = make_page(tmp_path)
    titles = [line for line in page.splitlines() if line.startswith("## ")]
    assert titles == ["## First", "## Second", "## Third", "## Last"]
    assert page.count("*2026-01-02, P, 2 cores, torch on CPU.*") == 4 and "latency" not in page
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match="cannot read .*bad.json"):
        make_page(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        make_page(tmp_path / "nowhere")


def test_the_results_command_writes_the_page(tmp_path: Path) -> None:
    (tmp_path / "losses.json").write_text(json.dumps(table().plain()))
    done = CliRunner().invoke(bench, ["results", "--results", str(tmp_path), "--page", str(tmp_path / "page.md")])
    assert done.exit_code == 0 and "## A title" in (tmp_path / "page.md").read_text(encoding="utf-8")


def test_the_page_of_the_repository_is_what_its_figures_give() -> None:
    root = Path(__file__).parents[1]
    assert (root / "docs" / "results.md").read_text(encoding="utf-8") == make_page(root / "benchmarks" / "results")


def test_training_pairs_are_garments_that_somebody_else_wears(garments: Garments) -> None:
    pairs = training_pairs(garments, 5)
    assert 5 <= len(pairs) <= 9
    for worn, shop in pairs:
        assert worn.image.max() <= shop.image.max() // 2 + 1
        x0, y0, x1, y1 = (round(float(v)) for v in shop.xyxy)
        assert shop.mask.shape == (y1 - y0, x1 - x0) and 0.3 < shop.mask.mean() < 1
    assert view_of(garments[0]).mask.max() == 1


def test_a_budget_is_the_same_for_all_and_shortens_schedules() -> None:
    for name in ("train_embedder_face", "train_embedder_vae"):
        loop = BUDGET.loop(recipe(older.ClassicConfig, name).loop)
        assert (loop.steps, loop.threads, loop.save_steps, loop.minutes) == (2, 1, 2, 0)
    few = budgeted(recipe(FashionMnistConfig, "train_fashion_mnist_best"), Path("x"), 2, 1)
    assert (few.loop.steps, few.loop.minutes) == (938, 0) and few.loop.warmup == 190


def test_rounds_of_facenet_fit_into_any_budget() -> None:
    one = next(entrant for entrant in ENTRANTS if "FaceNet" in entrant.name)
    for steps in (40, 90, 900):
        setting = Setting(GarmentData(), Budget(steps, 16), SIZE, Path("weights"))
        config = classic_config(one, setting)
        round_steps = config.rounds.epochs * (config.rounds.garments // 16)
        assert config.rounds.epochs == 15 and (round_steps * 2 <= steps or config.rounds.garments == 16)


def test_losses_from_one_start(toys: None, held_out: HeldOut, tmp_path: Path) -> None:
    names = ["info_nce", "arcface"]
    made = losses(GarmentData(), tmp_path / "runs", BUDGET, names, held_out, Path("x"), SIZE)
    assert [row["name"] for row in made.rows] == names
    for row in made.rows:
        assert 0 <= row["recall@1"] <= row["recall@5"] <= row["recall@20"] == 1 and row["rank"] >= 1
    assert "2 steps of 4 garments" in made.text and "5 worn garments" in made.text
    again = losses(GarmentData(), tmp_path / "runs", BUDGET, names, held_out, Path("x"), SIZE)
    assert list(made.rows) == list(again.rows)  # nothing was trained anew


def test_embedders_by_cosine_and_by_verifiers(toys: None, held_out: HeldOut, tmp_path: Path) -> None:
    setting = Setting(GarmentData(), BUDGET, SIZE, Path("x"), pairs=6)
    chosen = [Classic("one", "train_embedder_custom", 1), Classic("VGG", "train_embedder_vgg16"), ENTRANTS[4]]
    made = embedders(setting, tmp_path / "runs", held_out, None, chosen)
    names = [row["name"] for row in made.rows]
    assert names == ["one", "VGG (random weights)", ENTRANTS[4].name, "ours, same budget", "HSV histogram, masked"]
    for row in made.rows:
        for way in ("", "concatenated ", "ours "):
            assert 0 <= row[f"{way}recall@1"] <= row[f"{way}recall@20"] == 1
        assert row["watch"] in ("spread", "collapsed")
    assert made.rows[-1]["recall@1"] >= 0.2 and made.rows[1]["seconds"] is None


def test_classifiers_with_reports_and_pictures(toys: None, tmp_path: Path) -> None:
    chosen = [TYPE_ENTRANTS[0], TYPE_ENTRANTS[3], TYPE_ENTRANTS[4]]
    made = types_bench.classifiers(GarmentData(), tmp_path, Budget(2, 9), Path("x"), None, chosen)
    assert [row["name"] for row in made.rows] == [one.name for one in chosen]
    for one, row in zip(chosen, made.rows, strict=True):
        assert 0 <= row["top1"] <= row["top2"] <= 1 and row["parameters"] > 10_000
        assert cv2.imread(str(tmp_path / one.folder / "confusion.png")) is not None
    assert made.rows[0]["photos"] == made.rows[1]["photos"] > 0


def test_fashion_mnist_trains_once_and_then_only_measures(tmp_path: Path) -> None:
    root = published.fashion_mnist(tmp_path / "data", train=256, test=50)
    first = fashion_mnist(root, tmp_path / "runs", 0.01, ["conv1"])
    (row,) = first.rows
    assert row["parameters"] == 173_738 and 0 <= row["top1"] <= row["top2"] <= 1 and row["seconds"] > 0
    (again,) = fashion_mnist(root, tmp_path / "runs", 0.01, ["conv1"]).rows
    assert again == row and row["passes"] == 0.01


def test_unknown_entrants_are_refused() -> None:
    for arguments in (
        ["losses", "--only", "hope"],
        ["classifiers", "--only", "hope"],
        ["fashion-mnist", "--only", "x"],
    ):
        failed = CliRunner().invoke(bench, arguments)
        assert failed.exit_code != 0 and isinstance(failed.exception, ConfigError), failed.output
    assert loss_bench.COLUMNS[0].kind == TEXT
