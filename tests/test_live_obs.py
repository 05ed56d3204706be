"""Cards only in the scenes where they are wanted: against a server of OBS's protocol, by the server that users run."""

from __future__ import annotations

import pytest

from matcher.errors import BackendError
from matcher.web.live import obs
from matcher.web.live.settings import ObsConfig, OverlayConfig
from tests.live_stage import QUICK, Actor, make_hub, serving, until

pytest.importorskip("simpleobsws", reason="needs the extra [live]")
from tests.obs_server import Obs  # noqa: E402 - needs what simpleobsws brings


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obs, "FIRST_S", 0.1)
    monkeypatch.setattr(obs, "ASK_S", 0.5)
    monkeypatch.setenv("ASWORN_OBS_PASSWORD", "right")


def config(port: int, **scenes: tuple[str, ...]) -> OverlayConfig:
    return OverlayConfig(cards=QUICK, obs=ObsConfig(f"ws://127.0.0.1:{port}", **scenes))


@pytest.mark.parametrize("password", ["", "right"])
def test_cards_follow_the_scene_through_a_restart_of_obs(password: str) -> None:
    with Obs(password) as first:
        port = first.port
        hub = make_hub(config=config(port, scenes=("Camera",)))
        with serving(hub), Actor(hub.board()) as actor:
            board = actor.board
            until(lambda: board.state == "elsewhere" and not board.cards())
            first.show("Camera")
            until(lambda: board.cards() and board.state == "live")
            first.show("Break")
            until(lambda: not board.cards() and board.state == "elsewhere")
            first.__exit__()
            until(lambda: board.cards())
            with Obs(password, port) as second:
                until(lambda: not board.cards())
                second.show("Camera")
                until(lambda: board.cards())
                assert set(second.asked) == {"GetCurrentProgramScene"}


def test_scenes_without_cards() -> None:
    with Obs() as server:
        hub = make_hub(config=config(server.port, not_scenes=("Break",)))
        with serving(hub), Actor(hub.board()) as actor:
            until(lambda: server.asked and actor.board.cards())
            server.show("Break")
            until(lambda: not actor.board.cards())
            server.show("Anything else")
            until(lambda: actor.board.cards())


def test_a_wrong_password_and_no_obs_at_all_leave_the_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASWORN_OBS_PASSWORD", "wrong")
    with Obs("right") as server:
        hub = make_hub(config=config(server.port, scenes=("Camera",)))
        with serving(hub), Actor(hub.board()) as actor:
            until(lambda: server.refused >= 2)
            assert actor.board.cards() and actor.board.state == "live"
    with serving(make_hub(config=config(server.port, scenes=("Camera",)))) as alone:
        assert alone.url


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "matcher.web.live.obs")
    monkeypatch.setitem(sys.modules, "simpleobsws", None)
    with pytest.raises(BackendError, match=r"asworn\[live\]"), serving(make_hub(config=config(1))):
        pass
