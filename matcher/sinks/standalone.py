"""Pages that are one file and need nothing else: their parts, templates, and the hashes that their policy names."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources

import jinja2

# Everything is escaped, and a name that is not given is an error.
STRICT = {"autoescape": True, "undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}


@cache
def packaged(package: str, name: str) -> str:
    """The text of a file of a package, such as a style sheet."""
    return resources.files(package).joinpath(name).read_text("utf-8").strip()


@cache
def template(package: str, name: str) -> jinja2.Template:
    """A file of a package as a template."""
    return jinja2.Environment(**STRICT).from_string(packaged(package, name))


def digest(text: str) -> str:
    """The hash by which a content security policy names a style sheet or script: base64 of its SHA-256."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
