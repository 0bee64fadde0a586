"""Money that nobody told of is found by asking: often at first, then less, never without end, and after a restart."""

import itertools
from pathlib import Path

import pytest

from core.model.order import PaymentKind, PlatformState
from core.pipeline import chasing
from core.pipeline.chasing import Chaser
from core.ports import ConnectorError, Inbound, Money, Received
from core.store import driver
from core.store.engines import reader_engine
from tests.connectors.server import Act
from tests.payments.providers import PROVIDERS, AlipayProvider, Provider
from tests.payments.till import Till
from tests.rig import T0, Rig, order, pay
from tests.store.big import big
from tests.store.test_plans import plan


class Counter:
    """A gateway that notes when it was asked about what."""

    name, account = "cash", "counter:1"

    def __init__(self, rig: Rig, per_minute: float = 6000) -> None:
        self._rig, self.per_minute = rig, per_minute
        self.asked: list[tuple[str, float]] = []
        self.money: dict[str, tuple[Money, ...]] = {}
        self.error: Exception | None = None
        self.begun = rig.clock.now

    async def receive(self, request: Inbound) -> Received:
        raise AssertionError("not told anything here")

    async def query(self, ext_id: str) -> tuple[Money, ...]:
        self.asked.append((ext_id, (self._rig.clock.now - self.begun) / 1e6))
        if self.error is not None:
            raise self.error
        return self.money.get(ext_id, ())

    async def close(self) -> None:
        return None

    def times(self, ext_id: str) -> list[float]:
        """When it was asked about this order, seconds from the beginning."""
        return [at for who, at in self.asked if who == ext_id]


class Walked:
    """A chaser in a rig whose clock the test moves; ``asked`` follows from it exactly."""

    def __init__(self, rig: Rig, **more: float) -> None:
        self.rig, self.gateway = rig, Counter(rig, **more)
        self.readers = reader_engine(rig.path)
        self.chaser = self.fresh()

    def fresh(self) -> Chaser:
        """As a new core would make it."""
        return Chaser(1, self.gateway, self.rig.writer, self.rig.intake, self.readers, self.rig.clock)

    async def go(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass, a step at a time."""
        for _ in range(int(seconds / step)):
            self.rig.clock.step(step)
            await self.chaser.step()


async def test_an_order_is_asked_about_less_and_less_often(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        walked = Walked(rig)
        await walked.chaser.step()
        await rig.pull(order("A1"), order("PAID", paid=1000))
        await rig.pull(order("B1"), shop=2)  # another shop's, which its platform tells about
        await walked.go(400)
        assert walked.gateway.times("A1") == pytest.approx([5, 20, 80, 380], abs=1.5)
        await walked.go(8000, step=10)
        slow = walked.gateway.times("A1")[4:]
        assert slow[0] == pytest.approx(2180, abs=10)
        assert [b - a for a, b in itertools.pairwise(slow[1:])] == pytest.approx([1800] * (len(slow) - 2), abs=10)
        assert len(slow) >= 4
        assert {who for who, _ in walked.gateway.asked} == {"A1"}
        await walked.readers.dispose()


async def test_nobody_is_asked_about_orders_that_were_paid_or_closed_since(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        walked = Walked(rig)
        await walked.chaser.step()
        await rig.pull(order("A1"), order("A2"), order("A3"))
        await walked.go(10)
        await rig.pull(pay("A1", 1000), order("A2", rev=T0 + 1, state=PlatformState.CANCELLED))
        await walked.go(100)
        assert [len(walked.gateway.times(ext_id)) for ext_id in ("A1", "A2", "A3")] == [1, 1, 3]
        await walked.readers.dispose()


async def test_an_order_that_was_paid_while_it_waited_for_its_turn_is_not_asked_about(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.pull(*(order(f"A{i:03}") for i in range(100)))
        walked = Walked(rig, per_minute=60)
        await walked.go(5)
        asked = len(walked.gateway.asked)
        assert 0 < asked < 20
        await rig.pull(*(pay(f"A{i:03}", 1000) for i in range(100)))
        await walked.go(100)
        assert len(walked.gateway.asked) == asked
        await walked.readers.dispose()


async def test_what_is_found_is_booked(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        walked = Walked(rig)
        await rig.pull(order("A1"))
        walked.gateway.money["A1"] = (pay("A1", 1000, "t1"), pay("A1", 400, "t2", PaymentKind.REFUND))
        await walked.go(6)
        assert await rig.all("SELECT paid, refunded FROM orders") == [(1000, 400)]
        await walked.go(200)
        assert len(walked.gateway.times("A1")) == 1
        await walked.readers.dispose()


async def test_a_new_core_asks_about_everything_that_is_unpaid_whatever_its_age(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        walked = Walked(rig)
        for n in range(3):
            await rig.pull(*(order(f"A{n}{i:03}") for i in range(400)))  # more than a page
            rig.clock.step(7 * 86_400)
        walked.chaser = walked.fresh()
        await walked.go(60)
        assert {who for who, _ in walked.gateway.asked} == {f"A{n}{i:03}" for n in range(3) for i in range(400)}
        assert len(walked.gateway.asked) == 1200
        await walked.readers.dispose()


async def test_questions_are_bounded_and_young_orders_come_first(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.pull(*(order(f"OLD{i:03}") for i in range(300)))
        rig.clock.step(86_400)
        walked = Walked(rig, per_minute=60)
        await walked.chaser.step()
        await rig.pull(order("YOUNG"))
        await walked.go(60)
        assert 50 <= len(walked.gateway.asked) <= 66
        assert walked.gateway.times("YOUNG")[0] == pytest.approx(86_405 - 86_400, abs=2)
        await walked.readers.dispose()


async def test_a_gateway_that_fails_is_left_alone_for_a_while_and_nothing_is_forgotten(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        walked = Walked(rig)
        await rig.pull(*(order(f"A{i:02}") for i in range(40)))
        walked.gateway.error = ConnectorError("network", "nobody there")
        assert walked.chaser.health.state == "ok"
        await walked.go(60)
        assert len(walked.gateway.asked) <= 5 * chasing.AT_ONCE
        assert (walked.chaser.health.state, walked.chaser.health.error) == ("failing", "network: nobody there")
        walked.gateway.error = ConnectorError("rate", "slow down", retry_after=120)
        await walked.go(600)
        walked.gateway.error, before = None, len(walked.gateway.asked)
        await walked.go(600)
        assert {who for who, _ in walked.gateway.asked[before:]} == {f"A{i:02}" for i in range(40)}
        assert (walked.chaser.health.state, walked.chaser.health.error) == ("ok", "")
        await walked.readers.dispose()


async def test_money_whose_order_never_comes_is_shown(tmp_path: Path) -> None:
    """A shop that gives the gateway other numbers than its own: everything is paid, and nothing that it knows of."""
    async with Rig(tmp_path) as rig:
        walked = Walked(rig)
        await rig.pull(order("A1"), pay("SHOP-A1", 1000, account="cash"), pay("X", 1, account="another"))
        await walked.go(300)
        assert walked.chaser.health.state == "ok"  # it may be a little early
        await walked.go(400)
        assert walked.gateway.times("A1")
        shown = (walked.chaser.health.state, walked.chaser.health.error)
        assert shown == ("unmatched", "1 payments name no order of the shop")
        await rig.pull(order("SHOP-A1"))
        await walked.go(100)
        assert walked.chaser.health.state == "ok"
        await walked.readers.dispose()


@pytest.mark.parametrize("sql", ["BY_AGE", "WORKING", "STILL", "LOOSE"])
@pytest.mark.parametrize("statistics", [False, True])
def test_the_questions_to_the_database_walk_no_table(tmp_path: Path, sql: str, statistics: bool) -> None:
    path = big(tmp_path / "big.db", 10_000, statistics)
    database = driver.swap().connect(path)
    params = {"BY_AGE": ("[[1,2],[3,4]]", 1), "WORKING": (-1, 0, 0, 1, 2**60), "STILL": (1, 1), "LOOSE": (1, "a", 1)}[
        sql
    ]
    steps = plan(database, getattr(chasing, sql), params)
    database.close()
    index = {
        "BY_AGE": "INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
        "STILL": "INTEGER PRIMARY KEY (rowid=?)",
        "LOOSE": "ix_payment_loose",
    }.get(sql, "ix_orders_queue")
    assert any(index in step for step in steps), steps
    assert not any(step.startswith("SCAN o") and "ix_orders_queue" not in step for step in steps), steps
    assert not any("TEMP B-TREE" in step or "AUTOMATIC" in step for step in steps), steps


@pytest.mark.parametrize("name", PROVIDERS)
async def test_money_whose_notice_got_lost(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chasing, "AGES_S", (0.1, 0.4, 3600.0))
    monkeypatch.setattr(chasing, "TICK_S", 0.05)
    monkeypatch.setattr(chasing, "PAUSE_S", (0.1,))
    provider: Provider = PROVIDERS[name]()
    async with Till(tmp_path, provider) as till:
        provider.broken = Act.CLOSE
        till.book.place("A1")
        await till.known("A1")
        trade = provider.pay("A1", 1000)
        await till.core.until(lambda: provider.asked != [])
        provider.broken = None
        till.book.place("A2")
        other = provider.pay("A2", 1000)
        await till.delivered("A2")
        await till.delivered("A1")
        assert {row[1] for row in await till.payments()} == {trade.number, other.number}
        # The notice comes after all, as it does when a provider repeats it: nothing new.
        assert (await till.tell(provider.notice(trade))).status_code == 200
        assert len(await till.payments()) == 2
    assert sorted(till.book.sent) == ["A1", "A2"]


async def test_money_that_came_while_no_core_ran(tmp_path: Path) -> None:
    provider = AlipayProvider()
    async with Till(tmp_path, provider) as till:
        till.book.place("A1")
        await till.known("A1")
    provider.pay("A1", 1000)
    async with Till(tmp_path, provider, book=till.book, vault=till.core.vault) as again:
        await again.delivered("A1")
    assert again.book.sent == ["A1"]
