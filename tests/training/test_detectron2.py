"""Checkpoints of Detectron2: our model says what Detectron2 says, and nothing in a pickle is ever run."""

from __future__ import annotations

import pickle
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from matcher.errors import ConfigError
from tests.training import detectron2_reference as reference
from training.cli_convert import app
from training.match_rcnn.config import ModelConfig, neck_defaults
from training.match_rcnn.detectron2 import config_of, convert, read_weights, to_ours
from training.match_rcnn.detectron2_config import read_yaml, with_settings
from training.match_rcnn.files import Unset, build_model, load_model, start_model
from training.match_rcnn.model import MatchRCNN
from training.match_rcnn.names import from_caffe, to_detectron2
from training.match_rcnn.plain_pickle import read_plain_pickle
from training.match_rcnn.targets import Truth

# Detectron2 gave bit for bit the same on the machine that the answers were made on; others round in other places.
CLOSE = {"rtol": 1e-4, "atol": 1e-4}
SETTINGS = f"""
_BASE_: base.yaml
MODEL:
  RPN: {{POST_NMS_TOPK_TEST: {reference.PROPOSALS}}}
TEST: {{DETECTIONS_PER_IMAGE: {reference.DETECTIONS}}}
"""


def shapes_of(name: str) -> dict[str, tuple[int, ...]]:
    """Detectron2's names of all layers of a model, with their shapes."""
    config = reference.config_of(name)
    with torch.device("meta"):
        state = MatchRCNN(config).state_dict()
    return {to_detectron2(key, config.neck): tuple(value.shape) for key, value in state.items()}


def unset(**settings: Any) -> MatchRCNN:
    """A model with whatever weights were in memory."""
    with Unset():
        return MatchRCNN(ModelConfig(**settings))


def golden(name: str) -> dict[str, np.ndarray]:
    with np.load(reference.GOLDEN, allow_pickle=False) as arrays:
        return {key.partition("/")[2]: arrays[key] for key in arrays.files if key.startswith(f"{name}/")}


def compare(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    for part, values in wanted.items():
        if part == "counts":
            assert [len(found["proposals"]), len(found["boxes"])] == values.tolist()
        else:
            np.testing.assert_allclose(found[part][: len(values)], values, err_msg=part, **CLOSE)


@pytest.fixture(scope="module")
def pickled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An R50-FPN in the form of Detectron2's model zoo, with what older files of it hold besides."""
    path = tmp_path_factory.mktemp("zoo") / "model_final.pkl"
    weights = reference.fill(shapes_of("r50_fpn"))
    weights["proposal_generator.anchor_generator.cell_anchors.0"] = np.zeros((3, 4), np.float32)
    with path.open("wb") as file:
        pickle.dump({"model": weights, "__author__": "Detectron2 Model Zoo"}, file, protocol=2)
    path.with_name("base.yaml").write_text("MODEL: {PIXEL_STD: [1.0, 1.0, 1.0], RESNETS: {STRIDE_IN_1X1: true}}")
    path.with_name("config.yaml").write_text(SETTINGS)
    return path


def test_a_pickle_of_the_zoo_is_converted_by_the_command_and_says_what_detectron2_says(pickled: Path) -> None:
    out = pickled.with_suffix(".pt")
    arguments = ["detectron2", str(pickled), "--out", str(out), "--config", str(pickled.with_name("config.yaml"))]
    refused = CliRunner().invoke(app, arguments)
    assert isinstance(refused.exception, ConfigError) and "--unpickle" in str(refused.exception) and not out.exists()
    done = CliRunner().invoke(app, [*arguments, "--unpickle"])
    assert done.exit_code == 0 and "r50_fpn, 80 classes" in done.stdout and "warning" in done.stderr
    compare(reference.our_answers(load_model(out), reference.picture()), golden("r50_fpn"))
    # What was converted starts a model of other classes, too; only what depends on them stays at random.
    left = start_model(unset(box_width=reference.BOX_WIDTH), out)
    assert {name.rpartition(".")[0] for name in left} == {
        "heads.mask.predictor", "heads.predictor.refine", "heads.predictor.score"
    }  # fmt: skip
    with pytest.raises(ConfigError, match="cannot start a r50_c4"):
        start_model(unset(backbone="r50_c4", mask_width=8, **neck_defaults("c4")), out)


@pytest.mark.parametrize("name", [name for name in reference.ZOO if name != "r50_fpn"])
def test_other_backbones_say_what_detectron2_says(name: str) -> None:
    weights = {key: torch.from_numpy(value) for key, value in reference.fill(shapes_of(name)).items()}
    config = reference.config_of(name)
    compare(reference.our_answers(build_model(config, to_ours(weights, config)), reference.picture()), golden(name))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["r50_fpn", "r50_c4", "r50_dc5"])
def test_the_real_detectron2_says_the_same(name: str, tmp_path: Path) -> None:
    pytest.importorskip("detectron2", reason="Detectron2 is not installed; it is in no registry of packages")
    path, image = tmp_path / "model.pkl", reference.picture(64, 96)
    wanted = reference.detectron2_answers(name, image, path)
    config = reference.config_of(name)
    model = build_model(config, to_ours(read_weights(path, unpickle=True), config))
    compare(reference.our_answers(model, image), wanted)


@pytest.mark.filterwarnings("ignore")
def test_the_real_detectron2_has_the_same_losses() -> None:
    pytest.importorskip("detectron2", reason="Detectron2 is not installed; it is in no registry of packages")
    image, labels = reference.picture(), np.array([3, 60])
    boxes = np.array([[20.5, 10, 60, 80], [70, 30, 120, 90.25]], np.float32)
    masks = np.zeros((2, *image.shape[:2]), np.uint8)
    masks[0, 12:70, 25:55], masks[1, 40:90, 80:110] = 1, 1
    wanted = reference.detectron2_losses(image, boxes, labels, masks)
    config = replace(reference.config_of("r50_fpn"), sampled_anchors=reference.EVERY, sampled_boxes=reference.EVERY)
    weights = {key: torch.from_numpy(value) for key, value in reference.fill(shapes_of("r50_fpn")).items()}
    model = build_model(config, to_ours(weights, config)).train()
    none = torch.zeros(2, 0)
    truth = Truth(*map(torch.from_numpy, (boxes, labels, masks)), none[..., None], none, torch.tensor([-1, -1]))
    found = {name: float(value.detach()) for name, value in model(torch.from_numpy(image[None]), [truth]).items()}
    assert found == pytest.approx(wanted, rel=1e-4) and min(wanted.values()) > 0


@pytest.mark.parametrize("name", list(reference.ZOO))
def test_the_form_of_a_model_shows_in_its_weights(name: str) -> None:
    weights = {key: torch.empty(shape, device="meta") for key, shape in shapes_of(name).items()}
    found, wanted = config_of(weights), reference.config_of(name)
    assert (found.backbone, found.stride_in_1x1, found.std) == (wanted.backbone, wanted.stride_in_1x1, wanted.std)
    assert (found.anchors, found.box_layers, found.mask_convolutions) == (
        wanted.anchors, wanted.box_layers, wanted.mask_convolutions
    )  # fmt: skip
    with pytest.raises(ConfigError, match="3 names are given"):
        config_of(weights, ("a", "b", "c"))
    del weights["roi_heads.box_predictor.cls_score.weight"]
    with pytest.raises(ConfigError, match="no Mask R-CNN"):
        config_of(weights)


def test_a_layer_too_many_or_too_few_is_an_error() -> None:
    weights = {key: torch.empty(shape, device="meta") for key, shape in shapes_of("r50_fpn").items()}
    config = reference.config_of("r50_fpn")
    with pytest.raises(ConfigError, match="roi_heads.extra.weight are of a layer that is not known"):
        to_ours({**weights, "roi_heads.extra.weight": torch.zeros(1)}, config)
    del weights["backbone.fpn_output2.bias"]
    with pytest.raises(ConfigError, match="backbone.fpn_output2.bias are missing"):
        to_ours(weights, config)


def test_a_checkpoint_of_its_trainer_is_read_without_unpickling(tmp_path: Path) -> None:
    state = {"model": {"module.stem.conv1.weight": torch.ones(2, 2)}, "iteration": 5, "optimizer": {"state": {}}}
    torch.save(state, tmp_path / "model_final.pth")
    assert list(read_weights(tmp_path / "model_final.pth")) == ["stem.conv1.weight"]
    torch.save({"model": Trap("touch never")}, tmp_path / "bad.pth")
    with pytest.raises(ConfigError, match="cannot read the checkpoint"):
        read_weights(tmp_path / "bad.pth")
    torch.save({"iteration": 5}, tmp_path / "empty.pth")
    with pytest.raises(ConfigError, match="holds no weights"):
        read_weights(tmp_path / "empty.pth")


def test_a_trunk_of_caffe_starts_every_neck(tmp_path: Path) -> None:
    with torch.device("meta"):
        state = MatchRCNN(ModelConfig()).state_dict()
    theirs = {to_detectron2(key, "fpn").removeprefix("backbone.bottom_up."): v for key, v in state.items()}
    # Caffe's files have scale and shift alone, and the classifier.
    caffe = {_caffe(k): np.full(v.shape, 0.5, np.float32) for k, v in theirs.items() if k.startswith(("stem", "res"))}
    caffe = {k: v for k, v in caffe.items() if k and not k.endswith(("_rm", "_riv"))}
    caffe |= {"fc1000_w": np.zeros((1000, 2048), np.float32), "conv1_w_momentum": np.zeros(1, np.float32)}
    path = tmp_path / "R-50.pkl"
    path.write_bytes(pickle.dumps({"blobs": caffe}, protocol=2))
    assert convert(path, tmp_path / "trunk.pt", unpickle=True).backbone == "r50_fpn"
    with pytest.raises(ConfigError, match="no whole Match R-CNN"):
        load_model(tmp_path / "trunk.pt")
    model = unset(backbone="r50_c4", mask_width=8, **neck_defaults("c4"))
    left = start_model(model, tmp_path / "trunk.pt")
    assert not [name for name in left if name.startswith(("backbone.", "heads.res5."))]
    assert (model.heads.res5[2].conv3.weight == 0.5).all() and (model.backbone.trunk.bn1.running_var == 1).all()


def _caffe(name: str) -> str:
    """Caffe's name of a layer of a trunk: the one that is read as `name`."""
    stage, _, rest = name.partition(".")
    parts = {"weight": "w", "norm.weight": "bn_s", "norm.bias": "bn_b", "norm.running_mean": "bn_rm"}
    parts |= {"norm.running_var": "bn_riv"}
    if stage == "stem":
        part = parts[rest.removeprefix("conv1.")]
        found = "conv1_w" if part == "w" else f"res_conv1_{part}"
    else:
        block, layer, part = rest.split(".", 2)
        branch = {"shortcut": "1", "conv1": "2a", "conv2": "2b", "conv3": "2c"}[layer]
        found = f"{stage}_{block}_branch{branch}_{parts[part]}"
    assert from_caffe(found) == name
    return found


class Trap:
    """An object whose pickle runs a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(6))
def test_plain_arrays_are_read_whatever_the_pickles_age(protocol: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wanted = {
        "f": rng.normal(size=(2, 3, 4)).astype(np.float32),
        "columns": np.asfortranarray(rng.normal(size=(3, 5))),
        "big endian": np.arange(4, dtype=">i4"),
        "half": np.ones(3, np.float16),
        "empty": np.zeros((0, 4), np.float32),
        "number": np.float64(2.5),
    }
    path = tmp_path / "arrays.pkl"
    path.write_bytes(pickle.dumps({"model": wanted, "name": "a", "list": [1, (2.0, None)]}, protocol=protocol))
    found = read_plain_pickle(path)
    assert found["list"] == [1, (2.0, None)] and found["name"] == "a"
    for key, value in wanted.items():
        np.testing.assert_array_equal(found["model"][key], value)
        assert found["model"][key].dtype == np.asarray(value).dtype.newbyteorder("=")


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    path, witness = tmp_path / "model.pkl", tmp_path / "ran"
    for payload in (Trap(f"touch {witness}"), {"model": {"a": Trap(f"touch {witness}")}}, [np.array([Trap("x")])]):
        path.write_bytes(pickle.dumps(payload))
        with pytest.raises(ConfigError, match="not let in|plain"):
            read_weights(path, unpickle=True)
    assert not witness.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04",
        b"not a pickle",
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I99\ntcnumpy\ndtype\n(S'O8'\nI0\nI1\n"
        b"tRI00\nS'x'\ntb.",
        b"c_codecs\nencode\n(S'aa'\nS'zip'\ntR.",
        pickle.dumps({"a": 1}) + b"",
        pickle.dumps([np.ones(3)])[:-20] + struct.pack("<I", 7),
    ],
)
def test_damaged_and_odd_pickles_are_an_error_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.pkl"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as error:
        read_weights(path, unpickle=True)
    assert "\n" not in str(error.value)


def test_arrays_of_objects_or_of_a_wrong_length_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    for array in (np.array([{"a": 1}], object), np.zeros(2, [("x", "f4")]), np.array(["text"])):
        path.write_bytes(pickle.dumps(array))
        with pytest.raises(ConfigError, match="plain"):
            read_plain_pickle(path)
    whole = pickle.dumps(np.arange(6, dtype=np.int64).reshape(2, 3), protocol=2)
    path.write_bytes(whole.replace(b"K\x02K\x03\x86", b"K\x02K\x09\x86"))
    with pytest.raises(ConfigError, match=r"48 bytes for an array of shape \(2, 9\)"):
        read_plain_pickle(path)


def test_settings_that_would_change_the_numbers_are_refused(tmp_path: Path) -> None:
    config = ModelConfig()
    assert with_settings(config, {"INPUT.FORMAT": "RGB", "MODEL.PIXEL_MEAN": [1, 2, 3]}).mean == (3.0, 2.0, 1.0)
    assert with_settings(config, {"MODEL.ANCHOR_GENERATOR.SIZES": [[8], [16]]}).anchors == ((8.0,), (16.0,))
    for name, value in (("MODEL.FPN.NORM", "GN"), ("MODEL.ROI_BOX_HEAD.BBOX_REG_WEIGHTS", "(1.0, 1.0, 1.0, 1.0)")):
        with pytest.raises(ConfigError, match=f"{name} is"):
            with_settings(config, {name: value})
    for name, text in (("loop", "_BASE_: loop.yaml"), ("list", "- 1"), ("bad", "a: ["), ("url", "_BASE_: http://x/y")):
        (tmp_path / f"{name}.yaml").write_text(text)
        with pytest.raises(ConfigError):
            read_yaml(tmp_path / f"{name}.yaml")
    (tmp_path / "code.yaml").write_text("a: !!python/object/apply:os.system ['true']")
    with pytest.raises(ConfigError, match="cannot read the settings"):
        read_yaml(tmp_path / "code.yaml")
