"""The options that every command with models has, in one list, which a command takes as one parameter."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from matcher.cli.options import (
    BackendOption,
    BundleOption,
    ClassesOption,
    ConfigOption,
    DetectorOption,
    DeviceOption,
    MasksOption,
    ThreadsOption,
    make_pipeline,
)
from matcher.pipeline import Pipeline

PARAMETER = "models"  # a command's parameter in whose place the options stand


@dataclass(frozen=True)
class ModelOptions:
    """Settings, weights, and where they run: what the options of these names say."""

    config: ConfigOption = "file.toml"
    bundle: BundleOption = None
    detector: DetectorOption = ""
    classes: ClassesOption = ""
    threads: ThreadsOption = 0
    masks: MasksOption = True
    backend: BackendOption = ""
    device: DeviceOption = ""

    def pipeline(
        self, catalog: Path | None, mask_rows: str = "all", whole_file: bool = False, streams: int = 1
    ) -> Pipeline:
        """What these options ask for; see `make_pipeline`.

        Raises:
            MatcherError: whatever is wrong with the catalogue, the settings or the weights.
        """
        how = {"detector": self.detector, "classes": self.classes, "backend": self.backend, "device": self.device}
        place = (catalog, self.config, self.bundle, self.threads, self.masks)
        return make_pipeline(*place, mask_rows, whole_file, **how, streams=streams)


def with_models(config: str, without: Sequence[str] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a command that has a parameter `models` of the type `ModelOptions` be called with its single options.

    Args:
        config: the settings that the command has where none are named.
        without: options that it does not have.
    """
    usual = ModelOptions(config)
    hints = get_type_hints(ModelOptions, include_extras=True)
    names = [field.name for field in fields(ModelOptions) if field.name not in without]
    options = [_parameter(name, getattr(usual, name), hints[name]) for name in names]

    def change(command: Callable[..., Any]) -> Callable[..., Any]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())
        place = [one.name for one in own].index(PARAMETER)
        signature = inspect.Signature([*own[:place], *options, *own[place + 1 :]])

        @functools.wraps(command)
        def run(*args: Any, **given: Any) -> Any:
            found = signature.bind(*args, **given).arguments
            chosen = {name: found.pop(name) for name in names if name in found}
            return command(**found, **{PARAMETER: replace(usual, **chosen)})

        run.__signature__ = signature
        run.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
        return run

    return change


def _parameter(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)
