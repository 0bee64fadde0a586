"""What gateways read out of a provider's answers, state by state; and answers that are not to be believed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connectors.gateway_kinds import build_gateway, kinds
from core.model.clock import now_us
from core.model.order import Payment, PaymentKind, Refund, RefundState
from core.ports import ConnectorError, Gateway
from tests.connectors.server import Act, Answer, Request, Scripted
from tests.payments.providers import PROVIDERS, AlipayProvider, Provider


@asynccontextmanager
async def at(
    provider: Provider, spoil: Callable[[Answer], Answer] | None = None, **options: str
) -> AsyncIterator[Gateway]:
    def handle(request: Request) -> Answer:
        answer = provider.handle(request)
        return spoil(answer) if spoil else answer

    async with Scripted(handle) as server:
        provider.url = server.url
        gateway = build_gateway("cash", provider.options() | options, now_us)
        try:
            yield gateway
        finally:
            await gateway.close()


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    return PROVIDERS[request.param]()


def test_the_kinds() -> None:
    assert kinds() == ("alipay", "epay", "wechatpay")
    with pytest.raises(ValueError, match="did you mean 'alipay'"):
        build_gateway("x", {"kind": "alipai"}, now_us)


async def test_states(provider: Provider) -> None:
    async with at(provider) as gateway:
        trade = provider.pay("A/1 ü", 1234)
        (paid,) = await gateway.query("A/1 ü")
        assert isinstance(paid, Payment)
        assert (paid.account, paid.txn_id, paid.ext_id) == ("cash", trade.number, "A/1 ü")
        assert (paid.kind, paid.amount, paid.currency) == (PaymentKind.CHARGE, 1234, "CNY")
        assert abs(paid.at / 1e6 - trade.at) < 2
        for state in ("unpaid", "closed"):
            trade.state = state
            assert await gateway.query("A/1 ü") == ()
        assert await gateway.query("A2") == ()
        trade.state = "refunded"
        charge, back = await gateway.query("A/1 ü")
        assert isinstance(charge, Payment)
        assert isinstance(back, Refund)
        assert (charge.txn_id, back.state) == (paid.txn_id, RefundState.OPEN)


async def test_alipay_tells_how_much_went_back_in_full() -> None:
    provider = AlipayProvider()
    async with at(provider) as gateway:
        provider.pay("A1", 1000, state="refunded").back["A1"] = 1000
        charge, back = await gateway.query("A1")
        assert isinstance(charge, Payment)
        assert isinstance(back, Payment)
        assert (charge.kind, charge.amount, back.kind, back.amount) == (
            PaymentKind.CHARGE,
            1000,
            PaymentKind.REFUND,
            1000,
        )


def swapped(old: bytes, new: bytes) -> Callable[[Answer], Answer]:
    def spoil(answer: Answer) -> Answer:
        if isinstance(answer, bytes):
            assert old in answer, answer
            assert len(old) == len(new)
            return answer.replace(old, new)
        assert isinstance(answer, tuple)
        body: dict[str, Any] = {
            k: v.replace(old.decode(), new.decode()) if isinstance(v, str) else v for k, v in answer[1].items()
        }
        assert body != answer[1]
        return answer[0], body

    return spoil


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("alipay", b'"total_amount": "0.01"', b'"total_amount": "9.99"'),
        ("alipay", b"TRADE_SUCCESS", b"TRADE_SUCCES5"),
        ("alipay", b'"out_trade_no": "A1"', b'"out_trade_no": "A2"'),
        ("alipay", b'"sign"', b'"sing"'),
        ("wechatpay", b'"total": 1,', b'"total": 9,'),
        ("wechatpay", b"PUB_KEY_ID_01", b"PUB_KEY_ID_02"),
        ("epay v1", b"A1", b"A2"),
        ("epay v1", b"0.01", b"-0.1"),
        ("epay v2", b"0.01", b"9.99"),
        ("epay v2", b"A1", b"A2"),
    ],
)
async def test_an_answer_that_was_changed_is_an_error(name: str, old: bytes, new: bytes) -> None:
    provider = PROVIDERS[name]()
    async with at(provider, swapped(old, new)) as gateway:
        provider.pay("A1", 1)
        with pytest.raises(ConnectorError, match="query") as caught:
            await gateway.query("A1")
        assert caught.value.kind == "protocol"


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        ((500, {}), "platform"),
        ((429, {}), "rate"),
        (Act.CLOSE, "network"),
        (Act.HALF, "network"),
        ((200, "text"), "protocol"),
        ((200, {}), "protocol"),
        ((302, {}), "platform"),
    ],
)
async def test_no_answer_is_an_error_and_says_nothing_about_money(
    provider: Provider, broken: Answer, kind: str
) -> None:
    async with at(provider) as gateway:
        provider.pay("A1", 1000)
        provider.broken = broken
        with pytest.raises(ConnectorError) as caught:
            await gateway.query("A1")
        # Alipay answers mistakes of every kind with 200, so its other statuses are read like any answer.
        assert caught.value.kind == ("protocol" if broken == (302, {}) and provider.kind == "alipay" else kind)
        for secret in ("89unJUB8HZ54Hj7x4nUj56HN4nUzUJ8i", "0123456789abcdef"):
            assert secret not in str(caught.value)
        provider.broken = None
        assert len(await gateway.query("A1")) == 1
