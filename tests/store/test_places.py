"""Attempts that open together with what makes them due, at places that their lanes have lent."""

from pathlib import Path

from core.audit import audit
from core.model.effects import Effect, Outcome, Result
from core.model.lifecycle import IntentState, Stage, WriteBack
from core.model.order import Line, PaymentKind, RefundState
from core.pipeline import outcomes
from core.pipeline.attempts import Opened
from core.pipeline.ends import Came
from tests.rig import T0, Rig, order, pay, refund


async def test_a_paid_newcomer_is_opened_in_its_intake(tmp_path: Path) -> None:
    """One transaction from the platform's word to an open attempt, with the keys in it."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 2)
        done = await rig.pull(order(paid=1000), places=1)
        (opened,) = done.opened
        assert (opened.effect, opened.attempt, opened.ext_id, len(opened.keys)) == (Effect.SEND, 1, "A1", 1)
        assert opened.recipient == await rig.one("SELECT contact FROM orders")
        assert await rig.stage() == Stage.DELIVERING
        state, tries, opened_at, epoch = (await rig.all("SELECT state, tries, opened_at, epoch FROM intent"))[0]
        assert (state, tries, opened_at, epoch) == (IntentState.SENDING, 1, rig.clock(), rig.writer.epoch)
        assert await rig.come(opened.intent, 1, Result.CONFIRMED) is True
        assert await rig.stage() == Stage.DELIVERED
        assert await rig.all("SELECT n, result FROM attempt") == [(1, "confirmed")]


async def test_no_more_than_was_lent_and_the_best_first(tmp_path: Path) -> None:
    """Others wait as they always did; who has the earliest deadline is opened first."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 5)
        late, soon = order("late", paid=1000), order("soon", paid=1000, deadline=T0 + 1)
        done = await rig.pull(late, order("other", paid=1000), soon, places=1)
        assert [one.ext_id for one in done.opened] == ["soon"]
        assert sorted(await rig.all("SELECT state, count(*) FROM intent GROUP BY state")) == [
            (IntentState.PENDING, 2),
            (IntentState.SENDING, 1),
        ]
        assert (await rig.pull(order("more", paid=1000), places=0)).opened == ()


async def test_nothing_opens_that_the_gate_would_stop(tmp_path: Path) -> None:
    """Short money, a refund request, stale news, no keys: a lent place changes none of it."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        assert (await rig.pull(order("short", paid=900), places=9)).opened == ()
        asked = order("asked", paid=1000, refunds=(refund("asked", RefundState.OPEN),))
        assert (await rig.pull(asked, places=9)).opened == ()
        old = order("old", paid=1000, as_of=rig.clock() - rig.setup.fresh_us - 1)
        assert (await rig.pull(old, places=9)).opened == ()
        assert (await rig.pull(order("two", qty=2, paid=1000), places=9)).opened == ()
        assert await rig.one("SELECT count(*) FROM intent") == 0


async def test_the_platform_is_told_in_the_same_breath(tmp_path: Path) -> None:
    """With a place in the shop's own lane, the outcome of the send opens the write-back."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        (send,) = (await rig.pull(order(paid=1000), places=1)).opened
        ship = await rig.come(send.intent, 1, Result.CONFIRMED, place=True)
        assert isinstance(ship, Opened)
        assert (ship.effect, ship.via, ship.ext_id, ship.keys) == (Effect.SHIP, "mailshop", "A1", ())
        assert await rig.come(ship.intent, ship.attempt, Result.CONFIRMED) is True
        assert await rig.one("SELECT writeback FROM orders") == WriteBack.DONE


async def test_a_place_for_an_outcome_that_tells_nobody_is_given_back(tmp_path: Path) -> None:
    """A refused send, or a shop whose sending ships by itself, opens nothing."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 2)
        (send,) = (await rig.pull(order(paid=1000), places=1)).opened
        assert await rig.come(send.intent, 1, Result.REJECTED, place=True) is True
        (voucher,) = (await rig.pull(order("B1", paid=1000), shop=2, places=1)).opened
        assert await rig.come(voucher.intent, 1, Result.CONFIRMED, place=True) is True


async def test_what_was_opened_and_never_made_becomes_an_unknown_outcome(tmp_path: Path) -> None:
    """The core dies between the commit and the call: class A tries again, with that as evidence."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        (send,) = (await rig.pull(order(paid=1000), places=1)).opened

        def _left(tx: object, items: list[None]) -> list[int]:
            return [outcomes.left_open(tx, rig.setup)] * len(items)  # type: ignore[arg-type]

        assert await rig.writer.do(_left, None) == 1
        assert await rig.all("SELECT n, result FROM attempt") == [(1, "unknown")]
        assert await rig.come(send.intent, 1, Result.CONFIRMED) is False, "the old core's word comes too late"
        assert await rig.one("SELECT state FROM intent") == IntentState.PENDING


async def test_money_that_leaves_while_it_is_sent_burns_the_key(tmp_path: Path) -> None:
    """Opened in intake or by itself, an attempt under way is treated alike: its key never goes back to stock."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        (send,) = (await rig.pull(order(paid=1000), places=1)).opened
        await rig.pull(pay("A1", 1000, kind=PaymentKind.REFUND))
        assert await rig.stage() == Stage.CLOSED
        assert await rig.one("SELECT count(*) FROM key WHERE state = 0") == 0
        assert await rig.come(send.intent, 1, Result.CONFIRMED) is True


async def test_a_core_that_keeps_stopping_is_not_held_against_the_order_for_long(tmp_path: Path) -> None:
    """Cut-off attempts of class A count a third: nine of them, not three, and then a person is asked."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        (send,) = (await rig.pull(order(paid=1000), places=1)).opened

        def _left(tx: object, items: list[None]) -> list[int]:
            return [outcomes.left_open(tx, rig.setup)] * len(items)  # type: ignore[arg-type]

        for attempt in range(1, 10):
            assert await rig.writer.do(_left, None) == 1
            if attempt < 9:
                assert await rig.one("SELECT state FROM intent") == IntentState.PENDING, attempt
                rig.clock.step(120)
                await rig.pull(order(paid=1000))
                assert isinstance(await rig.open(send.intent), Opened)
        assert await rig.one("SELECT state FROM intent") == IntentState.UNKNOWN
        assert await rig.cases() == ["unknown_outcome"]


async def test_two_that_the_network_swallowed_and_one_cut_off_leave_a_third_of_a_try(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        (send,) = (await rig.pull(order(paid=1000), places=1)).opened
        for attempt, why in ((1, "timeout"), (2, outcomes.STOPPED), (3, "timeout"), (4, "timeout")):
            assert await rig.come(send.intent, attempt, Result.UNKNOWN, why=why)
            if attempt < 4:
                assert await rig.one("SELECT state FROM intent") == IntentState.PENDING, attempt
                rig.clock.step(120)
                await rig.pull(order(paid=1000))
                assert isinstance(await rig.open(send.intent), Opened)
        assert await rig.one("SELECT state FROM intent") == IntentState.UNKNOWN


async def test_an_attempt_at_hand_ends_as_one_that_is_read_again(tmp_path: Path) -> None:
    """The same rows whether the caller still has what it opened or not."""
    seen = []
    for at_hand in (True, False):
        folder = tmp_path / str(at_hand)
        folder.mkdir()
        async with Rig(folder) as rig:
            await rig.stock("p1", 2)
            opened = (await rig.pull(order("A1", paid=1000), order("A2", paid=1000), places=2)).opened
            for one in opened:
                kept = one if at_hand else None
                ship = await rig.come(one.intent, 1, Result.CONFIRMED, place=True, opened=kept)
                assert isinstance(ship, Opened)
                kept = ship if at_hand else None
                assert await rig.come(ship.intent, 1, Result.CONFIRMED, opened=kept) is True
            seen.append(
                [
                    await rig.all(
                        "SELECT stage, writeback, version, delivered_at - changed_at FROM orders ORDER BY ext_id"
                    ),
                    await rig.all("SELECT effect, state, tries, gen, via FROM intent ORDER BY id"),
                    await rig.all("SELECT n, result, why, evidence FROM attempt ORDER BY intent_id"),
                    await rig.all("SELECT kind, actor FROM event ORDER BY seq"),
                    await rig.all("SELECT shop, stage, n FROM tally WHERE n ORDER BY shop, stage"),
                    await rig.all("SELECT received, delivered FROM minute"),
                ]
            )
    assert seen[0] == seen[1]


async def test_what_changed_since_it_opened_is_read_again(tmp_path: Path) -> None:
    """Money went back while the key was on its way: the closed order stays closed, and its neighbour is delivered."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 2)
        one, two = (await rig.pull(order("A1", paid=1000), order("A2", paid=1000), places=2)).opened
        await rig.pull(pay(one.ext_id, 1000, kind=PaymentKind.REFUND))
        assert await rig.come(one.intent, 1, Result.CONFIRMED, opened=one) is True
        assert await rig.come(two.intent, 1, Result.CONFIRMED, opened=two) is True
        assert await rig.stage(one.ext_id) == Stage.CLOSED
        assert await rig.stage(two.ext_id) == Stage.DELIVERED
        assert await rig.come(two.intent, 1, Result.CONFIRMED, opened=two) is False, "it is not open any more"


async def test_keys_are_told_in_one_order_at_every_attempt(tmp_path: Path) -> None:
    """Opened in intake or again later, the same letter: a repeat under one reference must not differ."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 3)
        lines = tuple(Line(line=name, sku="p1", title=f"t{name}", qty=1, amount=500) for name in ("10", "9"))
        told = order(paid=1000, lines=lines, total=1000)
        (first,) = (await rig.pull(told, places=1)).opened
        assert await rig.come(first.intent, 1, Result.NOT_SENT)
        rig.clock.step(5)
        await rig.pull(told)
        again = await rig.open(first.intent)
        assert isinstance(again, Opened)
        assert [(key.id, key.line, key.title) for key in again.keys] == [(k.id, k.line, k.title) for k in first.keys]


async def test_an_outcome_told_twice_opens_one_write_back(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        (send,) = (await rig.pull(order(paid=1000), places=1)).opened
        came = Came(send.intent, 1, Outcome(result=Result.CONFIRMED), place=True)
        answers = await rig.writer.submit_many(rig.recorder.apply, [came, came])
        assert [isinstance(answer, Opened) for answer in answers] == [True, False]
        assert await rig.one("SELECT count(*) FROM intent WHERE effect = 2") == 1


async def test_a_clock_that_was_set_back_is_no_violation(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order(paid=1000))
        await rig.pass_gate()
        rig.clock.step(-10)
        intent = await rig.intent()
        assert isinstance(await rig.open(intent), Opened)
        assert not [f for f in audit(rig.path, rig.clock()).findings if f.severity == "violation"]
        assert await rig.come(intent, 1, Result.CONFIRMED)
        assert not [f for f in audit(rig.path, rig.clock()).findings if f.severity == "violation"]
