"""The chat bot in a channel of a real IRC server, and line by line."""

from __future__ import annotations

import asyncio
import socket
import threading
import warnings
from collections.abc import Iterator

import pytest

from matcher.errors import InputError
from matcher.types import Product
from matcher.web.live import twitch
from matcher.web.live.helpers import helpers
from matcher.web.live.settings import ChatConfig, OverlayConfig
from matcher.web.live.twitch import Bot
from tests.live_stage import PRODUCTS, QUICK, Actor, make_hub, serving, until

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    irc = pytest.importorskip("irc.server", reason="needs the package irc")


class IrcServer:
    """The server of the package `irc`, in a thread."""

    def __init__(self, port: int = 0) -> None:
        class _Server(irc.IRCServer):
            daemon_threads = True
            allow_reuse_address = True
            channels, clients = {}, {}  # the package's servers share theirs

        self._server = _Server(("127.0.0.1", port), irc.IRCClient)
        self.port = self._server.server_address[1]
        self.clients = self._server.clients
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> IrcServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for client in list(self._server.clients.values()):
            client.request.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def members(self, channel: str) -> set[str]:
        found = self._server.channels.get(channel)
        return {client.nick for client in found.clients} if found else set()


class Viewer:
    """Somebody in the channel."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._file = self._socket.makefile("r", encoding="utf-8", newline="\r\n")
        self.say_line("NICK viewer", "USER viewer 0 * :viewer", "JOIN #shop")
        while "366" not in self.line():
            pass

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def say_line(self, *lines: str) -> None:
        self._socket.sendall("".join(line + "\r\n" for line in lines).encode())

    def say(self, text: str) -> None:
        self.say_line(f"PRIVMSG #shop :{text}")

    def line(self, timeout_s: float = 20) -> str:
        self._socket.settimeout(timeout_s)
        return self._file.readline().rstrip()

    def heard(self, timeout_s: float = 20) -> str:
        """The next thing that the bot says."""
        while "PRIVMSG" not in (line := self.line(timeout_s)):
            pass
        return line


def chat(port: int, **how: object) -> OverlayConfig:
    return OverlayConfig(cards=QUICK, chat=ChatConfig("Shop", "fitbot", "127.0.0.1", port, tls=False, **how))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(twitch, "FIRST_S", 0.1)
    monkeypatch.delenv("ASWORN_CHAT_TOKEN", raising=False)
    yield


def test_the_bot_answers_in_the_channel_and_comes_back() -> None:
    with IrcServer() as first:
        port = first.port
        hub = make_hub(config=chat(port, every_s=1.5))
        with serving(hub), Actor(hub.board(), worn=(0, 2)) as actor:
            until(lambda: "fitbot" in first.members("#shop") and len(actor.board.cards()) == 2)
            with Viewer(port) as viewer:
                viewer.say("hello, what is this?")
                viewer.say("!fit please")
                said = viewer.heard()
                assert said.startswith(":fitbot!") and " PRIVMSG #shop :" in said
                assert "Rust <b>overshirt</b>, 89.00 EUR https://shop.example/1" in said and "(Ad: we earn)" in said
            first.__exit__()
            with IrcServer(port) as second:
                until(lambda: "fitbot" in second.members("#shop"))
                until(lambda: bot_says(port, "!FIT"))


def bot_says(port: int, text: str) -> bool:
    """Whether the bot answers; it may be too soon after its last answer."""
    with Viewer(port) as viewer:
        viewer.say(text)
        try:
            return "Rust" in viewer.heard(0.5)
        except TimeoutError:
            return False


@pytest.fixture
def bot() -> Iterator[Bot]:
    hub = make_hub(config=chat(1))
    hub.board().pin(PRODUCTS[0].id, True)
    times = iter(range(0, 10_000, 1))
    yield Bot(hub, hub.config.chat, "oauth:abc", clock=lambda: float(next(times)))


def test_lines_of_the_server(bot: Bot) -> None:
    assert bot.answer("PING :tmi.twitch.tv") == "PONG :tmi.twitch.tv"
    assert bot.answer(":tmi.twitch.tv 001 fitbot :Welcome, GLHF!") == "JOIN #shop"
    tags = "@badge-info=;display-name=Ann;user-id=1 "
    assert bot.answer(tags + ":ann!ann@ann.tmi.twitch.tv PRIVMSG #shop :!fit").startswith("PRIVMSG #shop :Rust")
    for line in (
        "",
        ":",
        "@",
        ":x",
        "\x00",
        ":a PRIVMSG #shop",
        ":a PRIVMSG #other :!fit",
        ":a PRIVMSG #shop :!fitting",
    ):
        assert bot.answer(line) == ""
    assert bot.answer(":tmi.twitch.tv NOTICE * :Login authentication failed") == ""


def test_it_answers_seldom(bot: Bot) -> None:
    answers = [bot.answer(":a PRIVMSG #shop :!fit") for _ in range(50)]
    assert sum(map(bool, answers)) == 10 == bot.answers, "50 s, one in 5 s"


@pytest.mark.parametrize(
    "title", ["x\r\nQUIT :bye", "/ban everybody", ".timeout ann 600", "\u202eevil", "a\x00b", "Ü" * 600, "👗" * 300]
)
def test_no_title_becomes_a_command(title: str) -> None:
    hub = make_hub(config=chat(1))
    hub.boards.clear()
    product = Product("x", title, "tops", link="https://shop.example/1")
    board = hub.add("cam", find={"x": product}.get)
    board.pin("x", True)
    line = Bot(hub, hub.config.chat, "").answer(":a PRIVMSG #shop :!fit")
    assert line.startswith("PRIVMSG #shop :") and len(line.encode()) <= 510 - 40
    text = line.split(" :", 1)[1]
    assert text.isprintable() and text[0] not in "/.!"


def test_a_bot_without_a_token_is_refused() -> None:
    config = OverlayConfig(chat=ChatConfig("shop"))
    with pytest.raises(InputError, match="ASWORN_CHAT_TOKEN"):
        helpers(make_hub(config=config))


def test_a_server_that_is_silent_or_sends_garbage_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twitch, "SILENT_S", 0.2)
    lines = [b"\xff\xfe\r\n", b"x" * 20_000 + b"\r\n", b":a PRIVMSG\r\n"]
    seen: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(1)
        writer.writelines(lines)
        await reader.read()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        hub = make_hub(config=chat(port))
        running = asyncio.create_task(Bot(hub, hub.config.chat, "").run())
        while len(seen) < 3:
            assert not running.done()
            await asyncio.sleep(0.02)
        running.cancel()
        server.close()

    asyncio.run(asyncio.wait_for(run(), 30))
