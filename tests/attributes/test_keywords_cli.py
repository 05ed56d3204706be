"""`--keyword` of `asworn image` and `asworn catalog search`: garments that look so, and no others."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest

from matcher.cli.main import main
from tests.toy_bundle import make_bundle, paint
from tests.toy_shop import write_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keywords")
    write_shop(folder / "toy.catalog", make_bundle(folder / "toy"))
    worn = {"tops": (100, 50, 200, 150), "pants": (100, 160, 200, 300), "bags": (400, 100, 470, 190)}
    cv2.imwrite(str(folder / "look.png"), paint((640, 360), worn))
    return folder


def garments(shop: Path, capsys: pytest.CaptureFixture[str], *more: str) -> list[dict]:
    args = ["image", str(shop / "look.png"), "--bundle", str(shop / "toy"), "--json", *more]
    assert main(args) == 0
    return json.loads(capsys.readouterr().out)["garments"]


def test_garments_are_chosen_by_their_keywords(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    everything = garments(shop, capsys)
    assert len(everything) == 3
    for one in everything:
        words = one["keywords"]
        asked = [part for word in words for part in ("--keyword", word.upper())]
        found = garments(shop, capsys, *asked)
        assert one["box"] in [g["box"] for g in found] and all(set(words) <= set(g["keywords"]) for g in found)
    assert garments(shop, capsys, "--keyword", "striped", "--keyword", "plain") == []


def test_a_search_takes_them_too(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["catalog", "search", str(shop / "toy.catalog"), str(shop / "look.png"), "--bundle", str(shop / "toy")]
    assert main([*args, "--json", "--keyword", "bags"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["garments"]
    assert found["type"] == "bags" and found["products"][0]["id"] == "p-bags"


def test_without_masks_there_are_no_keywords(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["image", str(shop / "look.png"), "--bundle", str(shop / "toy"), "--no-masks", "--keyword", "red"]
    assert main(args) == 2
    assert "--no-masks" in capsys.readouterr().err
