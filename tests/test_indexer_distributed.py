"""A build on a real Ray cluster of this machine: the same catalogue as without one, whoever dies meanwhile."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.build import Tally, build
from indexer.describe import BundleDescriber, Describer, Description
from indexer.distributed import DistributedLoad, DistributedOptions, Plan, RemoteDescriber, Results
from indexer.feeds.open import open_feed
from indexer.weights import BundleRecipe
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.catalog.check import check
from matcher.errors import BackendError, BundleError, InputError
from matcher.fetch.fetcher import Fetcher, FetchOptions
from matcher.stages.models import Runtime
from tests.picture_server import picture, serving
from tests.test_indexer_build import BOX, SIZE, Counting, write_picture
from tests.test_indexer_cli import run as run_index
from tests.toy_bundle import COLOURS, make_bundle, paint

# Ray warns of its own older settings.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
ROOT = Path(__file__).parents[1]
HERE = Runtime(threads=1)
LIMITS = FetchOptions(allow_private=True, attempts=1)
# The command as it is installed, wherever the tests are started.
MAIN = """
import sys
from importlib import metadata
from importlib.metadata import EntryPoint
from unittest.mock import patch
ours = EntryPoint("index", "indexer.cli:index", "asworn.commands")
theirs = metadata.entry_points  # other packages look for plug-ins of their own while the command runs
def plugins(**asked):
    return [ours] if asked.get("group") == "asworn.commands" else theirs(**asked)
with patch("importlib.metadata.entry_points", plugins):
    from matcher.cli.main import main
    sys.exit(main())
"""
COMMAND = [sys.executable, "-c", MAIN, "index"]
COUNT = 64  # products of the large shop: four blocks of work


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The hand-written bundle."""
    return make_bundle(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A cluster of two cores that is there already, as `ray start` makes it; this process is connected to it."""
    ray = pytest.importorskip("ray", reason="pip install 'asworn[scale]'")
    pytest.importorskip("pyarrow", reason="pip install 'asworn[scale]'")
    limits = ["--num-cpus=2", f"--object-store-memory={120 << 20}", "--include-dashboard=false", "--port=0"]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment().items():
            patch.setenv(name, value)
        # Not in this process: Ray leaves its children's ends to the interpreter's, which our tests take for a fault.
        with subprocess.Popen([*command, *limits], stdout=subprocess.PIPE, text=True) as process:
            found = next((line for line in process.stdout if "--address=" in line), "")
            if not found:
                pytest.skip(f"no Ray cluster starts on this machine now (exit status {process.wait()})")
            host = re.search(r"--address='?([\d.]+:\d+)", found)[1]
            ray.init(address=host, log_to_driver=False, logging_level="ERROR")
            yield host
            ray.shutdown()
            process.terminate()


def environment(**more: str) -> dict[str, str]:
    """For processes that start Ray: the packages are found, and no token is made in the user's folder."""
    settings = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled"}
    return {**os.environ, **settings, "RAY_USAGE_STATS_ENABLED": "0", **more}


@dataclass(frozen=True)
class Noting:
    """A recipe whose models note each picture in a file, and once, at the picture of that number, do something.

    `event`: "die" = SIGKILL to the worker that describes it, "wait" = until the file `go` is there.
    """

    real: BundleRecipe
    folder: Path
    at: int = -1
    event: str = ""

    @property
    def dimension(self) -> int:
        """Of the vectors."""
        return self.real.dimension

    def __call__(self) -> Describer:
        """The models with a notebook."""
        return _Noted(self.real(), self)


class _Noted:
    def __init__(self, real: Describer, recipe: Noting) -> None:
        self._real, self._recipe = real, recipe
        self.dimension = real.dimension

    def describe(self, image: NDArray[np.uint8], type_hint: str | None) -> Description:
        """Note, and pass on."""
        recipe = self._recipe
        note(recipe.folder / "notes", f"{os.getpid()} {int(image[..., 0].sum())}")
        if len(notes(recipe.folder)) > recipe.at >= 0 and recipe.event and claimed(recipe.folder / "event"):
            os.kill(os.getpid(), signal.SIGKILL)
        return self._real.describe(image, type_hint)


def note(path: Path, line: str) -> None:
    """Append a line in one step."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


def notes(folder: Path) -> list[tuple[str, str]]:
    """Process and mark of every picture that was described."""
    path = folder / "notes"
    return [tuple(line.split()) for line in path.read_text().splitlines()] if path.exists() else []


def claimed(path: Path) -> bool:
    """Whether this caller is the first of all processes to ask."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


def write_large_shop(folder: Path) -> Path:
    """A shop of `COUNT` products with a picture each, no two alike."""
    lines = ["id,image,type"]
    for i in range(COUNT):
        name = list(COLOURS)[i % len(COLOURS)]
        write_picture(folder / f"{i}.png", paint((120, 140), {name: (20, 20, 40 + i, 100)}))
        lines.append(f"p{i},{i}.png,{name if i % 3 else ''}")
    (folder / "products.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_mixed_shop(folder: Path, base: str) -> Path:
    """A shop with what feeds have: several pictures, one of several products, types unknown, bad rows, the web."""
    for name in ("tops", "pants", "bags"):
        write_picture(folder / f"{name}.png", paint(SIZE, {name: BOX}))
    write_picture(folder / "back.png", paint(SIZE, {"tops": (60, 60, 140, 210)}))
    write_picture(folder / "empty.png", paint(SIZE, {}))
    (folder / "noise.jpg").write_bytes(b"this is no picture")
    (folder / "cut.png").write_bytes((folder / "tops.png").read_bytes()[:-60])
    (folder / "products.csv").write_text(
        "id,image,title,type,price\n"
        "shirt,tops.png,Shirt,tops,10\nshirt,back.png,Shirt,tops,10\njeans,pants.png,Jeans,,20\n"
        "same,tops.png,The same picture,tops,12\nother,tops.png,Asked for as another type,bags,12\n"
        "ghost,noise.jpg,,,\nhalf,cut.png,,,\nlost,nowhere.png,,,\nplain,empty.png,,bags,\n"
        f"web,{base}/a.png,,,\ngone,{base}/gone.png,,,\nfar,ftp://shop.example/a.jpg,,,\n"
    )
    return folder


def build_there(
    shop: Path, out: Path, bundle: Bundle, recipe: BundleRecipe | Noting | None = None, **said: object
) -> Tally:
    """Build on the cluster, with two workers."""
    recipe = recipe or BundleRecipe.of(bundle, HERE)
    options = DistributedOptions(workers=2, limits=LIMITS, cache=out.parent / "cache", **said)
    load = DistributedLoad(recipe, options)
    return build(open_feed(shop).read(), out, bundle, RemoteDescriber(recipe.dimension), load=load)


def contents(root: Path) -> list[tuple]:
    """Everything that a catalogue holds, but for arrays that compare by identity."""
    assert not check(root).problems
    generation = Catalog.load(root).snapshot()
    table = generation.table
    return [
        (
            table.stored(row),
            generation.reconstruct(row).tobytes(),
            [replace(one, type_probs=one.type_probs.tobytes()) for one in table.origins(row)],
        )
        for row in range(len(table))
    ]


def rejected(root: Path) -> list[list[str]]:
    """The list of what was not used."""
    with (root / f"gen-{Catalog.load(root).generation:06d}" / "rejected.csv").open(newline="") as file:
        return list(csv.reader(file))


def test_the_same_catalogue_as_on_one_machine(address: str, tmp_path: Path, bundle: Bundle) -> None:
    with serving() as server:
        server.answers["/a.png"] = picture(picture_bytes(paint(SIZE, {"hats": BOX})))
        shop = write_mixed_shop(tmp_path / "shop", server.url(""))
        with Fetcher(LIMITS) as fetcher:
            content = open_feed(shop).read()
            here = build(content, tmp_path / "here", bundle, BundleDescriber(bundle, HERE), fetcher=fetcher)
        there = build_there(shop, tmp_path / "there", bundle)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    assert rejected(tmp_path / "there") == rejected(tmp_path / "here") and len(there.rejected) == 5
    assert there == here and (there.products, there.vectors, there.whole) == (6, 7, 2)
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["CURRENT", "gen-000001"]


def test_a_worker_dies_half_way(address: str, tmp_path: Path, bundle: Bundle) -> None:
    shop = write_large_shop(tmp_path / "shop")
    recipe = Noting(BundleRecipe.of(bundle, HERE), tmp_path, COUNT // 2, "die")
    tally = build_there(shop, tmp_path / "there", bundle, recipe)
    build(open_feed(shop).read(), tmp_path / "here", bundle, BundleDescriber(bundle, HERE))
    assert (tmp_path / "event").exists() and (tally.products, tally.vectors) == (COUNT, COUNT)
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    seen = notes(tmp_path)
    workers = Counter(process for process, _ in seen)
    # One that died, the other, and one in place of the first. What was done twice is what the dead one had in hand.
    assert len(workers) >= 2 and len({mark for _, mark in seen}) == COUNT <= len(seen) <= COUNT + 40
    # What is there is known on the cluster too: an update describes nothing.
    again = build_there(shop, tmp_path / "there", bundle, recipe)
    assert (again.reused, again.generation) == (COUNT, 2) and notes(tmp_path) == seen


def test_the_asking_machine_dies_half_way(tmp_path: Path, bundle: Bundle) -> None:
    """The command with a cluster of its own is killed; it goes on, on one machine, from what had come back."""
    pytest.importorskip("ray", reason="pip install 'asworn[scale]'")
    shop = write_large_shop(tmp_path / "shop")
    said = [shop, "--out", tmp_path / "c", "--bundle", bundle.folder, "--distributed", "--workers", "1"]
    command = COMMAND + [str(one) for one in said]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 240
    while not work_is_there(tmp_path / "c") and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    told = process.communicate()[1]
    if "Ray does not start" in told and not work_is_there(tmp_path / "c"):
        pytest.skip(f"no Ray cluster starts on this machine now: {told.strip()}")
    counting = Counting(BundleDescriber(bundle, HERE))
    tally = build(open_feed(shop).read(), tmp_path / "c", bundle, counting)
    assert tally.products == COUNT and not check(tmp_path / "c").problems
    done = tally.resumed + tally.reused
    assert done >= 16 and len(counting.hints) == COUNT - done


def work_is_there(root: Path) -> bool:
    """Whether a block of work was written beside a catalogue, or a whole catalogue."""
    log = root / "work.sqlite-wal"
    return (root / "CURRENT").exists() or (log.exists() and log.stat().st_size > 100_000)


def test_errors_of_workers_are_told(tmp_path: Path, bundle: Bundle) -> None:
    """A worker's error that is one of ours comes back as it is."""
    pytest.importorskip("ray", reason="pip install 'asworn[scale]'")
    import pyarrow as pa

    from indexer.distributed_workers import FETCHED, DescribeWorker

    class NoModels:
        dimension = 8

        def __call__(self) -> Describer:
            raise BundleError("the bundle lacks its detector")

    image = picture_bytes(paint(SIZE, {"tops": BOX}))
    row = {
        "task": 0,
        "type_hint": "",
        "picture": '[2, "a.png", null, ""]',
        "content": "ab",
        "error": '""',
        "data": image,
    }
    found = DescribeWorker(NoModels())(pa.Table.from_pylist([{**row, "stale": False, "known": False}], schema=FETCHED))
    with pytest.raises(BundleError, match="^the bundle lacks its detector$"):
        Results(NoLibrary(), Plan(open_feed(write_large_shop(tmp_path / "shop")).read().items)).take(found)


class NoLibrary:
    """Knows nothing, keeps nothing."""

    def find(self, content: str) -> Description | None:
        """Nothing."""

    def put(self, content: str, found: Description) -> None:
        """Into the air."""

    def contents(self) -> Iterator[str]:
        """None."""
        return iter(())


def picture_bytes(image: NDArray[np.uint8]) -> bytes:
    """As a file."""
    return cv2.imencode(".png", image)[1].tobytes()


def test_marks_of_contents() -> None:
    pytest.importorskip("ray", reason="pip install 'asworn[scale]'")
    from indexer.distributed_workers import has_mark, marks

    keys = [f"{i * 0x9E3779B97F4A7C15 % 2**64:016x}{i:048x}" for i in range(500)]
    known = marks(keys[:300] + keys[:5])
    assert [has_mark(known, key) for key in keys] == [True] * 300 + [False] * 200
    assert not has_mark(marks(()), keys[0])


def test_a_bundle_that_the_other_machine_has_not(tmp_path: Path, bundle: Bundle) -> None:
    recipe = BundleRecipe.of(bundle, HERE)
    image = paint(SIZE, {"tops": BOX})
    own, sent = recipe().describe(image, "tops"), replace(recipe, folder=tmp_path / "none")().describe(image, "tops")
    assert sent.embedding.tobytes() == own.embedding.tobytes() and own.embedding.shape == (recipe.dimension,)


def test_without_ray(tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    shop = write_mixed_shop(tmp_path / "shop", "http://127.0.0.1:1")
    done = run_index(shop, "--out", tmp_path / "c", "--bundle", bundle.folder, "--distributed")
    assert isinstance(done.exception, BackendError) and "asworn[scale]" in str(done.exception)
    assert len(str(done.exception).splitlines()) == 1 and not (tmp_path / "c").exists()


def test_a_cluster_is_asked_for_with_distributed_only(tmp_path: Path) -> None:
    done = run_index(tmp_path, "--out", tmp_path / "c", "--workers", "2")
    assert isinstance(done.exception, InputError) and "--distributed" in str(done.exception)


def test_no_cluster_at_the_address(tmp_path: Path, bundle: Bundle) -> None:
    """In a process of its own: a process has one cluster."""
    pytest.importorskip("ray", reason="pip install 'asworn[scale]'")
    shop = write_mixed_shop(tmp_path / "shop", "http://127.0.0.1:1")
    command = [*COMMAND, str(shop), "--out", str(tmp_path / "c"), "--bundle", str(bundle.folder), "--distributed"]
    there = environment(RAY_ADDRESS="nonsense")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=there, cwd=ROOT)
    assert done.returncode == 2 and "no Ray cluster can be used at nonsense" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "c").exists()
