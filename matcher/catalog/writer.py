"""Writing a catalogue: a generation is built in a folder of its own and becomes current in one step, or not at all."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.bundle import sha256_of
from matcher.catalog import folder
from matcher.catalog import table as product_table
from matcher.catalog.choose import Plan, check_options, plan
from matcher.catalog.interface import KEPT, KindOptions, Writing
from matcher.catalog.kinds import AUTO, kind_of
from matcher.catalog.listing import also_listed
from matcher.catalog.lock import WriterLock
from matcher.catalog.manifest import Manifest, file_path, read_manifest, write_manifest
from matcher.catalog.removal import prune, remove_leftovers, try_to_remove
from matcher.catalog.settings import Settings
from matcher.catalog.spool import Spool
from matcher.catalog.table import Origin, TableWriter
from matcher.errors import CatalogError
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Product


class CatalogWriter:
    """Writes one new generation. A context manager: what was not committed is removed without a trace.

    After the commit `kind_line` says, for people, which kind it is, why, and what its searches find and take.

    Example:
        >>> with CatalogWriter("shop.catalog", 192, bundle.embedder_hash) as writer:  # doctest: +SKIP
        ...     writer.add(product, embeddings)
        ...     writer.commit()
    """

    def __init__(
        self,
        path: Path | str,
        dimension: int,
        embedder_hash: str,
        bundle: str = "",
        kind: KindOptions | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Take the catalogue's lock and open a new generation; the folder is made if need be.

        Args:
            path: the catalogue's folder.
            dimension: length D of the vectors.
            embedder_hash: `Bundle.embedder_hash` of what made the vectors.
            bundle: its name, for people.
            kind: how the vectors are kept; None = as the generation that is current was asked for, else as suits the
                size.
            settings: the catalogue's; None = those of the generation that is current, if there is one.

        Raises:
            CatalogError: somebody else is writing, the folder holds other things, or the kind is unknown.
        """
        self.path = Path(path)
        self._manifest = {"embedder": embedder_hash, "bundle": bundle, "dimension": dimension}
        self._options = asked_for(self.path, kind or KindOptions())
        check_options(self._options)
        self._made_folder = _make_folder(self.path)
        self._manifest["settings"] = settings or _current_settings(self.path)
        with _disk_errors(self.path):
            self._lock = WriterLock(self.path / folder.LOCK)
            remove_leftovers(self.path)
            self._partial: Path | None = Path(tempfile.mkdtemp(prefix=folder.PARTIAL, dir=self.path))
            self._partial.chmod(0o755)  # mkdtemp makes it private, but other users may read a catalogue
            self._table: TableWriter | None = TableWriter(self._partial / product_table.NAME)
        self._spool = Spool(self._partial, dimension)
        self.plan: Plan | None = None
        self.kind_line = ""
        self._own_counts = dict.fromkeys(TYPES, 0)
        self._product_counts = dict.fromkeys(TYPES, 0)
        self._ids: set[str] = set()

    def add(self, product: Product, embeddings: NDArray[np.float32], origins: Sequence[Origin] = ()) -> int:
        """Add a product.

        Args:
            product: its id must be new and its type one of `taxonomy.TYPES`.
            embeddings: (M, D) or (D,), M > 0, finite and L2-normalised.
            origins: where each vector came from; may be left out. What they say of the types that a picture looks
                like decides under which other types the vector is found as well, see `listing`.

        Returns:
            The product's row.

        Raises:
            CatalogError: one of the conditions above is broken; nothing was added.
        """
        vectors = np.atleast_2d(np.asarray(embeddings, np.float32))
        self._check(product, vectors, origins)
        row = len(self._ids)
        origins = origins or [Origin(product.image)] * len(vectors)
        with _disk_errors(self.path):
            self._open_table().add(row, product)
            for vector, origin in zip(vectors, origins, strict=True):
                self._put(row, product.type, vector, origin, own=True)
                for other in also_listed(product.type, origin.type_probs):
                    self._put(row, other, vector, origin, own=False)
        self._ids.add(product.id)
        self._own_counts[product.type] += len(vectors)
        self._product_counts[product.type] += 1
        return row

    def _put(self, row: int, type_name: str, vector: NDArray[np.float32], origin: Origin, own: bool) -> None:
        """Enter a vector in a type's sub-index."""
        position = self._spool.add(type_name, row, vector)
        self._open_table().add_vector(row, TYPE_IDS[type_name], position, origin, own)

    def _check(self, product: Product, vectors: NDArray[np.float32], origins: Sequence[Origin]) -> None:
        dimension = self._manifest["dimension"]
        if product.type not in TYPE_IDS:
            raise CatalogError(f"product {product.id!r} has the type {product.type!r}; use one of {', '.join(TYPES)}")
        if not product.id or product.id in self._ids:
            raise CatalogError(f"the product id {product.id!r} is empty or there already; give each product its own")
        if vectors.shape != (len(vectors), dimension) or not len(vectors) or len(origins) not in (0, len(vectors)):
            raise CatalogError(
                f"product {product.id!r} needs embeddings (M, {dimension}) and as many origins or none,"
                f" got {vectors.shape} and {len(origins)}"
            )
        # Infinite and NaN values fail this comparison too.
        if not (np.abs(np.linalg.norm(vectors, axis=1) - 1) < 1e-3).all():
            raise CatalogError(f"the embeddings of product {product.id!r} are not L2-normalised")

    def attach(self, name: str, text: str) -> None:
        """Put a text file into the generation, e.g. the list of rejected rows."""
        with _disk_errors(self.path):
            file_path(self._folder(), name).write_text(text, encoding="utf-8", newline="")

    def commit(self, before_release: Callable[[], None] | None = None) -> int:
        """Finish the generation and make it the current one; readers see it from now on.

        Args:
            before_release: called when readers see it, while no other writer can begin yet.

        Returns:
            The generation's number. The current generation and the one before it stay, older ones are removed.

        Raises:
            CatalogError: it was committed or aborted before, or the disk is full.
        """
        partial, table = self._folder(), self._open_table()
        with _disk_errors(self.path):
            previous = _current_folder(self.path)
            number = max([0, *folder.generations(self.path)]) + 1
            table.close(finish=True)
            self._table = None
            self.plan = plan(self._spool.counts(), self._manifest["dimension"], self._options)
            types = {name: self._write_type(partial, name, kind) for name, kind in self.plan.types.items()}
            manifest = self._finished_manifest(number, types, partial)
            self.kind_line = f"{self.plan.reason}; {_figures(manifest)}"
            _write_manifest(partial, manifest)
            self._switch(partial, number)
            prune(self.path, {folder.generation_name(number), previous.name if previous else ""})
        if before_release is not None:
            before_release()
        self._lock.release()
        return number

    def _switch(self, partial: Path, number: int) -> None:
        self._partial = self.path / folder.generation_name(number)
        os.rename(partial, self._partial)
        folder.sync_folder(self.path)
        folder.replace_current(self.path, number)
        self._partial = None

    def _write_type(self, partial: Path, name: str, kind: str) -> dict[str, Any]:
        """Write a type's index; what the manifest says of the type."""
        vectors, owners = self._spool.take(name)
        job = Writing(partial, name, vectors, owners, self._options, self._spool.name(name))
        section = {"kind": kind, **kind_of(kind).write(job)}
        if section.get("stored") != job.stored:
            self._spool.remove(name)
        own = self._own_counts[name]
        counts = {"products": self._product_counts[name], "vectors": own, "listed": len(owners) - own}
        return {**section, **counts}

    def _finished_manifest(self, number: int, types: dict[str, dict[str, Any]], partial: Path) -> Manifest:
        files = {path.name: sha256_of(path) for path in sorted(partial.iterdir()) if path.name != KEPT}
        vectors = sum(self._own_counts.values())
        created = datetime.now(UTC).isoformat(timespec="seconds")
        options = self._options
        return Manifest(
            kind=self.plan.kind,
            reason=self.plan.reason,
            asked=options.kind or AUTO,
            memory=options.memory,
            recall=options.recall,
            address=options.address,
            generation=number,
            products=len(self),
            vectors=vectors,
            types=types,
            files=files,
            created=created,
            **self._manifest,
        )

    def abort(self) -> None:
        """Throw the new generation away and give the lock back. Harmless after a commit or another abort."""
        if self._table is not None:
            self._table.close(finish=False)
            self._table = None
        self._spool.close()
        # Stopped right after the switch, it is what readers read: then it stays.
        if self._partial is not None and self._partial != _current_folder(self.path):
            try_to_remove(self._partial)
        self._partial = None
        self._lock.release()
        if self._made_folder and self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()

    def __len__(self) -> int:
        """Products added so far."""
        return len(self._ids)

    def __enter__(self) -> CatalogWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def _folder(self) -> Path:
        if self._partial is None:
            raise CatalogError(f"the writer of {self.path} is closed; open a new one")
        return self._partial

    def _open_table(self) -> TableWriter:
        if self._table is None:
            raise CatalogError(f"the writer of {self.path} is closed; open a new one")
        return self._table


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Say in plain words what the disk refused."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise CatalogError(f"cannot write in {path} ({reason}); is the disk full or the folder read-only?") from error


def _make_folder(path: Path) -> bool:
    """Make sure that the folder is there and is ours to write in; whether it was made now."""
    if path.is_dir():
        if not folder.is_ours(path):
            raise CatalogError(f"{path} holds other files and is not a catalogue; choose a new folder for --out")
        return False
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise CatalogError(f"cannot make the folder {path} ({error.strerror}); choose another for --out") from error
    return True


def _current_folder(root: Path) -> Path | None:
    try:
        return folder.current(root)
    except CatalogError:
        return None


def _current_settings(root: Path) -> Settings:
    try:
        return read_manifest(folder.current(root)).settings
    except (CatalogError, OSError):
        return Settings()


def asked_for(root: Path, options: KindOptions) -> KindOptions:
    """The options, with what they leave open as it was asked of the generation that is current, if there is one."""
    if options.kind is not None:
        return options
    try:
        before = read_manifest(folder.current(root))
    except (CatalogError, OSError):
        return options
    return KindOptions(
        before.asked,
        options.memory or before.memory,
        before.recall if options.recall == KindOptions.recall else options.recall,
        options.address or before.address,
    )


def _figures(manifest: Manifest) -> str:
    size = f"{manifest.mean('bytes_per_vector'):.0f} bytes a vector"
    found = manifest.mean("recall")
    return f"exact, {size}" if found == 1 else f"recall@10 {found:.3f}, {size}"


def _write_manifest(partial: Path, manifest: Manifest) -> None:
    """Write the manifest last, when all other files are safely on the disk."""
    for name in manifest.files:
        folder.sync_file(partial / name)
    folder.sync_file(write_manifest(partial, manifest))
    folder.sync_folder(partial)
