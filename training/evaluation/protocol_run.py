"""Runs a bundle over a public data set under that set's own retrieval protocol."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from matcher.errors import InputError, MatcherError
from matcher.taxonomy import TYPES
from matcher.types import Garments
from training.datasets.base import DataSet
from training.datasets.pixels import read_pixels
from training.datasets.records import GALLERY, QUERY, SHOP, TEST, VALIDATION, VIDEO, Box, Picture
from training.datasets.report import Report
from training.evaluation.output import Progress
from training.evaluation.plots import embedding_map, sheet
from training.evaluation.retrieval_protocols import deepfashion2, grouped, movingfashion

DEPTH = 20  # places of a ranking under DeepFashion2's protocol
_SHEET_ROWS, _SHEET_PLACES = 12, 8


class Describes(Protocol):
    """What of `training.evaluation.retrieval_eval.Describer` is used."""

    def __call__(self, image: NDArray[np.uint8], boxes: Sequence[NDArray[np.float32] | None]) -> list[Garments | None]:
        """One row with an embedding for each box."""
        ...

    def everything(self, image: NDArray[np.uint8]) -> Garments:
        """All garments that the detector is sure of, with embeddings."""
        ...


@dataclass(frozen=True)
class View:
    """One described garment: where it is, which product it shows, and its embedding (D,)."""

    picture: Picture
    box: Box | None
    identity: str
    group: str
    embedding: NDArray[np.float32]
    score: float = 1.0
    type_id: int = -1


@dataclass(frozen=True)
class Answer:
    """A query and its first places, for a sheet."""

    query: View
    found: list[tuple[View, bool]]


@dataclass(frozen=True)
class Run:
    """What became of a protocol: its figures, answers for a sheet, and the gallery that was searched."""

    figures: dict[str, Any]
    answers: list[Answer]
    gallery: list[View]


def run_protocol(name: str, data: DataSet, describe: Describes, progress: Progress, limit: int = 0) -> Run:
    """Describe every garment that the protocol asks for, search, and count.

    Args:
        name: of the data set.
        data: opened.
        describe: detector, classifier and embedder of a bundle.
        progress: wraps the pictures.
        limit: pictures at most; 0 = all.

    Returns:
        With the figures of `training.evaluation.retrieval_protocols` and "unread": pictures that are damaged.

    Raises:
        InputError: the set has no retrieval protocol or no split for one, or no garment is left.
    """
    runs = {"deepfashion2": (VALIDATION, _deepfashion2), "movingfashion": (TEST, _movingfashion)}
    runs |= dict.fromkeys(("street2shop", "deepfashion-consumer", "deepfashion-inshop"), (TEST, _located))
    if name not in runs:
        raise InputError(f"{name} has no retrieval protocol; those that have one are {', '.join(runs)}")
    split, run = runs[name]
    if split not in data.splits:
        raise InputError(f"the protocol of {name} is on its {split} split, which is not there")
    report = Report()
    pictures = progress(islice(data.pictures(split, report), limit or None), "pictures", limit or None)
    unread: list[str] = []
    done = run(_read(pictures, unread), describe)
    return replace(done, figures={"set": name, **done.figures, "unread": len(unread)})


def _read(pictures: Iterable[Picture], unread: list[str]) -> Iterator[tuple[Picture, NDArray[np.uint8]]]:
    for picture in pictures:
        try:
            yield picture, read_pixels(picture)
        except MatcherError:
            unread.append(picture.name)


def _deepfashion2(pictures: Iterator[tuple[Picture, NDArray[np.uint8]]], describe: Describes) -> Run:
    """Detected boxes on both sides; the class of a garment is its type, which is what a bundle says."""
    asked: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []
    views: dict[str, list[View]] = defaultdict(list)
    for picture, image in pictures:
        side = "gallery" if picture.role == SHOP else "query"
        for instance in picture.instances:
            pair, style = (instance.identity.split("-")[1:] or (0, 0)) if instance.identity else (0, 0)
            row = {f"{side}_image_id": picture.name, "bbox": instance.box, "cls": instance.type_id}
            (shown if side == "gallery" else asked).append({**row, "pair_id": pair, "style": int(style)})
        found = describe.everything(image)
        views[side] += [_view(picture, found, i) for i in range(len(found))]
    vectors = _stack(views["gallery"])
    results, places = [], []
    for view in views["query"]:
        best = np.argsort(-(vectors @ view.embedding), kind="stable")[:DEPTH]
        answers = [views["gallery"][i] for i in best]
        row = {"query_image_id": view.picture.name, "query_bbox": view.box, "query_score": view.score}
        row |= {"query_cls": view.type_id, "gallery_image_id": [a.picture.name for a in answers]}
        results.append({**row, "gallery_bbox": [a.box for a in answers]})
        places.append((view, answers))
    answers = [_df2_answer(*place) for place in places[:_SHEET_ROWS]]
    return Run(deepfashion2(results, asked, shown), answers, views["gallery"])


def _df2_answer(view: View, answers: list[View]) -> Answer:
    own = {i.identity for i in view.picture.instances if i.identity}
    right = [bool(own & {i.identity for i in a.picture.instances}) for a in answers]
    return Answer(view, list(zip(answers, right, strict=True))[:_SHEET_PLACES])


def _view(picture: Picture, found: Garments, i: int) -> View:
    box = tuple(float(v) for v in found.xyxy[i])
    probs = found.type_probs[i]
    return View(picture, box, "", "", found.embedding[i], float(found.score[i]), int(probs.argmax()))


def _located(pictures: Iterator[tuple[Picture, NDArray[np.uint8]]], describe: Describes) -> Run:
    """Boxes that the set gives; where it gives none, the best garment that is found, or else the whole picture."""
    views: dict[str, list[View]] = {QUERY: [], GALLERY: []}
    for picture, image in pictures:
        rows = [i for i in picture.instances if i.identity and i.type_id is not None]
        if picture.part not in views or not rows:
            continue
        boxes = [None if row.box is None else np.array(row.box, np.float32) for row in rows]
        for row, found in zip(rows, _described(describe, image, boxes), strict=True):
            box = tuple(float(v) for v in found.xyxy[0])
            views[picture.part].append(View(picture, box, row.identity, TYPES[row.type_id], found.embedding[0]))
    queries, gallery = views[QUERY], views[GALLERY]
    figures = grouped(
        _stack(queries),
        _stack(gallery),
        [v.identity for v in queries],
        [v.identity for v in gallery],
        [v.group for v in queries],
        [v.group for v in gallery],
    )
    return Run(figures, [_group_answer(view, gallery) for view in queries[:_SHEET_ROWS]], gallery)


def _group_answer(view: View, gallery: list[View]) -> Answer:
    rivals = [v for v in gallery if v.group == view.group]
    best = np.argsort(-(_stack(rivals) @ view.embedding), kind="stable")[:_SHEET_PLACES] if rivals else []
    return Answer(view, [(rivals[i], rivals[i].identity == view.identity) for i in best])


def _described(
    describe: Describes, image: NDArray[np.uint8], boxes: list[NDArray[np.float32] | None]
) -> list[Garments]:
    height, width = image.shape[:2]
    whole = np.array([0, 0, width, height], np.float32)
    found = describe(image, boxes)
    return [row if row is not None else describe(image, [whole])[0] for row in found]


def _movingfashion(pictures: Iterator[tuple[Picture, NDArray[np.uint8]]], describe: Describes) -> Run:
    """One garment of each shop picture, and the best garment of each moment of a video."""
    shop: list[View] = []
    videos: dict[str, list[View]] = defaultdict(list)
    for picture, image in pictures:
        identity = picture.instances[0].identity
        if picture.role == VIDEO:
            found = describe(image, [None])[0]
            if found is not None:
                score = float(found.score[0]) if found.has("score") else 1.0
                videos[identity].append(View(picture, _box(found), identity, "", found.embedding[0], score))
        else:
            found = _described(describe, image, [None])[0]
            shop.append(View(picture, _box(found), identity, "", found.embedding[0]))
    views = {name: (_stack(own), np.array([v.score for v in own])) for name, own in videos.items()}
    sources = [view.picture.instances[0].conditions.get("source", 1) for view in shop]
    figures = movingfashion(views, _stack(shop), [view.identity for view in shop], sources)
    rows = [own[len(own) // 2] for own in list(videos.values())[:_SHEET_ROWS]]
    return Run({"gallery": len(shop), "ways": figures}, [_group_answer(row, shop) for row in rows], shop)


def _box(found: Garments) -> Box:
    return tuple(float(v) for v in found.xyxy[0])


def _stack(views: Sequence[View]) -> NDArray[np.float32]:
    if not views:
        raise InputError("no garment was found on one side of the protocol: there is nothing to search")
    return np.stack([view.embedding for view in views])


def answer_sheet(answers: Sequence[Answer], title: str) -> NDArray[np.uint8]:
    """A sheet of queries and what they found, right answers framed green, wrong ones red."""
    rows = [(_cut(answer.query), [(_cut(view), right) for view, right in answer.found]) for answer in answers]
    return sheet(rows, title)


def gallery_map(gallery: Sequence[View], title: str) -> NDArray[np.uint8]:
    """The gallery's embeddings in a plane, coloured by type."""
    labels = [view.group or (TYPES[view.type_id] if view.type_id >= 0 else "garment") for view in gallery]
    return embedding_map(_stack(gallery), labels, title)


def _cut(view: View) -> NDArray[np.uint8]:
    image = read_pixels(view.picture)
    if view.box is None:
        return image
    x0, y0, x1, y1 = (max(int(v), 0) for v in view.box)
    part = image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    return part if part.size else image
