"""Detectors of other projects, run from tiny files in their layouts whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from indexer.cli import index
from matcher.boxes import mask_on_crop
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.cli.main import main
from matcher.config import DetectConfig, PipelineConfig, from_table
from matcher.detectors.classes import Classes, parse_names
from matcher.detectors.name import with_detector
from matcher.detectors.rfdetr import MEAN, STD, prepare
from matcher.detectors.windows import WindowMasks, sample
from matcher.detectors.yolo import letterbox, stated_size
from matcher.errors import BackendError, BundleError, ConfigError
from matcher.pipeline import Pipeline
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Frame
from tests.foreign_files import write_rfdetr, write_yolo
from tests.toy_bundle import make_bundle

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)  # BGR: the toy's tops, pants and bags
FAR = [[100, 30, 20, 10]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("toy"))


def flat(colour: tuple[int, int, int], width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def yolo(bundle: Bundle, path: Path, classes: str = "", config: DetectConfig | None = None) -> Detector:
    return Detector(with_detector(bundle, f"yolo:{path}", classes), config, Runtime(threads=1))


@pytest.mark.parametrize(("width", "height"), [(128, 64), (64, 128), (32, 32), (200, 90)])
def test_boxes_come_back_in_pixels_of_the_picture(bundle: Bundle, tmp_path: Path, width: int, height: int) -> None:
    """A box in the middle of the input, as large as half the picture in it, is half the picture."""
    gain = 64 / max(width, height)
    centred = [[32, 32, width * gain / 2, height * gain / 2]]
    found = yolo(bundle, write_yolo(tmp_path / "y.onnx", centred, [0]), config=DetectConfig(score_threshold=0.1))(
        flat(RED, width, height)
    )
    half = np.array([width, height]) / 2
    # Sides of the input are whole pixels, and where the grey is an odd number of them its middle is half a pixel off.
    np.testing.assert_allclose(found.xyxy[0], [*(half / 2), *(half * 1.5)], atol=0.75 / gain)


@pytest.mark.parametrize(("colour", "name"), [(RED, "tops"), (GREEN, "pants"), (BLUE, "bags")])
def test_the_network_is_given_red_green_blue_from_0_to_1(
    bundle: Bundle, tmp_path: Path, colour: tuple[int, int, int], name: str
) -> None:
    found = yolo(bundle, write_yolo(tmp_path / "y.onnx", [[32, 32, 20, 20]], [0]))(flat(colour, 64, 64))
    assert found.type_names == [name]
    np.testing.assert_allclose(found.score, 1, atol=1e-6)
    assert found.type_probs.shape == (1, len(TYPES))
    np.testing.assert_allclose(found.type_probs.sum(1), 1, atol=1e-6)


def test_grey_is_added_in_the_middle_as_its_makers_do() -> None:
    fitted = letterbox(flat(RED, 100, 33), (64, 64))
    assert fitted.canvas.shape == (64, 64, 3)
    assert (fitted.canvas[21:42] == RED).all()
    assert (fitted.canvas[:21] == 114).all() and (fitted.canvas[42:] == 114).all()
    np.testing.assert_allclose(fitted.offset, [0, 21])
    np.testing.assert_allclose(fitted.scale, [0.64, 21 / 33])


def test_free_sizes_get_no_more_grey_than_the_stride_asks_for(bundle: Bundle, tmp_path: Path) -> None:
    assert letterbox(flat(RED, 1280, 720), (640, 640), 32).canvas.shape == (384, 640, 3)
    path = write_yolo(tmp_path / "y.onnx", [[32, 32, 20, 20]], [0], size=None, imgsz="[64, 64]")
    found = yolo(bundle, path)(flat(RED, 128, 64))
    np.testing.assert_allclose(found.xyxy, [[44, 44, 84, 64]], atol=1e-4)  # nothing above it: 32 is a multiple


@pytest.mark.parametrize("text", ["", "x", "[640]", "[0, 640]", "[9999999, 640]", "['a', 2]", "[" * 90, "640"])
def test_sizes_that_make_no_sense_are_not_taken(text: str) -> None:
    assert stated_size(text) == (640, 640)


def test_masks_lie_over_the_box(bundle: Bundle, tmp_path: Path) -> None:
    """Map 0 is the left half of the input, map 1 the upper half."""
    path = write_yolo(tmp_path / "y.onnx", [[32, 16, 40, 20], [32, 48, 40, 20]], [0, 1])
    found = yolo(bundle, path, config=DetectConfig(score_threshold=0.5))(flat(RED, 64, 64))
    left, upper = found[np.argsort(found.xyxy[:, 1])].mask
    assert left.shape == (28, 28) and left.dtype == np.float32
    assert (left[:, :12] > 0.9).all() and (left[:, 16:] < 0.1).all()
    assert (upper < 0.1).all()  # that box is in the lower half
    assert mask_on_crop(left, found.xyxy[0], 64, 0.0).max() > 0.9


def test_masks_follow_a_box_that_the_tracker_moved(bundle: Bundle, tmp_path: Path) -> None:
    path = write_yolo(tmp_path / "y.onnx", [[16, 32, 20, 20], [48, 32, 20, 20]], [0, 0])
    detector = yolo(bundle, path, config=DetectConfig(score_threshold=0.5))
    found = detector.propose(flat(RED, 64, 64))
    moved = detector.select(found)
    moved = moved.with_columns(xyxy=moved.xyxy + np.float32(1.5))
    means = detector.add_masks(found, moved, np.array([True, True])).mask.mean((1, 2))
    assert sorted(means > 0.5) == [False, True]
    assert detector.add_masks(found, moved, np.zeros(2, bool)).mask.max() == 0


def test_one_garment_in_many_boxes_is_found_once(bundle: Bundle, tmp_path: Path) -> None:
    centred = [[32, 32, 40 + i % 2, 40] for i in range(30)]
    assert len(yolo(bundle, write_yolo(tmp_path / "y.onnx", centred, [0] * 30))(flat(RED, 64, 64))) == 1


def test_only_so_many_boxes_are_handed_on(bundle: Bundle, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    centred = np.concatenate([rng.uniform(0, 64, (5000, 2)), np.full((5000, 2), 0.5)], 1)
    detector = yolo(bundle, write_yolo(tmp_path / "y.onnx", centred, [0] * 5000))
    assert len(detector.propose(flat(RED, 64, 64)).boxes) == 100


def test_boxes_that_are_no_numbers_are_left_out(bundle: Bundle, tmp_path: Path) -> None:
    path = write_yolo(tmp_path / "y.onnx", [[np.nan, 32, 20, 20], [np.inf, 3, 3, 3], [32, 32, 20, 20]], [0, 0, 0])
    np.testing.assert_allclose(yolo(bundle, path)(flat(RED, 64, 64)).xyxy, [[22, 22, 42, 42]])


def test_half_precision_files_run(bundle: Bundle, tmp_path: Path) -> None:
    path = write_yolo(tmp_path / "y.onnx", [[32, 32, 20, 20]], [0], kind="float16")
    assert yolo(bundle, path)(flat(GREEN, 64, 64)).type_names == ["pants"]


def test_classes_are_mapped_by_a_file(bundle: Bundle, tmp_path: Path) -> None:
    path = write_yolo(tmp_path / "y.onnx", [[32, 32, 20, 20]], [0], names="['bottle', 'sun-hat', 'cup']")
    mapping = tmp_path / "classes.toml"
    mapping.write_text('[types]\nhats = ["sun hat"]\n')
    detector = yolo(bundle, path, str(mapping))
    assert detector(flat(GREEN, 64, 64)).type_names == ["hats"]
    assert len(detector(flat(RED, 64, 64))) == 0  # a bottle is left out


def test_several_classes_of_one_type_are_one() -> None:
    classes = Classes.of(["Shirt", "blouse", "trousers"])
    scores = classes.to_types(np.array([[0.2, 0.5], [0.6, 0.1], [0.3, 0.3]], np.float32))
    np.testing.assert_allclose(scores[:, TYPE_IDS["tops"]], [0.6, 0.5])
    np.testing.assert_allclose(scores[:, TYPE_IDS["pants"]], [0.3, 0.3])
    assert scores.shape == (2, len(TYPES)) and scores.sum() == pytest.approx(1.7)


def test_types_map_to_themselves_and_unknown_names_are_listed(tmp_path: Path) -> None:
    assert (Classes.of(TYPES).types == np.arange(len(TYPES))).all()
    with pytest.raises(ConfigError, match=r"classes bicycle, dog; map them") as told:
        Classes.of(["bicycle", "tops", "dog"])
    assert "\n" not in str(told.value)
    mapping = tmp_path / "m.toml"
    mapping.write_text('[types]\nhats = ["bonnet"]\n')
    with pytest.raises(ConfigError, match="none of the detector's classes, which are car, b.d"):
        Classes.of(["car", "b\nd"], mapping)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[types]\ncars = []", "unknown types cars"),
        ("names = ['a', 'b', 'c']", "needs a \\[types\\] table"),
        ("names = 3\n[types]\nhats=['a']", "must be a list"),
        ("[types", "cannot read"),
        ("names = ['a', 'b']\n[types]\nhats=['a']", "lists 2 names, the ONNX file has 3: tops, pants, bags"),
    ],
)
def test_bad_mappings_are_told(bundle: Bundle, tmp_path: Path, text: str, part: str) -> None:
    mapping = tmp_path / "m.toml"
    mapping.write_text(text)
    with pytest.raises(ConfigError, match=part):
        yolo(bundle, write_yolo(tmp_path / "y.onnx", FAR, [0]), str(mapping))


def test_names_are_read_as_data_never_as_code(tmp_path: Path) -> None:
    assert parse_names("{1: 'b', 0: 'a'}") == ("a", "b")
    assert parse_names("['a']") == ("a",) and parse_names("") == ()
    trap = tmp_path / "trap"
    hostile = [
        f"__import__('pathlib').Path({str(trap)!r}).touch()",
        "{0: open}",
        "{1: 'a'}",
        "{0: 1}",
        "[]",
        "7",
        "(" * 5000,
        "[" + "'a'," * 90_000 + "]",
        "['a'] * 10**9",
    ]
    for text in hostile:
        with pytest.raises(ConfigError, match="cannot be read"):
            parse_names(text)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("names", "metadata", "part"),
    [
        ("['tops', 'pants']", {}, "2 class names .* ask for 8 rows in output0, which is"),
        ("", {}, "holds no class names"),
        ("['tops', 'pants', 'bags']", {"end2end": "True"}, "nms=False"),
    ],
)
def test_files_of_another_layout_are_told(
    bundle: Bundle, tmp_path: Path, names: str, metadata: dict[str, str], part: str
) -> None:
    path = write_yolo(tmp_path / "y.onnx", FAR, [0], names=names, **metadata)
    with pytest.raises(ConfigError, match=part):
        yolo(bundle, path)(flat(RED, 64, 64))


def test_a_file_of_one_project_is_not_taken_for_anothers(bundle: Bundle, tmp_path: Path) -> None:
    mapping = tmp_path / "m.toml"
    mapping.write_text("names = ['tops']\n[types]\ntops = []\n")
    other = write_rfdetr(tmp_path / "r.onnx", np.full((1, 4), 0.5), np.zeros((1, 2)))
    with pytest.raises(ConfigError, match="no YOLO-seg file"):
        yolo(bundle, other, str(mapping))
    mine = write_yolo(tmp_path / "y.onnx", FAR, [0])
    with pytest.raises(ConfigError, match="dets, labels, masks"):
        Detector(with_detector(bundle, f"rfdetr:{mine}"))
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(BundleError, match="cannot load"):
        yolo(bundle, tmp_path / "bad.onnx")


@pytest.mark.parametrize(
    ("text", "classes", "part"),
    [
        ("resnet:x.onnx", "", "yolo:FILE.onnx or rfdetr:FILE.onnx"),
        ("yolo", "", "yolo:FILE.onnx"),
        ("yolo:none.onnx", "", "none.onnx, which is no file"),
        ("", "m.toml", "m.toml is for another project's detector"),
    ],
)
def test_names_of_detectors_that_are_wrong(bundle: Bundle, text: str, classes: str, part: str) -> None:
    with pytest.raises(ConfigError, match=part):
        with_detector(bundle, text, classes)


def test_what_only_the_own_detector_can_do_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave them out"):
        from_table(PipelineConfig, {"detector": "yolo:x.onnx", "detect": {"short_side": 320}}, "file")
    path = write_yolo(tmp_path / "y.onnx", FAR, [0])
    with pytest.raises(BackendError, match="run on onnxruntime"):
        Detector(with_detector(bundle, f"yolo:{path}"), None, Runtime(backend="other"))


def test_the_detector_and_its_mapping_change_the_bundles_hash_but_not_the_embedders(
    bundle: Bundle, tmp_path: Path
) -> None:
    path, mapping = write_yolo(tmp_path / "y.onnx", FAR, [0]), tmp_path / "m.toml"
    hashes = [bundle.hash, with_detector(bundle, f"yolo:{path}").hash]
    for text in ("[types]\nhats=['x']", "[types]\nhats=['y']"):
        mapping.write_text(text)
        hashes.append(with_detector(bundle, f"yolo:{path}", str(mapping)).hash)
    assert len(set(hashes)) == 4
    assert with_detector(bundle, f"yolo:{path}").embedder_hash == bundle.embedder_hash
    assert with_detector(bundle, "") is bundle


def test_rfdetr_boxes_types_and_masks(bundle: Bundle, tmp_path: Path) -> None:
    dets = [[0.25, 0.5, 0.5, 1.0], [0.75, 0.25, 0.2, 0.5], [0.5, 0.5, 0.1, 0.1]]
    logits = [[4, -4, -4], [-4, 3, -4], [-4, -4, 5]]  # the last column is the background
    path = write_rfdetr(tmp_path / "r.onnx", dets, logits)
    mapping = tmp_path / "m.toml"
    mapping.write_text("names = ['gown', 'cap']\n[types]\ndresses = ['gown']\nhats = ['cap']\n")
    found = Detector(with_detector(bundle, f"rfdetr:{path}", str(mapping)))(flat(RED, 200, 100))
    assert found.type_names == ["dresses", "hats"]
    np.testing.assert_allclose(found.xyxy, [[0, 0, 100, 100], [130, 0, 170, 50]], atol=1e-4)
    np.testing.assert_allclose(found.score, 1 / (1 + np.exp([-4, -3])), rtol=1e-5)
    assert found.mask[0].min() > 0.4 and found.mask[0][:, :25].min() > 0.9  # the left half of the picture
    assert found.mask[1][:25].min() > 0.9  # within the upper half


def test_rfdetr_needs_the_names_of_all_its_classes(bundle: Bundle, tmp_path: Path) -> None:
    path = write_rfdetr(tmp_path / "r.onnx", np.full((1, 4), 0.5), np.zeros((1, 5)))
    with pytest.raises(ConfigError, match="holds no class names"):
        Detector(with_detector(bundle, f"rfdetr:{path}"))
    mapping = tmp_path / "m.toml"
    mapping.write_text("names = ['tops', 'hats']\n[types]\ntops = []\n")
    with pytest.raises(ConfigError, match="tells 5 classes apart .* has 2 names"):
        Detector(with_detector(bundle, f"rfdetr:{path}", str(mapping)))(flat(RED, 64, 64))


def test_rfdetr_pictures_are_stretched_and_normalised() -> None:
    blob = prepare(flat((10, 100, 200), 30, 50), (16, 24))
    assert blob.shape == (1, 3, 24, 16) and blob.dtype == np.float32
    expected = (np.array([200, 100, 10]) / 255 - MEAN) / STD
    np.testing.assert_allclose(blob[0, :, 5, 5], expected, atol=1e-5)
    np.testing.assert_allclose(blob.std((2, 3)), 0, atol=1e-5)


def test_samples_are_those_of_a_slow_loop() -> None:
    rng = np.random.default_rng(4)
    maps = rng.normal(size=(5, 9, 13)).astype(np.float32)
    windows = np.sort(rng.uniform(-3, 15, (5, 2, 2)), axis=1).reshape(5, 4).astype(np.float32)
    got = sample(maps, windows, 6)
    for n, (x0, y0, x1, y1) in enumerate(windows):
        for i in range(6):
            for j in range(6):
                x = np.clip(x0 + (x1 - x0) * (j + 0.5) / 6 - 0.5, 0, 12)
                y = np.clip(y0 + (y1 - y0) * (i + 0.5) / 6 - 0.5, 0, 8)
                a, b = int(x), int(y)
                c, d = min(a + 1, 12), min(b + 1, 8)
                upper = maps[n, b, a] * (1 - x + a) + maps[n, b, c] * (x - a)
                lower = maps[n, d, a] * (1 - x + a) + maps[n, d, c] * (x - a)
                assert got[n, i, j] == pytest.approx(upper * (1 - y + b) + lower * (y - b), abs=1e-4)


def test_of_boxes_that_coincide_the_one_of_the_type_has_the_mask() -> None:
    box = np.array([[0, 0, 8, 8]], np.float32)
    scores = np.zeros((2, len(TYPES)), np.float32)
    scores[[0, 1], [3, 5]] = 0.9
    maps = np.stack([np.full((8, 8), -9, np.float32), np.full((8, 8), 9, np.float32)])
    place = {"found": np.repeat(box, 2, 0), "found_scores": scores, "maps": maps, "to_map": np.array([1, 1, 0, 0.0])}
    for label, value in ((3, 0), (5, 1)):
        masks = WindowMasks(28).run(boxes=box, labels=np.array([label]), **place)["masks"]
        np.testing.assert_allclose(masks, value, atol=1e-3)
    nothing = {**place, "found": np.zeros((0, 4), np.float32)}
    assert WindowMasks(28).run(boxes=box, labels=np.array([3]), **nothing)["masks"].shape == (1, 28, 28)


def test_a_whole_pipeline_runs_on_it(bundle: Bundle, tmp_path: Path) -> None:
    path = write_yolo(tmp_path / "y.onnx", [[32, 32, 20, 20]], [0])
    pipeline = Pipeline(PipelineConfig(classify=False), None, with_detector(bundle, f"yolo:{path}"))
    pipeline.warm_up((128, 64))
    for pts in range(3):
        garments = pipeline(Frame(flat(BLUE, 128, 64), pts))
    assert garments.type_names == ["bags"] and garments.track_id[0] >= 0 and garments.mask.shape == (1, 28, 28)


def test_a_shop_is_indexed_and_a_picture_matched_with_it(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = write_yolo(tmp_path / "y.onnx", [[32, 32, 60, 60]], [0])
    for name, colour in (("a", RED), ("b", BLUE)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), flat(colour, 100, 100))
    (tmp_path / "shop.csv").write_text("id,image\na,a.png\nb,b.png\n", encoding="utf-8")
    named = ["--bundle", str(bundle.folder), "--detector", f"yolo:{path}"]
    app = typer.Typer()
    app.command()(index)
    shop = str(tmp_path / "shop")
    done = CliRunner().invoke(app, [str(tmp_path / "shop.csv"), "--out", shop, *named])
    assert done.exit_code == 0, done.output
    assert Catalog.load(shop).info()["localised"] == {"detector": 2}
    assert main(["image", str(tmp_path / "b.png"), "--catalog", shop, "--json", *named]) == 0
    garment, *rest = json.loads(capsys.readouterr().out)["garments"]
    assert garment["type"] == "bags" and garment["products"][0]["id"] == "b" and not rest
