"""An acg-faka shop that sells our goods on: signed forms, what it may buy, and that no answer holds a key."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import pytest

from connectors.registry import build_shop
from connectors.shops.acg_faka.shop import NOTICE, AcgFakaShop
from connectors.shops.acg_faka.sign import sign
from core.model.effects import Effect, Result
from core.model.lifecycle import Stage
from core.model.order import OrderUpdate, PlatformState
from core.ports import ConnectorError, Inbound, Received, Receiver, Standing
from tests.connectors.kit import NOW, Json, ManualClock, send

APP, KEY = "1024", "8F3A2C9D1E7SESAME"
GOODS = "1|STEAM50|4890|100|Steam 钱包充值码 50元;2|PSN100|9480|-1|PSN;3|NSO12|12900|2|会员"
TRADE = {
    "shared_code": "STEAM50", "contact": "buyer@example.com", "num": "2", "card_id": "0", "device": "0",
    "password": "", "race": "", "request_no": "583920174628301745",
}  # fmt: skip


def signed(form: Mapping[str, str], key: str = KEY) -> str:
    """As PHP makes it: top names sorted, brackets in their own order, flat empty texts left out."""
    pairs = [(name, value) for name, value in form.items() if "[" in name or value != ""]
    pairs.sort(key=lambda pair: pair[0].partition("[")[0])
    text = "&".join(f"{name}={value}" for name, value in pairs)
    return hashlib.md5(f"{text}&key={key}".encode()).hexdigest()


def asked(what: str, form: Mapping[str, str] | None = None, method: str = "POST", **change: str) -> Inbound:
    """A signed request; acg-faka's own client sends the key along in clear."""
    whole = {**(form or {}), "app_id": APP, "app_key": KEY}
    whole = whole | {"sign": signed(whole)} | change
    folder = "authentication" if what == "connect" else "commodity"
    body = urlencode(whole).encode()
    return Inbound(method=method, tail=f"shared/{folder}/{what}", query="", headers={}, body=body)


def shop_in(folder: Path, **more: str) -> AcgFakaShop:
    options = {
        "platform": "acg-faka", "app_id": APP, "secret": KEY, "goods": GOODS, "credit": "100000",
        "orders_file": str(folder / "orders.jsonl"), **more,
    }  # fmt: skip
    shop = build_shop("acg", options, ManualClock())
    assert isinstance(shop, AcgFakaShop)
    return shop


def said(received: Received, standing: Standing | None = None) -> Json:
    reply = received.render(standing)
    assert reply.status == 200
    answer: Json = json.loads(reply.body)
    return answer


async def test_a_trade_is_an_order_and_its_answer_a_notice(tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    assert isinstance(shop, Receiver)
    received = await shop.receive(asked("trade", TRADE))
    told = said(received)
    assert (told["code"], told["data"]["secret"], told["data"]["amount"]) == (200, NOTICE, "97.80")
    (update,) = received.batch
    assert isinstance(update, OrderUpdate)
    assert (update.ext_id, update.state, update.total) == ("583920174628301745", PlatformState.PAID, 9780)
    assert (update.contact, update.lines[0].sku, update.lines[0].qty) == ("buyer@example.com", "STEAM50", 2)
    assert KEY.encode() not in update.raw
    again = await shop.receive(asked("trade", TRADE))
    assert (said(again), again.batch) == (told, received.batch), "one request number, one order"
    for change in ({"num": "1"}, {"shared_code": "PSN100"}):
        assert said(await shop.receive(asked("trade", TRADE | change)))["msg"] == "The request ID already exists"
    assert said(await shop.receive(asked("connect")))["data"] == {"shopName": "acg", "balance": 902.2}
    batch = await shop.pull(None)
    assert (batch.updates, batch.more) == (received.batch, False)
    assert (await shop.pull(batch.cursor)).updates == ()
    assert await shop.read(update.ext_id) == update
    with pytest.raises(ConnectorError):
        await shop.read("nobody")
    with pytest.raises(ConnectorError, match="cursor"):
        await shop.pull("{")
    await shop.close()


async def test_a_question_about_an_order_tells_no_key(tmp_path: Path) -> None:
    shop = shop_in(tmp_path, notice="马上就到")
    trade = said(await shop.receive(asked("trade", TRADE)))["data"]["tradeNo"]
    received = await shop.receive(asked("query", {"tradeNo": trade}))
    assert received.look == TRADE["request_no"]
    assert said(received)["data"] == {"secret": "马上就到", "widget": None, "status": 1}
    for standing, word in [
        (Standing(stage=Stage.DELIVERED, delivered=True, waits=False, delivered_at=NOW), "已发送"),
        (Standing(stage=Stage.CANCELLED, delivered=False, waits=False), "取消"),
        (Standing(stage=Stage.DELIVERING, delivered=False, waits=True), "马上就到"),
    ]:
        assert word in said(received, standing)["data"]["secret"]
    for wrong in ("KD2", "1", "KD01", "KD", "KDx", ""):
        assert said(await shop.receive(asked("query", {"tradeNo": wrong})))["msg"] == "订单不存在"
    assert (shop.send_via, shop_in(tmp_path, deliver="sms").send_via) == ("email", "sms")
    assert (await shop.perform(send(TRADE["request_no"]))).result is Result.REJECTED
    assert (await shop.ask(send(TRADE["request_no"]))).result is Result.UNKNOWN
    assert list(shop.specs) == [Effect.SEND]
    await shop.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shared_code": "NEW"}, "商品不存在"), ({"num": "0"}, "数量"), ({"num": "1000"}, "数量"), ({"num": "2.0"}, "数量"),
        ({"num": ""}, "数量"), ({"num": "21"}, "余额不足"), ({"shared_code": "NSO12", "num": "3"}, "库存不足"),
        ({"card_id": "7"}, "预选"), ({"card_id": "x"}, "预选"), ({"race": "月卡"}, "种类"), ({"sku[区服]": "亚服"}, "种类"),
        ({"contact": "QQ 12345"}, "联系方式"), ({"contact": ""}, "联系方式"), ({"contact": "k3j4h5"}, "联系方式"),
        ({"request_no": ""}, "request_no"), ({"request_no": "a\x00b"}, "request_no"), ({"request_no": " 1"}, "request_no"),
    ],
)  # fmt: skip
async def test_trades_that_are_refused(change: dict[str, str], words: str, tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    received = await shop.receive(asked("trade", TRADE | change))
    told = said(received)
    assert (told["code"], received.batch) == (0, ())
    assert words in told["msg"]
    assert (await shop.pull(None)).updates == ()
    assert said(await shop.receive(asked("trade", TRADE)))["code"] == 200, "its number is still free"
    await shop.close()


async def test_the_contact_may_stand_in_another_field(tmp_path: Path) -> None:
    shop = shop_in(tmp_path, contact_field="mail")
    assert said(await shop.receive(asked("trade", TRADE)))["code"] == 0
    (update,) = (await shop.receive(asked("trade", TRADE | {"mail": "b@example.com", "contact": "x1"}))).batch
    assert isinstance(update, OrderUpdate)
    assert update.contact == "b@example.com"
    await shop.close()


@pytest.mark.parametrize(
    "request_",
    [
        asked("trade", TRADE, sign="0" * 32), asked("trade", TRADE, sign=""), asked("trade", TRADE, num="1"),
        asked("trade", TRADE, app_id="7"), asked("trade", TRADE, method="GET"), asked("trade", TRADE, extra="1"),
        Inbound(method="POST", tail="shared/commodity/trade", query="", headers={}, body=b""),
        Inbound(method="POST", tail="shared/commodity/trade", query="", headers={}, body=b"\xff=%ff"),
        Inbound(method="POST", tail="shared/commodity/trade", query="", headers={}, body=b"a[b][c]=1"),
        Inbound(method="POST", tail="shared/commodity/trade", query="", headers={}, body=b"&".join([b"a=1"] * 200)),
        asked("trade", TRADE | {"sku[": "x"}), asked("nothing"), asked("trade/x", TRADE),
    ],
)  # fmt: skip
async def test_requests_of_strangers(request_: Inbound, tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    received = await shop.receive(request_)
    told = said(received)
    assert (told["code"], received.batch, received.look) == (0, (), "")
    assert KEY not in f"{told} {shop!r} {request_!r}"
    await shop.close()


def test_a_signature_that_another_implementation_made() -> None:
    """V3 of an independent description of the protocol, recomputed there by two programs."""
    form = {
        "shared_code": "ABCDEF1234567890", "contact": "buyer@example.com", "num": "2", "card_id": "0", "device": "0",
        "password": "", "race": "月卡", "request_no": "123456789012345678", "sku": {"区服": "亚服", "版本": "标准"},
        "app_id": "1024", "app_key": "8F3A2C9D1E7B6A54",
    }  # fmt: skip
    assert sign(form, "8F3A2C9D1E7B6A54") == "f7f8a9ce8e0ed44908af0afacb33c593"


async def test_brackets_are_signed_in_their_own_order(tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    form = {"code": "PSN100", "sku[版本]": "标准", "sku[区服]": "", "sku_x": "1", "race": ""}
    assert said(await shop.receive(asked("stock", form)))["data"] == {"stock": "999999"}
    await shop.close()


async def test_goods_and_stock(tmp_path: Path) -> None:
    shop = shop_in(tmp_path)
    (category,) = said(await shop.receive(asked("items")))["data"]
    rows = [(row["code"], row["price"], row["stock"], row["delivery_way"]) for row in category["children"]]
    assert rows == [("STEAM50", 48.9, 100, 1), ("PSN100", 94.8, 999_999, 1), ("NSO12", 129, 2, 1)]
    item = said(await shop.receive(asked("item", {"code": "NSO12"})))["data"]
    assert (item["name"], item["factory_price"], item["config"]) == ("会员", 129, {})
    old = said(await shop.receive(asked("inventory", {"sharedCode": "NSO12", "race": ""})))["data"]
    assert (old["count"], old["factory_price"], old["is_category"]) == (2, 129, False)
    priced = said(await shop.receive(asked("valuation", {"code": "STEAM50", "num": "3"})))["data"]
    assert priced == {"price": "146.70", "currency_code": "CNY"}
    for qty, code in (("2", 200), ("3", 0)):
        form = {"shared_code": "NSO12", "num": qty, "card_id": "0", "race": ""}
        assert said(await shop.receive(asked("inventoryState", form)))["code"] == code
    assert said(await shop.receive(asked("draftCard", {"code": "NSO12"})))["data"] == {"list": [], "total": 0}
    for what in ("item", "stock", "valuation", "inventory", "inventoryState", "draft"):
        assert said(await shop.receive(asked(what, {"code": "NEW"})))["code"] == 0
    await shop.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"app_id": "a b"}, "app_id"),
        ({"secret": " "}, "secret"),
        ({"goods": "x"}, "goods"),
        ({"app_key": "x"}, "app_key"),
    ],
)
def test_settings_that_cannot_be(change: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        shop_in(tmp_path, **change)
    assert "SESAME" not in str(caught.value)
