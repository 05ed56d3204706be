"""Latency and recall of looking ten products up: the top-2-type filter against other ways, in turn, in one run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from benchmarks.lookup_data import LookupData, make_data
from benchmarks.lookup_entrants import MILVUS, Entrant, K, Limits, entrants
from benchmarks.timing import alternate, quantiles
from matcher.catalog.faiss_files import threads_for

SIZES = (10_000, 100_000, 1_000_000)
DIMENSIONS = (128, 256)
BASE = "unfiltered, exact"


def lookup_at(
    size: int, dimension: int, queries: int, limits: Limits | None = None, threads: int = 1
) -> dict[str, Any]:
    """Run the benchmark on one shop.

    Args:
        size: number of vectors.
        dimension: their length.
        queries: one at a time, as a garment in a frame asks.
        limits: up to which sizes ways take part that take long to build.
        threads: of FAISS while they are built. One query is one thread's work: more would wait for it, spinning.

    Returns:
        {"vectors", "dimension", "entrants": {name: {"p50", "p95", "ratio", "ratio_cpu", "recall@10", "useful@10",
        "build_s", "kept" (of ours, see `Entrant`)}}, "left_out": {name: reason}}. `ratio` is the median of unfiltered
        exact search over the entrant's, `ratio_cpu` the same of this process's processor time (None where another
        process works); `recall@10` is against the exact answer to what it was asked (the two types, or everything);
        `useful@10` is the share of the two types' ten best that are among its answers.

    Raises:
        BackendError: a peer is installed and does not start.
    """
    data = make_data(size, dimension, queries)
    with tempfile.TemporaryDirectory() as folder:
        faiss.omp_set_num_threads(threads)
        found = list(entrants(data, Path(folder), limits or Limits()))
        running = [one for one in found if isinstance(one, Entrant)]
        asks = {one.name: (lambda i, one=one: one.search(data.queries[i : i + 1])) for one in running}
        with threads_for(0):
            times = alternate(asks, queries)
        # On a machine that others use, too, processor time tells the ways apart better.
        own = {name: ask for name, ask in asks.items() if name != MILVUS}
        with threads_for(0):
            work = alternate(own, max(queries // 2, 5), clock=time.process_time)
        truths = truth(data, data.asked), truth(data, np.ones(size, bool))
        figures = {one.name: _figures(one, data, times, work, truths) for one in running}
    left_out = dict(one for one in found if not isinstance(one, Entrant))
    return {"vectors": size, "dimension": dimension, "entrants": figures, "left_out": left_out}


def truth(data: LookupData, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(Q, K) rows of the best of the allowed products, by plain products of all."""
    rows = np.flatnonzero(allowed)
    index = faiss.IndexFlatIP(data.vectors.shape[1])
    index.add(data.vectors[rows])
    return rows[index.search(data.queries, K)[1]]


def _figures(
    one: Entrant,
    data: LookupData,
    times: dict[str, list[float]],
    work: dict[str, list[float]],
    truths: tuple[NDArray, NDArray],
) -> dict[str, Any]:
    answers = [one.search(data.queries[i : i + 1]) for i in range(len(data.queries))]
    subset, everything = truths
    parts = quantiles(times[one.name])
    return {
        "p50": parts["p50"],
        "p95": parts["p95"],
        "ratio": _ratio(times, one.name),
        "ratio_cpu": _ratio(work, one.name),
        "recall@10": recall(answers, subset if one.filtered else everything),
        "useful@10": recall(answers, subset),
        "build_s": one.build_s,
        **({"kept": one.kept} if one.kept else {}),
    }


def _ratio(times: dict[str, list[float]], name: str) -> float | None:
    return round(float(np.median(times[BASE]) / np.median(times[name])), 2) if name in times else None


def recall(answers: Sequence[NDArray[np.int64]], right: NDArray[np.int64]) -> float:
    """Mean share of the right rows (Q, K) that are among the answers."""
    return round(float(np.mean([np.isin(row, found).mean() for row, found in zip(right, answers, strict=True)])), 4)
