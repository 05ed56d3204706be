"""FAISS kinds: each keeps the laws of all kinds, and those of its own."""

from __future__ import annotations

from matcher.catalog.interface import KindOptions
from tests.catalog_conformance import Conformance


class TestFlat(Conformance):
    options = KindOptions("flat")


class TestHnsw(Conformance):
    options = KindOptions("hnsw")
    count = 2000


class TestIvfFlat(Conformance):
    options = KindOptions("ivf-flat")
    count = 4000


class TestIvfPq(Conformance):
    options = KindOptions("ivf-pq")
    count = 8000
