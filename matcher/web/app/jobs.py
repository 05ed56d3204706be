"""Videos in a queue: one is looked through at a time, all are remembered, and those cut off by a stop begin again."""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matcher.errors import InputError, MatcherError, MediaError
from matcher.pipeline import Pipeline
from matcher.runner import Progress, run
from matcher.sinks.jsonl import JsonlSink
from matcher.video.open import open_video
from matcher.web.app.job_sinks import PLAYED, TIMELINE, PlayedCopy, ReviewSink, TimelineSink
from matcher.web.app.reviews import Reviews
from matcher.web.app.store import Store

FRAMES, UPLOAD = "frames.jsonl", "upload"
MOST_WAITING = 50
_HEAD = 1024
_SAVE_S = 0.5  # between two notes of how far a job is
_log = logging.getLogger(__name__)


class _Stop(Exception):
    """The job is cancelled, or the server ends."""


class Jobs:
    """The queue, and a thread that works through it between `start` and `stop`."""

    def __init__(self, store: Store, pipeline: Pipeline, reviews: Reviews) -> None:
        """Keep jobs in this store; their files in the folder `jobs` beside it."""
        self._store, self._pipeline, self._reviews = store, pipeline, reviews
        self.folder = store.folder / "jobs"
        self._wake, self._ending = threading.Event(), threading.Event()
        self._current = ""
        self._cancelled: set[str] = set()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Go on with what an earlier server left: jobs that were running wait again, uploads cut off are removed."""
        self._store.change("UPDATE job SET state = 'queued', frames = 0 WHERE state = 'running'")
        known = {row["id"] for row in self._store.rows("SELECT id FROM job")}
        for folder in self.folder.glob("*"):
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; the job under way begins again with the next server."""
        self._ending.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def new_upload(self) -> Path:
        """A file to write an upload to; `add` makes it a job, whoever gives up calls `drop`."""
        folder = self.folder / secrets.token_hex(8)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise MatcherError(f"cannot keep uploads in {self.folder} ({error.strerror})") from error
        return folder / UPLOAD

    def drop(self, upload: Path) -> None:
        """Remove an upload that becomes no job."""
        shutil.rmtree(upload.parent, ignore_errors=True)

    def add(self, name: str, upload: Path, video: Path | None = None) -> str:
        """Put a video into the queue; the id of its job.

        Args:
            name: to show.
            upload: a path of `new_upload`, with the video in it unless there is another.
            video: a file that stays where it is.

        Raises:
            MediaError: it is no video, or an upload that names other files.
            InputError: the queue is full.
        """
        waiting = self._store.row("SELECT count(*) AS number FROM job WHERE state IN ('queued', 'running')")
        if waiting["number"] >= MOST_WAITING:
            raise InputError(f"{MOST_WAITING} videos wait already; cancel one, or wait")
        if video is None and _is_text(upload):
            raise MediaError("this is text, not a video; playlists are not followed")
        with open_video(video or upload) as source:
            expected = source.frames_estimate
        job = upload.parent.name
        values = (job, name, "queued", time.time(), expected, str(video or ""))
        self._store.change(
            "INSERT INTO job (id, name, state, added, expected, video) VALUES (?, ?, ?, ?, ?, ?)", values
        )
        self._wake.set()
        return job

    def all(self) -> list[dict[str, Any]]:
        """All jobs, the newest first."""
        return self._store.rows("SELECT * FROM job ORDER BY added DESC, id")

    def find(self, job: str) -> dict[str, Any] | None:
        """One job; None where there is none of that id."""
        return self._store.row("SELECT * FROM job WHERE id = ?", (job,))

    def cancel(self, job: str) -> bool:
        """Stop a job that waits or runs; whether it did."""
        self._cancelled.add(job)
        done = self._store.change(
            "UPDATE job SET state = 'cancelled' WHERE id = ? AND state IN ('queued', 'running')", (job,)
        )
        if self._current != job:
            self._cancelled.discard(job)
        return bool(done)

    def again(self, job: str) -> bool:
        """Put a job that failed or was cancelled into the queue again; whether it could be."""
        sql = (
            "UPDATE job SET state = 'queued', error = '', frames = 0 WHERE id = ? AND state IN ('failed', 'cancelled')"
        )
        changed = bool(self._store.change(sql, (job,)))
        self._wake.set()
        return changed

    def remove(self, job: str) -> bool:
        """Forget a job and its files; what was judged of it stays. Whether there was one."""
        row = self.find(job)
        if row is None:
            return False
        self.cancel(job)
        self._store.change("DELETE FROM job WHERE id = ?", (job,))
        self._reviews.forget(_source(row))
        if self._current != job:
            shutil.rmtree(self.folder / job, ignore_errors=True)
        return True

    def timeline(self, job: str) -> dict[str, Any] | None:
        """What `TimelineSink` wrote; None before the job is done."""
        path = self.folder / job / TIMELINE
        return json.loads(path.read_text("utf-8")) if path.is_file() else None

    def _work(self) -> None:
        while not self._ending.is_set():
            self._wake.clear()
            job = self._store.row("SELECT * FROM job WHERE state = 'queued' ORDER BY added LIMIT 1")
            if job is None:
                self._wake.wait()
                continue
            self._current = job["id"]
            try:
                self._process(job)
            finally:
                self._current = ""
                self._cancelled.discard(job["id"])
                if self.find(job["id"]) is None:
                    shutil.rmtree(self.folder / job["id"], ignore_errors=True)

    def _process(self, job: dict[str, Any]) -> None:
        self._set(job["id"], state="running")
        if (self.find(job["id"]) or job)["state"] != "running":
            return  # cancelled just now
        try:
            self._match(job)
        except _Stop:
            if not self._ending.is_set():
                return  # its state says so already
            _log.info("the job %s will begin again", job["id"])
        except MatcherError as error:
            self._set(job["id"], state="failed", error=str(error))
        except Exception:
            _log.exception("the job %s failed", job["id"])
            self._set(job["id"], state="failed", error="this is unexpected; the server's log says more")

    def _match(self, job: dict[str, Any]) -> None:
        folder = self.folder / job["id"]
        _clear(folder)
        path = Path(job["video"] or folder / UPLOAD)
        with open_video(path) as source:
            pipeline = self._pipeline.beside()
            copy = PlayedCopy(folder / PLAYED, source.rate, path)
            self._reviews.forget(_source(job))
            sinks = [
                JsonlSink(folder / FRAMES),
                copy,
                TimelineSink(folder, source),
                ReviewSink(self._reviews, _source(job)),
            ]
            summary = run(source, sinks, pipeline, self._noting(job["id"]))
            facts = {"size": copy.size, "source": source.size, "sound": copy.sound}
        self._set(job["id"], state="done", frames=summary.frames, facts=json.dumps(facts))

    def _noting(self, job: str) -> Callable[[Progress], None]:
        """What notes how far a job is, and stops it where that is wanted."""
        noted = 0.0

        def note(step: Progress) -> None:
            nonlocal noted
            if self._ending.is_set() or job in self._cancelled:
                raise _Stop
            if time.monotonic() - noted >= _SAVE_S:
                noted = time.monotonic()
                self._set(job, frames=step.frames, rate=round(step.rate, 2))

        return note

    def _set(self, job: str, **values: object) -> None:
        """Change a job, unless it was cancelled meanwhile."""
        columns = ", ".join(f"{name} = ?" for name in values)
        self._store.change(f"UPDATE job SET {columns} WHERE id = ? AND state != 'cancelled'", (*values.values(), job))


def _is_text(path: Path) -> bool:
    """Whether a file begins as text: a playlist, which could make us read this machine's other files."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return bool(head) and not any(byte < 9 or 13 < byte < 32 for byte in head)


def _clear(folder: Path) -> None:
    """Remove what an attempt cut off has left in a job's folder; the upload stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != UPLOAD:
            path.unlink()


def _source(job: dict[str, Any]) -> str:
    """How matches of a job are called: its name for people, and its id so that two videos of a name are two."""
    return f"{job['name']} [{job['id'][:6]}]"
