"""Lent tokens: one fetch for all who wait, its failure shared, nobody's cancellation taking it along."""

import asyncio
import gc

import pytest

from connectors.channels.access import AccessToken, Lent, NoToken
from core.model.effects import Outcome, Result
from tests.connectors.kit import ManualClock


class Lender:
    """Lends t1, t2, ... when allowed to; counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failing = 0
        self.seconds = 7200

    async def __call__(self, refused: str) -> Lent:
        self.asked.append(refused)
        await self.gate.wait()
        if self.failing:
            self.failing -= 1
            raise NoToken(Outcome(result=Result.LATER, why="down"))
        return Lent(f"t{len(self.asked)}", self.seconds)


async def started(lender: Lender, asked: int) -> None:
    async with asyncio.timeout(5):
        while len(lender.asked) < asked:
            await asyncio.sleep(0)


async def test_all_share_one_fetch() -> None:
    lender = Lender()
    access = AccessToken(lender, ManualClock())
    assert await asyncio.gather(*(access.get() for _ in range(50))) == ["t1"] * 50
    assert lender.asked == [""]


async def test_all_share_one_failure_and_the_next_tries_again() -> None:
    lender = Lender()
    lender.failing = 1
    access = AccessToken(lender, ManualClock())
    results = await asyncio.gather(*(access.get() for _ in range(20)), return_exceptions=True)
    assert all(isinstance(one, NoToken) and one.outcome.why == "down" for one in results)
    assert lender.asked == [""]
    assert await access.get() == "t2"


async def test_a_cancelled_caller_does_not_take_the_others_along() -> None:
    lender = Lender()
    lender.gate.clear()
    access = AccessToken(lender, ManualClock())
    first, second = asyncio.create_task(access.get()), asyncio.create_task(access.get())
    await started(lender, 1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    lender.gate.set()
    assert await second == "t1"
    assert lender.asked == [""]


async def test_a_failure_that_nobody_waits_for_is_no_error() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    lender = Lender()
    lender.gate.clear()
    lender.failing = 1
    access = AccessToken(lender, ManualClock())
    only = asyncio.create_task(access.get())
    await started(lender, 1)
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)
    lender.gate.set()
    async with asyncio.timeout(5):
        while access._flight is not None:
            await asyncio.sleep(0)
    gc.collect()  # a task whose exception nobody took complains as it goes
    assert complaints == []
    assert await access.get() == "t2"


async def test_closing_ends_a_fetch_under_way() -> None:
    lender = Lender()
    lender.gate.clear()
    access = AccessToken(lender, ManualClock())
    only = asyncio.create_task(access.get())
    await started(lender, 1)
    await access.close()
    with pytest.raises(asyncio.CancelledError):
        await only


async def test_only_the_refused_token_is_dropped() -> None:
    lender = Lender()
    access = AccessToken(lender, ManualClock())
    assert await access.get() == "t1"
    access.drop("t1")
    assert await access.get() == "t2"
    access.drop("t1")  # a straggler's refusal of the token before
    assert await access.get() == "t2"
    assert lender.asked == ["", "t1"]


@pytest.mark.parametrize(("seconds", "good"), [(7200, 6900), (400, 200), (1, 1), (0, 1), (-5, 1)])
async def test_a_token_is_used_for_most_of_its_life(seconds: int, good: int) -> None:
    lender, clock = Lender(), ManualClock()
    lender.seconds = seconds
    access = AccessToken(lender, clock)
    assert await access.get() == "t1"
    clock.now += good - 1
    assert await access.get() == "t1"
    clock.now += 1
    assert await access.get() == "t2"
