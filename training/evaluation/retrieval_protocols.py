"""Retrieval as the published benchmarks count it: DeepFashion2, Street2Shop, MovingFashion, and DeepFashion's two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import iou
from training.datasets.report import Broken
from training.datasets.values import number

TOPS = (1, 5, 10, 15, 20)
SAME = 0.5  # IoU from which a retrieved box is the garment that was looked for
_REGULAR = 1

Row = Mapping[str, Any]


def top_k_and_map(hits: Sequence[NDArray[np.bool_]], relevant: Sequence[int], queries: int) -> dict[str, float]:
    """Figures of rankings.

    Args:
        hits: of each query that was asked: which places of its ranking are right, best first.
        relevant: of each of them: how many right answers there are.
        queries: of all queries; those that could not be asked are missed.

    Returns:
        {"top1", ..., "top20", "mAP"}: shares of queries with a right answer among the first k, and the mean of the
        average precisions over the places that the rankings have.
    """
    count = max(queries, 1)
    tops = {f"top{k}": round(sum(bool(h[:k].any()) for h in hits) / count, 4) for k in TOPS}
    precision = sum(_average_precision(h, n) for h, n in zip(hits, relevant, strict=True))
    return {**tops, "mAP": round(precision / count, 4)}


def _average_precision(hits: NDArray[np.bool_], relevant: int) -> float:
    places = np.flatnonzero(hits)
    most = min(relevant, len(hits))
    return float((np.arange(1, len(places) + 1) / (places + 1)).sum() / most) if most else 0.0


def deepfashion2(results: Sequence[Row], queries: Sequence[Row], gallery: Sequence[Row]) -> dict[str, Any]:
    """Consumer-to-shop retrieval on detected boxes.

    Each garment asked for (style above 0) is represented by the detection with the highest score among those that
    overlap it more than the photo's other garments, and are of its class where both say one. A retrieved box is right
    if its photo shows the same (pair_id, style) in a box that it overlaps by half.

    Args:
        results: {"query_image_id", "query_bbox" xyxy, "query_score", "gallery_image_id": [...], "gallery_bbox": [...]},
            optionally "query_cls", for each detection in the consumers' photos.
        queries: {"query_image_id", "bbox" xyxy, "style", "pair_id"}, optionally "cls".
        gallery: {"gallery_image_id", "bbox" xyxy, "style", "pair_id"}.

    Returns:
        `top_k_and_map` with "queries", "gallery" (garments), and "missed": queries without a detection.

    Raises:
        Broken: a score is no number, or a ranking has not as many boxes as photos.
    """
    found, asked, shown = defaultdict(list), defaultdict(list), defaultdict(list)
    for i, row in enumerate(results):
        number(row["query_score"], f"query_score of result {i}")
        if len(row["gallery_image_id"]) != len(row["gallery_bbox"]):
            raise Broken(f"result {i} has {len(row['gallery_image_id'])} photos and {len(row['gallery_bbox'])} boxes")
        found[row["query_image_id"]].append(row)
    for row in queries:
        asked[row["query_image_id"]].append(row)
    for row in gallery:
        if row["style"] > 0:
            shown[row["pair_id"], row["style"]].append(row)
    hits, relevant = [], []
    for image, garments in asked.items():
        for garment, find in zip(garments, _representatives(garments, found[image]), strict=True):
            if garment["style"] > 0 and find is not None:
                right = shown[garment["pair_id"], garment["style"]]
                hits.append(_right_places(find, right))
                relevant.append(len(right))
    count = sum(row["style"] > 0 for row in queries)
    figures = top_k_and_map(hits, relevant, count)
    return {"queries": count, "gallery": len(gallery), **figures, "missed": count - len(hits)}


def _representatives(garments: Sequence[Row], finds: Sequence[Row]) -> list[Row | None]:
    if not finds:
        return [None] * len(garments)
    overlap = iou(_boxes(f["query_bbox"] for f in finds), _boxes(g["bbox"] for g in garments))
    nearest = overlap.argmax(1)
    return [
        _best(garment, [f for f, n in zip(finds, nearest, strict=True) if n == i]) for i, garment in enumerate(garments)
    ]


def _best(garment: Row, finds: Sequence[Row]) -> Row | None:
    if "cls" in garment:
        finds = [f for f in finds if f.get("query_cls", garment["cls"]) == garment["cls"]]
    return max(finds, key=lambda f: f["query_score"], default=None)


def _right_places(find: Row, right: Sequence[Row]) -> NDArray[np.bool_]:
    hits = np.zeros(len(find["gallery_image_id"]), bool)
    for place, (image, box) in enumerate(zip(find["gallery_image_id"], find["gallery_bbox"], strict=True)):
        there = [row["bbox"] for row in right if row["gallery_image_id"] == image]
        hits[place] = bool(there) and bool((iou(_boxes([box]), _boxes(there)) >= SAME).any())
    return hits


def _boxes(rows: Any) -> NDArray[np.float32]:
    return np.array(list(rows), np.float32).reshape(-1, 4)


def grouped(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    query_ids: Sequence[str],
    gallery_ids: Sequence[str],
    query_groups: Sequence[str],
    gallery_groups: Sequence[str],
) -> dict[str, Any]:
    """Street2Shop and DeepFashion: a query is searched among the shop photos of its own category.

    Args:
        queries, gallery: (Q, D) and (G, D) L2-normalised embeddings.
        query_ids, gallery_ids: which product each shows.
        query_groups, gallery_groups: which category each is of; one for all searches the whole gallery.

    Returns:
        `top_k_and_map` over all queries, "mean_over_groups" with the plain mean over categories, and "per_group".
    """
    names, own = np.array(gallery_ids), np.array(gallery_groups)
    per_group, all_hits, all_relevant = {}, [], []
    for group in sorted(set(query_groups)):
        rows, places = [i for i, g in enumerate(query_groups) if g == group], np.flatnonzero(own == group)
        hits = [_ranked(queries[i], gallery[places], names[places] == query_ids[i]) for i in rows]
        relevant = [int((names[places] == query_ids[i]).sum()) for i in rows]
        figures = top_k_and_map(hits, relevant, len(rows))
        per_group[group] = {"queries": len(rows), "gallery": len(places), **figures}
        all_hits, all_relevant = all_hits + hits, all_relevant + relevant
    figures = top_k_and_map(all_hits, all_relevant, len(all_hits))
    means = {name: round(float(np.mean([g[name] for g in per_group.values()] or [0.0])), 4) for name in figures}
    head = {"queries": len(all_hits), "gallery": len(gallery_ids)}
    return {**head, **figures, "mean_over_groups": means, "per_group": per_group}


def _ranked(query: NDArray[np.float32], gallery: NDArray[np.float32], right: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return right[np.argsort(-(gallery @ query), kind="stable")]


def movingfashion(
    views: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]],
    shop: NDArray[np.float32],
    products: Sequence[str],
    sources: Sequence[int],
) -> dict[str, Any]:
    """Video to shop: one shop picture for each product, several views of each video.

    Args:
        views: product to its views' embeddings (V, D) and the detector's scores (V,).
        shop: (P, D) embeddings of the shop pictures.
        products: their products.
        sources: 1 for products filmed for the shop ("regular"), others are "hard".

    Returns:
        Way of making one answer of a video ("single frames", "mean descriptor", "mean similarity", "best similarity",
        "surest view") to {"all", "regular", "hard"}, each {"videos", "top1", ..., "mAP"}; a product whose video gave no
        view is missed.
    """
    rank: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for place, product in enumerate(products):
        found, scores = views.get(product, (np.zeros((0, shop.shape[1]), np.float32), np.zeros(0)))
        if len(found):
            for way, similarity in _ways(found, scores, shop).items():
                rank[way][product] = [_place(row, place) for row in np.atleast_2d(similarity)]
    parts = {"all": list(products)}
    parts["regular"] = [p for p, s in zip(products, sources, strict=True) if s == _REGULAR]
    parts["hard"] = [p for p, s in zip(products, sources, strict=True) if s != _REGULAR]
    return {way: {part: _video_figures(own, names) for part, names in parts.items()} for way, own in rank.items()}


def _ways(
    views: NDArray[np.float32], scores: NDArray[np.floating], shop: NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    similarity = views @ shop.T
    return {
        "single frames": similarity,
        "mean descriptor": views.mean(0) @ shop.T,
        "mean similarity": similarity.mean(0),
        "best similarity": similarity.max(0),
        "surest view": similarity[int(np.argmax(scores))],
    }


def _place(similarity: NDArray[np.float32], own: int) -> int:
    """Rank of the product's own picture, 0 = first; a tie is lost."""
    return int((similarity >= similarity[own]).sum()) - 1


def _video_figures(ranks: Mapping[str, list[int]], products: Sequence[str]) -> dict[str, Any]:
    """Shares over videos; where a video gave several answers it counts by their mean."""
    count = max(len(products), 1)
    own = [np.array(ranks[p]) for p in products if p in ranks]
    tops = {f"top{k}": round(sum(float((r < k).mean()) for r in own) / count, 4) for k in TOPS}
    return {"videos": len(products), **tops, "mAP": round(sum(float((1 / (r + 1)).mean()) for r in own) / count, 4)}
