"""Indexes of inverted lists, trained on a sample of the vectors that they are for."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

CODE_BYTES = 32
_CODES = 256  # centres of each part of a vector: one byte
_FOR_EACH = 64  # training vectors for each centre; more makes the training longer and hardly better
_ROUNDS = 8  # of k-means
_TURNS = 8  # of the optimisation of the rotation
_ADDED = 65_536  # vectors at a time


def plain_index(vectors: NDArray[np.float32]) -> faiss.IndexIVFFlat:
    """A trained IVF-Flat index for vectors (M, D), empty."""
    index = faiss.index_factory(vectors.shape[1], f"IVF{_lists(len(vectors))},Flat", faiss.METRIC_INNER_PRODUCT)
    _short_training(index.cp)
    index.train(_sample(vectors, _FOR_EACH * index.nlist))
    return index


def pq_index(vectors: NDArray[np.float32]) -> faiss.IndexPreTransform:
    """A trained OPQ + IVF-PQ index for vectors (M, D), empty; a rest of D by the parts is turned away."""
    dimension = vectors.shape[1]
    parts = min(CODE_BYTES, dimension // 2)
    turned = dimension - dimension % parts
    how = f"OPQ{parts}_{turned},IVF{_lists(len(vectors))},PQ{parts}"
    index = faiss.index_factory(dimension, how, faiss.METRIC_INNER_PRODUCT)
    turn = faiss.downcast_VectorTransform(index.chain.at(0))
    turn.niter, turn.niter_pq, turn.max_train_points = _TURNS, 4, _FOR_EACH * _CODES
    lists = faiss.downcast_index(faiss.extract_index_ivf(index))
    _short_training(lists.cp)
    _short_training(lists.pq.cp)
    index.train(_sample(vectors, _FOR_EACH * max(lists.nlist, _CODES)))
    return index


def filled(index: faiss.Index, vectors: NDArray[np.float32]) -> faiss.Index:
    """The index with vectors[i] at position i."""
    for start in range(0, len(vectors), _ADDED):
        index.add(np.ascontiguousarray(vectors[start : start + _ADDED]))
    return index


def _lists(count: int) -> int:
    return int(np.clip(2 * np.sqrt(count), 16, 65_536))


def _short_training(parameters: faiss.ClusteringParameters) -> None:
    parameters.niter = _ROUNDS
    parameters.max_points_per_centroid, parameters.min_points_per_centroid = _FOR_EACH, 1


def _sample(vectors: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """At most so many of the vectors, drawn without order, the same ones each time."""
    if len(vectors) <= most:
        return np.ascontiguousarray(vectors)
    chosen = np.sort(np.random.default_rng(0).choice(len(vectors), most, replace=False))
    sample = np.ascontiguousarray(vectors[chosen])
    # In order on the disk, but not to the training: neighbours in a feed are alike.
    return sample[np.random.default_rng(1).permutation(most)]
