"""The shop of Stripe intents against a scripted API on a real socket."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any

import pytest

from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, PlatformState
from core.ports import ConnectorError, Shop
from tests.connectors.kit import NOW, ManualClock, send, ship
from tests.connectors.server import Act, Answer, Scripted, closed_port, reply
from tests.connectors.stripe_kit import FIRST, KEY, ORDER, PENDING, PI, Api, build, intent, money, pull_all


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(api: Api) -> AsyncIterator[Scripted]:
    async with Scripted(api) as running:
        yield running


@pytest.fixture
async def shop(server: Scripted, clock: ManualClock) -> AsyncIterator[Shop]:
    built = build(server, clock)
    yield built
    await built.close()


def test_what_it_says_of_itself(shop: Shop) -> None:
    assert isinstance(shop, Shop)
    assert (shop.platform, shop.send_via) == ("stripe-shop", "email")
    assert shop.specs[Effect.SHIP].cls is EffectClass.B
    assert "sesame" not in repr(shop) + repr(shop._client)  # type: ignore[attr-defined]


async def test_an_empty_account_waits_where_it_is(shop: Shop, api: Api) -> None:
    batch = await shop.pull(None)
    assert (batch.updates, batch.cursor, batch.more) == ((), None, False)
    api.add("payment_intent.created", intent(**PENDING))
    found, _ = await pull_all(shop)
    assert len(found) == 1


async def test_an_order_is_made_and_then_paid(shop: Shop, api: Api) -> None:
    api.add("payment_intent.created", intent(**PENDING), NOW - 100)
    api.add("payment_intent.succeeded", intent(), NOW - 90)
    (made, paid), _ = await pull_all(shop)
    assert isinstance(paid, OrderUpdate)
    assert (made.state, made.payments) == (PlatformState.UNPAID, ())
    assert (paid.ext_id, paid.state, paid.total, paid.currency) == (ORDER, PlatformState.PAID, 3980, "CNY")
    assert (paid.contact, paid.buyer, paid.buyer_name) == ("buyer@example.com", "u-77", "王小明")
    assert [(line.sku, line.qty, line.amount) for line in paid.lines] == [("STEAM-50", 2, 3980)]
    (payment,) = paid.payments
    assert (payment.account, payment.txn_id, payment.amount) == ("stripe-main", PI, 3980)
    assert payment.at == (NOW - 90) * 1_000_000
    assert paid.rev > made.rev


async def test_events_of_one_second_still_have_an_order(shop: Shop, api: Api) -> None:
    api.add("payment_intent.created", intent(**PENDING), NOW)
    api.add("payment_intent.succeeded", intent(), NOW)
    (made, paid), _ = await pull_all(shop)
    assert paid.rev > made.rev


async def test_a_second_payment_adds_money_and_never_changes_what_is_owed(shop: Shop, api: Api) -> None:
    api.add("payment_intent.created", intent(**PENDING))
    api.add("payment_intent.succeeded", intent(amount_received=1000), NOW - 90)
    rest = intent(id="pi_2", amount=2980, amount_received=2980, created=FIRST["created"] + 60)
    api.add("payment_intent.created", rest | PENDING, NOW - 40)
    api.add("payment_intent.succeeded", rest, NOW - 30)
    found, _ = await pull_all(shop)
    assert [(one.state, one.total) for one in found] == [
        (PlatformState.UNPAID, 3980),
        (PlatformState.UNPAID, 3980),
        (PlatformState.UNPAID, 3980),
        (PlatformState.PAID, 3980),
    ]
    assert money(found) == {PI: 1000, "pi_2": 2980}


async def test_the_first_intent_is_found_again_after_a_restart(
    server: Scripted, api: Api, clock: ManualClock, shop: Shop
) -> None:
    api.add("payment_intent.created", intent(**PENDING), NOW - 5000)
    _, cursor = await pull_all(shop)
    small = intent(id="pi_2", amount=10, amount_received=10, created=FIRST["created"] + 60)
    api.add("payment_intent.created", intent(id="pi_9", metadata={"order_no": "other"}, **PENDING), NOW - 3000)
    _, cursor = await pull_all(shop, cursor)
    api.add("payment_intent.succeeded", small, NOW - 10)
    fresh = build(server, clock)
    found, _ = await pull_all(fresh, cursor)
    await fresh.close()
    last = found[-1]
    assert (last.ext_id, last.total, last.state) == (ORDER, 3980, PlatformState.UNPAID)


async def test_a_new_process_remembers_which_intent_was_the_first(
    server: Scripted, api: Api, clock: ManualClock, shop: Shop
) -> None:
    api.add("payment_intent.created", intent(**PENDING), NOW - 5000)
    for n in range(250):
        other = intent(id=f"pi_{n}", metadata={"order_no": f"N{n}"}, **PENDING)
        api.add("payment_intent.created", other, NOW - 4000 + n)
    _, cursor = await pull_all(shop)
    rest = intent(id="pi_rest", amount=10, amount_received=10, created=NOW - 20, metadata={"unit_amount": "5"})
    api.add("payment_intent.created", rest | PENDING, NOW - 20)
    api.add("payment_intent.succeeded", rest, NOW - 10)
    fresh = build(server, clock)
    found, _ = await pull_all(fresh, cursor)
    await fresh.close()
    mine = [one for one in found if one.ext_id == ORDER]
    assert [(one.total, one.state) for one in mine] == [(3980, PlatformState.UNPAID)] * 2
    assert money(mine) == {"pi_rest": 10}


async def test_of_two_intents_in_one_second_the_dearer_one_is_owed(shop: Shop, api: Api) -> None:
    api.add("payment_intent.created", intent(id="pi_2", amount=10, metadata={"unit_amount": "5"}, **PENDING))
    api.add("payment_intent.created", intent(**PENDING))
    found, _ = await pull_all(shop)
    assert found[-1].total == 3980


async def test_reordered_events_end_at_the_same_order(shop: Shop, api: Api) -> None:
    api.add("payment_intent.succeeded", intent(), NOW - 80)
    api.add("payment_intent.created", intent(**PENDING), NOW - 90)
    found, _ = await pull_all(shop)
    assert found[-1].state is PlatformState.PAID
    assert money(found) == {PI: 3980}


async def test_cancelled(shop: Shop, api: Api) -> None:
    api.add("payment_intent.created", intent(**PENDING))
    api.add("payment_intent.canceled", intent(**PENDING | {"status": "canceled"}), NOW - 50)
    again = intent(id="pi_2", created=NOW - 40)
    api.add("payment_intent.succeeded", again, NOW - 30)
    found, _ = await pull_all(shop)
    assert [one.state for one in found] == [PlatformState.UNPAID, PlatformState.CANCELLED, PlatformState.PAID]


async def test_an_intent_without_an_order_number_is_an_order_of_its_own(shop: Shop, api: Api) -> None:
    lone = intent()
    del lone["metadata"]["order_no"]
    api.add("payment_intent.succeeded", lone)
    (order,), _ = await pull_all(shop)
    assert order.ext_id == PI
    assert isinstance(await shop.read(PI), OrderUpdate)


async def test_foreign_intents_are_quarantined_by_field(shop: Shop, api: Api) -> None:
    bare = intent()
    bare["metadata"] = {}
    api.add("payment_intent.succeeded", bare)
    api.add("payment_intent.succeeded", intent(id="pi_t", livemode=False, metadata={"order_no": "T"}))
    found, _ = await pull_all(shop)
    assert [(one.ext_id, one.field) for one in found] == [(PI, "metadata.qty"), ("T", "data.object.livemode")]


async def test_paging_forwards_keeps_order_and_resumes_at_any_cursor(shop: Shop, api: Api) -> None:
    for n in range(730):
        api.add(
            "payment_intent.created", intent(id=f"pi_{n}", metadata={"order_no": f"N{n}"}, **PENDING), NOW - 800 + n
        )
    cursors: list[str | None] = [None]
    found: list[Any] = []
    while True:
        batch = await shop.pull(cursors[-1])
        found += batch.updates
        cursors.append(batch.cursor)
        if not batch.more:
            break
    assert [one.ext_id for one in found] == [f"N{n}" for n in range(730)]
    again, _ = await pull_all(shop, cursors[2])
    assert {one.ext_id for one in again} >= {f"N{n}" for n in range(501, 730)}


async def test_the_last_minute_is_listed_again(shop: Shop, api: Api, clock: ManualClock) -> None:
    for n in range(5):
        api.add("payment_intent.created", intent(id=f"pi_{n}", metadata={"order_no": f"N{n}"}, **PENDING), NOW - 5 + n)
    _, cursor = await pull_all(shop)
    late = api.add("payment_intent.created", intent(id="pi_L", metadata={"order_no": "L"}, **PENDING), NOW - 4)
    api.events.insert(2, api.events.pop())  # it shows between events that were read already
    assert api.events[2]["id"] == late
    clock.now += 5
    found, cursor = await pull_all(shop, cursor)
    assert found == []
    clock.now += 30
    found, _ = await pull_all(shop, cursor)
    assert [one.ext_id for one in found] == ["L"]


async def test_an_event_that_is_kept_no_more_restarts_the_list(shop: Shop, api: Api) -> None:
    api.add("payment_intent.created", intent(**PENDING))
    _, cursor = await pull_all(shop)
    api.events.clear()
    api.add("payment_intent.created", intent(id="pi_2", metadata={"order_no": "N2"}, **PENDING))
    api.events[0]["id"] = "evt_other"
    found, _ = await pull_all(shop, cursor)
    assert [one.ext_id for one in found] == ["N2"]


async def test_an_order_that_is_nowhere_is_an_error(shop: Shop, api: Api) -> None:
    with pytest.raises(ConnectorError) as caught:
        await shop.read("IN-404")
    assert caught.value.kind == "platform"
    api.searchable = False
    with pytest.raises(ConnectorError):
        await shop.read("x' OR status:'succeeded")  # never reaches the query language


async def test_delivery_is_marked_under_one_idempotency_key(shop: Shop, api: Api) -> None:
    api.intents[PI] = intent()
    first, second = await shop.perform(ship(ORDER)), await shop.perform(ship(ORDER, attempt=2))
    assert first.result is second.result is Result.CONFIRMED
    assert [post.headers["idempotency-key"] for post in api.posts] == ["shop-a:72"] * 2
    assert [post.form for post in api.posts] == [{"metadata[keydesk_delivered]": "shop-a:72"}] * 2
    order = await shop.read(ORDER)
    assert isinstance(order, OrderUpdate)
    assert order.state is PlatformState.SHIPPED
    assert (await shop.ask(ship(ORDER))).result is Result.CONFIRMED


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (Act.RESET, Result.UNKNOWN),
        (Act.CLOSE, Result.UNKNOWN),
        (Act.HALF, Result.UNKNOWN),
        ((500, {"error": {"type": "api_error"}}), Result.UNKNOWN),
        ((409, {"error": {"type": "idempotency_error"}}), Result.LATER),
        (reply(429, b"{}", "retry-after: 3\r\n"), Result.LATER),
        ((401, {"error": {}}), Result.LATER),
        ((400, {"error": {"type": "invalid_request_error"}}), Result.REJECTED),
        ((404, {"error": {"code": "resource_missing"}}), Result.REJECTED),
    ],
)
async def test_what_a_marking_came_to(shop: Shop, api: Api, answer: Answer, result: Result) -> None:
    api.intents[PI] = intent()
    api.override = lambda request: answer if request.method == "POST" else None
    outcome = await shop.perform(ship(ORDER))
    assert outcome.result is result
    assert sum(method == "POST" for method, _ in api.calls) == 1
    assert "sesame" not in repr(outcome)
    assert (outcome.retry_after is not None) is (result is Result.LATER)


async def test_an_order_that_cannot_be_looked_up_is_marked_later(shop: Shop, api: Api) -> None:
    api.override = lambda request: (500, {})
    assert (await shop.perform(ship(ORDER))).result is Result.LATER
    assert (await shop.ask(ship(ORDER))).result is Result.UNKNOWN


async def test_a_closed_port_is_not_sent(server: Scripted, api: Api, clock: ManualClock) -> None:
    shop = build(server, clock)
    api.add("payment_intent.succeeded", intent())
    await pull_all(shop)
    shop._client.url = f"http://127.0.0.1:{closed_port()}"  # type: ignore[attr-defined]
    assert (await shop.perform(ship(ORDER))).result is Result.NOT_SENT
    await shop.close()


async def test_keys_do_not_go_through_stripe(shop: Shop, api: Api) -> None:
    assert (await shop.perform(send(ORDER))).result is Result.REJECTED
    assert api.calls == []


@pytest.mark.parametrize(
    ("status", "kind"), [(401, "auth"), (403, "auth"), (429, "rate"), (500, "platform"), (400, "platform")]
)
async def test_errors_of_a_pull(shop: Shop, api: Api, status: int, kind: str) -> None:
    api.override = lambda request: (status, {"error": {"type": "t", "message": KEY}})
    with pytest.raises(ConnectorError) as caught:
        await shop.pull(None)
    assert caught.value.kind == kind
    assert "sesame" not in str(caught.value)


async def test_a_webhook_is_a_hint_only_when_it_is_signed(shop: Shop, server: Scripted, clock: ManualClock) -> None:
    body = b'{"id":"evt_1"}'
    right = hmac.new(b"whsec_sesame", f"{NOW}.".encode() + body, hashlib.sha256).hexdigest()
    assert await shop.hint({"Stripe-Signature": f"t={NOW},v1={right}"}, body)
    assert not await shop.hint({"Stripe-Signature": f"t={NOW},v1={right}"}, body + b" ")
    assert not await shop.hint({}, body)
    unset = build(server, clock, webhook_secret="")
    blank = hmac.new(b"", f"{NOW}.".encode() + body, hashlib.sha256).hexdigest()
    assert not await unset.hint({"Stripe-Signature": f"t={NOW},v1={blank}"}, body)
    await unset.close()


async def test_events_tell_of_their_own_time_and_reads_of_now(shop: Shop, api: Api) -> None:
    """After an outage an event is old news: what it says is dated by the event, what is read is not."""
    api.add("payment_intent.succeeded", intent(), at=NOW - 90)
    batch = await shop.pull(None)
    (order,) = [update for update in batch.updates if isinstance(update, OrderUpdate)]
    assert order.as_of == (NOW - 90) * 1_000_000
    read = await shop.read(order.ext_id)
    assert isinstance(read, OrderUpdate)
    assert read.as_of is None
