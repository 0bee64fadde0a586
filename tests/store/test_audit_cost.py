"""The audit's work grows with the orders and not faster: the missing index that makes it take minutes shows here."""

from pathlib import Path
from typing import Any

import pytest

from core.audit import audit
from core.bench.pipeline import Pipeline
from core.pipeline.setup import NoRules
from core.store import driver


def _work(path: Path, orders: int) -> tuple[float, float]:
    """(thousands of virtual-machine steps, seconds) of one audit: steps are a time without a clock."""
    connection: Any = driver.swap().connect(path, isolation_level=None)
    steps = 0

    def _step() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(_step, 1000)
    report = audit(connection)
    connection.close()
    assert report.findings == ()
    assert report.orders == orders
    return steps, report.seconds


@pytest.fixture
async def shop(tmp_path: Path) -> Any:
    made = Pipeline(tmp_path, NoRules())
    await made.start(8_000)
    yield made
    await made.writer.stop()


async def test_work_grows_with_the_orders(shop: Pipeline) -> None:
    await shop.run(shop.make())
    small, _ = _work(shop.path, 1_000)
    for _ in range(5):
        await shop.run(shop.make())
    large, seconds = _work(shop.path, 6_000)
    assert large <= small * 6.6
    # 100,000 orders within a few seconds, with room for a busy machine.
    assert seconds < 6_000 / 100_000 * 30


async def test_a_clock_that_was_set_back_is_no_violation(tmp_path: Path) -> None:
    from tests.rig import Rig, order, pay

    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order())
        await rig.pull(pay("A1", 1000))
        rig.clock.step(-3600)
        rig.setup.fresh_us = 0
        await rig.pull(order(rev=2**60))
        await rig.pass_gate()
        await rig.deliver(await rig.intent())
        assert [f for f in audit(rig.path, rig.clock()).findings if f.severity == "violation"] == []
