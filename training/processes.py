"""The processes of a training: which of them torchrun started, and that none outlives the one that started it."""

from __future__ import annotations

import multiprocessing
import os
import threading


def by_torchrun() -> bool:
    """Whether torchrun started this process, as one of those that train together."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def leads() -> bool:
    """Whether this is the process that writes and says what a run of several (by torchrun) gives."""
    return not by_torchrun() or os.environ["RANK"] == "0"


def end_with_parent() -> None:
    """End this process as soon as the one that started it is gone.

    A killed parent tells nobody. Its processes would go on with the training, and write their checkpoints over those of
    the run that is resumed. Nothing happens in a process that `multiprocessing` did not start.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_watch, args=(parent,), name="asworn-parent", daemon=True).start()


def _watch(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
