"""How often a worn garment finds its own product in a catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import area, iou
from matcher.bundle import Bundle
from matcher.config import LookupConfig
from matcher.stages.classify import Classifier
from matcher.stages.detect import Detector, Proposals
from matcher.stages.embed import Embedder
from matcher.stages.lookup import Searchable, nearest
from matcher.stages.models import Runtime
from matcher.taxonomy import TYPES
from matcher.types import Garments, Product
from matcher.video.image import read_image
from training.evaluation.output import Progress
from training.evaluation.queries import Query

TOPS = (1, 5, 20)
DEPTH = 1000  # products looked at; a right one further down counts as not found
HINTED_SCORE = 0.15  # at a box that was given, a hesitant type is better than none
SAME_IOU = 0.5  # a found garment lends its type to a given box that it overlaps this well


class Shop(Searchable, Protocol):
    """What of a catalogue is used."""

    def __len__(self) -> int: ...

    def product(self, row: int) -> Product:
        """The product of a row."""
        ...


@dataclass(frozen=True)
class Describer:
    """Turns a garment in a picture into what the catalogue is asked: the stages of the pipeline, without time."""

    detector: Detector
    classifier: Classifier
    embedder: Embedder

    def __call__(self, image: NDArray[np.uint8], boxes: Sequence[NDArray[np.float32] | None]) -> list[Garments | None]:
        """Describe garments of one picture.

        Args:
            image: (H, W, 3) uint8 BGR.
            boxes: (4,) xyxy in pixels, or None for the best garment that the detector finds.

        Returns:
            For each box one row with type_probs and embedding; None where nothing was found.
        """
        found = self.detector.propose(image)
        sure, all_found = self.detector.select(found), self.detector.select(found, HINTED_SCORE)
        best = best_garment(self.detector.mask(found, sure)) if any(box is None for box in boxes) else None
        best = None if best is None else self.embedder(image, self.classifier(image, best))
        return [best if box is None else self._given(image, found, at_box(all_found, box)) for box in boxes]

    def everything(self, image: NDArray[np.uint8]) -> Garments:
        """All garments of a picture (H, W, 3) uint8 BGR that the detector is sure of, with embeddings."""
        found = self.detector.propose(image)
        rows = self.detector.mask(found, self.detector.select(found))
        return self.embedder(image, self.classifier(image, rows)) if len(rows) else rows

    def _given(self, image: NDArray[np.uint8], found: Proposals, row: Garments) -> Garments:
        """A box that was given is of no type before the classifier has seen it, and masks are drawn by type."""
        return self.embedder(image, self.detector.add_masks(found, self.classifier(image, row)))


def describer(bundle: Bundle, runtime: Runtime | None = None) -> Describer:
    """A describer with the models of a bundle.

    Raises:
        BundleError: a model is missing or cannot be loaded.
    """
    stages = Detector(bundle, runtime=runtime), Classifier(bundle, runtime), Embedder(bundle, runtime)
    return Describer(*stages)


def best_garment(found: Garments) -> Garments | None:
    """The row that is most likely meant when a picture is asked for one garment: sure of it, and large."""
    if not len(found):
        return None
    return found[int(np.argmax(found.score * np.sqrt(area(found.xyxy))))]


def at_box(found: Garments, xyxy: NDArray[np.float32]) -> Garments:
    """One row for a box (4,) that was given, with the type of the garment found there; of any type if there is none."""
    near = iou(xyxy[None], found.xyxy)[0] if len(found) else np.zeros(1, np.float32)
    known = near.max() >= SAME_IOU
    probs = found.type_probs[near.argmax()] if known else np.full(len(TYPES), 1 / len(TYPES), np.float32)
    return Garments(xyxy[None], type_probs=probs[None])


def evaluate_retrieval(describe: Describer, catalog: Shop, queries: list[Query], progress: Progress) -> dict[str, Any]:
    """Search every query and look where its own product stands.

    Args:
        describe: turns garments into type probabilities and embeddings.
        catalog: what is searched.
        queries: pictures with the right answers.
        progress: wraps the queries.

    Returns:
        {"queries", "gallery", "recall@1", "recall@5", "recall@20", "mrr", "undetected"}. A query without a box asks for
        all garments that are found, see `ranked`; where nothing was found it is `undetected` and a miss. So is one
        whose product is not in the catalogue.
    """
    ids = {catalog.product(row).id: row for row in range(len(catalog))}
    ranks, undetected = [], 0
    for query, found in progress(_described(describe, queries), "queries", len(queries)):
        undetected += not len(found)
        ranks.append(_rank(catalog, found, ids.get(query.product_id, -1)) if len(found) else None)
    return summarise(ranks, len(catalog), undetected)


def summarise(ranks: list[int | None], gallery: int, undetected: int) -> dict[str, Any]:
    """Figures from the rank of each query's product, 0 = first, None = not found."""
    count = max(len(ranks), 1)
    found = [rank for rank in ranks if rank is not None]
    recall = {f"recall@{k}": round(sum(rank < k for rank in found) / count, 4) for k in TOPS}
    mrr = round(sum(1 / (rank + 1) for rank in found) / count, 4)
    share = round(undetected / count, 4)
    return {"queries": len(ranks), "gallery": gallery, **recall, "mrr": mrr, "undetected": share}


def asked_for(describe: Describer, image: NDArray[np.uint8], queries: Sequence[Query]) -> list[Garments]:
    """For each query on one picture (H, W, 3) uint8 BGR the garment in its box, or without one all that are found."""
    boxes = [query.xyxy for query in queries if query.xyxy is not None]
    at_boxes = iter(describe(image, boxes) if boxes else ())
    whole = describe.everything(image) if len(boxes) < len(queries) else None
    return [whole if query.xyxy is None else next(at_boxes) for query in queries]


def ranked(catalog: Shop, garments: Garments, k: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What is found for garments of which one is meant, nobody says which.

    Args:
        catalog: what is searched.
        garments: N rows with type_probs and embedding.
        k: products looked at for each.

    Returns:
        Rows of products (K,) by the best score that any of the garments has with them, best first, and which (K,).
    """
    rows, scores = nearest(catalog, garments.embedding, garments.type_probs, min(len(catalog), k), LookupConfig())
    order = np.argsort(-scores.ravel(), kind="stable")
    order = order[rows.ravel()[order] >= 0]
    _, first = np.unique(rows.ravel()[order], return_index=True)
    chosen = order[np.sort(first)]
    return rows.ravel()[chosen], chosen // rows.shape[1]


def _described(describe: Describer, queries: list[Query]) -> Iterator[tuple[Query, Garments]]:
    """Neighbouring queries on one picture share its reading; those with boxes share a detection, those without too."""
    for path, group in groupby(queries, key=lambda query: query.image):
        same = list(group)
        yield from zip(same, asked_for(describe, read_image(Path(path)), same), strict=True)


def _rank(catalog: Shop, garments: Garments, wanted: int) -> int | None:
    rows, _ = ranked(catalog, garments, DEPTH)
    places = np.flatnonzero(rows == wanted) if wanted >= 0 else ()
    return int(places[0]) if len(places) else None
