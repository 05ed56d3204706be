"""What each ingredient of the detector's training is worth: the recipe for few steps, one kind of picture left out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.truth_of import truth_of
from matcher.bundle import Bundle, write_card
from matcher.errors import InputError
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime
from matcher.video.image import read_image
from matcher.wardrobe.scene import random_scene
from training.data.backgrounds import read_backgrounds
from training.data.ccp import read_ccp
from training.data.drawn import SIZE, from_scene
from training.data.frames import compose_frame
from training.data.records import Annotated
from training.data.store import Store
from training.detector.config import DetectorConfig
from training.detector.export import export_detector
from training.detector.measure import measure_frames, measure_photos
from training.detector.train import train
from training.evaluation.coco_eval import score
from training.evaluation.output import write_json
from training.evaluation.types_eval import list_pictures

ALL = "all of them"
# Kinds that stand for one idea are left out together.
GROUPS: dict[str, tuple[str, ...]] = {
    "people in film frames": ("frame",),
    "single garments, flat lays": ("garment", "flatlay"),
    "mosaics": ("mosaic",),
    "drawn scenes": ("drawn",),
    "drawn product photos": ("product",),
    "self-labelled photos": ("pseudo",),
    "people in other clothes": ("dressed",),
}
ONLY_PHOTOS = "street photos alone"
FRAMES, SCENES = 60, 40
_FRAME_SEED, _SCENE_SEED = 4242, 900_000  # neither is drawn from in training
_FRAME = (432, 768)
_LEAST = 0.02


def variants(mix: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """The mix itself, without each of its groups, and street photos alone; weights are shares, so none is made up for.

    Raises:
        InputError: the mix has no street photos, or nothing beside them.
    """
    if mix.get("photo", 0) <= 0 or len(mix) < 2:
        raise InputError("the recipe's data.mix needs street photos (photo) and something beside them")
    made = {ALL: dict(mix)}
    for name, kinds in GROUPS.items():
        if any(mix.get(kind, 0) > 0 for kind in kinds):
            made[f"without {name}"] = {kind: share for kind, share in mix.items() if kind not in kinds}
    return made | {ONLY_PHOTOS: {"photo": 1.0}}


def ingredients(config: DetectorConfig, out: Path, threads: int, only: Sequence[str] = ()) -> dict[str, Any]:
    """Train and measure every variant; a run that is finished, or was cut off, is gone on with.

    Args:
        config: the recipe; its steps are those of every variant.
        out: folder of the runs and of what is measured on.
        threads: of the measured detectors.
        only: parts of names; variants with none of them in their name are left out, if there are any.

    Returns:
        {"steps", "pictures", "variants": {name: {"photos", "masks", "film", "frames", "drawn", "packshots"}}}: AP50 of
        boxes and masks on validation photos, of boxes on composed film frames of validation people, on truth frames of
        two real clips (their mean) and on drawn scenes, and the share of packshots whose likeliest box has the right
        type.

    Raises:
        InputError: no variant has such a name, or see `variants`.
    """
    chosen = _chosen(variants(config.data.mix), only)
    sets = {"film": _film_frames(config, out), "drawn": _scenes()}
    rows = {
        name: _variant(_with_mix(config, mix), out / name.replace(" ", "-").replace(",", ""), sets, threads)
        for name, mix in chosen.items()
    }
    return {"steps": config.steps, "pictures": config.processes * config.batch, "variants": rows}


def _chosen(made: dict[str, dict[str, float]], only: Sequence[str]) -> dict[str, dict[str, float]]:
    unknown = [part for part in only if not any(part in name for name in made)]
    if unknown:
        raise InputError(f"--only {unknown[0]!r} is in none of: {', '.join(made)}")
    return {name: mix for name, mix in made.items() if not only or any(part in name for part in only)}


def _with_mix(config: DetectorConfig, mix: dict[str, float]) -> DetectorConfig:
    return dataclasses.replace(config, data=dataclasses.replace(config.data, mix=mix))


def _variant(
    config: DetectorConfig, place: Path, sets: Mapping[str, list[Annotated]], threads: int
) -> dict[str, float]:
    """Train and measure one variant in its folder, or read what was measured there before."""
    path = place / "measured.json"
    if not path.is_file():
        checkpoint = train(config, place)
        write_json(path, _measure(checkpoint, place / "bundle", config.data.root, sets, threads))
    return json.loads(path.read_text(encoding="utf-8"))


def _measure(
    checkpoint: Path, folder: Path, root: Path, sets: Mapping[str, list[Annotated]], threads: int
) -> dict[str, float]:
    section = export_detector(checkpoint, folder)
    card = {"name": "ingredients", "version": "0", "licence": "Apache-2.0", "origin": []}
    write_card(folder, card | {"models": {"detector": section}})
    detector = Detector(Bundle.open(str(folder)), runtime=Runtime(threads=threads))
    photos, clips = measure_photos(detector, root / "ccp"), measure_frames(detector, root / "videos" / "truth")
    return {
        "photos": photos["box"]["AP50"],
        "masks": photos["mask"]["AP50"],
        "frames": float(np.mean([clip["box"]["AP50"] for clip in clips.values()])),
        "packshots": _right_types(detector, root / "clothing" / "validation"),
        **{name: _ap50(detector, pictures) for name, pictures in sets.items()},
    }


def _right_types(detector: Detector, root: Path) -> float:
    """Share of single-garment photos whose likeliest box has the right type, however hesitant a short run leaves it."""
    pictures = list_pictures(root)
    found = [(detector.select(detector.propose(read_image(path)), _LEAST), type_id) for path, type_id in pictures]
    return sum(len(one) > 0 and int(one.type_id[0]) == type_id for one, type_id in found) / len(found)


def _ap50(detector: Detector, pictures: list[Annotated]) -> float:
    found = {i: detector.candidates(picture.image, _LEAST) for i, picture in enumerate(pictures)}
    return score(truth_of(pictures), found)["box"]["AP50"]


def _film_frames(config: DetectorConfig, out: Path) -> list[Annotated]:
    """Validation people pasted into frames, by the composer that training uses for other people."""
    ccp = config.data.root / "ccp"
    photos = Store.kept(out / "people", lambda: read_ccp(ccp, config.data.height, validation=True))
    backgrounds = Store.kept(out / "backgrounds", lambda: read_backgrounds(photos))
    rng = np.random.default_rng(_FRAME_SEED)
    samples = [compose_frame(photos, backgrounds, _FRAME, rng) for _ in range(FRAMES)]
    return [_numbered(s.image, s.ids, s.instances, s.type_ids) for s in samples]


def _numbered(
    image: NDArray[np.uint8], ids: NDArray[np.uint8], instances: NDArray[np.uint8], types: Iterable[int]
) -> Annotated:
    """Instances numbered 1, 2, ... in the order of their types, as `Annotated` has them."""
    table = np.zeros(256, np.uint8)
    table[instances] = np.arange(1, len(instances) + 1)
    return Annotated(image, table[ids], tuple(int(t) for t in types))


def _scenes() -> list[Annotated]:
    return [from_scene(random_scene(seed, SIZE)) for seed in range(_SCENE_SEED, _SCENE_SEED + SCENES)]
