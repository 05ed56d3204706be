"""What all FAISS kinds share: index files, and how many threads a search may take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss

from matcher.catalog.interface import Part
from matcher.errors import CatalogError

_WORTH_THREADS = 100_000_000


@contextmanager
def threads_for(products: int) -> Iterator[None]:
    """Search in this thread alone where that is quick; `products` counts the multiplications.

    FAISS's threads wait for one another by spinning. Where other work holds the cores, as in the matcher, that makes
    a search of one millisecond take tens.
    """
    before = faiss.omp_get_max_threads()
    try:
        if products < _WORTH_THREADS:
            faiss.omp_set_num_threads(1)
        yield
    finally:
        faiss.omp_set_num_threads(before)


def index_name(type_name: str) -> str:
    """Name of a type's index file."""
    return f"{type_name}.faiss"


def open_index(part: Part, expected: type[faiss.Index], mapped: bool = False) -> Any:
    """Read the index of a type's part after its hash was compared.

    Args:
        part: the section names the file.
        expected: class that the index must have.
        mapped: leave the bulk of it on the disk and read what is searched, whatever the options say.

    Raises:
        CatalogError: the file is damaged, or does not fit the manifest.
        FileNotFoundError: it is missing.
    """
    path = part.verified(part.section["file"])
    index = read_index(path, mapped or part.options.mapped, issubclass(expected, faiss.IndexIVF))
    fits = isinstance(index, expected) and index.metric_type == faiss.METRIC_INNER_PRODUCT
    if not fits or index.ntotal != len(part.owners) or index.d != part.dimension:
        raise CatalogError(f"{path} does not fit the manifest; rebuild the catalogue")
    return index


def read_index(path: Path, mapped: bool = False, lists: bool = False) -> faiss.Index:
    """Read an index file, which must have been verified before: the format is not safe against crafted files.

    Args:
        path: the file.
        mapped: map it into memory in place of reading it.
        lists: it is one of inverted lists, which FAISS maps in another way.

    Raises:
        CatalogError: it cannot be read.
    """
    how = (faiss.IO_FLAG_MMAP if lists else faiss.IO_FLAG_MMAP_IFC) if mapped else 0
    try:
        return faiss.read_index(str(path), how)
    except RuntimeError as error:
        raise CatalogError(f"{path} is not a readable index ({_first_line(error)}); rebuild the catalogue") from error


def write_index(index: faiss.Index, path: Path) -> None:
    """Write an index file.

    Raises:
        CatalogError: it cannot be written, e.g. because the disk is full.
    """
    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise CatalogError(f"cannot write {path} ({_first_line(error)}); is the disk full?") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
