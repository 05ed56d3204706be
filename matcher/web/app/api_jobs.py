"""The API's part about videos. All of it needs the token: what somebody uploaded is not everybody's."""

from __future__ import annotations

import json
import re
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, HTTPException, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from matcher.errors import InputError
from matcher.web.app import schemas
from matcher.web.app.job_sinks import PLAYED, thumbnail
from matcher.web.app.jobs import FRAMES
from matcher.web.app.moments import frames_of, with_tracks
from matcher.web.app.state import Shared, State
from matcher.web.app.views import look_out, product_out
from matcher.web.token import writer

_PROBLEM = {"model": schemas.Problem}
router = APIRouter(
    prefix="/api",
    tags=["videos"],
    dependencies=[Depends(writer)],
    responses={400: _PROBLEM, 401: _PROBLEM, 404: _PROBLEM},
)
UPLOAD_PATH, STILL_PATH = "/api/jobs", "/api/stills"
MOST_BYTES = 8 << 30
ENDINGS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".ts", ".mpg", ".mpeg")
_FILE = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_BODY = {"requestBody": {"required": True, "content": _FILE}}
_VIDEO = {200: {"content": {"video/mp4": {}}}, 206: {"description": "A part"}, 416: {"description": "No such part"}}
_JPEG = {200: {"content": {"image/jpeg": {}}}}
JobId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


@router.get("/jobs")
def jobs(state: Shared) -> list[schemas.JobOut]:
    """All videos, the newest first."""
    return [_job_out(row) for row in state.jobs.all()]


@router.post("/jobs", openapi_extra=_BODY, status_code=201, responses={413: _PROBLEM})
async def upload(
    request: Request, state: Shared, name: Annotated[str, Query(min_length=1, max_length=200)]
) -> schemas.JobOut:
    """Upload a video and put it into the queue. The body is the video itself."""
    path = await run_in_threadpool(state.jobs.new_upload)
    try:
        with path.open("wb") as file:
            async for piece in request.stream():
                file.write(piece)
        job = await run_in_threadpool(state.jobs.add, _plain(name), path)
    except InputError as error:
        state.jobs.drop(path)
        # Its message names our file, which tells the user nothing.
        raise InputError(str(error).replace(str(path), name).replace(path.name, name, 1)) from error
    except BaseException:
        state.jobs.drop(path)
        raise
    return _job_out(_row(state, job))


@router.get("/videos")
def videos(state: Shared) -> list[schemas.VideoOut]:
    """The videos of the server's folder."""
    return [schemas.VideoOut(name=path.name, size=path.stat().st_size) for path in _videos(state)]


@router.post("/videos", status_code=201)
def choose(chosen: Annotated[schemas.VideoIn, Body()], state: Shared) -> schemas.JobOut:
    """Put a video of the server's folder into the queue."""
    # Compared with the list, never made into a path: so it cannot lead out of the folder.
    path = next((path for path in _videos(state) if path.name == chosen.name), None)
    if path is None:
        raise HTTPException(404, "the server's folder has no such video")
    place = state.jobs.new_upload()
    try:
        return _job_out(_row(state, state.jobs.add(path.name, place, path)))
    except InputError:
        state.jobs.drop(place)
        raise


@router.get("/jobs/{job}")
def one_job(job: JobId, state: Shared) -> schemas.JobOut:
    """How far a video is."""
    return _job_out(_row(state, job))


@router.delete("/jobs/{job}", status_code=204)
def delete(job: JobId, state: Shared) -> Response:
    """Stop a video and forget it, with its files."""
    if not state.jobs.remove(job):
        raise HTTPException(404, "there is no such video")
    return Response(status_code=204)


@router.post("/jobs/{job}/cancel")
def cancel(job: JobId, state: Shared) -> schemas.JobOut:
    """Stop a video that waits or runs; harmless for others."""
    state.jobs.cancel(job)
    return _job_out(_row(state, job))


@router.post("/jobs/{job}/again")
def again(job: JobId, state: Shared) -> schemas.JobOut:
    """Put a video that failed or was cancelled into the queue again; harmless for others."""
    state.jobs.again(job)
    return _job_out(_row(state, job))


@router.get(
    "/jobs/{job}/video", responses={200: {"content": {"video/mp4": {}}}, 206: {}, 416: {}}, response_class=Response
)
def play(job: JobId, state: Shared) -> Response:
    """The video to play, encoded anew, its sound too; parts of it on request (`Range`)."""
    path = state.jobs.folder / _done(state, job)["id"] / PLAYED
    if not path.is_file():
        raise HTTPException(404, "this video has no frames")
    return FileResponse(path, media_type="video/mp4", headers={"Cache-Control": "private, max-age=3600"})


@router.get("/jobs/{job}/timeline")
def timeline(job: JobId, state: Shared) -> schemas.TimelineOut:
    """The products on screen, and when."""
    row, found = _done(state, job), state.jobs.timeline(job)
    facts = json.loads(row["facts"])
    width, height = facts["size"]
    sightings = [one for row in found["sightings"] if (one := _sighting(state, job, row)) is not None]
    sound = bool(facts.get("sound"))  # jobs of older versions have none
    return schemas.TimelineOut(length=found["length"], width=width, height=height, sound=sound, sightings=sightings)


@router.get(
    "/jobs/{job}/thumbnails/{number}", responses={200: {"content": {"image/jpeg": {}}}}, response_class=Response
)
def sighting_picture(job: JobId, number: Annotated[int, Path(ge=0, le=10**6)], state: Shared) -> Response:
    """The best view of a product in the video."""
    data = thumbnail(state.jobs.folder / _done(state, job)["id"], number)
    if data is None:
        raise HTTPException(404, "there is no such picture")
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


@router.post("/stills", openapi_extra=_BODY, responses={429: _PROBLEM, 503: _PROBLEM, 413: _PROBLEM})
async def look_at_still(
    request: Request,
    state: Shared,
    job: Annotated[str, Query(pattern="^[0-9a-f]{16}$")],
    time: Annotated[float, Query(ge=0, le=10**6, allow_inf_nan=False)],
) -> schemas.LookOut:
    """Find the garments of a paused video's picture, which is the body. What the video's tracks know counts more."""
    state.rate.check(request)
    row = _done(state, job)
    data = await request.body()
    return await run_in_threadpool(_look_at_still, state, row, data, time)


def _look_at_still(state: State, row: dict[str, Any], data: bytes, time: float) -> schemas.LookOut:
    look = state.finder.find(data)
    path = state.jobs.folder / row["id"] / FRAMES
    frame = frames_of(path, path.stat().st_mtime_ns).at(time)
    if frame is not None and state.finder.pipeline.catalog is not None:
        size = tuple(json.loads(row["facts"])["source"])
        look = state.finder.instead(with_tracks(look, frame, size, state.finder.pipeline.catalog))
    return look_out(look, state.history)


def _row(state: State, job: str) -> dict[str, Any]:
    row = state.jobs.find(job)
    if row is None:
        raise HTTPException(404, "there is no such video")
    return row


def _done(state: State, job: str) -> dict[str, Any]:
    row = _row(state, job)
    if row["state"] != "done":
        raise HTTPException(404, f"this video is {row['state']}, not done")
    return row


def _job_out(row: dict[str, Any]) -> schemas.JobOut:
    running = row["state"] == "running" and row["rate"] > 0 and row["expected"]
    left = max(row["expected"] - row["frames"], 0) / row["rate"] if running else None
    shown = {name: row[name] for name in ("id", "name", "state", "frames", "expected", "rate", "error")}
    video = f"/api/jobs/{row['id']}/video" if row["state"] == "done" else ""
    return schemas.JobOut(**shown, left_s=left, video=video)


def _sighting(state: State, job: str, row: dict[str, Any]) -> schemas.SightingOut | None:
    """A sighting with its product; None where the catalogue no longer has it."""
    generation = state.finder.pipeline.catalog.snapshot() if state.finder.pipeline.catalog is not None else None
    place = generation.table.row_of(row["product"]) if generation is not None else None
    if place is None:
        return None
    number = row["thumbnail"]
    picture = f"/api/jobs/{job}/thumbnails/{number}" if number is not None else ""
    rest = {name: value for name, value in row.items() if name not in ("product", "thumbnail")}
    return schemas.SightingOut(product=product_out(generation.product(place)), picture=picture, **rest)


def _videos(state: State) -> list[FilePath]:
    if state.videos is None or not state.videos.is_dir():
        return []
    found = (path for path in state.videos.iterdir() if path.suffix.lower() in ENDINGS and path.is_file())
    return sorted(found)[:1000]


def _plain(name: str) -> str:
    """A file's name for people: its last part, without control characters."""
    last = re.split(r"[/\\]", name)[-1]
    return "".join(c for c in last if c.isprintable()).strip() or "video"
