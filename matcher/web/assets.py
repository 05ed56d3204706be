"""Style sheets, scripts and pictures of our pages, under addresses that name their content.

The address of a file holds a mark of everything in its room, so that browsers may keep it for ever, and modules that
import one another by relative names (`./x.js`) always fit together.
"""

from __future__ import annotations

import hashlib
from importlib import resources

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

FOLDER = "static"
KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json",
}
_FOR_EVER = "public, max-age=31536000, immutable"


class Assets:
    """The files of the folders `static` of some packages, read once. All of them stand in one place, side by side.

    Attributes:
        mark: the first 12 digits of a SHA-256 over all of them.
    """

    def __init__(self, *packages: str) -> None:
        """Read them.

        Args:
            packages: e.g. "matcher.web", "matcher.web.app"; every one has a folder `static`.

        Raises:
            ValueError: two have a file of one name.
        """
        self._files: dict[str, tuple[bytes, str]] = {}
        for package in packages:
            self._read(package)
        digest = hashlib.sha256()
        for name, (data, _) in sorted(self._files.items()):
            digest.update(f"{name} {len(data)}\n".encode() + data)
        self.mark = digest.hexdigest()[:12]

    def _read(self, package: str) -> None:
        for file in resources.files(package).joinpath(FOLDER).iterdir():
            kind = KINDS.get("." + file.name.rpartition(".")[2])
            if kind is None or file.name.startswith("."):
                continue
            if file.name in self._files:
                raise ValueError(f"{package} has a second {file.name}; files of one app need different names")
            self._files[file.name] = file.read_bytes(), kind

    def url(self, name: str) -> str:
        """The address of a file.

        Raises:
            KeyError: there is none of that name.
        """
        if name not in self._files:
            raise KeyError(f"no file {name} among the assets")
        return f"/assets/{self.mark}/{name}"

    def router(self) -> APIRouter:
        """What answers these addresses; those of an earlier version get today's files, which are not to be kept."""
        router = APIRouter(include_in_schema=False)

        @router.get("/assets/{mark}/{name}")
        async def asset(mark: str, name: str) -> Response:
            if name not in self._files:
                raise HTTPException(404, "there is no such file")
            data, kind = self._files[name]
            kept = _FOR_EVER if mark == self.mark else "no-store"
            return Response(data, media_type=kind, headers={"Cache-Control": kept})

        return router
