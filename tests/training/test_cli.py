"""`asworn train` and `asworn export` say which extra is missing, in one line."""

from __future__ import annotations

import pytest

import training.cli
from matcher.errors import BackendError


def test_a_plain_install_is_told_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.cli, "find_spec", lambda name: None)
    with pytest.raises(BackendError, match=r"torch.*pip install 'asworn\[train\]'"):
        training.cli._needs_the_extra()


def test_a_full_install_may_train() -> None:
    training.cli._needs_the_extra()
