"""The pick-up page over real HTTP, on a real database: what it shows, to whom, what it records, and what it never tells."""

import asyncio
import contextlib
import html
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.desk.cases import CaseRow, open_cases
from core.model.effects import Result
from core.model.lifecycle import CaseKind, EventKind
from core.model.order import Line, PaymentKind, PlatformState, RefundState
from core.service.pickup import REFUSED_S, PickupPort
from core.store.engines import reader_engine
from core.vault.pickup import LENGTH, PickupLinks
from core.vault.seal import KeyRow
from tests.rig import Rig, order, pay, refund
from tests.store.acting import act

DAY = 86_400


class Page:
    """A rig with its page, and a browser."""

    def __init__(self, rig: Rig, asked: list[str], http: httpx.AsyncClient) -> None:
        self.rig, self.asked, self.http = rig, asked, http
        self.links = PickupLinks(rig.vault.keyring, "https://keys.example.com/p")

    async def delivered(self, ext_id: str = "A1", result: Result = Result.CONFIRMED, **more: Any) -> str:
        """An order whose keys were sent; the path of its link."""
        await self.rig.stock("p1", more.get("qty", 1))
        await self.rig.pull(order(ext_id, paid=1000, **more))
        await self.rig.pass_gate()
        intent = await self.rig.intent(ext_id)
        await self.rig.open(intent)
        await self.rig.come(intent, 1, result)
        return f"/p/{self.links.code(intent)}"

    async def shown(self, path: str, **headers: str) -> tuple[int, list[str]]:
        """Status and keys of a POST."""
        answer = await self.http.post(path, headers={"x-forwarded-for": "198.51.100.7"} | headers)
        return answer.status_code, [
            html.unescape(k) for k in re.findall(r"<pre dir=\"ltr\">\n(.*?)</pre>", answer.text)
        ]

    async def keys(self, ext_id: str = "A1") -> list[str]:
        """The live keys of an order, opened."""
        rows = await self.rig.all(
            "SELECT k.id, k.product, k.batch, k.sealed, b.dek FROM key k JOIN batch b ON b.id = k.batch "
            "JOIN orders o ON o.id = k.order_id WHERE o.ext_id = ? AND k.state = 1 ORDER BY k.line, k.slot",
            ext_id,
        )

        return [self.rig.vault.open_key(KeyRow._make(row)) for row in rows]

    async def acts(self) -> list[dict[str, Any]]:
        """What was recorded of pick-ups."""
        rows = await self.rig.all("SELECT actor, body FROM event WHERE kind = ?", int(EventKind.PICKED_UP))
        return [{"actor": actor, **json.loads(body)} for actor, body in rows]


@contextlib.asynccontextmanager
async def page(folder: Path, language: str = "zh_CN") -> AsyncIterator[Page]:
    async with Rig(folder) as rig:
        links = PickupLinks(rig.vault.keyring, "https://keys.example.com/p")
        readers = reader_engine(rig.path)
        asked: list[str] = []

        def reread(_: int, ext_id: str) -> None:
            asked.append(ext_id)

        port = PickupPort(links, rig.setup, rig.writer, readers, rig.vault.open_key, reread, rig.clock, 0, language)
        serving = asyncio.create_task(port.serve())
        deadline = time.monotonic() + 10
        while not port.started:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port.port}", trust_env=False) as http:
            yield Page(rig, asked, http)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        await readers.dispose()


async def test_a_get_shows_a_button_and_nothing_of_the_order(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered()
        made, other = await p.http.get(path), await p.http.get("/p/" + "x" * LENGTH)
        assert made.status_code == other.status_code == 200
        assert made.content == other.content, "a preview learns nothing, not even whether the link is one"
        assert '<form method="post"' in made.text
        assert "A1" not in made.text
        assert not await p.acts()


async def test_a_post_shows_every_key_and_is_recorded_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered(qty=3)
        status, shown = await p.shown(path)
        assert status == 200
        assert shown == await p.keys()
        assert len(shown) == 3
        (act,) = await p.acts()
        assert act["actor"] == "buyer"
        assert len(act["shown"]) == 3
        assert not any(key in json.dumps(act) for key in shown)
        said = capsys.readouterr()
        assert not any(word in said.out + said.err for word in (*shown, path.rsplit("/", 1)[-1]))


async def test_headers_forbid_scripts_frames_caches_and_referrers(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered()
        for answer in (await p.http.get(path), await p.http.post(path), await p.http.post("/p/nothing")):
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "no-referrer"
            csp = answer.headers["content-security-policy"]
            assert "default-src 'none'" in csp
            assert "script" not in csp
            assert "frame-ancestors 'none'" in csp
            assert "<script" not in answer.text
            assert "server" not in answer.headers


async def test_what_the_outside_wrote_is_escaped_and_keys_stay_whole(tmp_path: Path) -> None:
    nasty = Line(line="1", sku="p1", title="<script>alert(1)</script>\u202e", qty=1, amount=1000)
    async with page(tmp_path) as p:
        await p.rig.writer.do(p.rig._import, ("p1", b"<b>&amp;\"'K-1 x</b>"))
        await p.rig.pull(order("A1", paid=1000, lines=(nasty,)))
        await p.rig.pass_gate()
        intent = await p.rig.intent()
        await p.rig.deliver(intent)
        answer = await p.http.post(f"/p/{p.links.code(intent)}")
        assert "<script>" not in answer.text
        assert "<b>" not in answer.text
        assert "\u202e" not in answer.text
        _, shown = await p.shown(f"/p/{p.links.code(intent)}")
        assert shown == ["<b>&amp;\"'K-1 x</b>"]


async def test_chinese_and_english(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered()
        for asked, word in (
            ("zh-CN,en;q=0.5", "显示卡密"),
            ("en-GB", "Show the keys"),
            ("de", "显示卡密"),
            ("", "显示卡密"),
        ):
            assert word in (await p.http.get(path, headers={"accept-language": asked})).text


async def test_unknown_forged_expired_and_unsent_links_look_and_last_alike(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered()
        expired = await p.http.post(path)
        assert expired.status_code == 200
        p.rig.clock.step(31 * DAY)
        code = path.rsplit("/", 1)[-1]
        forged = code[:-1] + ("A" if code[-1] != "A" else "B")
        await p.rig.stock("p1", 1)
        await p.rig.pull(order("A2", paid=1000))
        await p.rig.pass_gate()
        unsent = p.links.code(await p.rig.intent("A2"))
        answers, times = [], []
        for candidate in (code, forged, unsent, p.links.code(77), "short", "é" * LENGTH, "z" * LENGTH, ""):
            began = time.perf_counter()
            answers.append(await p.http.post(f"/p/{candidate}", headers={"x-forwarded-for": "203.0.113.9"}))
            times.append(time.perf_counter() - began)
        assert {(a.status_code, a.content) for a in answers} == {(404, answers[0].content)}
        assert min(times) >= REFUSED_S - 0.01
        assert len(await p.acts()) == 1


async def test_after_a_refund_nothing_is_shown(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered()
        await p.rig.pull(order(paid=1000, refunds=(refund("A1", RefundState.OPEN),)))
        assert await p.shown(path) == (409, [])
        back = pay("A1", 1000, kind=PaymentKind.REFUND)
        done = refund("A1", RefundState.DONE)
        await p.rig.pull(order(rev=p.rig.clock() + 1, paid=1000, state=PlatformState.REFUNDED, refunds=(done,)), back)
        assert await p.shown(path) == (410, [])
        assert not await p.acts()


async def test_replaced_keys_are_not_shown_by_the_old_link_and_new_ones_by_the_new(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered()
        before = await p.keys()
        await p.rig.stock("p1", 1)
        p.rig.clock.step(1)
        assert await act(p.rig, "A1", "replace_key") == ""
        assert await p.shown(path) == (410, [])
        intent = await p.rig.intent()
        assert await p.shown(f"/p/{p.links.code(intent)}") == (404, []), "its message has not left yet"
        await p.rig.deliver(intent)
        status, shown = await p.shown(f"/p/{p.links.code(intent)}")
        assert status == 200
        assert shown == await p.keys() != before


async def test_a_suspected_key_stops_it_and_a_finished_order_does_not(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered()
        number = int(await p.rig.one("SELECT id FROM orders"))
        case = CaseRow(number, 1, CaseKind.DISPUTE, "x")
        await p.rig.writer.do(lambda tx, items: [open_cases(tx, [case])] * len(items), None)
        assert await p.shown(path) == (409, [])
        await p.rig.close("A1", [CaseKind.DISPUTE])
        await p.rig.pull(order(rev=p.rig.clock() + 1, paid=1000, state=PlatformState.FINISHED))
        assert await p.rig.stage() == 5
        assert (await p.shown(path))[0] == 200


async def test_an_unknown_outcome_is_settled_by_the_buyer_who_picked_up(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        p.rig.setup.tries_max = 1
        path = await p.delivered(result=Result.UNKNOWN)
        assert await p.rig.cases() == ["unknown_outcome"]
        assert (await p.shown(path))[0] == 200
        assert await p.rig.cases() == []
        assert await p.rig.stage() == 4


async def test_the_link_at_a_wrong_address_dies_once_the_keys_go_to_another(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered()
        await p.rig.pull(order(rev=p.rig.clock() + 1, paid=1000, contact="right@example.com"))
        assert await act(p.rig, "A1", "resend") == ""
        assert await p.shown(path) == (410, [])


async def test_a_rejected_delivery_has_no_link(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        assert (await p.shown(await p.delivered(result=Result.REJECTED)))[0] == 404


async def test_the_first_showing_waits_for_fresh_news_and_later_ones_do_not(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered()
        p.rig.clock.step(3600)
        waiting = asyncio.create_task(p.shown(path))
        while not p.asked:
            await asyncio.sleep(0.01)
        assert not waiting.done()
        await p.rig.pull(order(paid=1000))
        assert (await waiting)[0] == 200
        p.rig.clock.step(3600)
        assert (await p.shown(path))[0] == 200, "what the buyer has seen may be seen again"
        assert p.asked == ["A1"]


async def test_a_refund_that_only_the_platform_knew_is_found_before_the_first_showing(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered()
        p.rig.clock.step(3600)
        waiting = asyncio.create_task(p.shown(path))
        while not p.asked:
            await asyncio.sleep(0.01)
        await p.rig.pull(order(paid=1000, refunds=(refund("A1", RefundState.OPEN),)))
        assert await waiting == (409, [])
        assert not await p.acts()


async def test_a_shop_that_does_not_answer_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.service.pickup.REREAD_S", 0.5)
    async with page(tmp_path) as p:
        path = await p.delivered()
        p.rig.clock.step(3600)
        assert await p.shown(path) == (503, [])


async def test_what_cannot_be_recorded_is_not_shown(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered()
        await p.rig.all(
            "CREATE TRIGGER no_room BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
        assert await p.shown(path) == (503, [])
        await p.rig.all("DROP TRIGGER no_room")
        assert (await p.shown(path))[0] == 200
        assert len(await p.acts()) == 1


async def test_limits_by_code_and_by_address(tmp_path: Path) -> None:
    async with page(tmp_path) as p:
        path = await p.delivered()
        codes = [(await p.shown(path, **{"x-forwarded-for": f"6.6.6.6, 192.0.2.{n}"}))[0] for n in range(8)]
        assert codes[:6] == [200] * 6
        assert codes[6:] == [429] * 2
        assert len(await p.acts()) == 6

        async def one(n: int) -> int:  # the first entry is the caller's own word, and changes nothing
            said = {"x-forwarded-for": f"10.0.0.{n}, 2001:db8::{n:x}"}
            return (await p.http.post("/p/none", headers=said)).status_code

        many = await asyncio.gather(*(one(n) for n in range(1, 31)))
        assert many.count(404) == 20
        assert many.count(429) == 10
