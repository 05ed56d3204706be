"""The options that commands share: each command has them all, with its own settings, from Python too."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from indexer.cli_films import match_many
from matcher.cli.commands import as_command
from matcher.cli.image import image
from matcher.cli.live import live
from matcher.cli.match import match
from matcher.cli.models import ModelOptions, with_models
from matcher.cli.serve import serve

NAMES = [field.name for field in fields(ModelOptions)]
CONFIGS = {"match": match, "image": image, "match-many": match_many, "live": live, "serve": serve}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_command_has_the_same_options(name: str) -> None:
    command, function = as_command(CONFIGS[name], name), CONFIGS[name]
    known = {option.name: option for option in command.params}
    wanted = [one for one in NAMES if (name, one) != ("serve", "masks")]
    assert set(wanted) <= set(known) and "models" not in known
    assert all(known[one].help for one in wanted), "help comes with them"
    usual = {"live": "live.toml", "serve": "serve.toml"}.get(name, "file.toml")
    assert known["config"].default == usual == inspect.signature(function).parameters["config"].default
    assert function.__doc__ and known["threads"].default == 0


def test_what_is_chosen_arrives_together() -> None:
    @with_models("file.toml", without=("masks",))
    def command(source: str, models: ModelOptions = ModelOptions(), loud: bool = False) -> tuple:
        return source, models, loud

    assert command("a") == ("a", ModelOptions("file.toml"), False)
    assert command("a", config="x.toml", threads=2, loud=True) == ("a", ModelOptions("x.toml", threads=2), True)
    for wrong in ({"masks": False}, {"models": ModelOptions()}, {"nothing": 1}):
        with pytest.raises(TypeError):
            command("a", **wrong)
    app = typer.Typer()
    app.command()(command)
    found = typer.main.get_command(app).main(["a", "--threads", "3", "--loud"], standalone_mode=False)
    assert found == ("a", ModelOptions("file.toml", threads=3), True)


def test_a_wrong_value_is_told_by_its_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from matcher.cli.main import main

    assert main(["image", str(tmp_path / "x.png"), "--threads", "-1"]) == 2
    assert "--threads" in capsys.readouterr().err
