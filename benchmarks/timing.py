"""Timing that stands up to other work on the machine: rounds in turn, medians, ratios within one run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

QUANTILES = (50, 95, 99)


def alternate(
    tasks: Mapping[str, Callable[[int], object]],
    rounds: int,
    warm_up: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Time several tasks in turn, so that whatever else the machine does falls on all of them alike.

    Args:
        tasks: name to a function of the round's number.
        rounds: how often each is timed.
        warm_up: untimed rounds before.
        clock: seconds; `time.process_time` counts the work of this process alone, on a machine that others use too.

    Returns:
        Milliseconds of each round, by task.
    """
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(-warm_up, rounds):
        for name, task in tasks.items():
            start = clock()
            task(max(number, 0))
            if number >= 0:
                times[name].append(1000 * (clock() - start))
    return times


def quantiles(times: Sequence[float]) -> dict[str, float]:
    """{"p50", "p95", "p99"} of times in milliseconds."""
    values = np.percentile(times, QUANTILES) if len(times) else np.zeros(len(QUANTILES))
    return {f"p{q}": round(float(value), 2) for q, value in zip(QUANTILES, values, strict=True)}
