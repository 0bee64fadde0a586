"""What was set aside is read again by every connector: its own samples, orders and claims, and never anything else."""

import json

import pytest

from connectors.registry import build_shop
from core.model.clock import SECOND
from core.model.order import OrderUpdate, Payment, Quarantined, Refund
from core.ports import ConnectorError, Remapper, Shop
from tests.connectors.kit import NOW, ManualClock, load
from tests.connectors.server import Answer, Request, Scripted

AT = (NOW - 3600) * SECOND
OPTIONS: dict[str, dict[str, str]] = {
    "agiso": {"access_token": "t", "secret": "s"},
    "douyin": {"access_token": "t", "app_key": "k", "secret": "s"},
    "jd": {"access_token": "t", "app_key": "k", "secret": "s"},
    "kuaishou": {"app_key": "k", "sign_secret": "s", "access_token": "t", "express_code": "1"},
    "pinduoduo": {"access_token": "t", "client_id": "k", "secret": "s"},
    "shopify": {"access_token": "t"},
    "taobao": {"app_key": "k", "secret": "s", "session": "t"},
    "wechat-shop": {"app_id": "k", "secret": "s"},
    "weidian": {"app_key": "k", "secret": "s"},
    "woocommerce": {"consumer_key": "k", "consumer_secret": "s"},
    "xianguanjia": {"app_key": "k", "secret": "s", "asked_file": "", "mch_id": "1", "mch_secret": "s"},
    "xiaohongshu": {"access_token": "t", "app_id": "k", "secret": "s"},
    "youzan": {"client_id": "k", "client_secret": "s", "kdt_id": "1"},
}
ORDERS = {
    "agiso": "agiso/order",
    "douyin": "douyin/order",
    "jd": "jd/order",
    "kuaishou": "kuaishou/order",
    "pinduoduo": "pinduoduo_order",
    "shopify": "shopify/order",
    "taobao": "taobao_trade",
    "wechat-shop": "wechat_shop/order",
    "weidian": "weidian/order",
    "woocommerce": "woocommerce/order",
    "xianguanjia": "xianguanjia/order",
    "xiaohongshu": "xiaohongshu/order",
    "youzan": "youzan/trade",
}
CLAIMS = {
    "douyin": "douyin/refund",
    "kuaishou": "kuaishou/refund",
    "pinduoduo": "pinduoduo_refund",
    "taobao": "taobao_refund",
    "xiaohongshu": "xiaohongshu/after_sale",
    "youzan": "youzan/refund",
}


def build(platform: str, tmp_path: object, url: str = "https://127.0.0.1:1") -> Shop:
    """A shop whose platform answers nobody: mapping asks nothing."""
    options = {"platform": platform, "url": url, **OPTIONS[platform]}
    if "asked_file" in options:
        options["asked_file"] = f"{tmp_path}/asked.json"
    return build_shop("shop-a", options, ManualClock())


def kept(raw: bytes, ext_id: str = "", field: str = "$") -> Quarantined:
    return Quarantined(ext_id=ext_id, field=field, why="was not understood", raw=raw)


@pytest.mark.parametrize("platform", ORDERS)
async def test_an_order_is_read_by_the_present_mapping(platform: str, tmp_path: object) -> None:
    shop = build(platform, tmp_path)
    assert isinstance(shop, Remapper)
    sample = load(ORDERS[platform])
    (order,) = await shop.remap(kept(json.dumps(sample).encode()), AT)
    assert isinstance(order, OrderUpdate), order
    assert order.ext_id
    assert order.lines
    assert (await shop.remap(kept(json.dumps(sample).encode()), AT))[0] == order  # it does not count as seen
    for broken in (b"", b"{}", b"[]", b"null", b"\xff", json.dumps(sample).encode()[:-2]):
        (still,) = await shop.remap(kept(broken), AT)
        assert isinstance(still, Quarantined), broken
    await shop.close()


@pytest.mark.parametrize("platform", CLAIMS)
async def test_a_claim_is_read_as_a_claim(platform: str, tmp_path: object) -> None:
    shop = build(platform, tmp_path)
    assert isinstance(shop, Remapper)
    made = await shop.remap(kept(json.dumps(load(CLAIMS[platform])).encode(), field="refund.status"), AT)
    assert made
    assert all(isinstance(one, Refund | Payment) for one in made), made
    await shop.close()


async def test_weidian_payloads_without_a_time_of_change_are_as_old_as_their_keeping(tmp_path: object) -> None:
    shop = build("weidian", tmp_path)
    assert isinstance(shop, Remapper)
    sample = load("weidian/order") | {"update_time": ""}
    (order,) = await shop.remap(kept(json.dumps(sample).encode()), AT)
    assert isinstance(order, OrderUpdate), order
    assert order.rev == AT
    await shop.close()


async def test_agisos_order_is_kept_with_its_refund_and_read_with_it(tmp_path: object) -> None:
    shop = build("agiso", tmp_path)
    assert isinstance(shop, Remapper)
    order, refund = load("agiso/order"), load("agiso/refund")
    both = json.dumps({"order": order, "refund": refund}).encode()
    (alone,) = await shop.remap(kept(json.dumps(order).encode()), AT)
    (together,) = await shop.remap(kept(both), AT)
    assert isinstance(alone, OrderUpdate)
    assert isinstance(together, OrderUpdate), together
    assert together.refunds != alone.refunds
    (push,) = await shop.remap(kept(b'{"tid": 1}', "1", "push"), AT)
    assert isinstance(push, Quarantined)
    await shop.close()


async def test_stripe_reads_an_event_again_and_asks_for_what_it_does_not_hold() -> None:
    intent = load("stripe_intent")
    number = intent["metadata"]["order_no"]

    def answer(request: Request) -> Answer:
        if request.path == "/v1/payment_intents/search":
            return 200, {"data": [intent], "has_more": False}
        return (200, intent) if request.path == f"/v1/payment_intents/{intent['id']}" else (404, {})

    async with Scripted(answer) as server:
        options = {"platform": "stripe-shop", "url": server.url, "api_key": "sk_live_x", "account": "main"}
        shop = build_shop("shop-a", options, ManualClock())
        assert isinstance(shop, Remapper)
        event = {"id": "evt_1", "type": "payment_intent.succeeded", "created": NOW - 7200, "data": {"object": intent}}
        (order,) = await shop.remap(kept(json.dumps(event).encode()), AT)
        assert isinstance(order, OrderUpdate), order
        assert (order.ext_id, order.as_of) == (number, (NOW - 7200) * SECOND)
        (read,) = await shop.remap(kept(json.dumps(intent).encode(), number), AT)
        assert isinstance(read, OrderUpdate)
        (still,) = await shop.remap(kept(b"{}"), AT)
        assert isinstance(still, Quarantined)
        with pytest.raises(ConnectorError):
            await shop.remap(kept(b"{}", "nobody-knows-it"), AT)
        await shop.close()


async def test_vendure_asks_once_for_the_digits_of_its_amounts() -> None:
    def answer(request: Request) -> Answer:
        assert b"moneyStrategyPrecision" in request.body
        return 200, {"data": {"globalSettings": {"serverConfig": {"moneyStrategyPrecision": 2}}}}

    async with Scripted(answer) as server:
        shop = build_shop("shop-a", {"platform": "vendure", "url": server.url, "api_key": "k"}, ManualClock())
        assert isinstance(shop, Remapper)
        for _ in range(2):
            (order,) = await shop.remap(kept(json.dumps(load("vendure/order")).encode()), AT)
            assert isinstance(order, OrderUpdate), order
        assert len(server.requests) == 1
        await shop.close()
