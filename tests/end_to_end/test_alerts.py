"""Alerts: a real channel to a local receiver, real troubles of a core at work; quiet, coalesced, and without secrets."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog.testing

from connectors.channels.base import HttpChannel
from core.desk.cases import CaseRow, open_cases
from core.desk.reads import Reader
from core.model.clock import HOUR, MINUTE, SECOND, now_us
from core.model.lifecycle import CaseKind
from core.model.order import Quarantined
from core.ports import Alerting
from core.service.alerts import LASTING, Alerts, Trouble, TroubleKind
from core.service.stock import StockBook
from core.service.troubles import Troubles
from core.store.engines import reader_engine
from tests.connectors.channel_kit import build
from tests.connectors.server import Act, Request, Scripted
from tests.end_to_end.waykit import Works
from tests.rig import ManualClock, Rig, order

QUIET = 10 * MINUTE


class Bell:
    """Alerts by one webhook channel about a list that a test writes."""

    def __init__(self, *channels: HttpChannel, language: str = "en") -> None:
        self.clock, self.wrong = ManualClock(), list[Trouble]()
        by_name: dict[str, Alerting] = {f"ops-{n}": c for n, c in enumerate(channels) if isinstance(c, Alerting)}
        self.alerts = Alerts(by_name, self._look, self.clock, QUIET, language)

    async def _look(self) -> Sequence[Trouble]:
        return self.wrong

    def shops(self, *names: str) -> None:
        self.wrong = [Trouble(TroubleKind.SHOP, name, 1, f"{name} fails") for name in names]


def said(server: Scripted) -> list[dict[str, Any]]:
    """The alerts that were received."""
    return [json.loads(request.body) for request in server.requests]


async def test_one_alert_a_kind_in_the_quiet_time_and_the_next_holds_what_came_up() -> None:
    async with Scripted(lambda _: (200, {})) as server:
        bell = Bell(build("webhook", server.url))
        bell.shops("a")
        assert await bell.alerts.turn() == 1
        bell.shops("a", "b", "c")
        for _ in range(5):
            bell.clock.step(60)
            assert await bell.alerts.turn() == 0
        bell.wrong.append(Trouble(TroubleKind.DISK, "disk", 1, "full"))
        assert await bell.alerts.turn() == 1, "another kind has a quiet time of its own"
        bell.clock.step(QUIET / SECOND)
        assert await bell.alerts.turn() == 1
        titles = [one["title"] for one in said(server)]
        assert titles == [
            "Keydesk: 1 shop(s) cannot be reached",
            "Keydesk: the disk is full",
            "Keydesk: 3 shop(s) cannot be reached",
        ]
        assert said(server)[2]["text"].split("\n") == ["a fails", "b fails", "c fails"]


async def test_what_lasts_is_told_again_after_a_while_and_what_comes_back_at_once() -> None:
    async with Scripted(lambda _: (200, {})) as server:
        bell = Bell(build("webhook", server.url))
        bell.shops("a")
        told = []
        for minute in range(2 * LASTING * 10 + 1):
            told += [minute] * await bell.alerts.turn()
            bell.clock.step(60)
        assert told == [0, LASTING * 10, 2 * LASTING * 10]
        bell.wrong = []
        bell.clock.step(QUIET / SECOND)
        assert await bell.alerts.turn() == 0
        bell.shops("a")
        assert await bell.alerts.turn() == 1
        assert len(server.requests) == 4


async def test_counts_that_grow_are_news_and_long_lists_are_cut() -> None:
    async with Scripted(lambda _: (200, {})) as server:
        bell = Bell(build("webhook", server.url), language="zh_CN")
        for n in (3, 3, 2, 3):
            bell.wrong = [Trouble(TroubleKind.UNKNOWN, "unknown", n, f"{n}")]
            await bell.alerts.turn()
            bell.clock.step(QUIET / SECOND)
        assert [one["text"] for one in said(server)] == ["3", "3"], "from 2 to 3 is news; from 3 to 3 is not"
        bell.shops(*(f"s{n}" for n in range(13)))
        await bell.alerts.turn()
        assert said(server)[-1]["text"].split("\n")[-1] == "……另有 3 项"


async def test_an_alert_that_fails_is_logged_once_and_told_later() -> None:
    answers: list[Any] = [(403, {})]
    async with Scripted(lambda _: answers[0]) as server:
        bell = Bell(build("webhook", server.url))
        bell.shops("a")
        with structlog.testing.capture_logs() as logs:
            for _ in range(4):
                assert await bell.alerts.turn() == 0
                bell.clock.step(61)
            assert [entry["event"] for entry in logs] == ["alert_failed"]
            assert len(server.requests) == 4
            answers[0] = (200, {})
            assert await bell.alerts.turn() == 1
            answers[0] = (403, {})
            bell.shops("b")
            bell.clock.step(QUIET / SECOND)
            await bell.alerts.turn()
        assert [entry["event"] for entry in logs] == ["alert_failed"] * 2, "after it worked once, a failure is news"


async def test_a_lost_answer_is_not_repeated_and_one_channel_is_enough() -> None:
    async with Scripted(lambda _: Act.CLOSE) as lost, Scripted(lambda _: (403, {})) as refusing:
        bell = Bell(build("webhook", lost.url), build("webhook", refusing.url))
        bell.shops("a")
        assert await bell.alerts.turn() == 1
        bell.clock.step(120)
        assert await bell.alerts.turn() == 0
        assert (len(lost.requests), len(refusing.requests)) == (1, 1)


async def test_dingtalk_is_told_in_its_own_words() -> None:
    async with Scripted(lambda _: (200, {"errcode": 0, "errmsg": "ok"})) as server:
        bell = Bell(build("dingtalk", server.url), language="zh_CN")
        bell.shops("淘宝店")
        assert await bell.alerts.turn() == 1
        assert "1 个店铺" in json.loads(server.requests[0].body)["text"]["content"]


# ---- what the core finds


def troubles(rig: Rig, reads: Reader, stock: StockBook, states: list[dict[str, Any]]) -> Troubles:
    return Troubles(reads, lambda: states, stock.read, rig.writer, rig.clock, 5 * MINUTE, 15 * MINUTE, "en")


async def test_each_trouble_is_found_in_its_time_and_holds_no_secret(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        engine = reader_engine(rig.path)
        reads = Reader(engine)
        stock = StockBook(reads, rig.clock)
        states = [{"name": "pdd", "state": "failing", "error": "auth: token KEY-9 of a@b.cc", "last_pull_at": None}]
        found = troubles(rig, reads, stock, states)

        async def kinds() -> list[TroubleKind]:
            return [trouble.kind for trouble in await found.look()]

        assert await kinds() == []
        rig.clock.step(300)
        assert await kinds() == [TroubleKind.SHOP]
        (shop,) = await found.look()
        assert shop.line == "pdd: no successful pull for 5 min (auth)"
        states[0]["state"] = "ok"

        await rig.stock("p1", 5)
        await stock.sample()
        for n in range(3):
            await rig.pull(order(f"A{n}", paid=1000))
        rig.clock.step(600)
        await rig.pull(*(order(f"A{n}", paid=1000) for n in range(3)))
        await rig.pass_gate()
        (short,) = await found.look()
        assert (short.kind, short.subject) == (TroubleKind.STOCK, "p1")
        assert "2 left, about 18 sold an hour" in short.line
        await rig.stock("p1", 100)

        number = int(await rig.one("SELECT id FROM orders LIMIT 1"))
        case = CaseRow(number, 1, CaseKind.UNKNOWN_OUTCOME, "send:1")
        await rig.writer.do(lambda tx, items: [open_cases(tx, [case])] * len(items), None)
        assert await kinds() == []
        rig.clock.step(15 * 60)
        assert await kinds() == [TroubleKind.UNKNOWN]
        await rig.close("A0", [CaseKind.UNKNOWN_OUTCOME])
        await rig.close("A1", [CaseKind.UNKNOWN_OUTCOME])
        await rig.close("A2", [CaseKind.UNKNOWN_OUTCOME])

        await rig.pull(Quarantined(ext_id="X1", field="trade.payment", why="missing", raw=b"KEY-9 a@b.cc"))
        (drift,) = await found.look()
        assert drift.line == "mailshop: field trade.payment, 1 waiting"
        await rig.all("UPDATE quarantine SET resolved_at = 1")
        await engine.dispose()


async def test_a_refused_write_is_a_full_disk(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        engine = reader_engine(rig.path)
        reads = Reader(engine)
        found = troubles(rig, reads, StockBook(reads, rig.clock), [])
        assert await found.look() == []
        pages = int(await rig.one("PRAGMA page_count"))
        await rig.all(f"PRAGMA max_page_count = {pages}")
        with_raised = False
        try:
            for n in range(200):
                await rig.pull(order(f"A{n}", paid=1000, raw=b"x" * 20_000))
        except Exception as error:
            with_raised = "disk is full" in str(error)
        assert with_raised
        (full,) = await found.look()
        assert full.kind is TroubleKind.DISK
        rig.clock.step(HOUR / SECOND)
        assert await found.look() == []
        await engine.dispose()


async def test_a_core_at_work_tells_of_a_failing_shop(tmp_path: Path) -> None:
    def answer(request: Request) -> tuple[int, dict[str, str]]:
        return 200, {"id": json.loads(request.body).get("id", "")}

    async with Scripted(answer) as server:
        way = build("webhook", server.url)
        async with Works(tmp_path, "way", {"way": way}) as works:
            works.shop.failing = True
            (puller,) = works.engine.pullers.values()

            async def failing() -> bool:
                return puller.health.state == "failing"

            await works.until(failing)
            health = puller.health

            def states() -> list[dict[str, Any]]:
                return [
                    {"name": "plain", "state": health.state, "error": health.error, "last_pull_at": health.last_pull_at}
                ]

            reads = Reader(works.engine.readers)
            stock = StockBook(reads, now_us)
            look = Troubles(reads, states, stock.read, works.engine.writer, now_us, 0, MINUTE, "en").look
            assert isinstance(way, Alerting)
            assert await Alerts({"way": way}, look, now_us, QUIET, "en").turn() == 1
            (request,) = server.requests
            assert b"plain: no successful pull" in request.body
            assert b"(network)" in request.body
            assert b"buyer@example.com" not in request.body
