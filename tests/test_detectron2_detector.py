"""`--detector detectron2:CONFIG.yaml,FILE.pth`: Detectron2's own model inside the matcher."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from matcher.boxes import iou
from matcher.bundle import Bundle
from matcher.detectors.name import ForeignDetector, with_detector
from matcher.detectors.roi_masks import RoiMasks
from matcher.errors import BackendError, ConfigError
from matcher.stages.detect import Detector
from matcher.taxonomy import TYPES

SETTINGS = """
MODEL:
  META_ARCHITECTURE: GeneralizedRCNN
  MASK_ON: true
  BACKBONE: {NAME: build_resnet_fpn_backbone}
  RESNETS: {DEPTH: 50, OUT_FEATURES: [res2, res3, res4, res5]}
  FPN: {IN_FEATURES: [res2, res3, res4, res5]}
  ANCHOR_GENERATOR: {SIZES: [[32], [64], [128], [256], [512]]}
  RPN: {IN_FEATURES: [p2, p3, p4, p5, p6], POST_NMS_TOPK_TEST: 30}
  ROI_HEADS: {NAME: StandardROIHeads, IN_FEATURES: [p2, p3, p4, p5], NUM_CLASSES: 3}
  ROI_BOX_HEAD: {NAME: FastRCNNConvFCHead, NUM_FC: 2, FC_DIM: 64, POOLER_RESOLUTION: 7}
  ROI_MASK_HEAD: {NAME: MaskRCNNConvUpsampleHead, NUM_CONV: 1, POOLER_RESOLUTION: 14}
INPUT: {MIN_SIZE_TEST: 96, MAX_SIZE_TEST: 160}
TEST: {DETECTIONS_PER_IMAGE: 10}
"""
MAPPING = """
names = ["blouse", "cup", "boot"]

[types]
tops = ["blouse"]
footwear = ["boot"]
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with settings, mapping and something in the place of a checkpoint."""
    (tmp_path / "config.yaml").write_text(SETTINGS)
    (tmp_path / "classes.toml").write_text(MAPPING)
    (tmp_path / "model.pth").write_bytes(b"no checkpoint")
    return tmp_path


def named(files: Path, weights: str = "model.pth") -> str:
    return f"detectron2:{files / 'config.yaml'},{files / weights}"


def test_the_name_has_two_files_and_both_count(files: Path) -> None:
    found = ForeignDetector.parse(named(files))
    assert (found.config, found.weights) == (files / "config.yaml", files / "model.pth")
    before = found.hash()
    (files / "config.yaml").write_text(SETTINGS + "\n")
    assert found.hash() != before
    for text in ("detectron2:", f"detectron2:{files / 'config.yaml'}", f"detectron2:,{files / 'model.pth'}"):
        with pytest.raises(ConfigError, match="detectron2:CONFIG.yaml,FILE.pth"):
            ForeignDetector.parse(text)
    with pytest.raises(ConfigError, match="missing.yaml, which is no file"):
        ForeignDetector.parse(f"detectron2:{files / 'missing.yaml'},{files / 'model.pth'}")


@pytest.mark.skipif(find_spec("detectron2") is not None, reason="Detectron2 is installed")
def test_without_detectron2_the_error_says_where_it_comes_from(files: Path) -> None:
    bundle = with_detector(Bundle.open(), named(files), str(files / "classes.toml"))
    with pytest.raises(BackendError, match="install Detectron2 from its repository: see https://detectron2"):
        Detector(bundle)


def test_masks_over_the_detectors_boxes_are_seen_through_the_garments(files: Path) -> None:
    found = np.array([[10, 10, 50, 90], [100, 0, 140, 40]], np.float32)
    scores = np.zeros((2, len(TYPES)), np.float32)
    masks = np.zeros((2, 28, 28), np.float32)
    masks[0, :, :14] = 1.0  # the left half of the first box
    # Its own box; the same moved by a quarter of its width, so that a quarter is left of the edge; and the other one.
    boxes = np.array([[10, 10, 50, 90], [20, 10, 60, 90], [101, 0, 141, 40]], np.float32)
    seen = RoiMasks(28).run(boxes, np.zeros(3, np.int64), found, scores, masks)["masks"]
    assert seen.shape == (3, 28, 28)
    np.testing.assert_allclose(seen[0], masks[0], atol=1e-6)
    np.testing.assert_allclose(seen[1].mean(), 0.25, atol=0.02)
    assert (seen[2] == 0).all()
    assert RoiMasks(28).run(boxes[:0], np.zeros(0, np.int64), found, scores, masks)["masks"].shape == (0, 28, 28)


def _checkpoint(files: Path) -> None:
    """Weights for the settings; a checkpoint of Detectron2's trainer."""
    import torch
    from detectron2.config import get_cfg
    from detectron2.modeling import build_model

    from tests.training.detectron2_reference import fill

    settings = get_cfg()
    settings.merge_from_file(str(files / "config.yaml"))
    settings.MODEL.DEVICE = "cpu"
    shapes = {k: tuple(v.shape) for k, v in build_model(settings).state_dict().items()}
    weights = {k: torch.from_numpy(v) for k, v in fill(shapes).items()}
    torch.save({"model": weights, "iteration": 7}, files / "model.pth")


@pytest.mark.filterwarnings("ignore")
def test_the_matcher_finds_what_detectron2s_own_predictor_finds(files: Path) -> None:
    pytest.importorskip("detectron2", reason="Detectron2 is not installed; it is in no registry of packages")
    import torch
    from detectron2.config import get_cfg
    from detectron2.engine import DefaultPredictor

    from tests.training.detectron2_reference import picture

    _checkpoint(files)
    settings = get_cfg()
    settings.merge_from_file(str(files / "config.yaml"))
    settings.MODEL.DEVICE, settings.MODEL.WEIGHTS = "cpu", str(files / "model.pth")
    image = picture(120, 170)
    predictor = DefaultPredictor(settings)
    wanted = predictor(image)["instances"]
    # Pasted into the picture masks are no more than yes or no: those over the boxes come from a step before.
    fitted = torch.from_numpy(predictor.aug.get_transform(image).apply_image(image).transpose(2, 0, 1).copy())
    with torch.no_grad():
        raw = predictor.model.inference([{"image": fitted}], do_postprocess=False)[0]
    garments = [i for i, label in enumerate(wanted.pred_classes.tolist()) if label != 1]
    bundle = with_detector(Bundle.open(), named(files), str(files / "classes.toml"))
    found = Detector(bundle).candidates(image, 0.01)
    assert len(garments) > 2 and len(found) > 0
    boxes, scores = wanted.pred_boxes.tensor.numpy()[garments], wanted.scores.numpy()[garments]
    types = [TYPES.index({0: "tops", 2: "footwear"}[int(wanted.pred_classes[i])]) for i in garments]
    for row in range(len(found)):
        same = np.flatnonzero(
            (iou(found.xyxy[row : row + 1], boxes)[0] > 0.999) & (np.abs(scores - found.score[row]) < 1e-4)
        )
        assert len(same) and types[same[0]] == int(found.type_id[row])
        of_score = int((raw.scores - float(found.score[row])).abs().argmin())
        np.testing.assert_allclose(found.mask[row], raw.pred_masks[of_score, 0].numpy(), atol=2e-3)


@pytest.mark.filterwarnings("ignore")
def test_what_does_not_fit_is_an_error_in_one_line(files: Path) -> None:
    pytest.importorskip("detectron2", reason="Detectron2 is not installed; it is in no registry of packages")
    import torch

    def refused(match: str, weights: str = "model.pth") -> None:
        bundle = with_detector(Bundle.open(), named(files, weights), str(files / "classes.toml"))
        with pytest.raises(ConfigError, match=match) as error:
            Detector(bundle)
        assert "\n" not in str(error.value)

    refused("cannot read the checkpoint")
    (files / "model.pkl").write_bytes(b"")
    refused("asworn convert detectron2 .* --unpickle --keep-names", "model.pkl")
    torch.save({"model": {"a": torch.zeros(1)}}, files / "model.pth")
    refused("does not fit its settings: .* is missing")
    (files / "config.yaml").write_text("MODEL: {META_ARCHITECTURE: RetinaNet}")
    refused("only GeneralizedRCNN is run")
    (files / "config.yaml").write_text("a: !!python/object/apply:os.system ['true']")
    refused("cannot be read as settings")
