"""The walls between the packages: what may be imported by what, and what a fresh import loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "detectron2", "ray", "pymilvus", "onnx", "pytorch_metric_learning")


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh process has loaded after running `code`."""
    script = f"import sys\n{code}\nprint('\\n', *{{name.partition('.')[0] for name in sys.modules}})"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines()[-1].split())  # the code may have said something before


@pytest.mark.parametrize(
    "code",
    [
        "import matcher",
        "import matcher; [getattr(matcher, name) for name in matcher.__all__]",
        "import matcher.pipeline, matcher.cli.main",
        "import indexer.cli, indexer.build",
        "import training.cli_eval",  # evaluation runs on the runtime install
        "import benchmarks.demo",
    ],
)
def test_runtime_loads_no_training_library(code: str) -> None:
    assert not modules_after(code) & set(HEAVY)


@pytest.mark.parametrize("name", ["matcher", "matcher.pipeline", "matcher.cli.main"])
def test_matcher_loads_no_other_package_of_ours(name: str) -> None:
    assert not modules_after(f"import {name}") & {"indexer", "training", "benchmarks"}


def test_help_loads_no_training_library() -> None:
    code = "from matcher.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"
    assert not modules_after(code) & set(HEAVY)
