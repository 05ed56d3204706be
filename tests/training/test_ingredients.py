"""What is left out in which run of the ingredients' comparison, and how composed pictures are scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.ingredients import ALL, FRAMES, GROUPS, ONLY_PHOTOS, ingredients, variants
from benchmarks.truth_of import truth_of
from configs import __file__ as configs
from matcher.errors import InputError
from matcher.types import Garments
from training.data.config import DataConfig
from training.data.mix import KINDS
from training.data.records import OTHER, Annotated
from training.data.store import Store
from training.detector.config import DetectorConfig, load_config
from training.evaluation.coco_eval import score
from training.evaluation.output import write_json

MIX = {"photo": 0.5, "garment": 0.2, "flatlay": 0.1, "frame": 0.2}


def test_each_variant_lacks_one_idea_and_nothing_else() -> None:
    made = variants(MIX)
    assert made[ALL] == MIX
    assert made[ONLY_PHOTOS] == {"photo": 1.0}
    without = made["without single garments, flat lays"]
    assert without == {"photo": 0.5, "frame": 0.2}
    assert "without drawn scenes" not in made, "what the recipe does not have cannot be left out"


def test_every_kind_of_picture_has_its_idea() -> None:
    assert {kind for kinds in GROUPS.values() for kind in kinds} | {"photo"} == set(KINDS)


@pytest.mark.parametrize("mix", [{"frame": 1.0, "drawn": 1.0}, {"photo": 1.0}, {}])
def test_a_mix_that_cannot_be_compared_is_refused(mix: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"data\.mix"):
        variants(mix)


def test_the_recipe_of_the_comparison_can_be_read() -> None:
    config = load_config(Path(configs).parent / "bench_detector_ingredients.toml")
    assert len(variants(config.data.mix)) == 6


def picture(shift: int) -> Annotated:
    """A top, and pants that are wholly hidden, beside skin."""
    ids = np.zeros((60, 80), np.uint8)
    ids[10:30, 10 + shift : 40 + shift], ids[40:50, :] = 1, OTHER
    return Annotated(np.zeros((60, 80, 3), np.uint8), ids, (10, 8))


def test_only_what_is_seen_is_truth_and_finding_it_all_scores_one() -> None:
    truth = truth_of([picture(0), picture(20)])
    assert [(a["image_id"], a["category_id"], a["bbox"]) for a in truth.annotations] == [
        (0, 10, [10, 10, 30, 20]),
        (1, 10, [30, 10, 30, 20]),
    ]
    probs = np.eye(11, dtype=np.float32)[[10]]
    found = {
        i: Garments(np.array([[x, 10, x + 30, 30]], np.float32), score=np.ones(1, np.float32), type_probs=probs)
        for i, x in enumerate((10, 30))
    }
    assert score(truth, found)["box"]["AP50"] == pytest.approx(1)


def test_what_was_measured_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.ingredients.SCENES", 1)
    for name in ("people", "backgrounds"):
        Store.write(tmp_path / name, [("one", picture(0))])
    config = replace(DetectorConfig(), data=DataConfig(root=tmp_path, mix={"photo": 1.0, "frame": 1.0}))
    for number, name in enumerate(("all-of-them", "without-people-in-film-frames", "street-photos-alone")):
        (tmp_path / name).mkdir()
        write_json(tmp_path / name / "measured.json", {"photos": number / 10})
    result = ingredients(config, tmp_path, 1)
    assert [row["photos"] for row in result["variants"].values()] == [0, 0.1, 0.2]
    assert FRAMES > 0


def test_only_the_variants_that_are_asked_for_are_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.ingredients.SCENES", 1)
    for name in ("people", "backgrounds"):
        Store.write(tmp_path / name, [("one", picture(0))])
    config = replace(DetectorConfig(), data=DataConfig(root=tmp_path, mix={"photo": 1.0, "mosaic": 1.0, "frame": 1.0}))
    (tmp_path / "without-mosaics").mkdir()
    write_json(tmp_path / "without-mosaics" / "measured.json", {"photos": 0.5})
    assert list(ingredients(config, tmp_path, 1, ["mosaics"])["variants"]) == ["without mosaics"]
    with pytest.raises(InputError, match="'hats' is in none of: all of them, without people in film frames"):
        ingredients(config, tmp_path, 1, ["mosaics", "hats"])
