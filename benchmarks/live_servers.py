"""Real servers and senders for live streams on this machine: nginx with its RTMP module, and FFmpeg."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matcher.errors import BackendError

MODULES = (Path("/usr/lib/nginx/modules"), Path("/usr/share/nginx/modules"), Path("/usr/lib64/nginx/modules"))
_MODULE = "ngx_rtmp_module.so"
_CONF = """
load_module {module};
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 64; }}
rtmp {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        application live {{ live on; record off; idle_streams off; }}
    }}
}}
"""


def free_port() -> int:
    """A port of this machine that nobody listens to now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(port: int) -> None:
    """Until somebody listens to a port."""
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def need_ffmpeg() -> None:
    """Say what is missing.

    Raises:
        BackendError: ffmpeg is not installed.
    """
    if shutil.which("ffmpeg") is None:
        raise BackendError("the program ffmpeg is not installed")


class Program:
    """A program that is started, and can be killed and started again."""

    def __init__(self, args: list[str]) -> None:
        """Start it."""
        self._args = args
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it again."""
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(self._args, **quiet)

    @property
    def running(self) -> bool:
        """Whether it is there."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self, frozen: bool = True) -> None:
        """Let it do nothing, with its connections open; or go on."""
        self._process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)


class RtmpServer(Program):
    """nginx that takes and gives RTMP on a free port; can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        """Start it; what it writes is in a folder.

        Raises:
            BackendError: it is not installed.
        """
        module = next((path / _MODULE for path in MODULES if (path / _MODULE).exists()), None)
        nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if nginx is None or module is None:
            raise BackendError("nginx with its RTMP module is not installed (nginx-light and libnginx-mod-rtmp)")
        self.port, self._folder = free_port(), folder
        (folder / "nginx.conf").write_text(_CONF.format(module=module, folder=folder, port=self.port))
        super().__init__([nginx, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")])

    def url(self, name: str) -> str:
        """The address of a stream."""
        return f"rtmp://127.0.0.1:{self.port}/live/{name}"

    def start(self) -> None:
        """Start, and wait until it listens."""
        super().start()
        wait_for(self.port)


class Sender(Program):
    """FFmpeg that sends a clip at its own speed, again and again."""

    def __init__(self, clip: Path, target: str, form: str = "flv", *more: str) -> None:
        """Begin to send a clip as it is, in FFmpeg's container `form`; `more` are arguments before the target.

        Raises:
            BackendError: ffmpeg is not installed.
        """
        need_ffmpeg()
        loop = ["-re", "-stream_loop", "-1", "-i", str(clip), "-c", "copy"]
        super().__init__(["ffmpeg", "-v", "error", *loop, *more, "-f", form, target])


@contextmanager
def sending(clip: Path, target: str, form: str = "flv", *more: str) -> Iterator[Sender]:
    """A sender that is ended when the block is left."""
    sender = Sender(clip, target, form, *more)
    try:
        yield sender
    finally:
        sender.kill()


def make_clip(path: Path, seconds: float = 4.0, rate: int = 25, size: str = "320x240", sound: bool = True) -> Path:
    """A clip of FFmpeg's test picture with a key picture each second, and a tone."""
    need_ffmpeg()
    picture = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"] if sound else []
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-g", str(rate), "-pix_fmt", "yuv420p", "-c:a", "aac"]
    command = ["ffmpeg", "-v", "error", "-y", *picture, *tone, "-t", str(seconds), *coded, str(path)]
    subprocess.run(command, check=True, env=os.environ)
    return path
