"""Durations of stages: the newest ones are kept, in order."""

from __future__ import annotations

import numpy as np
import pytest

from matcher.clock import Clock, Newest


def test_the_newest_values_stay_in_order() -> None:
    newest = Newest(3)
    assert not newest and list(newest) == []
    for count in range(1, 8):
        newest.append(count)
        kept = list(range(max(count - 2, 1), count + 1))
        assert list(newest) == kept and len(newest) == len(kept)
        assert [newest[i] for i in range(len(kept))] == kept and newest[-1] == count and newest[-len(kept)] == kept[0]
        assert newest[1:] == kept[1:] and newest[-1:] == kept[-1:]
    assert np.percentile(newest, 50) == 6
    for outside in (3, -4):
        with pytest.raises(IndexError):
            newest[outside]


def test_values_may_come_while_others_are_read() -> None:
    newest = Newest(3)
    newest.append(1)
    for _ in newest:
        newest.append(2)
    assert list(newest) == [1, 2]


def test_parts_are_measured_even_where_they_fail() -> None:
    clock = Clock()
    with pytest.raises(KeyError), clock.measure("look"):
        raise KeyError
    with clock.measure("look"):
        pass
    assert len(clock.times["look"]) == 2 and min(clock.times["look"]) >= 0
    clock.reset()
    assert not clock.times
