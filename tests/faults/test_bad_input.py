"""Bad input through the real connector and the real engine: it stops what it touches, and nothing else."""

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.shops.pinduoduo import mapping as pinduoduo
from connectors.shops.taobao import mapping as taobao
from core.model.order import Quarantined
from tests.connectors.kit import load
from tests.connectors.server import Act, Answer, reply
from tests.faults.machine import LIST, Machine, page, stamp, trade


def listing(m: Machine, shop: str, answer: Answer) -> None:
    """From now on this shop's list answers so."""
    m.routers[shop].override[LIST] = lambda form: answer


async def failing(m: Machine, shop: str, *words: str, seconds: float = 20) -> None:
    """Until the shop's health shows the failure, with these words in its reason."""
    await m.until(lambda: m.health(shop).state == "failing", seconds)
    for word in words:
        assert word in m.health(shop).error, m.health(shop).error


async def recovers(m: Machine, shop: str, tid: int) -> None:
    """The platform talks sense again: nothing of what it had meanwhile is lost."""
    m.routers[shop].trades = [trade(tid)]
    del m.routers[shop].override[LIST]
    await m.until(lambda: m.health(shop).state == "ok")
    assert m.health(shop).error == ""


async def test_a_page_that_is_not_json(tmp_path: Path) -> None:
    async with Machine(tmp_path, "bad", "good") as m:
        listing(m, "bad", reply(200, b"<html><h1>502 Bad Gateway</h1></html>"))
        await failing(m, "bad", "protocol", "not the JSON")
        m.routers["good"].trades = [trade(1), trade(2)]
        await m.reach("1", "2")
        assert m.health("good").state == "ok"
        assert await m.one("SELECT count(*) FROM cursor c JOIN shop s ON s.id = c.shop WHERE s.name = 'bad'") in (0, 1)
        await recovers(m, "bad", 3)
        await m.reach("1", "2", "3")
        assert sorted(m.mailed()) == ["1", "2", "3"]


async def test_an_unknown_word_in_one_of_three_orders(tmp_path: Path) -> None:
    async with Machine(tmp_path, "shop") as m:
        odd = trade(2, status="WAIT_FOR_THE_MOON")
        m.routers["shop"].trades = [trade(1), odd, trade(3)]
        await m.reach("1", "3")
        assert await m.quarantined() == [("2", "status", "unknown value WAIT_FOR_THE_MOON")]
        assert json.loads(bytes(await m.one("SELECT raw FROM quarantine"))) == odd
        assert await m.all("SELECT field, n > 0 FROM drift") == [("status", 1)]
        assert m.health("shop").state == "ok"
        # The mapping is taught, or the platform's mistake ends: the order goes its way.
        odd |= {"status": "WAIT_SELLER_SEND_GOODS", "modified": stamp()}
        await m.reach("1", "2", "3")
        assert await m.quarantined() == []
        assert sorted(m.mailed()) == ["1", "2", "3"]


async def test_a_missing_field_in_one_of_three_orders(tmp_path: Path) -> None:
    async with Machine(tmp_path, "shop") as m:
        lame = trade(2)
        del lame["orders"]["order"][0]["price"]
        m.routers["shop"].trades = [trade(1), lame, trade(3)]
        await m.reach("1", "3")
        assert await m.quarantined() == [("2", "orders.order[0].price", "missing")]
        assert sorted(m.mailed()) == ["1", "3"]


async def test_an_amount_a_hundred_times_too_large(tmp_path: Path) -> None:
    """A new order is quarantined; one that was known keeps its row and meets a person."""
    async with Machine(tmp_path, "shop") as m:
        known = trade(2, status="WAIT_BUYER_PAY", pay_time=None)
        known["orders"]["order"][0]["status"] = "WAIT_BUYER_PAY"
        m.routers["shop"].trades = [known, trade(3)]
        await m.reach("3")
        assert await m.one("SELECT due FROM orders WHERE ext_id = '2'") == 2100
        blown = trade(2, payment="2100.00", modified=stamp())
        m.routers["shop"].trades = [trade(1, modified=stamp()), blown, trade(4, payment="2100", modified=stamp())]
        await m.reach("1", "3")
        await m.until(lambda: _quarantined(m, ["2", "4"]))
        assert {(field, why) for _, field, why in await m.quarantined()} == {("payment", "unit_suspect")}
        cases = "SELECT o.ext_id, c.kind FROM case_ c JOIN orders o ON o.id = c.order_id WHERE c.closed_at IS NULL"
        assert await m.all(cases) == [("2", "unit_suspect")]
        assert await m.all("SELECT due, paid FROM orders WHERE ext_id = '2'") == [(2100, 0)]
        assert await m.one("SELECT count(*) FROM payment WHERE ext_id IN ('2', '4')") == 0
        assert sorted(m.mailed()) == ["1", "3"]


async def _quarantined(m: Machine, ext_ids: list[str]) -> bool:
    return [row[0] for row in await m.quarantined()] == ext_ids


async def test_a_body_beyond_the_limit(tmp_path: Path) -> None:
    async with Machine(tmp_path, "bad", "good") as m:
        huge = trade(7, buyer_message="x" * (10 * 1024 * 1024))
        listing(m, "bad", reply(200, page(huge)))
        await failing(m, "bad", "protocol", "too_big")
        m.routers["good"].trades = [trade(1)]
        await m.reach("1")
        assert len(m.health("bad").error) < 200
        await recovers(m, "bad", 2)
        await m.reach("1", "2")


async def test_bytes_that_are_not_utf8_in_one_of_three_orders(tmp_path: Path) -> None:
    async with Machine(tmp_path, "shop") as m:
        torn = json.dumps(trade(2, buyer_nick="NICK")).encode().replace(b"NICK", b"\xc3\x28\xff")
        first = trade(1)
        rows = [first, trade(3)]
        m.routers["shop"].trades = rows  # what single reads show

        def answer(form: dict[str, str]) -> Answer:
            return reply(200, page(first, torn, rows[1], count=form["use_has_next"] == "false"))

        m.routers["shop"].override[LIST] = answer
        await m.reach("1", "3")
        ((ext_id, field, why),) = await m.quarantined()
        assert ext_id in ("2", "")  # whether the number can still be read is the decoder's affair
        assert "UTF-8" in why or "utf-8" in why, (field, why)
        assert bytes(await m.one("SELECT raw FROM quarantine")) == torn
        assert m.health("shop").state == "ok"


NASTY = (
    "发到 buyer1@example.com \x1b]52;c;ZXZpbA==\x07\x1b[2J\x00\x9b31m\u202egnp.exe\u2066x\u200b\ufeff "
    "[bold red]hi[/] <script>alert(1)</script>\r\nBcc: all@"[:-1]
)


async def test_control_characters_and_markup_from_a_buyer(tmp_path: Path) -> None:
    async with Machine(tmp_path, "shop") as m:
        nasty = trade(1, buyer_message=NASTY, buyer_nick="a\x1b[31mb\u202ec")
        nasty["orders"]["order"][0]["title"] = "点卡\x1b]0;owned\x07 [link]x[/]"
        m.routers["shop"].trades = [nasty, trade(2)]
        await m.reach("1", "2")
        (told,) = await m.all(
            "SELECT o.message, o.buyer_name, o.contact, l.title FROM orders o JOIN line l ON l.order_id = o.id "
            "WHERE o.ext_id = '1'"
        )
        for text in told:
            assert _harmless(text), ascii(text)
        message, name, contact, title = told
        assert contact == "buyer1@example.com"
        assert "[bold red]hi[/] <script>alert(1)</script> Bcc:" in message  # plain text stays readable, as text
        assert (name[0], name[-1]) == ("a", "c")
        assert title.startswith("点卡")
        # The mail that carries the title has no header or recipient of the buyer's making.
        mail = next(mail for mail in m.box.mails if str(mail["x-order-ref"]).endswith("/1"))
        assert mail["bcc"] is None
        assert [e.rcpt_tos for e in m.box.envelopes if "buyer1@example.com" in e.rcpt_tos] == [["buyer1@example.com"]]
        assert all(_harmless(line) for line in mail.get_content().splitlines())


def _harmless(text: Any) -> bool:
    return not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for char in text)


async def test_a_platform_that_accepts_and_never_answers(tmp_path: Path) -> None:
    async with Machine(tmp_path, "mute", "good") as m:
        listing(m, "mute", Act.HANG)
        await m.until(lambda: len(m.servers["mute"].requests) > 0)
        m.routers["good"].trades = [trade(1)]
        await m.reach("1", seconds=8)  # before the hanging call has even run into its deadline
        assert m.health("mute").state == "starting"
        await failing(m, "mute", "timeout", seconds=30)
        m.routers["good"].trades += [trade(2, modified=stamp())]
        await m.reach("1", "2", seconds=8)
        assert m.health("good").state == "ok"
        await recovers(m, "mute", 3)
        await m.reach("1", "2", "3")
        assert sorted(m.mailed()) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("sample", "read"),
    [
        ("taobao_refund", taobao.refund_of),
        ("pinduoduo_order", pinduoduo.order_of),
        ("pinduoduo_refund", pinduoduo.refund_of),
    ],
)
def test_bytes_that_are_not_utf8_in_rows_of_every_kind(sample: str, read: Callable[[bytes, str], Any]) -> None:
    """Torn text in any field of a row quarantines the row, or lies in a field that is not read; nothing is raised."""
    raw = json.dumps(load(sample)).encode()
    torn = 0
    for word in {match[0] for match in re.finditer(rb'(?<=: )"[^"]+"', raw)}:
        found = read(raw.replace(word, b'"\xc3\x28\xff"'), "shop")
        for item in found if isinstance(found, list) else [found]:
            torn += isinstance(item, Quarantined) and "utf-8" in item.why
    assert torn >= 3
