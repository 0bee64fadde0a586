"""Money that goes back, disputes, and reads beside events, of the shop of Stripe intents."""

from collections.abc import AsyncIterator
from email.utils import formatdate

import pytest

from core.model.order import OrderUpdate, Payment, PlatformState, Quarantined, Refund, RefundState
from core.ports import ConnectorError, Shop
from tests.connectors.kit import NOW, ManualClock
from tests.connectors.server import Scripted
from tests.connectors.stripe_kit import ORDER, PENDING, PI, Api, build, charge, intent, money, pull_all


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


async def test_refunds_are_counted_once_step_by_step(shop: Shop, api: Api) -> None:
    api.add("payment_intent.succeeded", intent(), NOW - 90)
    api.add("charge.refunded", charge(1000), NOW - 80, previous_attributes={"amount_refunded": 0})
    api.add("charge.refunded", charge(1000), NOW - 80, previous_attributes={"amount_refunded": 0})  # told twice
    api.add("charge.refunded", charge(3980), NOW - 70, previous_attributes={"amount_refunded": 1000})
    found, _ = await pull_all(shop)
    assert money(found) == {PI: 3980, "ch_1:1000": -1000, "ch_1:3980": -2980}
    states = [one.state for one in found if isinstance(one, OrderUpdate)]
    assert states[0] is PlatformState.PAID
    assert PlatformState.FORBIDDEN in states
    assert states[-1] is PlatformState.REFUNDED


async def test_refunds_that_are_listed_have_numbers_of_their_own(shop: Shop, api: Api) -> None:
    api.add("payment_intent.succeeded", intent(), NOW - 90)
    one = {"id": "re_1", "amount": 1000, "created": NOW - 80, "status": "succeeded"}
    two = {"id": "re_2", "amount": 500, "created": NOW - 70, "status": "succeeded"}
    api.add("charge.refunded", charge(1000, refunds={"data": [one], "has_more": False}), NOW - 80)
    api.add("charge.refunded", charge(1500, refunds={"data": [two, one], "has_more": False}), NOW - 70)
    found, _ = await pull_all(shop)
    assert money(found) == {PI: 3980, "re_1": -1000, "re_2": -500}


async def test_a_refund_without_a_previous_total_takes_all_of_it(shop: Shop, api: Api) -> None:
    api.add("payment_intent.succeeded", intent(), NOW - 90)
    api.add("charge.refunded", charge(3980), NOW - 80)
    found, _ = await pull_all(shop)
    assert money(found) == {PI: 3980, "ch_1:3980": -3980}


async def test_a_refund_after_a_restart_finds_its_order(
    server: Scripted, api: Api, clock: ManualClock, shop: Shop
) -> None:
    api.add("payment_intent.succeeded", intent(), NOW - 5000)
    _, cursor = await pull_all(shop)
    api.add("payment_intent.created", intent(id="pi_9", metadata={"order_no": "x"}, **PENDING), NOW - 3000)
    _, cursor = await pull_all(shop, cursor)
    api.add("charge.refunded", charge(3980), NOW - 10)
    fresh = build(server, clock)
    found, _ = await pull_all(fresh, cursor)
    await fresh.close()
    assert [one.ext_id for one in found if isinstance(one, Payment)] == [ORDER]


@pytest.mark.parametrize(
    ("status", "state", "taken"),
    [
        ("needs_response", RefundState.OPEN, 0),
        ("won", RefundState.GONE, 0),
        ("lost", RefundState.DONE, -3980),
    ],
)
async def test_disputes(shop: Shop, api: Api, status: str, state: RefundState, taken: int) -> None:
    api.add("payment_intent.succeeded", intent(), NOW - 90)
    dispute = {
        "id": "dp_1",
        "amount": 3980,
        "currency": "cny",
        "status": status,
        "created": NOW - 50,
        "charge": "ch_1",
        "payment_intent": PI,
        "reason": "fraudulent",
        "evidence_details": {"due_by": NOW + 1000},
    }
    api.add("charge.dispute.created", dispute, NOW - 50)
    api.add("charge.refunded", charge(3980), NOW - 40) if status == "lost" else None
    found, _ = await pull_all(shop)
    refund = next(one for one in found if isinstance(one, Refund))
    assert (refund.refund_id, refund.state, refund.ext_id, refund.amount) == ("dp_1", state, ORDER, 3980)
    assert refund.deadline == (NOW + 1000) * 1_000_000
    assert sum(amount for txn, amount in money(found).items() if txn != PI) == taken


async def test_an_unknown_dispute_status_and_a_foreign_charge_are_quarantined(shop: Shop, api: Api) -> None:
    api.add("payment_intent.succeeded", intent(), NOW - 90)
    dispute = {"id": "dp_1", "amount": 1, "currency": "cny", "status": "new", "charge": "ch_1", "payment_intent": PI}
    api.add("charge.dispute.created", dispute)
    api.add("charge.refunded", charge(5, payment_intent=None))
    api.add("charge.refunded", charge(5, payment_intent="pi_gone"))
    api.add("charge.refunded", charge(5000))
    found, _ = await pull_all(shop)
    fields = [one.field for one in found if isinstance(one, Quarantined)]
    assert fields == [
        "dispute.status",
        "data.object.payment_intent",
        "data.object.payment_intent",
        "charge.amount_refunded",
    ]


async def test_reading_sees_what_no_event_has_told_yet(shop: Shop, api: Api) -> None:
    api.add("payment_intent.created", intent(**PENDING))
    (made,), _ = await pull_all(shop)
    api.intents[PI] = intent(latest_charge=charge(3980, disputed=False))
    order = await shop.read(ORDER)
    assert isinstance(order, OrderUpdate)
    assert order.state is PlatformState.REFUNDED
    assert order.rev > made.rev
    api.intents[PI] = intent(latest_charge=charge(0, disputed=True))
    fresh = await shop.read(ORDER)
    assert isinstance(fresh, OrderUpdate)


async def test_reading_is_dated_by_stripes_own_clock(server: Scripted, api: Api, clock: ManualClock) -> None:
    api.intents[PI] = intent()
    api.date = "Fri, 02 Jan 2026 05:00:00 GMT"
    shop = build(server, clock)
    order = await shop.read(ORDER)
    await shop.close()
    assert isinstance(order, OrderUpdate)
    assert order.rev // 1_000_000 == 1_767_330_000
    assert order.state is PlatformState.PAID


async def test_an_event_stands_over_a_read_of_its_second(shop: Shop, api: Api) -> None:
    """The order is read while a dispute stands, which is won before that second is over."""
    api.add("payment_intent.succeeded", intent(), NOW - 90)
    _, cursor = await pull_all(shop)
    api.intents[PI], api.date = intent(latest_charge=charge(0, disputed=True)), formatdate(NOW - 30, usegmt=True)
    held = await shop.read(ORDER)
    won = {"id": "dp_1", "amount": 3980, "currency": "cny", "status": "won", "charge": "ch_1", "payment_intent": PI}
    api.add("charge.dispute.closed", won, NOW - 30)
    found, _ = await pull_all(shop, cursor)
    free = found[-1]
    assert isinstance(held, OrderUpdate)
    assert (held.state, free.state) == (PlatformState.FORBIDDEN, PlatformState.PAID)
    assert free.rev > held.rev


async def test_a_disputed_charge_forbids_shipping(shop: Shop, api: Api) -> None:
    api.intents[PI] = intent(latest_charge=charge(0, disputed=True))
    order = await shop.read(ORDER)
    assert isinstance(order, OrderUpdate)
    assert (order.state, order.forbid) == (PlatformState.FORBIDDEN, "disputed")


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (["won"], PlatformState.PAID),
        (["won", "needs_response"], PlatformState.FORBIDDEN),
        (["lost"], PlatformState.FORBIDDEN),
        (["something_new"], PlatformState.FORBIDDEN),
    ],
)
async def test_a_dispute_that_was_won_stands_in_the_way_no_more(
    shop: Shop, api: Api, statuses: list[str], state: PlatformState
) -> None:
    api.intents[PI] = intent(latest_charge=charge(0, disputed=True))
    api.disputes = [{"id": f"dp_{n}", "created": n, "status": status} for n, status in enumerate(statuses)]
    for _ in range(2):
        order = await shop.read(ORDER)
        assert isinstance(order, OrderUpdate)
        assert order.state is state


async def test_an_old_word_of_a_dispute_does_not_outrank_a_later_reading(shop: Shop, api: Api) -> None:
    """After a restart the order is read, with its dispute won long ago; then the list tells of its beginning again."""
    api.intents[PI] = intent(latest_charge=charge(0, disputed=True))
    api.disputes, api.date = [{"id": "dp_1", "created": NOW - 60, "status": "won"}], formatdate(NOW, usegmt=True)
    read = await shop.read(ORDER)
    assert isinstance(read, OrderUpdate)
    assert read.state is PlatformState.PAID
    begun = {"id": "dp_1", "amount": 3980, "currency": "cny", "status": "needs_response", "charge": "ch_1"}
    api.add("charge.dispute.created", {**begun, "payment_intent": PI}, NOW - 60)
    found, cursor = await pull_all(shop)
    assert [(one.state, one.rev > read.rev) for one in found if isinstance(one, OrderUpdate)] == [
        (PlatformState.PAID, True)
    ]
    api.add("charge.dispute.closed", {**begun, "status": "won", "payment_intent": PI}, NOW - 30)
    found, cursor = await pull_all(shop, cursor)
    assert [one.state for one in found if isinstance(one, OrderUpdate)] == [PlatformState.PAID]
    # A second dispute is news, and stands in the way until it is known how it ends.
    api.add("charge.dispute.created", {**begun, "id": "dp_2", "payment_intent": PI}, NOW + 1)
    found, _ = await pull_all(shop, cursor)
    assert [one.state for one in found if isinstance(one, OrderUpdate)] == [PlatformState.FORBIDDEN]


async def test_a_reading_that_breaks_off_changes_nothing(shop: Shop, api: Api) -> None:
    """The charge was read, how its dispute ended was not: what is half known is not known."""
    api.add("payment_intent.created", intent(**PENDING), NOW - 100)
    api.add("payment_intent.succeeded", intent(), NOW - 90)
    _, cursor = await pull_all(shop)
    api.intents[PI] = intent(latest_charge=charge(0, disputed=True))
    api.date = formatdate(NOW, usegmt=True)
    api.override = lambda request: (500, {}) if request.path == "/v1/disputes" else None
    with pytest.raises(ConnectorError):
        await shop.read(ORDER)
    api.add("payment_intent.processing", intent(status="processing"), NOW - 80)
    found, _ = await pull_all(shop, cursor)
    assert [one.state for one in found if isinstance(one, OrderUpdate)] == [PlatformState.PAID]
