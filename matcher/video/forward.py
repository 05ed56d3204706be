"""A program of its own that sends coded pictures and sound on: NUT from its standard input to where it is told.

PyAV connects and writes to the network while it holds Python's lock: a server that does not answer would halt the
whole process. This one may wait, and whoever started it may end it. It says "open" once it is connected, and one line
of what went wrong.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import av
from av.audio.resampler import AudioResampler
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from matcher.errors import InputError

TARGET = "ASWORN_FORWARD_TO"  # not among the arguments, which all users of a machine can read: it holds a stream key
SCHEMES = {"rtmp": "flv", "rtmps": "flv", "srt": "mpegts", "udp": "mpegts", "tcp": "mpegts", "rtsp": "rtsp"}
FILES = {".mkv": "matroska", ".mp4": "mp4", ".mov": "mov", ".flv": "flv", ".ts": "mpegts"}
_QUICK = {"probesize": "32", "analyzeduration": "0", "fpsprobesize": "0"}
# A fragmented file can be played up to where it was cut off; others of these are so by nature.
_OPTIONS = {name: {"movflags": "frag_keyframe+empty_moov+default_base_moof"} for name in ("mp4", "mov")}
# Sound that players of these understand; other containers say themselves what they hold.
_SOUND = {"flv": ("aac", "mp3"), "mpegts": ("aac", "mp3", "mp2", "ac3", "eac3", "opus")}
_OPTIONS |= {"flv": {"flvflags": "no_duration_filesize"}, "rtsp": {"rtsp_transport": "tcp"}}


def form_of(target: str) -> str:
    """FFmpeg's name of the container for a target.

    Raises:
        InputError: it is neither a file nor an address that can be sent to.
    """
    if "://" in target:
        scheme = urlsplit(target).scheme.lower()
        if scheme not in SCHEMES:
            raise InputError(f"cannot publish to {scheme}://: give {', '.join(s + '://' for s in SCHEMES)} or a file")
        return SCHEMES[scheme]
    ending = os.path.splitext(target)[1].lower()
    if ending not in FILES:
        raise InputError(f"{target}: publish to an address such as rtmp://, or a file that ends in {', '.join(FILES)}")
    return FILES[ending]


def main() -> int:
    """Forward until the input ends. Exit status: 0 then, 1 after a failure."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that started this: it closes the input
    target = os.environ.pop(TARGET)
    try:
        forward("pipe:0", target)
    except (av.FFmpegError, OSError, ValueError) as error:
        print(getattr(error, "strerror", None) or error, flush=True)
        return 1
    return 0


def forward(source: str, target: str) -> None:
    """Copy all streams of NUT; sound that the target's container does not take is encoded as AAC.

    Raises:
        FFmpegError: it cannot be read or written.
    """
    form = form_of(target)
    with av.open(source, "r", format="nut", options=_QUICK) as coming:
        # Sound and picture are written in the order in which they come: none is to wait long for the other.
        options = {"max_interleave_delta": "300000", "flush_packets": "1", **_OPTIONS.get(form, {})}
        going = av.open(target, "w", format=form, container_options=options)
        ways = {stream.index: _way(going, stream, _SOUND.get(form)) for stream in coming.streams}
        going.start_encoding()
        print("open", flush=True)
        for packet in coming.demux():
            for out in ways[packet.stream_index](packet):
                going.mux(out)
        going.close()


def _way(going: OutputContainer, stream: Stream, sound: tuple[str, ...] | None) -> _Copy | _ToAac:
    if stream.type == "audio" and sound is not None and stream.codec_context.codec.canonical_name not in sound:
        return _ToAac(going, stream)
    try:
        return _Copy(going.add_stream_from_template(stream, opaque=True))
    except ValueError:
        if stream.type != "audio":
            raise
        return _ToAac(going, stream)


class _Copy:
    """Packets as they are, for a stream with the same codec."""

    def __init__(self, out: Stream) -> None:
        self._out = out

    def __call__(self, packet: Packet) -> Iterator[Packet]:
        if packet.size:
            packet.stream = self._out
            yield packet


class _ToAac:
    """Sound of any other codec."""

    def __init__(self, going: OutputContainer, stream: Stream) -> None:
        self._out = going.add_stream("aac", rate=48_000)
        context = self._out.codec_context
        context.layout = "mono" if stream.codec_context.layout.nb_channels == 1 else "stereo"
        self._resample = AudioResampler("fltp", context.layout.name, 48_000, frame_size=1024)

    def __call__(self, packet: Packet) -> Iterator[Packet]:
        for frame in packet.decode():
            for part in self._resample.resample(frame):
                yield from self._out.encode(part)


if __name__ == "__main__":
    sys.exit(main())
