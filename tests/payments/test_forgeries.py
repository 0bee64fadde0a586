"""假支付: each trick that was seen against merchants, tried on a whole core. None is booked, and none moves a key."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from connectors.gateway_kinds import build_gateway
from connectors.payments import base
from core.model.clock import now_us
from core.pipeline import chasing
from tests.connectors.server import Scripted
from tests.faults.doors import Doors
from tests.payments.providers import (
    FORM,
    PROVIDERS,
    AlipayProvider,
    EpayProvider,
    EpayV2Provider,
    Notice,
    Trade,
    WeChatProvider,
    lined,
    private,
    respelt,
    signed,
)
from tests.payments.till import Book, Till

Trick = Callable[[Trade], Notice]
ALIPAY, WECHAT, EPAY, EPAY2 = AlipayProvider(), WeChatProvider(), EpayProvider(), EpayV2Provider()


def without(notice: Notice, name: str) -> Notice:
    return replace(notice, headers={k: v for k, v in notice.headers.items() if k != name})


def doubled(notice: Notice, more: str) -> Notice:
    """A field once more, at the end, after everything was signed."""
    if notice.body:
        return replace(notice, body=notice.body + more.encode())
    return replace(notice, query=notice.query + more)


def unsigned(notice: Notice) -> Notice:
    text = notice.query or notice.body.decode()
    kept = text.partition("&sign=")[0]
    return replace(notice, query=kept if notice.query else "", body=b"" if notice.query else kept.encode())


def md5_alipay(trade: Trade) -> Notice:
    """Signed with MD5 and an empty key, which everybody has."""
    fields = {
        "notify_type": "trade_status_sync", "app_id": ALIPAY.APP, "seller_id": ALIPAY.SELLER, "trade_no": trade.number,
        "out_trade_no": trade.ext_id, "trade_status": "TRADE_SUCCESS", "total_amount": "10.00",
    }  # fmt: skip
    sign = hashlib.md5(lined(fields).encode()).hexdigest()
    return Notice("POST", headers=FORM, body=urlencode(fields | {"sign": sign, "sign_type": "MD5"}).encode())


def headers(notice: Notice, **changes: str) -> Notice:
    return replace(notice, headers=notice.headers | {k.replace("_", "-"): v for k, v in changes.items()})


TRICKS: dict[str, dict[str, Trick]] = {
    "alipay": {
        "signed by a stranger": lambda t: ALIPAY.notice(t, by="stranger"),
        "signed with the merchant's own key": lambda t: ALIPAY.notice(t, by="merchant"),
        "unsigned": lambda t: unsigned(ALIPAY.notice(t)),
        "signed with md5": md5_alipay,
        "the amount changed": lambda t: respelt(ALIPAY.notice(t), "total_amount=10.00", "total_amount=1000.00"),
        "the order changed": lambda t: respelt(ALIPAY.notice(t), "out_trade_no=A1", "out_trade_no=A2"),
        "the state changed": lambda t: respelt(
            ALIPAY.notice(t, trade_status="WAIT_BUYER_PAY"), "WAIT_BUYER_PAY", "TRADE_SUCCESS"
        ),
        "a second order number": lambda t: doubled(ALIPAY.notice(t), "&out_trade_no=A2"),
        "a field twice": lambda t: doubled(ALIPAY.notice(t), "&version=1.0"),
        "another application's": lambda t: ALIPAY.notice(t, app_id="2021000000000009"),
        "another seller's": lambda t: ALIPAY.notice(t, seller_id="2088000000000009"),
        "no seller": lambda t: ALIPAY.notice(t, seller_id="-"),
        "nothing paid": lambda t: ALIPAY.notice(t, total_amount="0.00"),
        "less than nothing": lambda t: ALIPAY.notice(t, total_amount="-10.00"),
        "an amount in words": lambda t: ALIPAY.notice(t, total_amount="1e3"),
        "no order": lambda t: ALIPAY.notice(t, out_trade_no=""),
        "an order of invisible letters": lambda t: ALIPAY.notice(t, out_trade_no="A1\u200b"),
        "the page after payment": lambda t: Notice("GET", query=ALIPAY.notice(t).body.decode()),
        "by GET": lambda t: replace(ALIPAY.notice(t), method="GET"),
        "too long": lambda t: ALIPAY.notice(t, passback_params="x" * base.BODY_MAX),
        "not utf-8": lambda t: replace(ALIPAY.notice(t), body=ALIPAY.notice(t).body + b"&x=%ff"),
        "another provider's": lambda t: EPAY.notice(t, method="POST"),
    },
    "wechatpay": {
        "signed by a stranger": lambda t: WECHAT.notice(t, by="stranger"),
        "signed with the merchant's own key": lambda t: WECHAT.notice(t, by="merchant"),
        "a key that we do not have": lambda t: WECHAT.notice(t, by="stranger", serial="PUB_KEY_ID_99"),
        "no serial": lambda t: without(WECHAT.notice(t), "wechatpay-serial"),
        "unsigned": lambda t: without(WECHAT.notice(t), "wechatpay-signature"),
        "a probe made to fail": lambda t: headers(
            WECHAT.notice(t), wechatpay_signature="WECHATPAY/SIGNTEST/" + "A" * 300
        ),
        "ten minutes old": lambda t: WECHAT.notice(t, age=600),
        "from ten minutes ahead": lambda t: WECHAT.notice(t, age=-600),
        "made young again": lambda t: headers(
            WECHAT.notice(t, age=600), wechatpay_timestamp=WECHAT.notice(t).headers["wechatpay-timestamp"]
        ),
        "another kind of signature": lambda t: headers(WECHAT.notice(t), wechatpay_signature_type="WECHATPAY2-SM2-WITH-SM3"),
        "sealed with another key": lambda t: WECHAT.notice(t, secret="f" * 32),
        "the seal exchanged": lambda t: respelt(WECHAT.notice(t), '"associated_data": "transaction"', '"associated_data": ""'),
        "another merchant's": lambda t: WECHAT.notice(t, mchid="1900000009"),
        "another application's": lambda t: WECHAT.notice(t, appid="wx0000000000000009"),
        "another currency": lambda t: WECHAT.notice(t, amount={"total": 1000, "currency": "HKD"}),
        "nothing paid": lambda t: WECHAT.notice(t, amount={"total": 0, "currency": "CNY"}),
        "an amount as text": lambda t: WECHAT.notice(t, amount={"total": "1000", "currency": "CNY"}),
        "an unknown state": lambda t: WECHAT.notice(t, trade_state="ACCEPT"),
        "a refund that is none": lambda t: WECHAT.notice(
            t, event="REFUND.SUCCESS", refund_status="PROCESSING", refund_id="5", amount={"refund": 1000, "total": 1000}
        ),
        "no JSON": lambda t: replace(WECHAT.notice(t), body=b"<xml/>"),
        "by GET": lambda t: replace(WECHAT.notice(t), method="GET"),
    },
    "epay v1": {
        "an empty key": lambda t: EPAY.notice(t, by=" "),
        "a guessed key": lambda t: EPAY.notice(t, by="1001"),
        "unsigned": lambda t: unsigned(EPAY.notice(t)),
        "the amount changed": lambda t: respelt(EPAY.notice(t), "money=10.00", "money=1000.00"),
        "another merchant's": lambda t: EPAY.notice(t, pid="1002"),
        "no merchant": lambda t: EPAY.notice(t, pid=""),
        "a second order number": lambda t: doubled(EPAY.notice(t), "&out_trade_no=A2"),
        "said to be signed otherwise": lambda t: respelt(EPAY.notice(t), "sign_type=MD5", "sign_type=NONE"),
        "money that never came": lambda t: EPAY.notice(replace(t, number="T-FORGED")),
        "nothing paid": lambda t: EPAY.notice(t, money="0"),
        "too long": lambda t: EPAY.notice(t, method="POST", param="x" * base.BODY_MAX),
    },
    "epay v2": {
        "signed by a stranger": lambda t: EPAY2.notice(t, by="stranger"),
        "unsigned": lambda t: unsigned(EPAY2.notice(t)),
        "ten minutes old": lambda t: EPAY2.notice(t, age=600),
        "without a time": lambda t: EPAY2.notice(t, timestamp=""),
        "signed with md5": lambda t: EPAY.notice(t),
        "another merchant's": lambda t: EPAY2.notice(t, pid="1002"),
        "money that never came": lambda t: EPAY2.notice(replace(t, number="T-FORGED")),
    },
}  # fmt: skip
CASES = [(name, trick) for name, tricks in TRICKS.items() for trick in tricks]


@pytest.mark.parametrize("name", TRICKS)
async def test_no_forgery_is_booked(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chasing, "AGES_S", (3600.0,))
    provider = PROVIDERS[name]()
    async with Till(tmp_path, provider) as till:
        for ext_id in ("A1", "A2"):
            till.book.place(ext_id)
            await till.known(ext_id)
        # There is real money for A1, so that only the notice itself can be what is wrong.
        trade = provider.pay("A1", 1000)
        for trick, forge in TRICKS[name].items():
            answer = await till.tell(forge(trade))
            assert answer.status_code in (400, 401), trick
            assert answer.content not in (b"success", b""), trick
            assert "signature" not in answer.text, trick  # nothing that helps to make a better one
            assert await till.payments() == [], trick
        await till.no_key_moved()
        tail = await till.core.http.post("/cash/more", content=provider.notice(trade).body)
        assert tail.status_code in (400, 401)
        # The same trade, told properly: had the tricks spoilt anything, this would not go through.
        assert (await till.tell(provider.notice(trade))).status_code == 200
        await till.delivered("A1")
        assert till.book.sent == ["A1"]


async def test_one_payment_pays_one_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed anew for a second order, as who has the gateway's key could: the transaction is used."""
    monkeypatch.setattr(chasing, "AGES_S", (3600.0,))
    provider = AlipayProvider()
    async with Till(tmp_path, provider) as till:
        for ext_id in ("A1", "A2"):
            till.book.place(ext_id)
            await till.known(ext_id)
        trade = provider.pay("A1", 1000)
        await till.tell(provider.notice(trade))
        await till.tell(provider.notice(trade, out_trade_no="A2"))
        await till.until_case("A2", "price_mismatch")
        await till.delivered("A1")
        assert till.book.sent == ["A1"]
        assert [row[:3] for row in await till.payments()] == [("cash", trade.number, "A1")]


async def test_a_gateway_pays_no_order_of_another_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real notice of one gateway, cheap to come by, names an order that only the other one may pay."""
    monkeypatch.setattr(chasing, "AGES_S", (3600.0,))
    dear, cheap = AlipayProvider(), EpayProvider()
    one, two = Book("one"), Book("two")
    async with Scripted(dear.handle) as alipay, Scripted(cheap.handle) as epay:
        dear.url, cheap.url = alipay.url, epay.url
        gateways = {
            "one": build_gateway("dear", dear.options(), now_us),
            "two": build_gateway("cheap", cheap.options(), now_us),
        }
        async with Doors(tmp_path, one, two, gateways=gateways) as core:
            one.place("A1")

            async def known() -> bool:
                return bool(await core.one("SELECT 1 FROM orders"))

            await core.until(known)
            told = await core.http.get(f"/cheap?{cheap.notice(cheap.pay('A1', 1000)).query}")
            assert told.status_code == 200  # it is real money, of an order that the second shop may yet bring
            for wrong in (dear.notice(dear.pay("A1", 1000)), cheap.notice(cheap.pay("A1", 1000), method="POST")):
                name = "cheap" if b"app_id" in wrong.body else "dear"
                assert (await core.http.post(f"/{name}", content=wrong.body)).status_code == 400
            assert await core.all("SELECT paid, stage FROM orders") == [(0, 1)]
            assert one.sent == two.sent == []


async def test_an_old_success_told_again_after_the_money_went_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chasing, "AGES_S", (3600.0,))
    provider = WeChatProvider()
    async with Till(tmp_path, provider) as till:
        till.book.place("A1", sku="?x")
        await till.known("A1")
        trade = provider.pay("A1", 1000)
        old = provider.notice(trade)
        await till.tell(old)
        await till.tell(provider.refund(trade, 1000, "5000001"))
        await till.tell(old)
        await till.tell(provider.notice(trade))
        assert await till.core.one("SELECT paid - refunded FROM orders") == 0
        await till.no_key_moved()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("alipay", {"alipay_public_key": ""}),
        ("alipay", {"alipay_public_key": "not a key"}),
        ("alipay", {"private_key": "  "}),
        ("alipay", {"seller_id": ""}),
        ("wechatpay", {"secret": ""}),
        ("wechatpay", {"secret": "too short"}),
        ("wechatpay", {"public_key": ""}),
        ("wechatpay", {"certificate_serial": "1"}),
        ("epay v1", {"key": ""}),
        ("epay v1", {"key": "   "}),
        ("epay v1", {"url": "http://pay.example.com"}),
        ("epay v1", {"private_key": "x"}),
        ("epay v2", {"public_key": ""}),
        ("epay v2", {"key": "both"}),
        ("epay v1", {"version": "3"}),
    ],
)
def test_a_gateway_without_its_keys_is_not_built(name: str, options: dict[str, str]) -> None:
    provider = PROVIDERS[name]()
    provider.url = "https://pay.example.com"
    build_gateway("cash", provider.options(), now_us)
    with pytest.raises(ValueError, match="cash") as caught:
        build_gateway("cash", provider.options() | options, now_us)
    assert private("merchant")[40:80] not in str(caught.value)


def test_signatures_of_the_tests_are_not_vacuous() -> None:
    assert base64.b64decode(signed("x", "provider")) != base64.b64decode(signed("x", "stranger"))
