"""What all of `asworn train` do before they train: read the recipe, keep a copy, say what happens."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from matcher.errors import InputError
from training.journal import show_lines
from training.processes import leads
from training.settings import load_settings
from training.smoke import limited

Settings = TypeVar("Settings")

ConfigFile = Annotated[Path, typer.Option("--config", help="The recipe, a TOML file.")]
RunFolder = Annotated[Path, typer.Option("--out", help="Run folder; a stopped run there goes on.")]
Limit = Annotated[
    int,
    typer.Option(
        "--limit",
        min=0,
        help="Smoke run: at most so many steps, on at most so many pictures of each source. Use a folder of its own.",
    ),
]


def begin(kind: type[Settings], config: Path, out: Path, limit: int = 0) -> Settings:
    """Read a recipe, put a copy of it into the run folder, and show the run's lines on stderr.

    Args:
        kind: settings class of the recipe.
        config: the TOML file.
        out: run folder, made if needed.
        limit: see `limited`.

    Raises:
        ConfigError: the recipe cannot be read, or says what the settings do not know.
        InputError: the folder cannot be written to.
    """
    settings = limited(load_settings(kind, config), limit)
    if leads():
        show_lines()
        try:
            out.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(config, out / "recipe.toml")
        except shutil.SameFileError:
            pass
        except OSError as error:
            raise InputError(f"cannot write to the run folder {out}: {error.strerror or error}") from error
    return settings


def say(checkpoint: Path) -> None:
    """Print what a run gives, once."""
    if leads():
        typer.echo(checkpoint)
