"""Parquet tables: sightings.parquet, a row for each appearance, and detections.parquet, one for each garment found."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from matcher.errors import BackendError, InputError
from matcher.exports.finished import Finished, sighting_record
from matcher.files import PartFile

ROWS = 50_000  # at once in memory


def write_sightings_table(run: Finished, path: Path) -> None:
    """Write the appearances, with the columns of `sighting_record`.

    Raises:
        BackendError: pyarrow is not installed.
        InputError: the file cannot be written.
    """
    pa = check_pyarrow()
    rows = (sighting_record(sighting, run.facts) for sighting in run.sightings)
    _write(path, _sighting_schema(pa), rows)


def write_detections_table(run: Finished, path: Path) -> None:
    """Write the garments of every frame.

    Raises:
        BackendError: pyarrow is not installed.
        InputError: frames.jsonl cannot be read, or the file cannot be written.
    """
    _write(path, _detection_schema(check_pyarrow()), _detections(run))


def _detections(run: Finished) -> Iterator[dict[str, Any]]:
    for line in run.lines():
        for garment in line["garments"]:
            x0, y0, x1, y1 = garment["box"]
            best = garment["products"][0] if garment["products"] else {"id": None, "score": None}
            yield {
                **{name: line.get(name) for name in ("frame", "pts", "shot")},
                "detected": line.get("detected") and not garment.get("held"),
                "time_s": line["time"],
                **{name: garment.get(name) for name in ("score", "type", "type_score", "track", "tier", "pattern")},
                **{"x0": x0, "y0": y0, "x1": x1, "y1": y1},
                "product_id": best["id"],
                "product_score": best["score"],
                **{name: garment.get(name, []) for name in ("colours", "attributes")},
            }


def _write(path: Path, schema: Any, rows: Iterator[dict[str, Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    file, rows = PartFile(path), iter(rows)
    try:
        with parquet.ParquetWriter(file.part, schema, compression="zstd") as out:
            while some := list(islice(rows, ROWS)):
                out.write_table(pa.Table.from_pylist(some, schema))
        file.commit()
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        file.discard()


def _sighting_schema(pa: ModuleType) -> Any:
    texts = ("product_id", "title", "brand", "link", "currency", "disclosure", "type", "tier")
    texts += ("first_timecode", "last_timecode", "pattern")
    numbers = ("price", "first_s", "last_s", "screen_time_s", "mean_score")
    order = {**dict.fromkeys(texts, pa.string()), **dict.fromkeys(numbers, pa.float64())}
    order |= {"best_frame": pa.int64(), "shot": pa.int64()}
    order |= dict.fromkeys(("tracks", "outfits"), pa.list_(pa.int64()))
    return pa.schema({**order, **dict.fromkeys(("colours", "attributes", "keywords"), pa.list_(pa.string()))})


def _detection_schema(pa: ModuleType) -> Any:
    order = {"frame": pa.int64(), "pts": pa.int64(), "time_s": pa.float64(), "shot": pa.int64(), "detected": pa.bool_()}
    order |= {"track": pa.int64(), "type": pa.string(), "tier": pa.string(), "product_id": pa.string()}
    order |= dict.fromkeys(("score", "type_score", "product_score", "x0", "y0", "x1", "y1"), pa.float32())
    texts = dict.fromkeys(("colours", "attributes"), pa.list_(pa.string()))
    return pa.schema({**order, "pattern": pa.string(), **texts})


def check_pyarrow() -> ModuleType:
    """The module `pyarrow`.

    Raises:
        BackendError: it is not installed.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise BackendError(f"Parquet needs pyarrow ({error}): pip install 'asworn[report]'") from error
    return pyarrow
