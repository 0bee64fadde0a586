"""The Xianyu shop: what it asks, hands over and answers, against a scripted Xianguanjia."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connectors.shops.xianguanjia.shop import XianguanjiaShop
from connectors.shops.xianguanjia.sign import sign
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, PlatformState, Quarantined, Update
from core.ports import ConnectorError, Inbound, Receiver
from tests.connectors.kit import NOW, Json, ManualClock, load, send, ship
from tests.connectors.server import Act, Answer, Scripted
from tests.connectors.xianguanjia_kit import (
    APP,
    CREATE,
    DETAIL,
    KAM,
    LIST,
    NOTIFY,
    NUMBER,
    SECRET,
    SUPPLY,
    Platform,
    said,
    shop_at,
    supply,
    wanted,
)

KEYS = ("AAAA-1", "BBBB-2")


async def asked(shop: XianguanjiaShop, server: Scripted) -> None:
    assert said(await shop.receive(supply(CREATE, wanted(server))))["code"] == 0


async def test_pull_looks_each_changed_order_up_once(tmp_path: Path) -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        assert isinstance(shop, Receiver)
        cursor: str | None = None
        found: list[Update] = []
        for _ in range(9):
            batch = await shop.pull(cursor)
            found += batch.updates
            cursor = batch.cursor
            if not batch.more:
                break
        (update,) = found
        assert isinstance(update, OrderUpdate)
        assert (update.ext_id, update.state) == (NUMBER, PlatformState.FORBIDDEN)
        assert platform.paths().count(DETAIL) == 1
        assert (await shop.pull(cursor)).updates == ()
        platform.rows = [load("xianguanjia/order") | {"update_time": NOW}]
        again = await shop.pull(cursor)
        assert len(again.updates) == 1
        platform.rows = [{"order_no": 5, "update_time": NOW}]
        (odd,) = (await shop.pull(again.cursor)).updates
        assert isinstance(odd, Quarantined)
        assert odd.field == "list.order_no"
        with pytest.raises(ConnectorError, match="cursor"):
            await shop.pull("{")
        await shop.close()


async def test_read(tmp_path: Path) -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        assert isinstance(await shop.read(NUMBER), OrderUpdate)
        platform.override[DETAIL] = lambda _: platform.order  # the documentation's own example has no envelope
        assert isinstance(await shop.read(NUMBER), OrderUpdate)
        platform.override[DETAIL] = lambda _: {"code": 0, "data": platform.order | {"order_no": "77"}}
        other = await shop.read(NUMBER)
        assert isinstance(other, Quarantined)
        assert (other.ext_id, other.field) == (NUMBER, "order_no")
        await shop.close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"code": 429, "msg": "m"}, "rate"), ((429, {}), "rate"), ({"code": 401, "msg": "m"}, "auth"),
        ({"code": 100008, "msg": "m"}, "auth"), ({"code": 408, "msg": "m"}, "auth"), ((403, {}), "auth"),
        ({"code": 100004, "msg": "m"}, "platform"), ({"code": 500, "msg": "m"}, "platform"), ((502, {}), "platform"),
        ({"code": 77, "msg": "m"}, "platform"), ((200, "x"), "protocol"), ({"msg": "m"}, "protocol"),
        (Act.HALF, "network"), (Act.RESET, "network"), ({"code": 0, "data": {"list": []}}, "protocol"),
        ({"code": 0, "data": {"list": [], "count": 3}}, "protocol"),
    ],
)  # fmt: skip
async def test_pull_errors(answer: Answer | Json, kind: str, tmp_path: Path) -> None:
    platform = Platform()
    platform.override[LIST] = lambda _: answer
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        with pytest.raises(ConnectorError) as caught:
            await shop.pull(None)
        assert caught.value.kind == kind
        assert SECRET not in f"{caught.value} {shop!r}"
        await shop.close()


async def test_keys_go_where_they_were_asked_for(tmp_path: Path) -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        early = await shop.perform(send(NUMBER, keys=KEYS))
        assert (early.result, platform.calls) == (Result.LATER, [])
        await asked(shop, server)
        assert (await shop.read(NUMBER)).state is PlatformState.PAID  # type: ignore[union-attr]
        done = await shop.perform(send(NUMBER, keys=KEYS))
        assert (done.result, done.remote_ref) == (Result.CONFIRMED, SUPPLY)
        call = next(call for path, call in platform.calls if path == NOTIFY)
        assert call["card_items"] == [{"card_no": "", "card_pwd": key} for key in KEYS]
        assert (call["out_order_no"], call["end_time"]) == (f"KD{SUPPLY}", NOW)
        assert (await shop.perform(ship(NUMBER))).result is Result.REJECTED
        assert (await shop.ask(send(NUMBER))).result is Result.UNKNOWN
        assert (shop.specs[Effect.SEND].cls, shop.specs[Effect.SEND].ships) == (EffectClass.B, True)
        await shop.close()


async def test_what_was_asked_for_outlives_the_process(tmp_path: Path) -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        first = shop_at(server, tmp_path)
        await asked(first, server)
        await first.close()
        file = tmp_path / "asked.jsonl"
        assert file.stat().st_mode & 0o777 == 0o600
        with file.open("ab") as tail:
            tail.write(b'{"ext_id":"1","num')  # killed while writing
        second = shop_at(server, tmp_path)
        assert (await second.perform(send(NUMBER, keys=KEYS))).result is Result.CONFIRMED
        await second.close()
        assert file.read_bytes().endswith(b"\n")
        file.write_bytes(b"{}\n")
        with pytest.raises(ValueError, match="not ours"):
            shop_at(server, tmp_path)


@pytest.mark.parametrize(
    ("cards", "status", "refund", "result", "handed"),
    [
        ([], 12, {}, Result.CONFIRMED, 1),
        (list(KEYS), 21, {}, Result.CONFIRMED, 0),
        (["other"], 21, {}, Result.UNKNOWN, 0),
        (["AAAA-1"], 12, {}, Result.UNKNOWN, 0),
        ([], 21, {}, Result.UNKNOWN, 0),
        ([], 13, {}, Result.UNKNOWN, 0),
        ([], 23, {"refund_status": 5, "refund_amount": 8000, "refund_time": 1767290059}, Result.REJECTED, 0),
        ([], 12, {"order_type": 14}, Result.LATER, 0),
    ],
)
async def test_a_repeat_looks_first(
    cards: list[str], status: int, refund: Json, result: Result, handed: int, tmp_path: Path
) -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        await asked(shop, server)
        platform.cards, platform.order = cards, platform.order | {"order_status": status} | refund
        assert (await shop.perform(send(NUMBER, attempt=2, keys=KEYS))).result is result
        assert platform.paths().count(NOTIFY) == handed
        await shop.close()


@pytest.mark.parametrize(
    ("answer", "attempt", "result"),
    [
        ({"code": 429}, 1, Result.LATER), ((429, {}), 1, Result.LATER), ({"code": 401}, 1, Result.LATER),
        ({"code": 408}, 1, Result.LATER), ({"code": 1201, "msg": "m"}, 1, Result.LATER),
        ({"code": 1201, "msg": "m"}, 6, Result.REJECTED), ({"code": 500}, 1, Result.UNKNOWN),
        ((502, {}), 1, Result.UNKNOWN), ((200, "x"), 1, Result.UNKNOWN), (Act.RESET, 1, Result.UNKNOWN),
        (Act.CLOSE, 1, Result.UNKNOWN), (Act.HALF, 1, Result.UNKNOWN),
    ],
)  # fmt: skip
async def test_refusals_of_a_hand_over(answer: Any, attempt: int, result: Result, tmp_path: Path) -> None:
    platform = Platform()
    platform.override[NOTIFY] = lambda _: answer
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        await asked(shop, server)
        outcome = await shop.perform(send(NUMBER, attempt=attempt, keys=KEYS))
        assert outcome.result is result
        assert not any(key in f"{outcome}" for key in KEYS)
        assert platform.paths().count(NOTIFY) == 1, "never repeated by itself"
        await shop.close()


async def test_pushes_are_hints(tmp_path: Path) -> None:
    async with Scripted(Platform()) as server:
        clock = ManualClock()
        shop = shop_at(server, tmp_path, clock)
        body = b'{"order_no":"1"}'
        query = f"appid={APP}&timestamp={NOW}&sign={sign(body, NOW, APP, SECRET)}"
        push = Inbound(method="POST", tail="", query=query, headers={}, body=body)
        received = await shop.receive(push)
        assert (received.pull, received.batch) == (True, ())
        assert json.loads(received.render(None).body)["result"] == "success"
        wrong = [
            Inbound(method="POST", tail="", query=query, headers={}, body=body + b" "),
            Inbound(method="POST", tail="", query=query.replace(APP, "1"), headers={}, body=body),
            Inbound(method="GET", tail="", query=query, headers={}, body=body),
        ]
        for request in wrong:
            refused = await shop.receive(request)
            assert (refused.pull, refused.render(None).status) == (False, 403)
        clock.now += 301
        assert not (await shop.receive(push)).pull
        await shop.close()


@pytest.mark.parametrize(
    "change", [{"goods": "a|b|c|d"}, {"url": "http://open.example"}, {"secret": " "}, {"goods": "a|1|2"}]
)
async def test_settings_are_checked(change: dict[str, Any], tmp_path: Path) -> None:
    async with Scripted(Platform()) as server:
        with pytest.raises(ValueError, match="shop xianyu-main"):
            shop_at(server, tmp_path, **change)


def _always(answer: Json, _: Json) -> Json:
    return answer


async def test_lists_of_keys_in_either_shape(tmp_path: Path) -> None:
    platform = Platform()
    bare = [{"card_pwd": key} for key in KEYS]
    cases: list[tuple[Json, Result]] = [
        ({"code": 500, "msg": "m"}, Result.LATER), ({"code": 0, "data": bare}, Result.CONFIRMED),
        ({"code": 0, "data": {"list": [{"card_pwd": 5, "k": "AAAA-1"}]}}, Result.LATER), ({"code": 0}, Result.LATER),
    ]  # fmt: skip
    async with Scripted(platform) as server:
        shop = shop_at(server, tmp_path)
        await asked(shop, server)
        for answer, told in cases:
            platform.override[KAM] = partial(_always, answer)
            outcome = await shop.perform(send(NUMBER, attempt=2, keys=KEYS))
            assert outcome.result is told
            assert "AAAA-1" not in f"{outcome}"
        assert NOTIFY not in platform.paths()
        await shop.close()
