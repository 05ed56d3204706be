"""Several processes that train one model: torchrun starts them, PyTorch's DistributedDataParallel averages gradients.

torchrun --nproc-per-node 4 -m matcher train embedder --config RECIPE --out runs/embedder
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from matcher.errors import BackendError
from training.processes import by_torchrun

# Making the data of a large recipe, for which all processes wait, takes longer than the half hour of the default.
_PATIENCE = timedelta(hours=6)


@dataclass(frozen=True)
class Team:
    """This process among those of a run.

    Attributes:
        rank: its number, 0..size-1; the first writes logs and checkpoints.
        size: how many there are.
        device: where its model is.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")

    @classmethod
    def here(cls, device: str = "cpu", meeting: Path | None = None, rank: int = 0, size: int = 1) -> Team:
        """Join the processes that torchrun started, or those that meet at a file; alone without either.

        Args:
            device: "cpu" or "cuda"; several processes on GPUs take one each.
            meeting: a file of a folder that all see, not there yet.
            rank, size: of this process, where there is a meeting.

        Raises:
            BackendError: there is no such device.
        """
        if meeting is None and by_torchrun():
            rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        where = device_of(f"cuda:{os.environ.get('LOCAL_RANK', rank)}" if device == "cuda" and size > 1 else device)
        if size > 1 and not dist.is_initialized():
            start = "env://" if meeting is None else f"file://{meeting.resolve()}"
            backend = "nccl" if where.type == "cuda" else "gloo"
            dist.init_process_group(backend, init_method=start, rank=rank, world_size=size, timeout=_PATIENCE)
            atexit.register(leave)
        return cls(rank, size, where)

    @property
    def leads(self) -> bool:
        """Whether this process writes what is written once."""
        return self.rank == 0

    def turn(self, step: int) -> int:
        """Number of this process's batch in a step; no two processes ever have the same."""
        return step * self.size + self.rank

    def seed(self, seed: int, step: int) -> None:
        """Seed what a step does at random in this process, so that a resumed run equals an unbroken one."""
        torch.manual_seed(seed * 1_000_003 + self.turn(step))

    def wrap(self, model: nn.Module, partly: bool = False) -> nn.Module:
        """The model as it is to be called in training, so that gradients are averaged over the team.

        Args:
            model: on the team's device.
            partly: whether a batch may leave parts of it unused, as one without any landmark does.
        """
        if self.size == 1:
            return model
        ids = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=ids, find_unused_parameters=partly)

    def mean(self, value: float) -> float:
        """The average of a number over the team: clocks differ, learning rates must not."""
        if self.size == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64, device=self.device)
        dist.all_reduce(shared)
        return float(shared) / self.size

    @contextmanager
    def first_the_leader(self) -> Iterator[None]:
        """The block is run by the leader, then by all others: what is made once at first use is made once."""
        if not self.leads:
            dist.barrier()
        yield
        if self.leads and self.size > 1:
            dist.barrier()


def device_of(name: str) -> torch.device:
    """A device of this machine.

    Raises:
        BackendError: it has none of that name.
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise BackendError(f'no device is called {name!r}; set device = "cpu" or "cuda"') from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise BackendError('this machine has no GPU that torch can use; set device = "cpu"')
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BackendError(f"there is no {name} here, only {torch.cuda.device_count()} GPUs; start fewer processes")
    return device


def leave() -> None:
    """Leave the team, if this process is in one."""
    if dist.is_initialized():
        dist.destroy_process_group()
