"""What may pass the gate and what may not, where an order was known before and its facts changed."""

from pathlib import Path

from core.model.effects import Effect, Result
from core.model.lifecycle import CaseKind, IntentState, Stage
from core.model.order import PaymentKind, PlatformState, RefundState
from core.pipeline.attempts import NotOpened
from tests.rig import T0, Rig, order, pay, refund
from tests.store.acting import act


async def test_order_whose_keys_went_back_may_pass_again(tmp_path: Path) -> None:
    """Allocated, refunded, paid again, accepted: the second intent is a new one and the first stays dropped."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order(paid=1000))
        await rig.pass_gate()
        await rig.pull(pay("A1", 1000, kind=PaymentKind.REFUND))
        assert await rig.stage() == Stage.CANCELLED
        await rig.pull(pay("A1", 1000, "again"))
        assert await rig.cases() == ["late_payment"]
        assert await act(rig, "A1", "accept_late") == ""
        assert (await rig.pass_gate()).allocated == 1
        assert await rig.all("SELECT gen, state FROM intent ORDER BY gen") == [
            (1, IntentState.DROPPED),
            (2, IntentState.PENDING),
        ]
        await rig.deliver(await rig.intent())
        assert await rig.stage() == Stage.DELIVERED


async def test_price_that_falls_to_nothing_is_a_case_not_a_gift(tmp_path: Path) -> None:
    """A known unpaid order that the platform now shows at 0.00 gets no key; at its old price again it goes on."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order())
        await rig.pull(order(rev=T0 + 1, total=0))
        assert (await rig.pass_gate()).allocated == 0
        assert await rig.cases() == ["zero_amount"]
        await rig.close("A1", [CaseKind.ZERO_AMOUNT])
        assert (await rig.pass_gate()).allocated == 0  # nor when somebody waves the case through
        await rig.pull(order(rev=T0 + 2, total=1000, paid=1000))
        assert await rig.cases() == []
        assert (await rig.pass_gate()).allocated == 1


async def test_platform_cancels_a_paid_order_before_its_money_is_back(tmp_path: Path) -> None:
    """No key for an order that the platform has ended; the money that is still there is a case until it goes."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 2)
        await rig.pull(order("A1", paid=1000), order("A2", paid=1000))
        await rig.pass_gate()
        await rig.pull(order("A3", paid=1000, state=PlatformState.CANCELLED))
        await rig.pull(order("A1", rev=T0 + 1, state=PlatformState.CANCELLED))
        for ext in ("A1", "A3"):
            assert await rig.stage(ext) == Stage.CANCELLED
            assert await rig.cases(ext) == ["late_payment"]
        assert (await rig.pass_gate()).allocated == 0
        assert isinstance(await rig.open(await rig.intent("A1")), NotOpened)
        assert await rig.all("SELECT free, sold FROM stock") == [(1, 1)]
        assert await act(rig, "A3", "return_late") == ""
        assert (await rig.pass_gate()).allocated == 0  # returned by hand: closing the case frees nothing
        await rig.pull(pay("A1", 1000, kind=PaymentKind.REFUND))
        assert await rig.cases("A1") == []


async def test_accepted_late_money_stays_accepted_when_the_order_changes(tmp_path: Path) -> None:
    """The platform's old word "cancelled" does not end it a second time."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order(paid=1000, state=PlatformState.CANCELLED))
        assert await act(rig, "A1", "accept_late") == ""
        await rig.pull(order(rev=T0 + 1, state=PlatformState.CANCELLED, deadline=T0 + 10))
        assert await rig.stage() == Stage.OPEN
        assert (await rig.pass_gate()).allocated == 1


async def test_shipped_elsewhere_after_the_gate_stops_the_send(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order(paid=1000))
        await rig.pass_gate()
        await rig.pull(order(rev=T0 + 1, state=PlatformState.SHIPPED))
        assert await rig.cases() == ["already_shipped"]
        assert isinstance(await rig.open(await rig.intent()), NotOpened)


async def test_refund_that_went_away_frees_the_intent_although_its_case_was_closed(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order(paid=1000))
        await rig.pass_gate()
        send = await rig.intent()
        await rig.pull(refund("A1", RefundState.OPEN))
        await rig.open(send)
        await rig.close("A1", [CaseKind.REFUND_BEFORE])
        assert isinstance(await rig.open(send), NotOpened)
        assert await rig.one("SELECT state FROM intent") == IntentState.BLOCKED
        await rig.pull(refund("A1", RefundState.GONE, at=T0 + 1))
        assert await rig.one("SELECT state FROM intent") == IntentState.PENDING
        await rig.deliver(send)


async def test_refund_request_seen_twice_before_its_order_counts_by_its_last_word(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(refund("A1", RefundState.OPEN))
        await rig.pull(order(paid=1000, refunds=(refund("A1", RefundState.GONE, at=T0 + 1),)))
        assert await rig.all("SELECT refund_open FROM orders") == [(0,)]
        assert await rig.cases() == []


async def test_money_in_another_currency_is_a_case_and_never_counts(tmp_path: Path) -> None:
    """Before its order, with it, and after it: the own currency counts alone."""
    dollars = {"currency": "USD"}
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 9)
        await rig.pull(pay("A1", 1000, "d1", **dollars), pay("A1", 1000, "y1"))
        await rig.pull(order("A1"), order("A2", payments=(pay("A2", 1000, "y2"), pay("A2", 1, "d2", **dollars))))
        await rig.pull(order("A3"), order("A4"))
        await rig.pull(pay("A3", 1000, "y3"), pay("A3", 1000, "d3", **dollars), pay("A4", 1000, "d4", **dollars))
        assert await rig.all("SELECT ext_id, paid FROM orders ORDER BY ext_id") == [
            ("A1", 1000),
            ("A2", 1000),
            ("A3", 1000),
            ("A4", 0),
        ]
        for ext in ("A1", "A2", "A3", "A4"):
            assert await rig.cases(ext) == ["price_mismatch"]
        assert (await rig.pass_gate()).allocated == 0


async def test_the_rest_of_a_partly_refunded_price_closes_the_case(tmp_path: Path) -> None:
    """An attempt refused for money goes on when the net covers again."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order(paid=1000))
        await rig.pass_gate()
        await rig.pull(pay("A1", 300, kind=PaymentKind.REFUND))
        assert isinstance(await rig.open(await rig.intent()), NotOpened)
        assert await rig.cases() == ["underpaid"]
        await rig.pull(pay("A1", 300, "rest"))
        assert await rig.cases() == []
        await rig.deliver(await rig.intent())


async def test_a_confirmed_send_does_not_close_the_write_backs_own_question(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order(paid=1000))
        await rig.pass_gate()
        await rig.deliver(await rig.intent())
        ship = await rig.intent(effect=Effect.SHIP)
        for attempt in (1, 2, 3):
            await rig.open(ship)
            await rig.come(ship, attempt, Result.UNKNOWN)
        assert await rig.cases() == ["unknown_outcome"]
        assert await act(rig, "A1", "resend") == ""
        again = await rig.intent()
        await rig.open(again)
        await rig.come(again, 1, Result.NOT_SENT)
        await rig.deliver(again)
        assert await rig.cases() == ["unknown_outcome"]
