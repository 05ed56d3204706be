"""Kinds of catalogue by name."""

from __future__ import annotations

from importlib import import_module

from matcher.catalog.interface import Kind
from matcher.errors import CatalogError

# Name -> module and class; imported when asked for, so that a kind whose extra is missing fails alone.
KINDS = {
    "flat": ("matcher.catalog.flat", "Flat"),
    "hnsw": ("matcher.catalog.hnsw", "Hnsw"),
    "ivf-flat": ("matcher.catalog.ivf", "IvfFlat"),
    "ivf-pq": ("matcher.catalog.ivf", "IvfPq"),
    "milvus": ("matcher.catalog.milvus", "Milvus"),
}
AUTO = "auto"


def kind_of(name: str) -> Kind:
    """The kind of that name.

    Raises:
        CatalogError: this version does not know it.
        BackendError: what it needs is not installed.
    """
    try:
        module, attribute = KINDS[name]
    except KeyError:
        raise CatalogError(f"unknown kind of catalogue {name!r}; this version has {', '.join(KINDS)}") from None
    return getattr(import_module(module), attribute)()
