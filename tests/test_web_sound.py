"""The copy of a video that the web app plays keeps the sound, in step with the picture."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from matcher.types import Garments
from matcher.video.open import open_video
from matcher.video.soundtrack import Soundtrack
from matcher.web.app.job_sinks import PlayedCopy
from tests.browser import chromium, page_of, serious, until
from tests.live.flash import RATE, flashes_and_beeps, write_flashes
from tests.web_shop import BEARER, SECRET, job_in, toy_server

SECONDS = 4
# What ffmpeg makes of the clip of flashes and beeps; the ending says the container.
MADE = {
    "plain.mp4": "-i {} -c copy",
    "late start.mkv": "-i {} -c copy -output_ts_offset 5",
    "transport.ts": "-i {} -c copy",
    "sound begins first.mkv": "-itsoffset 0.7 -i {} -i {} -map 0:v -map 1:a -c copy",
    "sound begins last.mp4": "-i {} -itsoffset 0.9 -i {} -map 0:v -map 1:a -c copy",
    "sound stream first.mkv": "-i {} -map 0:a -map 0:v -c copy",
    "hole.mkv": "-i {} -c:v copy -af aselect=not(between(t\\,1.4\\,1.9)) -c:a pcm_s16le",
    "surround.mkv": "-i {} -c:v copy -ac 6 -ar 44100 -c:a ac3",
    "old telephone.mov": "-i {} -c:v copy -ar 8000 -c:a pcm_mulaw",
    "high rate.mkv": "-i {} -c:v copy -ar 96000 -c:a flac",
}


@pytest.fixture(scope="module")
def flashes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flash") / "flash.mp4"
    write_flashes(path, SECONDS)
    return path


def made(source: Path, path: Path, arguments: str) -> Path:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs the program ffmpeg")
    subprocess.run(["ffmpeg", "-v", "error", *arguments.format(*[source] * 2).split(), str(path)], check=True)
    return path


def copied(source: Path, path: Path) -> PlayedCopy:
    """The copy as a job makes it."""
    with open_video(source) as video:
        copy = PlayedCopy(path, video.rate, source)
        with copy:
            for frame in video:
                copy.write(frame, Garments.empty())
    return copy


def apart(path: Path) -> list[float]:
    """How much later each beep is than its flash, in seconds."""
    lights, beeps = flashes_and_beeps(path)
    assert lights
    return [min((beep - light for beep in beeps), key=abs, default=9.0) for light in lights]


@pytest.mark.parametrize("name", MADE)
def test_picture_and_sound_stay_as_they_were(flashes: Path, tmp_path: Path, name: str) -> None:
    source = made(flashes, tmp_path / name, MADE[name])
    copy = copied(source, tmp_path / "play.mp4")
    before, after = apart(source), apart(tmp_path / "play.mp4")
    assert copy.sound and len(before) == len(after) == SECONDS - 1
    assert np.abs(np.array(before) - after).max() <= 1 / RATE, "within one frame"
    with av.open(str(tmp_path / "play.mp4")) as played:
        sound, picture = played.streams.audio[0], played.streams.video[0]
        assert (sound.codec_context.name, picture.codec_context.name) == ("aac", "h264")
        lasts = [float(stream.duration * stream.time_base) for stream in (sound, picture)]
        assert lasts[0] <= lasts[1] + 2 / RATE, "the sound ends with the picture"


def test_a_video_without_sound_has_none_in_its_copy(flashes: Path, tmp_path: Path) -> None:
    source = made(flashes, tmp_path / "mute.mp4", "-i {} -an -c copy")
    assert not copied(source, tmp_path / "play.mp4").sound
    with av.open(str(tmp_path / "play.mp4")) as played:
        assert not played.streams.audio and len(list(played.decode(video=0))) == SECONDS * RATE


def test_damaged_sound_harms_no_picture(flashes: Path, tmp_path: Path) -> None:
    source = made(flashes, tmp_path / "noise.mkv", "-i {} -c copy -bsf:a noise=amount=40")
    copied(source, tmp_path / "play.mp4")
    with av.open(str(tmp_path / "play.mp4")) as played:
        assert len(list(played.decode(video=0))) == SECONDS * RATE


def test_time_that_jumps_ends_the_sound_and_makes_no_hours_of_silence(flashes: Path) -> None:
    with Soundtrack.open(flashes, Fraction(0)) as track:
        assert sum(one.samples for one in track.until(Fraction(1))) == track.rate
        assert list(track.until(Fraction(10**7))) == [] and list(track.until(Fraction(2))) == []


def test_samples_come_once_and_in_order_however_they_are_asked_for(flashes: Path) -> None:
    def heard(times: list[Fraction]) -> np.ndarray:
        with Soundtrack.open(flashes, Fraction(1, 3)) as track:
            frames = [one for moment in times for one in track.until(moment)]
        assert [one.pts for one in frames] == list(np.cumsum([0, *(one.samples for one in frames[:-1])]))
        return np.concatenate([one.to_ndarray() for one in frames], axis=1)

    whole = heard([Fraction(3)])
    assert whole.shape == (1, 48_000 * 3 - 16_000)
    np.testing.assert_array_equal(whole, heard([Fraction(n, 24) for n in range(1, 73)]))


def test_a_person_hears_it_and_can_switch_it_off(flashes: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    shutil.copy(flashes, tmp_path / "videos" / "flash.mp4")
    made(flashes, tmp_path / "videos" / "mute.mp4", "-i {} -an -c copy")
    with toy_server(tmp_path / "web", videos=tmp_path / "videos") as client:
        client.headers.update(BEARER)
        jobs = {
            name: client.post("/api/videos", json={"name": f"{name}.mp4"}).json()["id"] for name in ("flash", "mute")
        }
        for name, job in jobs.items():
            assert job_in(client, job)["state"] == "done"
            assert client.get(f"/api/jobs/{job}/timeline").json()["sound"] == (name == "flash")
        url = str(client.base_url)
        with chromium() as browser, page_of(browser, url) as page:
            page.goto(f"{url}/player?job={jobs['flash']}&token={SECRET}")
            mute = page.get_by_role("button", name="Mute")
            mute.wait_for()
            assert not page.evaluate("document.querySelector('video').muted")
            page.get_by_role("button", name="Play").click()
            until(page, "document.querySelector('video').webkitAudioDecodedByteCount > 0")
            mute.click()
            until(page, "document.querySelector('video').muted")
            # The page hears of it by an event, a moment later.
            page.get_by_role("button", name="Mute", pressed=True).wait_for()
            page.get_by_label("Volume").focus()
            page.keyboard.press("ArrowLeft")
            until(page, "!document.querySelector('video').muted && document.querySelector('video').volume < 1")
            assert serious(page) == []
            page.goto(f"{url}/player?job={jobs['mute']}")
            page.get_by_text("0 products in 0:04.").wait_for()
            assert not mute.is_visible()
