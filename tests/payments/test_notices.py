"""What providers tell: booked once, before it is answered; a key follows money and nothing else."""

from pathlib import Path

import pytest

from core.pipeline import chasing, inbound
from tests.connectors.server import Act
from tests.payments.providers import PROVIDERS, AlipayProvider, EpayProvider, Provider, WeChatProvider
from tests.payments.till import Till


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    return PROVIDERS[request.param]()


@pytest.fixture(autouse=True)
def nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about notices; whoever asks has tests of its own."""
    monkeypatch.setattr(chasing, "AGES_S", (3600.0,))


async def test_a_notice_pays_its_order_once(tmp_path: Path, provider: Provider) -> None:
    async with Till(tmp_path, provider) as till:
        till.book.place("A1")
        await till.known("A1")
        notice = provider.notice(trade := provider.pay("A1", 1000))
        answer = await till.tell(notice)
        assert (answer.status_code, answer.content) == (200, provider.done)
        assert await till.payments() == [("cash", trade.number, "A1", 0, 1000)]  # durable at the moment of the answer
        await till.delivered("A1")
        for again in (notice, provider.notice(trade)):
            assert (await till.tell(again)).status_code == 200
        assert len(await till.payments()) == 1
        assert await till.cases("A1") == []
    assert till.book.sent == ["A1"]


async def test_a_notice_may_come_before_its_order(tmp_path: Path, provider: Provider) -> None:
    async with Till(tmp_path, provider) as till:
        assert (await till.tell(provider.notice(provider.pay("A1", 1000)))).status_code == 200
        await till.no_key_moved()
        till.book.place("A1")
        await till.delivered("A1")
    assert till.book.sent == ["A1"]


async def test_too_little_money_is_a_case(tmp_path: Path, provider: Provider) -> None:
    async with Till(tmp_path, provider) as till:
        till.book.place("A1", 1000)
        await till.known("A1")
        assert (await till.tell(provider.notice(provider.pay("A1", 1)))).status_code == 200
        await till.until_case("A1", "underpaid")
        await till.no_key_moved()


async def test_money_after_the_order_was_closed_is_a_case(tmp_path: Path, provider: Provider) -> None:
    async with Till(tmp_path, provider) as till:
        till.book.place("A1")
        await till.known("A1")
        till.book.cancel("A1")

        async def cancelled() -> bool:
            return await till.core.one("SELECT 1 FROM orders WHERE stage = 6") is not None

        await till.core.until(cancelled)
        assert (await till.tell(provider.notice(provider.pay("A1", 1000)))).status_code == 200
        await till.until_case("A1", "late_payment")
        await till.no_key_moved()


async def test_the_shops_word_on_money_is_not_taken(tmp_path: Path, provider: Provider) -> None:
    async with Till(tmp_path, provider) as till:
        till.book.place("A1", paid=1000)
        await till.known("A1")
        assert await till.payments() == []
        assert await till.core.one("SELECT paid FROM orders") == 0
        await till.tell(provider.notice(provider.pay("A1", 1000)))
        await till.delivered("A1")


async def test_old_news_is_asked_about_again_at_the_gateway_too(tmp_path: Path, provider: Provider) -> None:
    async with Till(tmp_path, provider, fresh_s=1.5) as till:
        till.book.place("A1")
        await till.known("A1")
        await till.stale()
        await till.tell(provider.notice(provider.pay("A1", 1000)))
        await till.delivered("A1")
        assert till.book.reads
        assert "A1" in provider.asked


async def test_a_signed_notice_of_money_that_never_came(tmp_path: Path) -> None:
    """Somebody has the provider's key: the notice cannot be told from a real one, but the provider knows no money."""
    provider = AlipayProvider()
    async with Till(tmp_path, provider, fresh_s=1.5) as till:
        till.book.place("A1")
        await till.known("A1")
        await till.stale()
        trade = provider.pay("A1", 1000, state="unpaid")
        assert (await till.tell(provider.notice(trade))).status_code == 200
        await till.until_case("A1", "poison_payload")
        await till.no_key_moved()


@pytest.mark.parametrize("name", ["epay v1", "epay v2"])
async def test_an_epay_notice_counts_for_nothing_without_the_gateways_answer(tmp_path: Path, name: str) -> None:
    provider = PROVIDERS[name]()
    async with Till(tmp_path, provider) as till:
        till.book.place("A1")
        await till.known("A1")
        trade = provider.pay("A1", 1000, state="unpaid")
        answer = await till.tell(provider.notice(trade))
        assert (answer.status_code, answer.content) == (400, b"fail")
        trade.state = "paid"
        provider.broken = (502, {})
        assert (await till.tell(provider.notice(trade))).status_code == 503
        provider.broken = None
        for spoilt in ({"money": "20.00"}, {"trade_no": "T-OTHER"}, {"out_trade_no": "A2"}):
            assert (await till.tell(provider.notice(trade, **spoilt))).status_code == 400
        assert await till.payments() == []
        await till.no_key_moved()
        assert (await till.tell(provider.notice(trade, method="POST"))).content == b"success"
        await till.delivered("A1")


async def test_one_epay_notice_sent_for_ever_does_not_wear_the_gateway_out(tmp_path: Path) -> None:
    provider = EpayProvider()
    async with Till(tmp_path, provider) as till:
        till.book.place("A1")
        await till.known("A1")
        notice = provider.notice(provider.pay("A1", 1000))
        for _ in range(20):
            assert (await till.tell(notice)).content == b"success"
        assert provider.asked.count("A1") <= 2  # the gate may have asked as well
        assert len(await till.payments()) == 1


async def test_a_gateway_that_hangs_is_answered_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbound, "ANSWER_S", 0.3)
    provider = EpayProvider()
    async with Till(tmp_path, provider) as till:
        trade = provider.pay("A1", 1000)
        provider.broken = Act.HANG
        assert (await till.tell(provider.notice(trade))).status_code == 503
        provider.broken = None
        assert (await till.tell(provider.notice(trade))).status_code == 200


async def test_an_alipay_refund_that_is_told(tmp_path: Path) -> None:
    provider = AlipayProvider()
    async with Till(tmp_path, provider) as till:
        till.book.place("A1", sku="?x")  # not mapped: the order waits, and its money can still go back
        await till.known("A1")
        trade = provider.pay("A1", 1000)
        await till.tell(provider.notice(trade))
        trade.back["R1"] = 400
        told = {"refund_fee": "4.00", "out_biz_no": "R1", "gmt_refund": "2026-11-24 10:00:00.123"}
        for _ in range(2):
            assert (await till.tell(provider.notice(trade, **told))).content == b"success"
        assert await till.core.one("SELECT refunded FROM orders") == 400
        told |= {"out_biz_no": "R2", "refund_fee": "5.00"}  # told, but not found under that number: a person looks
        assert (await till.tell(provider.notice(trade, **told))).content == b"success"
        assert await till.core.one("SELECT refund_open FROM orders") == 1


async def test_a_wechat_refund_that_is_told_answers_the_open_question(tmp_path: Path) -> None:
    provider = WeChatProvider()
    async with Till(tmp_path, provider) as till:
        till.book.place("A1", sku="?x")
        await till.known("A1")
        trade = provider.pay("A1", 1000, state="refunded")
        trade.at -= 60
        await till.tell(provider.notice(trade, trade_state="REFUND"))
        assert await till.core.one("SELECT refund_open FROM orders") == 1
        assert (await till.tell(provider.refund(trade, 300, "5000001"))).status_code == 200
        assert await till.core.all("SELECT paid, refunded, refund_open FROM orders") == [(1000, 300, 0)]
        await till.tell(provider.notice(trade, trade_state="REFUND"))  # the same old word opens nothing again
        assert await till.core.one("SELECT refund_open FROM orders") == 0
        assert (await till.tell(provider.refund(trade, 300, "5000001"))).status_code == 200
        assert await till.core.one("SELECT refunded FROM orders") == 300
