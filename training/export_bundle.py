"""Puts a bundle together: the ONNX files of all models and the card that says what they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from torch import nn

from matcher.bundle import Bundle, write_card
from matcher.errors import ConfigError
from training.checkpoint import load_checkpoint
from training.classifier.config import TypesConfig
from training.classifier.networks import make_network
from training.detector.export import export_detector
from training.embedder.config import EmbedderConfig
from training.embedder.model import Embedder
from training.embedder.train import Student
from training.export_crops import export_classifier, export_embedder
from training.loop import TrainingError, load_averaged
from training.match_rcnn.export import export_detector as export_match_rcnn
from training.measure import read_figures
from training.settings import from_table

SHIPPED = "tiny"  # the bundle inside the package
LIMIT = 25 * 2**20  # bytes of all its files
LICENCE = "Apache-2.0"
DETECTOR_SECTION = "detector.json"
ORIGIN: list[dict[str, str]] = [
    {"name": "Clothing Co-Parsing", "licence": "Apache-2.0", "used_for": "street photos with masks: all models"},
    {"name": "clothing-dataset-small", "licence": "CC0-1.0", "used_for": "photos of single garments: all models"},
    {"name": "As Worn wardrobe renderer", "licence": "Apache-2.0", "used_for": "drawn scenes and packshots"},
    {"name": "MobileNetV2 ImageNet weights", "licence": "Apache-2.0", "used_for": "start of all trunks"},
]


def export_bundle(
    detector: Path | None,
    types: Path | None,
    embedder: Path | None,
    out: Path,
    name: str = "tiny",
    version: str = "1",
    half: bool = True,
    base: Bundle | None = None,
) -> Path:
    """Export the models and write the card.

    Args:
        detector: checkpoint of the small detector or of a Match R-CNN in full size, or a folder with `detector.onnx`,
            `masks.onnx` and `detector.json` (the card's section about them); the folder may be `out` itself.
        types: checkpoint of the type classifier; `measured.json` beside it goes into the card.
        embedder: checkpoint of the embedder; the same.
        out: folder of the bundle, made if needed.
        name: of the bundle.
        version: of the bundle.
        half: store large weights as float16, which halves the files; they count in float32 all the same.
        base: bundle that the models without a checkpoint are taken from, with all that its card says of them.

    Returns:
        Path of the card.

    Raises:
        ConfigError: a checkpoint cannot be read, the folder lacks a file, or a model has neither checkpoint nor base.
        TrainingError: an export does not give what its network gives, or the bundle that ships is larger than 25 MB.
    """
    ways = {
        "detector": (detector, _detector_section),
        "classifier": (types, export_types),
        "embedder": (embedder, export_embedding),
    }
    missing = [model for model, (checkpoint, _) in ways.items() if checkpoint is None]
    if base is None and missing:
        raise ConfigError(f"there is nothing to export as {missing[0]}; name its checkpoint, or a bundle with --base")
    out.mkdir(parents=True, exist_ok=True)
    stated = _kept(base, missing, out) if base else {"licence": LICENCE, "origin": ORIGIN, "models": {}}
    models = {
        model: export(checkpoint, out, half) for model, (checkpoint, export) in ways.items() if checkpoint is not None
    }
    card = write_card(out, {**stated, "name": name, "version": version, "models": stated["models"] | models})
    if name == SHIPPED:
        _check_size(out, json.loads(card.read_text(encoding="utf-8"))["files"])
    return card


def _kept(base: Bundle, models: list[str], out: Path) -> dict[str, Any]:
    """Copy the files of some models, and of those made by others, to `out`; returns what the base's card states."""
    if base.folder.resolve() == out.resolve():
        raise ConfigError(f"--base and --out are both {out}; give the new bundle a folder of its own")
    stated = base.stated
    for model, section in stated["models"].items():
        if model in models or model not in ("detector", "classifier", "embedder"):
            for key in {"file", "mask_file"} & section.keys():
                shutil.copyfile(base.path(section[key]), out / section[key])
    return stated


def _detector_section(source: Path, out: Path, half: bool = True) -> dict[str, Any]:
    if source.is_file():
        full = "recipe" in load_checkpoint(source)
        return export_match_rcnn(source, out, half) if full else export_detector(source, out, half)
    try:
        section = json.loads((source / DETECTOR_SECTION).read_text(encoding="utf-8"))
        for key in ("file", "mask_file"):
            if source.resolve() != out.resolve():
                shutil.copyfile(source / section[key], out / section[key])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{source} is neither a checkpoint nor an exported detector: {error}") from error
    return section


def load_types(checkpoint: Path) -> tuple[nn.Module, TypesConfig]:
    """The type classifier of a checkpoint with its recipe, less data and loop; for errors see `load_averaged`."""
    config = from_table(TypesConfig, _of_model(checkpoint), str(checkpoint))
    model = make_network(config)
    load_averaged(model, checkpoint)
    return model.eval(), config


def load_embedder(checkpoint: Path) -> tuple[Embedder, EmbedderConfig]:
    """The embedder of a checkpoint with its recipe, less data and loop; for errors see `load_averaged`."""
    config = from_table(EmbedderConfig, _of_model(checkpoint), str(checkpoint))
    student = Student(config)
    load_averaged(student, checkpoint)
    return student.embedder.eval(), config


def _of_model(checkpoint: Path) -> dict[str, Any]:
    """The part of a checkpoint's recipe that shapes the model: old runs stay readable when data settings change."""
    recipe = load_checkpoint(checkpoint).get("recipe", {})
    return {key: value for key, value in recipe.items() if key not in ("data", "loop")}


def export_types(checkpoint: Path, out: Path, half: bool = True) -> dict[str, Any]:
    """Export a type classifier; returns its section of the card with the figures measured."""
    model, config = load_types(checkpoint)
    return {**export_classifier(model, config, out, half), "measured": {}, **read_figures(checkpoint)}


def export_embedding(checkpoint: Path, out: Path, half: bool = True) -> dict[str, Any]:
    """Export an embedder; returns its section of the card with figures and calibration."""
    model, _ = load_embedder(checkpoint)
    return {**export_embedder(model, out, half), "measured": {}, **read_figures(checkpoint)}


def _check_size(folder: Path, files: dict[str, str]) -> None:
    total = sum((folder / file).stat().st_size for file in files)
    if total > LIMIT:
        raise TrainingError(f"the bundle has {total / 2**20:.1f} MB, more than {LIMIT // 2**20}; use narrower models")
