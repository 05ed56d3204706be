"""The kind "milvus": vectors in Milvus, for catalogues that are larger than one machine.

A generation has a collection of its own, with a partition for each type and the products' values beside the vectors.
The generation's folder names it, so it becomes visible with the folder, in one step: what a writer that was killed has
half filled is in no generation that anybody reads, and goes with the folder. The product table stays with the readers.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from matcher.catalog import table as product_table
from matcher.catalog.folder import sync_file
from matcher.catalog.interface import KEPT, REMOTE, Part, Writing
from matcher.catalog.milvus_client import TIMEOUT_S, Connection, check_address, connect, release, require_client
from matcher.catalog.milvus_fields import LONGEST, TEXTS, values_of
from matcher.catalog.milvus_search import KEYS_OF_TYPE, MilvusFinder, MilvusSubIndex
from matcher.catalog.table import Table
from matcher.errors import CatalogError
from matcher.taxonomy import TYPE_IDS

_BATCH_BYTES = 8 << 20  # of one request; servers take up to 64 MiB
_FLOAT = 4


class Milvus:
    """See `Kind`. Every vector is compared: answers are exact."""

    name = "milvus"
    least = 0

    def __init__(self) -> None:
        """Make sure that the client is there, before anybody works for hours towards it.

        Raises:
            BackendError: it is not installed.
        """
        require_client()

    def write(self, job: Writing) -> dict[str, Any]:
        """See `Kind.write`."""
        dimension = job.vectors.shape[1]
        address, collection = _place(job)
        connection = connect(address or str(job.folder / KEPT))
        with connection.plain_errors():
            if not connection.client.has_collection(collection):
                _create(connection, collection, dimension)
            connection.client.create_partition(collection, job.type_name)
            for rows in _rows(job):
                connection.client.insert(collection, rows, partition_name=job.type_name, timeout=TIMEOUT_S)
            connection.client.flush(collection)
        del connection
        if not address:
            # The folder will be moved, and must be safe on the disk before anybody is told of it.
            release(job.folder / KEPT)
            for path in (job.folder / KEPT).rglob("*"):
                if path.is_file():
                    sync_file(path)
        section = {"address": address, "collection": collection, "recall": 1.0}
        return {**section, "bytes_per_vector": 0.0 if address else float(_FLOAT * dimension)}

    def open(self, part: Part) -> MilvusSubIndex:
        """See `Kind.open`."""
        address, collection = part.section["address"], part.section["collection"]
        connection = connect(check_address(address) if address else str((part.folder / KEPT).absolute()))
        with connection.plain_errors():
            if not connection.client.has_collection(collection):
                raise CatalogError(f"{connection.address} has no collection {collection}; rebuild the catalogue")
            connection.client.load_collection(collection)
            first = TYPE_IDS[part.type_name] * KEYS_OF_TYPE
            there = _count(connection, collection, first)
        if there != len(part.owners):
            raise CatalogError(
                f"the collection {collection} at {connection.address} has {there} vectors of {part.type_name},"
                f" not {len(part.owners)}; rebuild the catalogue"
            )
        finder = MilvusFinder(connection, collection, part.type_name, first, part.dimension, there)
        return MilvusSubIndex(finder, part.owners)

    def discard(self, folder: Path) -> None:
        """See `Kind.discard`: drop the collection of a server; Milvus Lite goes with the folder."""
        note = json.loads((folder / REMOTE).read_text(encoding="utf-8"))
        address, collection = note.get("address"), note.get("collection")
        if address and isinstance(collection, str):
            connection = connect(check_address(address))
            with connection.plain_errors():
                connection.client.drop_collection(collection)


def _place(job: Writing) -> tuple[str, str]:
    """Address and collection of the generation that is written: noted in its folder before anything is kept there."""
    note = job.folder / REMOTE
    if note.is_file():
        content = json.loads(note.read_text(encoding="utf-8"))
        return content["address"], content["collection"]
    address = check_address(job.options.address) if job.options.address else ""
    collection = f"asworn_{uuid.uuid4().hex}"
    note.write_text(json.dumps({"kind": Milvus.name, "address": address, "collection": collection}) + "\n")
    sync_file(note)
    return address, collection


def _create(connection: Connection, collection: str, dimension: int) -> None:
    from pymilvus import DataType

    client = connection.client
    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
    schema.add_field("row", DataType.INT64)
    schema.add_field("price", DataType.DOUBLE)
    for name in TEXTS:
        schema.add_field(name, DataType.VARCHAR, max_length=LONGEST)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="IP")
    client.create_collection(collection, schema=schema, index_params=index, consistency_level="Strong")


def _rows(job: Writing) -> Iterator[list[dict[str, Any]]]:
    """A type's vectors with what is kept beside them, in batches."""
    table = Table(job.folder / product_table.NAME)
    first = TYPE_IDS[job.type_name] * KEYS_OF_TYPE
    step = max(1, _BATCH_BYTES // (_FLOAT * job.vectors.shape[1] + 1024))
    for start in range(0, len(job.vectors), step):
        vectors = np.asarray(job.vectors[start : start + step], np.float32)
        owners = job.owners[start : start + step]
        yield [
            {"id": first + start + i, "vector": vector, "row": int(row), **values_of(table.stored(int(row)))}
            for i, (vector, row) in enumerate(zip(vectors, owners, strict=True))
        ]


def _count(connection: Connection, collection: str, first: int) -> int:
    """Vectors of a type, by their keys: Milvus Lite counts all partitions whichever are asked for."""
    found = connection.client.query(
        collection,
        filter=f"id >= {first} and id < {first + KEYS_OF_TYPE}",
        output_fields=["count(*)"],
        consistency_level="Strong",
        timeout=TIMEOUT_S,
    )
    return int(found[0]["count(*)"])
