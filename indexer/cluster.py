"""The Ray cluster that a distributed build runs on: one that is there, or one of this machine for its time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from matcher.errors import BackendError, CatalogError, InputError

_OBJECT_STORE = 512 << 20  # of a cluster of this machine: pictures on their way, a few seconds' worth


def import_ray() -> ModuleType:
    """Ray with its data library.

    Raises:
        BackendError: it is not installed.
    """
    # Usage is reported to Ray's makers unless this is said before the import.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise BackendError(
            f"--distributed needs {error.name or 'ray'}, which is not installed: pip install 'asworn[scale]'"
        ) from error
    return ray


@contextmanager
def cluster(address: str = "", cpus: int | None = None, object_store: int = _OBJECT_STORE) -> Iterator[ModuleType]:
    """Ray, connected: to what this process is connected with already, else to an address, else to a cluster of its own.

    Args:
        address: of a cluster that is there, e.g. "auto", "10.0.0.1:6379" or "ray://..."; "" = what the environment
            variable RAY_ADDRESS says, else a cluster is started on this machine and ends with this process at the
            latest, however that ends.
        cpus: of a cluster that is started; None = all.
        object_store: bytes of shared memory of a cluster that is started.

    Raises:
        BackendError: Ray is not installed.
        InputError: no cluster answers at the address.
        CatalogError: none can be started here.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    _connect(ray, address or os.environ.get("RAY_ADDRESS", ""), cpus, object_store)
    try:
        yield ray
    finally:
        ray.shutdown()


def _connect(ray: ModuleType, address: str, cpus: int | None, object_store: int) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address:
        try:
            ray.init(address=address, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise InputError(
                f"no Ray cluster can be used at {address} ({first_line(error)});"
                " start one with: ray start --head, or leave --address away"
            ) from error
        return
    try:
        # "local": never one that runs on this machine by chance, whose size would not be ours to say.
        here = {"address": "local", "num_cpus": cpus, "object_store_memory": object_store}
        ray.init(**here, include_dashboard=False, **quiet)
    except Exception as error:  # Ray itself raises nothing narrower where starting takes too long
        raise CatalogError(f"Ray does not start on this machine ({first_line(error)})") from error


@contextmanager
def plain_errors(ray: ModuleType) -> Iterator[None]:
    """What Ray says of workers that failed, in one line.

    Raises:
        CatalogError: in its place.
    """
    try:
        yield
    except ray.exceptions.RayError as error:
        raise CatalogError(
            f"the workers failed ({last_line(error)}); is asworn with the same version on every machine?"
            " What was finished is kept: the same command goes on from there"
        ) from error


def first_line(error: BaseException) -> str:
    """The first line of an error's text that says something."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]


def last_line(error: BaseException) -> str:
    """The last one: of an error that carries another process's traceback, what happened there."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]
