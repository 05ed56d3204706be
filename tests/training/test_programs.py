"""Models as programs: what a file gives is what its network gives, and a file can do nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.ops import nms, roi_align

from matcher.boxes import iou
from matcher.bundle import Bundle
from matcher.config import DetectConfig, PipelineConfig
from matcher.errors import BackendError, BundleError, ConfigError
from matcher.pipeline import Pipeline
from matcher.runtime.load import load_session
from matcher.runtime.program import Program, read_program
from matcher.stages.classify import Classifier
from matcher.stages.detect import Detector
from matcher.stages.embed import Embedder
from matcher.stages.models import Runtime
from training.match_rcnn.config import ModelConfig
from training.match_rcnn.export import DetectGraph, MaskGraph
from training.match_rcnn.pool import pool as eager_pool
from training.programs.bundle import Models, random_models, write_bundle
from training.programs.detector import DetectProgram
from training.programs.fixed import first, pool, survivors

NAMES = ("v-neck", "no waistline", "high waist")
SMALL = ModelConfig(
    backbone="mobilenetv2_fpn", pyramid_width=24, box_width=32, mask_width=8, mask_convolutions=1, box_cells=3,
    attributes=3, attribute_names=NAMES,
)  # fmt: skip
TORCH = Runtime("torch", threads=1)


@pytest.fixture(scope="module")
def models() -> Models:
    made = random_models(SMALL)
    # Scores that differ: which of a thousand equals comes first is a matter of rounding.
    with torch.no_grad():
        made.detector.rpn.objectness.weight *= 30
        made.detector.heads.predictor.score.weight *= 30
        made.detector.heads.attributes.weight *= 10
    return made


@pytest.fixture(scope="module")
def bundle(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("full")
    write_bundle(models, folder, "small", precision="fp32")
    return Bundle.open(folder)


def picture(seed: int, height: int, width: int, count: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, height // 16, width // 16, generator=generator)
    return torch.nn.functional.interpolate(coarse, (height, width)).mul(255).permute(0, 2, 3, 1).byte().contiguous()


def boxes(seed: int, count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator) * 60
    return torch.cat([corner, corner + 1 + torch.rand(count, 2, generator=generator) * 60], 1)


@pytest.mark.parametrize("limit", [0.1, 0.5, 0.8])
def test_survivors_are_those_of_greedy_suppression(limit: float) -> None:
    many = torch.stack([boxes(seed, 120) for seed in range(3)])
    alive = survivors(many, limit)
    for picture_boxes, own in zip(many, alive, strict=True):
        kept = nms(picture_boxes, torch.arange(120, 0, -1).float(), limit)
        assert own.nonzero()[:, 0].tolist() == sorted(kept.tolist())


def test_a_chain_longer_than_the_rounds_is_cut_and_one_as_long_is_not() -> None:
    line = torch.arange(12).float() * 3
    chain = torch.stack([line, torch.zeros(12), line + 10, torch.full((12,), 10.0)], 1)[None]  # each beats the next
    assert survivors(chain, 0.4, rounds=12)[0].tolist() == [i % 2 == 0 for i in range(12)]
    assert survivors(chain, 0.4, rounds=3)[0].tolist() != [i % 2 == 0 for i in range(12)]


def test_the_first_chosen_come_in_order_then_others_marked_as_such() -> None:
    rows, real = first(torch.tensor([[False, True, False, True, True]]), 4)
    assert rows[0, :3].tolist() == [1, 3, 4] and real.tolist() == [[True, True, True, False]]


@pytest.mark.parametrize("sampling", [0, 2])
def test_pooling_is_that_of_the_network(sampling: int) -> None:
    maps = [torch.rand(2, 3, 64 // 2**i, 96 // 2**i) for i in range(4)]
    rois = torch.cat([torch.tensor([0.0, 1] * 20)[:, None], boxes(1, 40) * torch.tensor([3.0, 2, 3, 2])], 1)
    ours, theirs = (call(maps, (4, 8, 16, 32), rois, 5, sampling) for call in (pool, eager_pool))
    torch.testing.assert_close(ours, theirs)
    single = roi_align(maps[0], rois, 5, 0.25, sampling, True)
    torch.testing.assert_close(pool(maps[:1], (4,), rois, 5, sampling), single)


@pytest.mark.parametrize("size", [(96, 160), (64, 64)])
def test_a_program_finds_what_the_network_finds(models: Models, bundle: Bundle, size: tuple[int, int]) -> None:
    image = picture(1, *size)
    with torch.no_grad():
        expected_boxes, expected_scores, *maps, expected_words = DetectGraph(models.detector)(image)
        expected_masks = MaskGraph(models.detector)(*maps, expected_boxes, expected_scores.argmax(1))
    got = TORCH.load(bundle, "detector").run(image=image.numpy())
    same = iou(expected_boxes.numpy(), got["boxes"])
    rows = same.argmax(1)
    right = (same.max(1) > 0.98) & (np.abs(got["scores"][rows] - expected_scores.numpy()).max(1) < 5e-3)
    assert len(expected_boxes) >= 10 and right.mean() > 0.9
    differ = np.abs(got["found_masks"][rows] - expected_masks.numpy()).max((1, 2))
    assert np.median(differ[right]) < 0.01
    assert got["attributes"].shape == (len(got["boxes"]), 2) and expected_words.std(0).min() > 1e-3
    np.testing.assert_allclose(got["attributes"][rows][right], expected_words.numpy()[right], atol=2e-2)


def test_a_bundle_of_programs_names_its_attributes_and_garments_have_them(bundle: Bundle) -> None:
    assert bundle.model("detector")["attributes"]["names"] == ["v-neck", "high waist"]
    found = Detector(bundle, DetectConfig(short_side=64, max_side=128, score_threshold=0.05), TORCH)(
        picture(5, 128, 96)[0].numpy()
    )
    assert len(found) and found.attributes.shape == (len(found), 2) and found.words.names == ("v-neck", "high waist")


def test_pictures_of_one_run_do_not_see_each_other(bundle: Bundle) -> None:
    session = load_session(bundle.path("detector.program"), "torch")
    images = picture(2, 64, 96, 3).numpy()
    together, alone = session.run(image=images), [session.run(image=one[None]) for one in images]
    for number, one in enumerate(alone):
        for name, value in one.items():
            np.testing.assert_allclose(together[name][number], value[0], atol=2, rtol=1e-3)


def test_half_precision_says_nearly_the_same(models: Models) -> None:
    image = picture(3, 96, 96)
    with torch.inference_mode():
        exact, half = (DetectProgram(models.detector, kind)(image)[1] for kind in (torch.float32, torch.bfloat16))
    assert half.dtype == torch.float32 and (exact.amax(2)[0, :5] - half.amax(2)[0, :5]).abs().max() < 0.2


def test_the_small_models_are_those_of_the_networks(models: Models, bundle: Bundle) -> None:
    image, box = picture(4, 96, 96)[0].numpy(), np.array([[5, 5, 80, 90], [20, 10, 60, 40]], np.float32)
    for name, stage in (("classifier", Classifier), ("embedder", Embedder)):
        assert name in bundle.card["models"] and stage(bundle, TORCH)
    assert np.allclose(np.linalg.norm(Embedder(bundle, TORCH).embed(image, box), axis=1), 1, atol=1e-5)
    assert np.allclose(Classifier(bundle, TORCH).probs(image, box).sum(1), 1, atol=1e-5)
    size = models.embedder.config.size
    crops, masks = torch.randint(0, 256, (3, size, size, 3), dtype=torch.uint8), torch.rand(3, size, size)
    got = TORCH.load(bundle, "embedder").run(crops=crops.numpy(), masks=masks.numpy())["embedding"]
    with torch.no_grad():
        assert np.abs(models.embedder(crops, masks).numpy() - got).max() < 1e-4


def test_the_pipeline_runs_on_it_and_masks_are_the_detectors_own(bundle: Bundle) -> None:
    image = picture(5, 128, 96)[0].numpy()
    settings = DetectConfig(short_side=64, max_side=128, score_threshold=0.05)
    detector = Detector(bundle, settings, TORCH)
    found = detector.propose(image)
    garments = detector.add_masks(found, detector.select(found))
    assert len(garments) and garments.mask.shape[1:] == (28, 28)
    scaled = garments.xyxy * np.array(found.scale * 2, np.float32)
    rows = iou(scaled, found.pyramid["found"]).argmax(1)
    inside = iou(scaled, found.pyramid["found"]).max(1) > 0.999
    np.testing.assert_allclose(garments.mask[inside], found.pyramid["found_masks"][rows][inside], atol=0.02)
    pipeline = Pipeline(PipelineConfig(backend="torch", threads=1, detect=settings), bundle=bundle)
    assert pipeline.image(image).has("type_probs")


def test_backends_refuse_files_of_the_other(bundle: Bundle) -> None:
    with pytest.raises(BackendError, match="--backend torch"):
        Detector(bundle)
    with pytest.raises(BackendError, match="export-full"):
        Detector(Bundle.open(), runtime=TORCH)
    with pytest.raises(BackendError, match="torch runs on cpu or cuda"):
        Detector(bundle, runtime=Runtime("torch", "tensorrt"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_an_error(bundle: Bundle) -> None:
    with pytest.raises(BackendError, match="finds no GPU"):
        Detector(bundle, runtime=Runtime("torch", "cuda"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_recordings_on_a_gpu_give_what_the_cpu_gives(bundle: Bundle) -> None:
    here, there = (load_session(bundle.path("embedder.program"), "torch", device) for device in ("cpu", "cuda"))
    size = bundle.model("embedder")["input"]["size"]
    for rows in (1, 3, 4, 1):
        crops = np.random.default_rng(rows).integers(0, 256, (rows, size, size, 3)).astype(np.uint8)
        inputs = {"crops": crops, "masks": np.ones((rows, size, size), np.float32)}
        np.testing.assert_allclose(*(s.run(**inputs)["embedding"] for s in (here, there)), atol=1e-2)


def test_what_is_no_types_detector_is_refused(models: Models, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no precision"):
        write_bundle(models, tmp_path, "x", precision="int3")
    other = random_models(ModelConfig(backbone="mobilenetv2_fpn", names=("hat",), pyramid_width=8, box_width=8))
    with pytest.raises(ConfigError, match="types"):
        write_bundle(other, tmp_path, "x")


def graph(steps: list, results: str = "step:0") -> dict:
    return {
        "inputs": ["x"],
        "outputs": ["y"],
        "steps": steps,
        "results": [{"kind": "ref", "name": results}],
    }


X = {"kind": "ref", "name": "input:x"}


def written(path: Path, steps: list, results: str = "step:0", form: int = 1) -> Path:
    torch.save({"format": form, "graph": json.dumps(graph(steps, results)), "weights": {}}, path)
    return path


def test_a_program_by_hand() -> None:
    program = Program(graph([["aten.mul.Tensor", [X, 3.0], {}]]), {})
    assert program(torch.tensor([2.0]))[0].item() == 6


@pytest.mark.parametrize(
    "name", ["aten.save.default", "aten.from_file.default", "os.system.default", "prim.x.y", "number.import", "eval"]
)
def test_an_operation_that_is_not_listed_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="not allowed"):
        read_program(written(tmp_path / "p.program", [[name, [X], {}]]))


def test_damaged_programs_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "p.program"
    for text in (b"", b"x" * 100):
        path.write_bytes(text)
        with pytest.raises(BundleError, match="no program"):
            read_program(path)
    with pytest.raises(BundleError, match="format 9"):
        read_program(written(path, [], "input:x", 9))
    with pytest.raises(BundleError, match="before it is there"):
        read_program(written(path, [["aten.neg.default", [{"kind": "ref", "name": "step:0"}], {}]]))
    with pytest.raises(BundleError, match="no dtype"):
        read_program(written(path, [["aten.to.dtype", [X, {"kind": "dtype", "name": "load"}], {}]]))
    with pytest.raises(BundleError):
        read_program(tmp_path / "missing.program")


class Harm:
    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("harm-was-done"),))


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"format": 1, "graph": Harm(), "weights": {}}, tmp_path / "p.program")
    with pytest.raises(BundleError):
        read_program(tmp_path / "p.program")
    assert not (tmp_path / "harm-was-done").exists()
