"""A small Match R-CNN with an attribute head and random weights, and a bundle made of it by the real exporter."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from matcher.bundle import write_card
from tests.toy_bundle import make_bundle
from tests.training.test_match_rcnn import small
from training.match_rcnn.config import ModelConfig
from training.match_rcnn.export import export_model
from training.match_rcnn.model import MatchRCNN

NAMES = ("v-neck", "dolman (sleeve), batwing (sleeve)", "no waistline", "single breasted", "high waist")
WORDS = ["v-neck", "dolman sleeve", "single breasted", "high waist"]
ALWAYS = "single breasted"  # which this model says of everything
_SURE = 0.05


def make_model() -> MatchRCNN:
    """Random weights whose answers differ from place to place."""
    torch.manual_seed(0)
    model = MatchRCNN(small(ModelConfig(attributes=len(NAMES), attribute_names=NAMES)))
    for layer in (model.rpn.objectness, model.heads.predictor.score, model.heads.mask.predictor):
        torch.nn.init.normal_(layer.weight, std=1.0)
    torch.nn.init.normal_(model.heads.attributes.weight, std=3.0)
    always = NAMES.index(ALWAYS)
    with torch.no_grad():
        model.heads.attributes.weight[always], model.heads.attributes.bias[always] = 0, 4.0
    return model.eval()


def write_folder(model: MatchRCNN, out: Path) -> Path:
    """A whole bundle: this detector, and a toy classifier and embedder that see by colours."""
    # pytest listens at level DEBUG, for which torch writes a trace of every export: minutes instead of seconds.
    logging.getLogger("torch.__trace").handlers.clear()
    toys = make_bundle(out, thresholds=(0.98, -1.0)).card["models"]
    section = export_model(model, out, half=False)
    section["input"] |= {"short_side": 96, "max_side": 160}
    section |= {"score_threshold": _SURE, "start_score": _SURE}
    models = {"detector": section, "classifier": toys["classifier"], "embedder": toys["embedder"]}
    write_card(out, {"name": "full", "version": "1", "licence": "Apache-2.0", "origin": [], "models": models})
    return out
