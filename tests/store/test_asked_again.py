"""An unknown outcome that is asked about: under way is neither done nor a person's matter, and nothing is repeated."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.model.clock import SECOND
from core.model.contact import ContactKind
from core.model.effects import Effect, EffectClass, EffectSpec, Result
from core.model.lifecycle import EventKind, IntentState, Stage
from core.pipeline.attempts import NotOpened, Opened
from core.pipeline.setup import ShopInfo, Way
from tests.rig import Rig, order

BUYS = EffectSpec(Effect.SEND, EffectClass.B, "test", askable=True)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig(tmp_path) as made:
        way = Way("topups", BUYS, frozenset({ContactKind.PHONE}))
        made.setup.shops[1] = ShopInfo(1, "mailshop", "taobao", "topups", BUYS, None, (way,))
        await made.stock("p1", 3)
        await made.pull(order(paid=1000, message="13800138000"))
        await made.pass_gate()
        opened = await made.open(await made.intent())
        assert isinstance(opened, Opened)
        assert await made.come(opened.intent, opened.attempt, Result.UNKNOWN, retry_after=15.0)
        yield made


async def standing(rig: Rig) -> tuple[int, float]:
    """The intent's state, and in how many seconds it is looked at again."""
    ((state, next_at),) = await rig.all("SELECT state, next_at FROM intent WHERE effect = 1")
    return int(state), (int(next_at) - rig.clock()) / SECOND


async def told(rig: Rig) -> int:
    return int(await rig.one("SELECT count(*) FROM event WHERE kind = ?", int(EventKind.UNKNOWN)))


async def test_under_way_is_asked_about_again_and_again(rig: Rig) -> None:
    intent, before = await rig.intent(), await told(rig)
    for _ in range(9):
        assert await rig.come(intent, 1, Result.UNKNOWN, asked=True, retry_after=15.0)
        state, wait = await standing(rig)
        assert state == int(IntentState.UNKNOWN)
        assert 14 < wait <= 15
        assert isinstance(await rig.open(intent), NotOpened), "nothing is repeated meanwhile"
        assert await rig.cases() == []
        rig.clock.step(15)
    assert await told(rig) == before, "a question is no news"
    assert await rig.come(intent, 1, Result.CONFIRMED, asked=True)
    assert (await rig.stage(), await rig.cases()) == (int(Stage.DELIVERED), [])


async def test_an_answer_that_is_final_in_its_doubt_goes_to_a_person(rig: Rig) -> None:
    intent = await rig.intent()
    assert await rig.come(intent, 1, Result.UNKNOWN, asked=True, retry_after=15.0)
    assert await rig.come(intent, 1, Result.UNKNOWN, asked=True)
    assert await rig.cases() == ["unknown_outcome"]
    assert (await standing(rig))[1] > 10**6


async def test_a_failure_that_is_told_later_is_one(rig: Rig) -> None:
    intent = await rig.intent()
    assert await rig.come(intent, 1, Result.UNKNOWN, asked=True, retry_after=15.0)
    assert await rig.come(intent, 1, Result.REJECTED, asked=True)
    assert await rig.cases() == ["delivery_rejected"]


async def test_one_that_never_was_goes_again_under_its_own_reference(rig: Rig) -> None:
    intent = await rig.intent()
    assert await rig.come(intent, 1, Result.LATER, asked=True, retry_after=1.0)
    rig.clock.step(61)
    await rig.pull(order(paid=1000, message="13800138000"))
    opened = await rig.open(intent)
    assert isinstance(opened, Opened)
    assert (opened.intent, opened.attempt) == (intent, 2)
