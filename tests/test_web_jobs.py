"""Videos in the web app: uploaded, watched, cancelled, cut off and gone on with, played and clicked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import httpx
import pytest

from matcher.sinks.video import VideoWriter
from matcher.video.open import open_video
from matcher.web.app.jobs import Jobs
from matcher.web.app.reviews import Reviews
from matcher.web.app.store import Store
from tests.browser import chromium, drop, page_of, serious, until
from tests.test_pipeline import walk
from tests.web_shop import BEARER, SECRET, job_in, toy_pipeline, toy_server

COUNT = 30


def clip(path: Path, count: int = COUNT) -> Path:
    """A clip of the toy garments walking, again and again."""
    frames = list(walk(COUNT))
    with VideoWriter(path, frames[0].size, 1 / frames[0].time_base, frames[0].time_base) as writer:
        for i in range(count):
            writer.write(frames[i % COUNT].image, i)
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("videos") / "walk.mp4")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, video: Path) -> Iterator[httpx.Client]:
    with toy_server(tmp_path_factory.mktemp("web"), videos=video.parent) as one:
        one.headers.update(BEARER)
        yield one


@pytest.fixture(scope="module")
def done(client: httpx.Client, video: Path) -> dict:
    answer = client.post("/api/jobs", params={"name": "../a/walk.mp4"}, content=video.read_bytes())
    assert answer.status_code == 201, answer.text
    return job_in(client, answer.json()["id"])


def test_an_upload_becomes_a_timeline(client: httpx.Client, done: dict) -> None:
    assert (done["state"], done["name"], done["frames"], done["error"]) == ("done", "walk.mp4", COUNT, "")
    timeline = client.get(f"/api/jobs/{done['id']}/timeline").json()
    assert timeline["length"] == pytest.approx(COUNT / 25) and timeline["sightings"]
    for one in timeline["sightings"]:
        assert 0 <= one["first"] < one["last"] <= timeline["length"] + 1e-6
        assert one["tier"] in ("exact", "similar") and one["product"]["id"].startswith("p-")
        assert client.get(one["picture"]).content.startswith(b"\xff\xd8")


def test_the_played_copy_is_encoded_anew_and_comes_in_parts(client: httpx.Client, done: dict, video: Path) -> None:
    whole = client.get(done["video"])
    assert whole.headers["content-type"] == "video/mp4" and whole.content != video.read_bytes()
    part = client.get(done["video"], headers={"Range": "bytes=0-99"})
    assert part.status_code == 206 and part.content == whole.content[:100]
    path = video.parent / "copy.mp4"
    path.write_bytes(whole.content)
    with open_video(path) as copy, open_video(video) as first:
        times = [[frame.timestamp - source.start for frame in source] for source in (copy, first)]
    path.unlink()
    assert times[0] == pytest.approx(times[1])


def test_a_still_knows_what_the_tracks_know(client: httpx.Client, done: dict, video: Path) -> None:
    import cv2

    with open_video(video) as source:
        frame = next(islice(source, COUNT - 5, None))
    still = cv2.imencode(".jpg", frame.image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    found = client.post("/api/stills", params={"job": done["id"], "time": float(frame.time)}, content=still)
    assert found.status_code == 200, found.text
    lines = [json.loads(line) for line in frames_of(client, done).read_text().splitlines()]
    tracked = {one["products"][0]["id"]: one for one in lines[COUNT - 5]["garments"] if one["tier"] != "none"}
    seen = {one["matches"][0]["product"]["id"]: one for one in found.json()["garments"] if one["matches"]}
    assert tracked and set(tracked) <= set(seen)
    for product, one in tracked.items():
        assert seen[product]["tier"] == one["tier"]
        assert seen[product]["matches"][0]["score"] == pytest.approx(one["products"][0]["score"], abs=1e-3)


def frames_of(client: httpx.Client, job: dict) -> Path:
    return client.app.state.app.jobs.folder / job["id"] / "frames.jsonl"


def test_a_video_of_the_folder_is_chosen_and_none_outside(client: httpx.Client, video: Path) -> None:
    assert [one["name"] for one in client.get("/api/videos").json()] == ["walk.mp4"]
    job = client.post("/api/videos", json={"name": "walk.mp4"}).json()
    assert job_in(client, job["id"])["state"] == "done" and video.exists()
    for name in ("../walk.mp4", str(video), "/etc/passwd", "none.mp4"):
        assert client.post("/api/videos", json={"name": name}).status_code == 404
    assert client.delete(f"/api/jobs/{job['id']}").status_code == 204
    assert video.exists() and client.get(f"/api/jobs/{job['id']}").status_code == 404


@pytest.mark.parametrize("body", [b"", b"no video", b"<html></html>", b"#EXTM3U\nhttp://127.0.0.1/a.ts\n", b"ffconcat"])
def test_what_is_no_video_is_refused_and_leaves_nothing(client: httpx.Client, body: bytes) -> None:
    folder = client.app.state.app.jobs.folder
    before = set(folder.iterdir()) if folder.exists() else set()
    answer = client.post("/api/jobs", params={"name": "evil.mp4"}, content=body)
    assert answer.status_code == 400 and str(folder) not in answer.text
    assert set(folder.iterdir()) == before


def test_an_upload_cannot_name_other_files(client: httpx.Client, video: Path) -> None:
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nfile://{video}\n#EXT-X-ENDLIST\n"
    names = playlist, f"ffconcat version 1.0\nfile {video}\n"
    for text in names:
        answer = client.post("/api/jobs", params={"name": "list.mp4"}, content=text.encode())
        assert answer.status_code == 400 and "playlists are not followed" in answer.json()["detail"]


def test_everything_about_videos_needs_the_token(client: httpx.Client, done: dict) -> None:
    with httpx.Client(base_url=client.base_url, trust_env=False) as stranger:
        for path in (
            "/api/jobs",
            f"/api/jobs/{done['id']}",
            done["video"],
            f"/api/jobs/{done['id']}/timeline",
            "/api/videos",
        ):
            assert stranger.get(path).status_code == 401
        assert stranger.post("/api/jobs", params={"name": "x"}, content=b"x").status_code == 401
        assert stranger.delete(f"/api/jobs/{done['id']}").status_code == 401


def test_a_job_that_runs_is_cancelled_and_put_in_again(tmp_path: Path) -> None:
    long = clip(tmp_path / "long.mp4", 100)
    with toy_server(tmp_path / "web", videos=tmp_path) as client:
        client.headers.update(BEARER)
        first = client.post("/api/videos", json={"name": "long.mp4"}).json()["id"]
        second = client.post("/api/videos", json={"name": "long.mp4"}).json()["id"]
        job_in(client, first, ("running",))
        assert client.post(f"/api/jobs/{second}/cancel").json()["state"] == "cancelled"
        assert client.post(f"/api/jobs/{first}/cancel").json()["state"] == "cancelled"
        assert client.get(f"/api/jobs/{first}/timeline").status_code == 404
        assert client.post(f"/api/jobs/{first}/again").json()["state"] in ("queued", "running")
        assert job_in(client, first)["state"] == "done" and long.exists()
        assert client.get(f"/api/jobs/{second}").json()["state"] == "cancelled"


def test_jobs_survive_a_server_that_is_killed(tmp_path: Path) -> None:
    """A server of its own process is killed in the midst of a job; the next one finishes it."""
    clip(tmp_path / "long.mp4", 100)
    folder = tmp_path / "web"
    code = (
        "from pathlib import Path\nimport time\nfrom tests.web_shop import BEARER, toy_server\n"
        f"folder = Path({str(folder)!r})\n"
        f"with toy_server(folder, videos=Path({str(tmp_path)!r})) as client:\n"
        "    client.headers.update(BEARER)\n"
        "    job = client.post('/api/videos', json={'name': 'long.mp4'}).json()['id']\n"
        "    while client.get(f'/api/jobs/{job}').json()['frames'] < 1:\n        time.sleep(0.02)\n"
        "    print(job, flush=True)\n    time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": "."}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as process:
        job = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
    leftover = folder / "data" / "jobs" / "an-upload-cut-off"
    leftover.mkdir()
    store = Store(folder / "data")
    row = store.row("SELECT * FROM job WHERE id = ?", (job,))
    assert row["state"] == "running" and row["frames"] >= 1
    jobs = Jobs(store, toy_pipeline(tmp_path / "again"), Reviews(store))
    jobs.start()
    try:
        for _ in range(4800):
            if jobs.find(job)["state"] == "done":
                break
            time.sleep(0.05)
        assert (jobs.find(job)["state"], jobs.find(job)["frames"]) == ("done", 100)
        files = {path.name for path in (jobs.folder / job).iterdir()}
        assert not any(".part" in name for name in files) and "play.mp4" in files and not leftover.exists()
    finally:
        jobs.stop()
        store.close()


def test_a_person_uploads_watches_plays_and_clicks(client: httpx.Client, video: Path) -> None:
    url = str(client.base_url)
    with chromium() as browser, page_of(browser, url) as page:
        page.goto(f"{url}/videos?token={SECRET}")
        drop(page, "#drop", video.read_bytes(), "clip <b>.mp4", "video/mp4")
        row = page.locator(".jobs li", has_text="clip <b>.mp4")
        row.get_by_role("link", name="Open").wait_for()
        assert serious(page) == []
        row.get_by_role("link", name="Open").click()
        page.locator("path.garment").first.wait_for(state="attached")  # the first picture is shown at once
        assert page.locator("h1").inner_text() == "clip <b>.mp4"
        marks = page.locator(".mark")
        marks.first.click()
        until(page, "document.querySelector('video').currentTime > 0.1 && document.querySelector('video').paused")
        page.locator("path.garment").first.wait_for(state="attached")
        page.locator("#garments button").first.click()
        page.locator("#details .product").first.wait_for()
        assert serious(page) == []
        page.get_by_role("button", name="Play").click()
        until(page, "document.querySelector('video').ended || !document.querySelector('video').paused")
        until(page, "document.querySelectorAll('path.garment').length === 0 || document.querySelector('video').ended")
        page.locator("#seek").focus()
        page.keyboard.press("Home")
        page.locator("path.garment").first.wait_for(state="attached")
        assert page.evaluate("document.querySelector('video').currentTime") < 0.2


def test_a_person_cancels_tries_again_and_deletes(client: httpx.Client, video: Path) -> None:
    url = str(client.base_url)
    with chromium() as browser, page_of(browser, url) as page:
        page.goto(f"{url}/videos?token={SECRET}")
        before, rows = len(client.get("/api/jobs").json()), "document.querySelectorAll('.jobs li[data-id]').length"
        page.get_by_role("button", name="Look through it").click()
        page.get_by_text("is in the queue").wait_for()
        until(page, f"{rows} === {before + 1}")
        row = page.locator(".jobs li").first
        row.get_by_role("link", name="Open").wait_for()
        row.get_by_role("button", name="Delete").click()
        until(page, f"{rows} === {before}")
        drop(page, "#drop", b"nothing", "x.mp4", "video/mp4")
        page.get_by_text("x.mp4: this is text, not a video").wait_for()
