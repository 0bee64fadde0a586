"""``connect list`` and ``connect release``: what is said of each shop, who may let one go on, and the alert."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from connectors.tokens import Pair, Tokens
from console.commands.connect import age, connect_command
from core.model.clock import HOUR, MINUTE, SECOND
from core.pipeline.silence import Silence, Stop, Word
from core.service.alerts import TITLES, TroubleKind
from core.service.options import Options
from core.service.troubles import Troubles
from core.store.tx import Tx
from tests.end_to_end.servicekit import Desk, desk
from tests.store.deskdata import Seed


def _set_aside(tx: Tx, items: list[tuple[int, str]]) -> list[None]:
    for shop, field in items:
        tx.run(
            "INSERT INTO quarantine(id, shop, ext_id, field, why, raw, print, at, seen) VALUES(?, ?, '', ?, 'w', x'', x'', 1, 1)",
            (tx.new_id(), shop, field),
        )
        tx.run("INSERT INTO drift(shop, field, n, at) VALUES(?, ?, 3, ?)", (shop, field, tx.now))
    return [None for _ in items]


class Sends:
    """The engine, as far as the service knows it."""

    held_since = 0

    def __init__(self, silence: Silence) -> None:
        self._silence = silence

    async def go(self, by: str, reason: str) -> bool:
        return False

    async def release_shop(self, shop: int, by: str, reason: str) -> bool:
        return await self._silence.release(shop, by, reason)


def _states(d: Desk) -> Sequence[dict[str, Any]]:
    """Two shops as a core tells of them: one works with a token of two days, one fails."""
    now, silent = d.service.clock(), d.service.setup.stopped
    state = "silent" if 1 in silent else "ok"
    good = {"name": "taobao-main", "platform": "taobao", "last_pull_at": now - 4 * SECOND, "lag_s": 4.0, "state": state}
    bad = {"name": "pdd-main", "platform": "pinduoduo", "last_pull_at": now - 3 * HOUR, "lag_s": 10_800.0}
    return [
        {**good, "error": "", "failures": 0, "token_since": now - 48 * HOUR, "breaker": "closed"},
        {
            **bad,
            "state": "failing",
            "error": "auth: token expired",
            "failures": 7,
            "token_since": None,
            "breaker": "open",
        },
    ]


async def _silence(d: Desk) -> Silence:
    setup = d.service.setup
    setup.silence_minutes = 30
    silence = Silence(setup, d.writer, d.service.reader, d.service.clock, lambda shop: True)
    await silence.load()
    d.service.sends = Sends(silence)
    d.service.counters._shops = lambda: _states(d)
    return silence


def _run(d: Desk, *words: str) -> str:
    result = CliRunner().invoke(connect_command, [*words, "--socket", str(d.path)], standalone_mode=False)
    assert result.exception is None, result.exception
    return result.output


async def test_the_list_says_what_each_shop_lacks(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        await _silence(d)
        await d.writer.do(_set_aside, (2, "order.total"))
        await d.writer.do(_set_aside, (2, "order.state"))
        shown = (await asyncio.to_thread(_run, d, "list")).splitlines()
        assert shown[0].split() == ["shop", "platform", "state", "last", "pull", "token", "aside", "drift", "error"]
        assert shown[1].split() == ["taobao-main", "taobao", "ok", "4s", "ago", "2d", "0", "0"]
        bad = "pdd-main pinduoduo failing 3h ago - 2 6 auth: token expired (7 in a row)"
        assert shown[2].split() == bad.split()
        first, second = json.loads(await asyncio.to_thread(_run, d, "list", "--json"))
        assert (first["token_age_s"], first["error_kind"], first["drift_at"], first["silent_since"]) == (
            172_800,
            "",
            None,
            None,
        )
        assert (second["error_kind"], second["set_aside"], second["drift"], second["token_age_s"]) == (
            "auth",
            2,
            6,
            None,
        )
        assert second["drift_at"] is not None


async def test_a_silent_shop_is_shown_and_let_go_with_a_reason(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        silence = await _silence(d)
        await d.writer.do(silence.apply, Word(1, "core", Stop(d.service.clock(), 12, 15)))
        shown = await asyncio.to_thread(_run, d, "list")
        assert " silent " in shown
        assert "its orders wait" in shown
        status, error = await d.client.fails("POST", "/v1/shops/release", {"shop": "taobao-main", "reason": " "})
        assert (status, error["code"]) == (400, "bad_request")
        assert (await d.client.fails("POST", "/v1/shops/release", {"shop": "who", "reason": "x"}))[0] == 400
        assert (await d.client.fails("POST", "/v1/shops/release", {"shop": "pdd-main", "reason": "x"}))[0] == 409
        assert "goes on" in await asyncio.to_thread(_run, d, "release", "taobao-main", "--reason", "a holiday")
        assert " silent " not in await asyncio.to_thread(_run, d, "list")
        assert (await d.client.fails("POST", "/v1/shops/release", {"shop": "taobao-main", "reason": "x"}))[0] == 409


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_it_takes_a_supervisor_to_let_a_shop_go(tmp_path: Path, role: str) -> None:
    async with desk(tmp_path, options=Options("test", role_of=lambda user, owner: role)) as d:
        await _silence(d)
        said = await d.client.fails("POST", "/v1/shops/release", {"shop": "taobao-main", "reason": "x"})
        assert (said[0], said[1]["code"]) == (403, "forbidden")


@pytest.mark.parametrize("language", ["zh_CN", "en"])
async def test_a_silent_shop_is_an_alarm(tmp_path: Path, language: str) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        silence = await _silence(d)
        troubles = Troubles(
            d.service.reader,
            lambda: _states(d),
            d.service.stock.read,
            d.writer,
            d.service.clock,
            4 * HOUR,
            MINUTE,
            language,
        )
        assert TroubleKind.SILENT not in {one.kind for one in await troubles.look()}
        await d.writer.do(silence.apply, Word(1, "core", Stop(d.service.clock(), 12, 15)))
        (told,) = [one for one in await troubles.look() if one.kind is TroubleKind.SILENT]
        assert (told.subject, told.n) == ("taobao-main", 1)
        assert "taobao-main" in told.line
        assert "{n}" in TITLES[language][TroubleKind.SILENT]


async def test_a_token_knows_since_when_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    assert Tokens("a1", "r1", path).since is None, "nobody says when the one of the settings was made"
    tokens = Tokens("a1", "r1", path, clock=lambda: 77)

    async def exchange(refresh: str) -> Pair:
        return Pair("a2", "r2")

    await tokens.renew("a1", exchange)
    assert tokens.since == 77
    again = Tokens("a1", "r1", path)
    assert again.since is not None, "a kept one is as old as its file"
    assert abs(again.since - path.stat().st_mtime_ns // 1000) <= 1
    assert Tokens("b1", "s1", path).since is None


def test_spans_are_said_in_their_largest_unit() -> None:
    assert [age(s) for s in (-1, 0, 119, 120, 7199, 7200, 172_799, 172_800)] == [
        "0s", "0s", "119s", "2m", "119m", "2h", "47h", "2d",
    ]  # fmt: skip
