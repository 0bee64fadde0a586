"""Events of the WeChat shop, and the walk through its list, without and with a scripted WeChat."""

import hashlib
import json
from urllib.parse import urlencode

import pytest

from connectors.shops.wechat_shop.sign import seal, sign
from connectors.shops.wechat_shop.walk import Page, Place, Walk
from core.model.order import OrderUpdate
from core.ports import ConnectorError, Inbound, Receiver
from tests.connectors.kit import NOW, Json, ManualClock
from tests.connectors.server import Scripted
from tests.connectors.wechat_shop_kit import (
    APP,
    GET,
    NUMBER,
    PUSH_KEY,
    PUSH_TOKEN,
    Platform,
    bad,
    shop_at,
)


def event(body: Json, at: int = NOW, app: str = APP, **query: str) -> Inbound:
    sealed = seal(json.dumps(body), PUSH_KEY, app)
    fields = {"timestamp": str(at), "nonce": "n1", "encrypt_type": "aes"}
    fields["msg_signature"] = sign(PUSH_TOKEN, fields["timestamp"], "n1", sealed)
    raw = json.dumps({"ToUserName": "gh_1", "Encrypt": sealed}).encode()
    return Inbound(method="POST", tail="", query=urlencode(fields | query), headers={}, body=raw)


PAID = {"MsgType": "event", "Event": "channels_ec_order_pay", "order_info": {"order_id": int(NUMBER), "pay_time": 5}}


async def test_events_bring_their_order() -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        shop = shop_at(server.url, push_token=PUSH_TOKEN, push_key=PUSH_KEY)
        assert isinstance(shop, Receiver)
        received = await shop.receive(event(PAID))
        (update,) = received.batch
        assert isinstance(update, OrderUpdate)
        assert (update.ext_id, received.render(None).body) == (NUMBER, b"success")
        named = {"Event": "channels_ec_aftersale_update", "finder_shop_aftersale_status_update": {"order_id": NUMBER}}
        assert len((await shop.receive(event(named))).batch) == 1
        platform.override[GET] = lambda _: bad(-1)
        slow = await shop.receive(event(PAID))
        assert (slow.batch, slow.pull, slow.render(None).body) == ((), True, b"success")
        other = await shop.receive(event({"Event": "product_spu_audit"}))
        assert (other.batch, other.pull) == ((), True)
        await shop.close()


async def test_events_that_are_not_wechats() -> None:
    platform = Platform()
    async with Scripted(platform) as server:
        clock = ManualClock()
        shop = shop_at(server.url, clock, push_token=PUSH_TOKEN, push_key=PUSH_KEY)
        genuine = event(PAID)
        wrong = [
            event(PAID, msg_signature="0" * 40), event(PAID, app="wxother"), event(PAID, timestamp=str(NOW + 1)),
            Inbound(method="POST", tail="", query=genuine.query, headers={}, body=b"{}"),
            Inbound(method="POST", tail="", query="", headers={}, body=b"\xff"),
        ]  # fmt: skip
        for request in wrong:
            refused = await shop.receive(request)
            assert (refused.batch, refused.pull, refused.render(None).status) == ((), False, 403)
        clock.now += 601
        assert (await shop.receive(genuine)).render(None).status == 403
        without = shop_at(server.url)
        assert (await without.receive(genuine)).render(None).status == 403
        assert platform.calls == []
        for one in (shop, without):
            await one.close()


async def test_the_echo_at_set_up() -> None:
    shop = shop_at("https://api.weixin.qq.com", push_token=PUSH_TOKEN, push_key=PUSH_KEY)
    made = hashlib.sha1("".join(sorted((PUSH_TOKEN, str(NOW), "n1"))).encode()).hexdigest()
    for signature, status, body in ((made, 200, b"12345"), ("0" * 40, 403, b"refused"), ("", 403, b"refused")):
        query = urlencode({"signature": signature, "timestamp": str(NOW), "nonce": "n1", "echostr": "12345"})
        echo = (await shop.receive(Inbound(method="GET", tail="", query=query, headers={}, body=b""))).render(None)
        assert (echo.status, echo.body) == (status, body)
    await shop.close()


class Shifting:
    """A list of order numbers by second, with pages of three; what is asked for is noted."""

    def __init__(self, rows: dict[int, list[str]]) -> None:
        self.rows = rows
        self.asked: list[tuple[int, int]] = []

    async def __call__(self, start: int, end: int, key: str) -> Page:
        self.asked.append((start, end))
        inside = [number for at in sorted(self.rows, reverse=True) if start <= at <= end for number in self.rows[at]]
        page = int(key or "0")
        more = len(inside) > (page + 1) * 3
        return Page(inside[page * 3 : (page + 1) * 3], str(page + 1) if more else "")


async def test_windows_shrink_until_they_fit_a_page() -> None:
    rows = {100 + n: [f"{n}a", f"{n}b"] for n in range(8)} | {500: [f"z{n}" for n in range(7)]}
    listed = Shifting(rows)
    walk, place = Walk(3, 60), Place(high=99)
    found: list[str] = []
    for _ in range(30):
        numbers, place, more = await walk.step(place, 600, listed)
        found += numbers
        if not more:
            break
    assert set(found) == {number for numbers in rows.values() for number in numbers}
    assert (place.high, place.at) == (600, 0)
    assert any(start == end == 500 for start, end in listed.asked), "a full second is read on by its key"
    numbers, _, _ = await walk.step(place, 601, listed)
    assert numbers == []
    assert listed.asked[-1] == (597, 601), "overlap"

    async def endless(start: int, end: int, key: str) -> Page:
        return Page(["1"], "k")

    with pytest.raises(ConnectorError, match="no end"):
        await Walk(3, 60).step(Place(high=599), 600, endless)
