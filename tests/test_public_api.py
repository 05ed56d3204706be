"""The public names are exactly these, come at first use, and `import matcher` is light."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import matcher
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.sinks.video import VideoWriter
from tests.test_pipeline import walk
from tests.toy_bundle import make_bundle
from tests.toy_shop import write_shop

NAMES = ["Catalog", "Frame", "Garments", "MatcherError", "Pipeline", "Product", "Report", "draw", "open_video"]
HEAVY = ("torch", "numpy", "cv2", "av", "onnxruntime", "faiss", "scipy")


def in_a_fresh_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_names_are_exactly_these() -> None:
    assert sorted(matcher.__all__) == sorted(NAMES)
    assert set(NAMES) <= set(dir(matcher))


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there_and_says_what_it_is(name: str) -> None:
    assert getattr(matcher, name).__doc__


def test_other_names_are_missing() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = matcher.nonsense


def test_importing_loads_no_library() -> None:
    code = f"import sys, matcher; print([m for m in {HEAVY} if m in sys.modules])"
    assert in_a_fresh_process(code).strip() == "[]"


def test_using_every_name_loads_no_torch() -> None:
    code = "import sys, matcher; [getattr(matcher, n) for n in matcher.__all__]; print('torch' in sys.modules)"
    assert in_a_fresh_process(code).strip() == "False"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("toy"))


def write_clip(path: Path) -> None:
    frames = list(islice(walk(), 6))
    with VideoWriter(path, frames[0].size, 1 / frames[0].time_base, frames[0].time_base) as writer:
        for frame in frames:
            writer.write(frame.image, frame.pts)


def test_the_first_example_runs(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_shop(tmp_path / "shop.catalog", bundle)
    write_clip(tmp_path / "show.mp4")
    config = tmp_path / "configs" / "file.toml"
    config.parent.mkdir()
    config.write_text(f"bundle = '{bundle.folder}'\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    catalog = matcher.Catalog.load("shop.catalog")
    pipeline = matcher.Pipeline.from_config("configs/file.toml", catalog)

    with matcher.open_video("show.mp4") as video, matcher.Report("show.csv") as report:
        for frame in video:
            garments = pipeline(frame)
            garments = garments[garments.best_score > 0.6]
            report.write(frame, garments)
            for garment in garments:
                print(f"{frame.time:8.2f} s", garment.type_name, garment.xyxy, garment.product.name)

    printed = capsys.readouterr().out
    assert all(f"A {name}" in printed for name in ("tops", "pants", "bags"))
    assert {line.split(",")[0] for line in Path("show.csv").read_text().splitlines()[1:]} == {
        "p-tops",
        "p-pants",
        "p-bags",
    }


def test_drawing_changes_a_copy(bundle: Bundle, tmp_path: Path) -> None:
    catalog = Catalog.load(write_shop(tmp_path / "shop", bundle).path)
    frame = next(walk())
    before = frame.image.copy()
    drawn = matcher.draw(frame.image, matcher.Pipeline(catalog=catalog, bundle=bundle)(frame))
    assert drawn.shape == before.shape and (drawn != before).any() and np.array_equal(frame.image, before)
