"""Names of parameters: ours, Detectron2's, and those of Caffe2's trunks."""

from __future__ import annotations

import re

_OURS: tuple[tuple[str, str], ...] = (
    (r"^rpn\.conv\.", "proposal_generator.rpn_head.conv."),
    (r"^rpn\.objectness\.", "proposal_generator.rpn_head.objectness_logits."),
    (r"^rpn\.deltas\.", "proposal_generator.rpn_head.anchor_deltas."),
    (r"^heads\.predictor\.score\.", "roi_heads.box_predictor.cls_score."),
    (r"^heads\.predictor\.refine\.", "roi_heads.box_predictor.bbox_pred."),
    (r"^heads\.mask\.upsample\.", "roi_heads.mask_head.deconv."),
    (r"^heads\.mask\.predictor\.", "roi_heads.mask_head.predictor."),
    (r"^heads\.landmarks\.score\.", "roi_heads.keypoint_head.score_lowres."),
)
# Layers that are counted: (ours with a group for the number, theirs, their number of our number).
_COUNTED = (
    (r"^backbone\.pyramid\.inner_blocks\.(\d+)\.0\.", "backbone.fpn_lateral{}.", lambda n: n + 2),
    (r"^backbone\.pyramid\.layer_blocks\.(\d+)\.0\.", "backbone.fpn_output{}.", lambda n: n + 2),
    (r"^heads\.box\.(\d+)\.", "roi_heads.box_head.fc{}.", lambda n: (n + 1) // 2),
    (r"^heads\.mask\.convolutions\.(\d+)\.", "roi_heads.mask_head.mask_fcn{}.", lambda n: n // 2 + 1),
    (r"^heads\.landmarks\.convolutions\.(\d+)\.", "roi_heads.keypoint_head.conv_fcn{}.", lambda n: n // 2 + 1),
)
_CAFFE_BLOCK = re.compile(r"^res(\d)_(\d+)_branch(1|2a|2b|2c)_(.+)$")
_CAFFE_LAYERS = {"1": "shortcut", "2a": "conv1", "2b": "conv2", "2c": "conv3"}
_CAFFE_PARTS = {
    "w": "weight",
    "bn_s": "norm.weight",
    "bn_b": "norm.bias",
    "bn_rm": "norm.running_mean",
    "bn_riv": "norm.running_var",
    "bn_running_mean": "norm.running_mean",
    "bn_running_var": "norm.running_var",
    "bn_gamma": "norm.weight",
    "bn_beta": "norm.bias",
}


def to_detectron2(name: str, neck: str) -> str:
    """Detectron2's name of one of our parameters; empty where it has no such layer.

    Args:
        name: in the state of `training.match_rcnn.model.MatchRCNN`.
        neck: of the backbone: with a pyramid the trunk is one level further down.
    """
    if name.startswith("backbone.trunk."):
        root = "backbone.bottom_up" if neck == "fpn" else "backbone"
        return f"{root}.{_in_trunk(name.removeprefix('backbone.trunk.'))}"
    if name.startswith("heads.res5."):
        return f"roi_heads.res5.{_in_block(name.removeprefix('heads.res5.'))}"
    for ours, theirs in _OURS:
        if re.match(ours, name):
            return re.sub(ours, theirs, name)
    for ours, theirs, number in _COUNTED:
        found = re.match(ours, name)
        if found:
            return theirs.format(number(int(found[1]))) + name[found.end() :]
    return ""


def _in_trunk(name: str) -> str:
    stage = re.match(r"^layer(\d)\.", name)
    if stage:
        return f"res{int(stage[1]) + 1}.{_in_block(name[stage.end() :])}"
    return "stem." + re.sub(r"^bn1\.", "conv1.norm.", name)


def _in_block(name: str) -> str:
    name = re.sub(r"\.bn(\d)\.", r".conv\1.norm.", name)
    return name.replace(".downsample.0.", ".shortcut.").replace(".downsample.1.", ".shortcut.norm.")


def from_caffe(name: str) -> str:
    """The name within Detectron2's trunk, "stem..." or "res...", of a parameter of a Caffe2 trunk; empty for others."""
    block = _CAFFE_BLOCK.match(name)
    if block and block[4] in _CAFFE_PARTS:
        return f"res{block[1]}.{block[2]}.{_CAFFE_LAYERS[block[3]]}.{_CAFFE_PARTS[block[4]]}"
    if name == "conv1_w":
        return "stem.conv1.weight"
    part = _CAFFE_PARTS.get(name.removeprefix("res_conv1_"))
    return f"stem.conv1.{part}" if name.startswith("res_conv1_bn_") and part else ""
