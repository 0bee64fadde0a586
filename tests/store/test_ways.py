"""Several ways for keys to leave: contacts that suit, the next way after a proven refusal alone, and back to the first."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.audit.invariants import INVARIANTS
from core.audit.invariants import params as audit_params
from core.model.contact import EMAIL_ONLY, ContactKind
from core.model.effects import Effect, EffectClass, EffectSpec, Result
from core.model.lifecycle import EventKind, IntentState
from core.pipeline.attempts import NotOpened, Opened
from core.pipeline.setup import ShopInfo, Way
from tests.rig import DUMMY, MAIL, Rig, order
from tests.store.acting import act

PHONE = frozenset({ContactKind.PHONE})
SMS = EffectSpec(Effect.SEND, EffectClass.B, "test", askable=True)
ROBOT = EffectSpec(Effect.SEND, EffectClass.C, "test")
PENDING, REJECTED = int(IntentState.PENDING), int(IntentState.REJECTED)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig(tmp_path) as made:
        ways(made, Way("sms", SMS, PHONE), Way("email", MAIL, EMAIL_ONLY))
        await made.stock("p1", 9)
        yield made


def ways(rig: Rig, *them: Way) -> None:
    rig.setup.shops[1] = ShopInfo(1, "mailshop", "taobao", them[0].lane, them[0].send, DUMMY, them)


async def sends(rig: Rig, ext_id: str = "A1") -> list[tuple[str, str, int, str]]:
    """(lane, class, state, recipient) by generation."""
    return await rig.all(
        "SELECT i.via, i.cls, i.state, i.recipient FROM intent i JOIN orders o ON o.id = i.order_id "
        "WHERE o.ext_id = ? AND i.effect = 1 ORDER BY i.gen",
        ext_id,
    )


async def sent(rig: Rig, *results: Result, **more: str) -> None:
    """An order that passed the gate, and what each attempt came to, whichever intent is newest then."""
    await rig.pull(order(paid=1000, **({"message": "13800138000"} | more)))
    await rig.pass_gate()
    for result in results:
        await attempt(rig, result)


async def attempt(rig: Rig, result: Result) -> None:
    rig.clock.step(61)
    await rig.pull(order(paid=1000, message="13800138000"))
    opened = await rig.open(await rig.intent())
    assert isinstance(opened, Opened), opened
    assert await rig.come(opened.intent, opened.attempt, result)


async def breaches(rig: Rig) -> list[str]:
    """What the audit's invariants find wrong."""
    found = []
    for one in INVARIANTS:
        sql = one.sql
        values = audit_params(rig.clock())
        for name, value in values.items():
            sql = sql.replace(f":{name}", str(value))
        if one.severity == "violation" and await rig.all(sql):
            found.append(one.sentence)
    return found


async def test_the_phone_in_the_message_is_the_first_way_and_the_mail_the_next(rig: Rig) -> None:
    await sent(rig, Result.REJECTED)
    assert await sends(rig) == [
        ("sms", "B", REJECTED, "+8613800138000"),
        ("email", "A", PENDING, "buyer@example.com"),
    ]
    assert await rig.cases() == [], "nobody is asked while there is a way left"
    ((body,),) = await rig.all("SELECT body FROM event WHERE kind = ?", int(EventKind.SEND_FAILED))
    assert json.loads(body)["then"] == "email"
    keys = await rig.all("SELECT id FROM key WHERE order_id IS NOT NULL")
    await attempt(rig, Result.CONFIRMED)
    assert await rig.stage() == 4
    assert await rig.all("SELECT id FROM key WHERE order_id IS NOT NULL") == keys, "the same keys"
    assert await breaches(rig) == []


async def test_when_every_way_refused_a_person_is_asked_and_retry_begins_at_the_first(rig: Rig) -> None:
    await sent(rig, Result.REJECTED, Result.REJECTED)
    assert await rig.cases() == ["delivery_rejected"]
    assert len(await sends(rig)) == 2
    assert await act(rig, "A1", "retry") == ""
    assert (await sends(rig))[2] == ("sms", "B", PENDING, "+8613800138000")
    assert await rig.cases() == []
    await attempt(rig, Result.CONFIRMED)
    assert await breaches(rig) == []


@pytest.mark.parametrize("before", [Result.UNKNOWN, Result.NOT_SENT])
async def test_never_after_an_unknown_outcome(rig: Rig, before: Result) -> None:
    ways(rig, Way("email", MAIL, EMAIL_ONLY), Way("sms", SMS, PHONE))
    await sent(rig, before, Result.REJECTED)
    lanes = [lane for lane, _, _, _ in await sends(rig)]
    if before is Result.UNKNOWN:
        assert lanes == ["email"], "the first attempt may have reached the buyer"
        assert await rig.cases() == ["delivery_rejected"]
    else:
        assert lanes == ["email", "sms"], "proven not sent, then refused: nothing reached the buyer"


async def test_an_unknown_one_that_the_carrier_then_denies_goes_on(rig: Rig) -> None:
    await sent(rig, Result.UNKNOWN)
    assert len(await sends(rig)) == 1
    assert await rig.come(await rig.intent(), 1, Result.REJECTED, asked=True)
    assert [lane for lane, _, _, _ in await sends(rig)] == ["sms", "email"]
    assert await breaches(rig) == []


async def test_the_audit_sees_a_next_way_that_was_not_proven(rig: Rig) -> None:
    await sent(rig, Result.REJECTED, Result.CONFIRMED)
    assert await breaches(rig) == []
    await rig.all("UPDATE attempt SET result = 'unknown' WHERE result = 'rejected'")
    assert await breaches(rig) == ["keys were sent again under a new intent without a person's verdict"]


async def test_not_after_the_buyer_picked_up_by_its_link(rig: Rig) -> None:
    await sent(rig, Result.UNKNOWN)
    intent = await rig.intent()

    def _pick(tx: object, items: list[None]) -> list[None]:
        tx.event(EventKind.PICKED_UP, number, "buyer", {"intent": intent})  # type: ignore[attr-defined]
        return items

    number = int(await rig.one("SELECT id FROM orders"))
    await rig.writer.do(_pick, None)
    await rig.come(intent, 1, Result.REJECTED, asked=True)
    assert len(await sends(rig)) == 1
    assert await rig.cases() == ["delivery_rejected"]


async def test_not_for_an_order_that_was_refunded_meanwhile(rig: Rig) -> None:
    await sent(rig)
    opened = await rig.open(await rig.intent())
    assert isinstance(opened, Opened)
    await rig.all("UPDATE orders SET stage = 5")
    await rig.come(opened.intent, 1, Result.REJECTED)
    assert len(await sends(rig)) == 1


async def test_a_delivered_order_is_sent_again_by_the_first_way(rig: Rig) -> None:
    await sent(rig, Result.REJECTED, Result.CONFIRMED)
    assert await act(rig, "A1", "resend") == ""
    assert (await sends(rig))[-1] == ("sms", "B", PENDING, "+8613800138000")


async def test_a_way_that_cannot_reach_the_buyer_is_passed_over(rig: Rig) -> None:
    await sent(rig, message="")
    assert await sends(rig) == [("email", "A", PENDING, "buyer@example.com")]


async def test_an_order_that_no_way_reaches_asks_for_a_contact_that_suits(rig: Rig) -> None:
    ways(rig, Way("sms", SMS, PHONE))
    await sent(rig, message="no number")
    assert await rig.cases() == ["buyer_input_invalid"]
    ((fact,),) = await rig.all("SELECT fact FROM case_")
    assert json.loads(fact) == {"field": "contact", "wanted": ["phone"]}
    assert await act(rig, "A1", "fix_contact", contact="other@example.com") == "contact_does_not_suit"
    assert await act(rig, "A1", "fix_contact", contact="139 0013 9000") == ""
    await rig.pull(order(paid=1000, message="no number"))
    await rig.pass_gate()
    assert await sends(rig) == [("sms", "B", PENDING, "+8613900139000")], "and the platform's word does not undo it"


async def test_a_new_contact_of_another_kind_takes_its_own_way(rig: Rig) -> None:
    await sent(rig)
    assert (await sends(rig))[0][0] == "sms"
    assert await act(rig, "A1", "fix_contact", contact="new@example.com") == ""
    assert await sends(rig) == [("email", "A", PENDING, "new@example.com")]


async def test_the_platform_changes_the_contact_before_the_first_attempt(rig: Rig) -> None:
    await sent(rig)
    await rig.pull(order(rev=rig.clock() + 1, paid=1000, contact="late@example.com", message=""))
    answer = await rig.open(await rig.intent())
    assert answer == NotOpened(await rig.intent(), "goes another way")
    assert await sends(rig) == [("email", "A", PENDING, "late@example.com")]
    await rig.deliver(await rig.intent())


async def test_a_robot_needs_nobody(rig: Rig) -> None:
    ways(rig, Way("ops", ROBOT))
    await sent(rig, contact="", message="")
    assert await sends(rig) == [("ops", "C", PENDING, "")]
    await rig.deliver(await rig.intent())
    assert await rig.stage() == 4


async def test_a_mail_shop_takes_mail_alone(rig: Rig) -> None:
    ways(rig, Way("email", MAIL, EMAIL_ONLY))
    await sent(rig, contact="+8613800138000")
    assert await rig.cases() == ["buyer_input_invalid"]


async def test_an_attempt_whose_channel_was_taken_out_of_the_settings_keeps_its_address(rig: Rig) -> None:
    await sent(rig, Result.LATER)
    info = rig.setup.shops[1]
    rig.setup.shops[1] = replace(info, send_lane="email", send=MAIL, ways=info.ways[1:])
    rig.clock.step(61)
    await rig.pull(order(paid=1000, message="13800138000"))
    opened = await rig.open(await rig.intent())
    assert isinstance(opened, Opened)
    assert opened.recipient == "+8613800138000"
