"""Cameras, capture cards and OBS's virtual camera: how the system's own interface for them is asked.

A camera is written `camera:` and its number, path or name, then what is wished of it:
`camera:0`, `camera:/dev/video2`, `camera:OBS Virtual Camera`, `camera:0?size=1280x720&rate=30`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from matcher.errors import MediaError

PREFIX = "camera:"
_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
_WISHES = {"size": ("video_size", r"\d{2,5}x\d{2,5}"), "rate": ("framerate", r"\d{1,3}(\.\d+)?")}
_NAMES = Path("/sys/class/video4linux")


@dataclass(frozen=True)
class Camera:
    """What `av.open` takes for a camera: the file, FFmpeg's name of the interface, and its options."""

    file: str
    format: str
    options: Mapping[str, str]


def is_camera(source: object) -> bool:
    """Whether the source is written as a camera."""
    return isinstance(source, str) and (source.startswith(PREFIX) or source.startswith("/dev/video"))


def open_as(source: str, platform: str = sys.platform, names: Path = _NAMES) -> Camera:
    """How a camera is opened here.

    Args:
        source: as `is_camera` takes it.
        platform: as `sys.platform`.
        names: where Linux says which camera has which name.

    Raises:
        MediaError: it is written wrongly, or this system has no interface for cameras that we know.
    """
    which, _, wishes = source.removeprefix(PREFIX).partition("?")
    if platform not in _FORMATS:
        raise MediaError(f"{source}: cameras cannot be opened on {platform}; stream it and give the address")
    if not which or which.startswith("-"):
        raise MediaError(f"{source}: write camera: and its number or name, such as camera:0")
    return Camera(_file(which, platform, names), _FORMATS[platform], _options(source, wishes))


def _options(source: str, wishes: str) -> dict[str, str]:
    options = {}
    for key, value in parse_qsl(wishes, keep_blank_values=True):
        option, pattern = _WISHES.get(key, ("", "(?!)"))
        if not re.fullmatch(pattern, value):
            raise MediaError(f"{source}: {key}={value} is not understood; write ?size=1280x720&rate=30")
        options[option] = value
    return options


def _file(which: str, platform: str, names: Path) -> str:
    if platform == "darwin":
        return f"{which}:none"
    if platform == "win32":
        return f"video={which}"
    if which.isdigit():
        return f"/dev/video{which}"
    return which if which.startswith("/") else _by_name(which, names)


def _by_name(name: str, names: Path) -> str:
    """The first camera of that name, which Linux knows beside its device; else the name, which opens nothing."""
    for file in sorted(names.glob("video*/name")):
        if file.read_text("utf-8", "replace").strip() == name:
            return f"/dev/{file.parent.name}"
    return name
