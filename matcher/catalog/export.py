"""A catalogue as files for other programs: its products as CSV or JSONL, its vectors as NumPy arrays."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from matcher.catalog.generation import Generation
from matcher.errors import InputError
from matcher.types import product_fields

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_products(generation: Generation, path: Path) -> int:
    """Write all products; the suffix .csv or .jsonl says how. Links are the feed's, without the template.

    A CSV file can be indexed again where its pictures are. A cell that a spreadsheet would run as a formula gets a
    quote before it.

    Args:
        generation: what to write.
        path: the file; it appears when it is whole.

    Returns:
        Their number.

    Raises:
        InputError: another suffix, or the file cannot be written.
    """
    writers = {".csv": _write_csv, ".jsonl": _write_jsonl}
    if path.suffix.lower() not in writers:
        raise InputError(f"{path} is neither .csv nor .jsonl; name the file so")
    _write(path, lambda file: writers[path.suffix.lower()](generation, file))
    return len(generation)


def export_vectors(generation: Generation, path: Path) -> int:
    """Write all vectors as .npz, readable with `numpy.load(path, allow_pickle=False)`.

    Arrays: `vectors` (M, D) float32; `ids` (M,) text, the product of each; `types` (M,) text; `images` (M,) text.

    Returns:
        Their number M.

    Raises:
        InputError: another suffix, or the file cannot be written.
    """
    if path.suffix.lower() != ".npz":
        raise InputError(f"{path} is not .npz; name the file so")
    rows = list(_vectors(generation))
    ids, types, images, vectors = zip(*rows, strict=True) if rows else ((), (), (), ())
    dimension = generation.manifest.dimension
    arrays = {
        "vectors": np.array(vectors, np.float32).reshape(-1, dimension),
        "ids": np.array(ids, np.str_),
        "types": np.array(types, np.str_),
        "images": np.array(images, np.str_),
    }
    _write(path, lambda file: np.savez(file, **arrays))
    return len(rows)


def _vectors(generation: Generation) -> Iterator[tuple[str, str, str, np.ndarray]]:
    for row in range(len(generation)):
        product = generation.table.stored(row)
        origins, vectors = generation.table.origins(row), generation.reconstruct(row)
        for origin, vector in zip(origins, vectors, strict=True):
            yield product.id, product.type, origin.image, vector


def _records(generation: Generation) -> Iterator[dict[str, object]]:
    for row in range(len(generation)):
        product = generation.table.stored(row)
        images = [origin.image for origin in generation.table.origins(row)]
        others = [image for image in images if image != product.image]
        yield {**{name: getattr(product, name) for name in product_fields()}, "images": others}


def _write_csv(generation: Generation, file: BinaryIO) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*product_fields(), "images"])
    for record in _records(generation):
        values = {**record, "images": "|".join(record["images"])}
        writer.writerow([_cell(value) for value in values.values()])
    text.detach()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _write_jsonl(generation: Generation, file: BinaryIO) -> None:
    for record in _records(generation):
        file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")


def _write(path: Path, write: Callable[[BinaryIO], object]) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            write(file)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror})") from error
    finally:
        temporary.unlink(missing_ok=True)
