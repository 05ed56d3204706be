"""`asworn` itself: errors are plain lines with the right status, commands of other packages are loaded when called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from matcher.cli import commands
from matcher.cli.commands import EXTRAS
from matcher.cli.main import main

PLUGIN = """
import sys
from typing import Annotated
import typer
from matcher.errors import CatalogError, InputError

app = typer.Typer()

@app.command()
def one(number: int = 1) -> None:
    print("one", number)

@app.command()
def two() -> None:
    print("two")

def hello(name: str, loud: bool = False) -> None:
    '''Greet somebody.'''
    print(f"hello {name}", "loudly" if loud else "quietly")

def fail(how: str) -> None:
    if how == "user":
        raise InputError("that is not a feed\\nname a folder or a CSV file\\nthird line")
    if how == "catalog":
        raise CatalogError("no catalogue here")
    if how == "bug":
        raise ZeroDivisionError("a bug")
    if how == "ctrl-c":
        raise KeyboardInterrupt
    if how == "exit":
        raise typer.Exit(7)

number = 3
"""
ENTRY_POINTS = """[asworn.commands]
hello = toy_plugin:hello
fail = toy_plugin:fail
group = toy_plugin:app
broken = toy_broken:go
number = toy_plugin:number
match = toy_plugin:hello
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with commands, some of which cannot be imported."""
    (tmp_path / "toy_plugin.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "toy_broken.py").write_text("import a_library_that_is_not_there\n", encoding="utf-8")
    info = tmp_path / "toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(ENTRY_POINTS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_commands_of_other_packages_run(plugins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hello", "Ann", "--loud"]) == 0 and main(["group", "one", "--number", "5"]) == 0
    assert capsys.readouterr().out.splitlines() == ["hello Ann loudly", "one 5"]


def test_our_commands_cannot_be_replaced(plugins: Path) -> None:
    assert "match" not in commands.plugins()


@pytest.mark.parametrize(
    ("args", "status", "says"),
    [
        (["fail", "user"], 2, ["asworn: that is not a feed", "name a folder or a CSV file"]),
        (["fail", "catalog"], 2, ["asworn: no catalogue here"]),
        (["fail", "bug"], 1, ["asworn: ZeroDivisionError: a bug", "This is unexpected; --debug shows where"]),
        (["fail", "ctrl-c"], 130, ["stopped; nothing half-written"]),
        (["fail", "exit"], 7, []),
        (["broken"], 2, ["asworn: asworn broken cannot start: No module named 'a_library_that_is_not_there'"]),
        (["number"], 2, ["asworn: asworn number is not a command"]),
        (["hello"], 2, ["asworn: Missing argument", "See: asworn hello --help"]),
        (["hello", "Ann", "--quick"], 2, ["asworn: No such option", "See: asworn hello --help"]),
        (["group"], 2, ["See: asworn group --help"]),
        (["nonsense"], 2, ["asworn: No such command 'nonsense'", "See: asworn --help"]),
    ],
)
def test_failures_are_one_or_two_plain_lines(
    plugins: Path, capsys: pytest.CaptureFixture[str], args: list[str], status: int, says: list[str]
) -> None:
    assert main(args) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) <= 2 and not any("Traceback" in line for line in lines)
    assert all(any(text in line for line in lines) for text in says), lines


def test_a_command_without_its_extra_names_it(
    plugins: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXTRAS, "broken", "toys")
    assert main(["broken"]) == 2
    assert "pip install 'asworn[toys]'" in capsys.readouterr().err


@pytest.mark.parametrize("args", [["--debug", "fail", "bug"], ["fail", "bug", "--debug"]])
def test_debug_shows_the_traceback(plugins: Path, capsys: pytest.CaptureFixture[str], args: list[str]) -> None:
    assert main(args) == 1
    assert "Traceback" in capsys.readouterr().err


def test_help_lists_commands_that_cannot_be_loaded(plugins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in ("match", "image", "doctor", "catalog", "hello", "broken", "serve"))
    assert main(["hello", "--help"]) == 0 and "Greet somebody" in capsys.readouterr().out


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0 and "Commands" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0 and capsys.readouterr().out.startswith("asworn 0.")


@pytest.mark.parametrize("command", list(commands.OWN))
def test_our_own_commands_load_and_explain_themselves(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0 and f"asworn {command}" in capsys.readouterr().out


def test_help_loads_no_model_code() -> None:
    code = (
        "import sys\nfrom matcher.cli.main import main\nmain(['--help'])\n"
        "print([m for m in ('torch', 'numpy', 'cv2', 'onnxruntime', 'faiss') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_a_reader_that_leaves_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "matcher", "--help"], stdout=gone, stderr=subprocess.PIPE, text=True, timeout=120
        )
    assert "Traceback" not in done.stderr and done.returncode in (0, 1)
