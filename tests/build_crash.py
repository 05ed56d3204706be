"""Run as a program: kills a build at points of its work, goes on after each, and reads what became of it.

Usage: python -m tests.build_crash FOLDER COUNT SEED    COUNT kills, half of them at chosen points; prints JSON

Each round is a whole build of the same feed that is killed once (SIGKILL) and then finished by another process. It is
demanded that readers see the generation before until they see the new one, that no finished picture is described
twice, and that in the end the products are the feed's: none lost, none doubled.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.build import Tally, build
from indexer.describe import BundleDescriber, Description
from indexer.feeds.open import open_feed
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.catalog.check import check
from matcher.errors import CatalogError
from tests.kill import STEPS, die_at
from tests.test_indexer_build import write_picture
from tests.toy_bundle import make_bundle, paint

PRODUCTS = 12
# Steps of a build that a Python process can be killed before; a kill in the midst of a picture is another.


def main() -> None:
    """See the top of the file."""
    folder, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    bundle = make_bundle(folder / "bundle")
    feed = write_feed(folder)
    # Once to the end first: what is imported late is then there, so that all builds have the same steps.
    assert not killed_at(folder, feed, bundle, 1 << 30)
    whole = len(steps_of_a_build(folder, feed, bundle))
    chance = random.Random(seed)
    first = [round(i * (whole - 1) / max(1, count - count // 2 - 1)) for i in range(count - count // 2)]
    points = first + [chance.randrange(whole) for _ in range(count // 2)]
    killed = sum(killed_at(folder, feed, bundle, point) for point in points)
    print(json.dumps({"kills": killed, "steps": whole, "products": PRODUCTS}))


def write_feed(folder: Path) -> Path:
    """Products of three types, each with a picture of its own."""
    lines = ["id,image,type"]
    for i in range(PRODUCTS):
        name = ("tops", "pants", "bags")[i % 3]
        write_picture(folder / "shop" / f"{i}.png", paint((120, 140), {name: (30, 30, 60 + 2 * i, 100)}))
        lines.append(f"p{i},{i}.png,{name}")
    (folder / "shop" / "products.csv").write_text("\n".join(lines) + "\n")
    return folder / "shop"


class Noting:
    """The models; notes in a file each picture that they are asked for."""

    def __init__(self, real: BundleDescriber, notes: Path) -> None:
        self._real, self._notes = real, notes
        self.dimension = real.dimension

    def describe(self, image: NDArray[np.uint8], type_hint: str | None) -> Description:
        """Note and pass on."""
        self._note(hashlib.sha256(image.tobytes()).hexdigest())
        return self._real.describe(image, type_hint)

    def _note(self, line: str) -> None:
        handle = os.open(self._notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(handle, f"{line}\n".encode())
        os.close(handle)


def build_here(folder: Path, feed: Path, bundle: Bundle) -> Tally:
    """One build of the feed."""
    describer = Noting(BundleDescriber(bundle), folder / "notes")
    return build(open_feed(feed).read(), folder / "c", bundle, describer)


def steps_of_a_build(folder: Path, feed: Path, bundle: Bundle) -> list[str]:
    """The steps of a build that nobody disturbs, counted in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        steps: list[str] = []
        sys.addaudithook(lambda event, _: steps.append(event) if event in STEPS else None)
        build_here(folder, feed, bundle)
        os.write(writer, json.dumps(steps).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        found = json.loads(file.read())
    os.waitpid(child, 0)
    return found


def killed_at(folder: Path, feed: Path, bundle: Bundle, point: int) -> bool:
    """Build anew, killed at a step, then to the end; whether the kill came before the end."""
    shutil.rmtree(folder / "c", ignore_errors=True)
    (folder / "notes").unlink(missing_ok=True)
    died = in_child(folder, feed, bundle, point)
    seen_before = catalogue_or_none(folder / "c")
    begun = Counter((folder / "notes").read_text().splitlines()) if (folder / "notes").exists() else Counter()
    assert not in_child(folder, feed, bundle, None), "the second build died by itself"
    begun_in_all = Counter((folder / "notes").read_text().splitlines())
    catalog = Catalog.load(folder / "c")
    assert len(catalog) == PRODUCTS and {one.id for one in catalog.products(range(PRODUCTS))} == {
        f"p{i}" for i in range(PRODUCTS)
    }
    assert not check(folder / "c").problems
    # The picture that was under way when the kill came may be begun twice, no other.
    again = {key: times for key, times in begun_in_all.items() if times > 1}
    assert len(again) <= 1 and sum(again.values()) <= 2, again
    assert len(begun_in_all) == PRODUCTS
    if seen_before is not None:
        assert begun == begun_in_all, "a finished build was done again"
    assert not (folder / "c" / "work.sqlite").exists()
    return died


def in_child(folder: Path, feed: Path, bundle: Bundle, point: int | None) -> bool:
    """Whether a build in a process of its own was killed; `point` = at which step, None = never."""
    child = os.fork()
    if child == 0:
        die_at(-1 if point is None else point)
        try:
            build_here(folder, feed, bundle)
        except BaseException as error:  # a child must never return into the parent's code
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert status == 0 or os.WIFSIGNALED(status), "a build failed instead of dying"
    return os.WIFSIGNALED(status)


def catalogue_or_none(root: Path) -> Catalog | None:
    """What a reader sees: a whole catalogue or none, never half of one."""
    try:
        catalog = Catalog.load(root)
    except CatalogError as error:
        assert "no catalogue at" in str(error), error
        return None
    assert len(catalog) == PRODUCTS and not check(root).problems
    return catalog


if __name__ == "__main__":
    main()
