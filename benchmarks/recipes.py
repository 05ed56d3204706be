"""The packaged training recipes, with the budget of a comparison in place of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import configs
from training.loop import LoopConfig
from training.settings import load_settings

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Budget:
    """What every entrant of a comparison gets.

    Attributes:
        steps: of training.
        batch: crops, or garments in two views each, of a step.
        threads: of the CPU.
    """

    steps: int
    batch: int
    threads: int = 1

    def loop(self, of: LoopConfig) -> LoopConfig:
        """A recipe's loop with these steps; only the end is saved, and averaged weights follow quickly enough."""
        steps = self.steps
        return replace(
            of,
            steps=steps,
            minutes=0.0,
            warmup=max(steps // 10, 1),
            save_steps=steps,
            log_steps=max(steps // 10, 1),
            ema=min(of.ema, 1 - 10 / max(steps, 11)),
            threads=self.threads,
        )


def recipe(kind: type[Settings], name: str) -> Settings:
    """A packaged recipe; `name` is its file's, without the ending."""
    return load_settings(kind, Path(configs.__file__).parent / f"{name}.toml")
