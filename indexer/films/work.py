"""The matching of a library: here, film by film, or by the workers of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexer.cluster import cluster, plain_errors
from indexer.films.library import Film, FilmSettings
from matcher.cli.film import match_film
from matcher.cli.output import RunFolder
from matcher.errors import MatcherError
from matcher.pipeline import Pipeline
from matcher.runner import Progress
from matcher.video.open import open_video

Show = Callable[[Progress], None]


@dataclass(frozen=True)
class Outcome:
    """What became of a film.

    Attributes:
        path: of the film.
        frames: looked at; 0 where it failed.
        seconds: of wall time.
        products: seen in it.
        error: why it failed, "" where it did not.
    """

    path: Path
    frames: int = 0
    seconds: float = 0.0
    products: int = 0
    error: str = ""


def match_here(films: Sequence[Film], settings: FilmSettings, show: Show | None = None) -> Iterator[Outcome]:
    """Match films one after the other on one set of models; a film that cannot be matched does not stop the others.

    Raises:
        MatcherError: whatever is wrong with the catalogue, the settings or the weights.
    """
    if not films:
        return
    pipeline = settings.pipeline()
    for film in films:
        yield match_one(film, settings, pipeline, show)


def match_one(film: Film, settings: FilmSettings, pipeline: Pipeline, show: Show | None = None) -> Outcome:
    """Match one film with a pipeline that other films were matched with before."""
    pipeline.reset()
    try:
        with open_video(str(film.path), decode=settings.decode) as source:
            results, more = RunFolder(film.folder), {"key": film.key}
            schedule = settings.schedule(pipeline)
            summary, seen = match_film(source, pipeline, schedule, results, settings.exports, show, more=more)
    except MatcherError as error:
        return Outcome(film.path, error=str(error))
    return Outcome(film.path, summary.frames, summary.wall_s, len({s.product.id for s in seen}))


class FilmWorker:
    """An actor of a cluster: it holds the models, and matches the films that it is given."""

    def __init__(self, settings: FilmSettings) -> None:
        """Take the settings; the models are loaded for the first film."""
        self._settings, self._pipeline = settings, None

    def match(self, film: Film) -> Outcome:
        """Match one film; both paths must be reachable from this machine."""
        try:
            self._pipeline = self._pipeline or self._settings.pipeline()
        except MatcherError as error:
            return Outcome(film.path, error=str(error))
        return match_one(film, self._settings, self._pipeline)


def match_on_cluster(
    films: Sequence[Film], settings: FilmSettings, address: str = "", workers: int = 0, cpus: int = 1
) -> Iterator[Outcome]:
    """Match films on a Ray cluster whose machines share the folders; outcomes come as films are finished.

    Args:
        films: what to match.
        settings: how; `threads` is for each worker.
        address: of the cluster, see `indexer.cluster.cluster`.
        workers: processes that hold the models; 0 = as many as the cluster has room for.
        cpus: cores that each of them is given.

    Raises:
        BackendError: Ray is not installed.
        InputError: no cluster answers at the address.
        CatalogError: the workers failed.
    """
    if not films:
        return
    with cluster(address) as ray, plain_errors(ray):
        room = int(ray.cluster_resources().get("CPU", 1)) // cpus
        count = max(min(workers or room, len(films)), 1)
        actor = ray.remote(num_cpus=cpus, max_restarts=2, max_task_retries=2)(FilmWorker)
        pool = [actor.remote(settings) for _ in range(count)]
        waiting, running = list(films), {}
        while waiting or running:
            # Longest first would end sooner; the order of the paths is easier to follow, and resumes the same.
            for worker in [worker for worker in pool if worker not in running.values()]:
                if waiting:
                    running[worker.match.remote(waiting.pop(0))] = worker
            (ready, *_), _ = ray.wait(list(running), num_returns=1)
            running.pop(ready)
            yield ray.get(ready)
