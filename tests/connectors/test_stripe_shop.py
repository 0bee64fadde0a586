"""The shop of Stripe intents against a scripted API on a real socket."""

import copy
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate
from typing import Any

import pytest

from connectors.registry import build_shop
from core.model.effects import Effect, EffectClass, Result
from core.model.order import OrderUpdate, Payment, PaymentKind, PlatformState, Quarantined, Refund, RefundState
from core.ports import ConnectorError, Shop
from tests.connectors.kit import NOW, Json, ManualClock, load, send, ship
from tests.connectors.server import Act, Answer, Request, Scripted, closed_port, reply

KEY = "sk_live_sesame"
ORDER = "IN-1001"
FIRST: Json = load("stripe_intent")
PI = str(FIRST["id"])


def intent(**changes: Any) -> Json:
    data = copy.deepcopy(FIRST)
    data["metadata"] |= changes.pop("metadata", {})
    return data | changes


PENDING = {"status": "requires_payment_method", "amount_received": 0, "latest_charge": None}


class Api:
    """Lists events newest first with Stripe's two cursors; intents by id; search by order number."""

    def __init__(self) -> None:
        self.events: list[Json] = []  # oldest first
        self.intents: dict[str, Json] = {}
        self.calls: list[tuple[str, str]] = []
        self.posts: list[Request] = []
        self.override: Callable[[Request], Answer | None] = lambda request: None
        self.searchable = True
        self.disputes: list[Json] = []
        self.date = ""

    def add(self, kind: str, obj: Json, at: int = NOW - 100, **data: Any) -> str:
        number = f"evt_{len(self.events) + 1:05}"
        self.events.append({"id": number, "type": kind, "created": at, "data": {"object": obj, **data}})
        if kind.startswith("payment_intent."):
            self.intents[obj["id"]] = obj
        return number

    def __call__(self, request: Request) -> Answer:
        self.calls.append((request.method, request.path))
        assert request.headers["authorization"] == f"Bearer {KEY}"
        answer = self.override(request)
        if answer is not None:
            return answer
        status, body = self.answer(request)
        return reply(status, json.dumps(body).encode(), f"date: {self.date}\r\n" if self.date else "")

    def answer(self, request: Request) -> tuple[int, Any]:
        missing = (404, {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "m"}})
        if request.path == "/v1/events":
            return self._listed(request) or missing
        if request.path == "/v1/disputes":
            return (200, {"data": self.disputes, "has_more": False}) if self.disputes else missing
        if request.path == "/v1/payment_intents/search":
            assert self.searchable
            wanted = request.query["query"][0]
            hits = [one for one in self.intents.values() if wanted == f"metadata['order_no']:'{number(one)}'"]
            return 200, {"object": "search_result", "data": hits, "has_more": False}
        found = self.intents.get(request.path.rpartition("/")[2])
        if found is None:
            return missing
        if request.method == "POST":
            self.posts.append(request)
            found["metadata"]["keydesk_delivered"] = request.form["metadata[keydesk_delivered]"]
        return 200, found

    def _listed(self, request: Request) -> tuple[int, Any] | None:
        query = request.query
        limit = int(query["limit"][0])
        assert limit <= 100
        assert 1 <= len(query["types[]"]) <= 20
        newest = [one for one in reversed(self.events) if one["type"] in query["types[]"]]
        ids = [one["id"] for one in newest]
        for key in ("ending_before", "starting_after"):
            if key in query and query[key][0] not in ids:
                return None
        if "ending_before" in query:
            newer = newest[: ids.index(query["ending_before"][0])]
            return 200, {"data": newer[-limit:], "has_more": len(newer) > limit}
        if "starting_after" in query:
            newest = newest[ids.index(query["starting_after"][0]) + 1 :]
        return 200, {"data": newest[:limit], "has_more": len(newest) > limit}


def number(one: Json) -> str:
    return str(one["metadata"].get("order_no", ""))


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


def build(server: Scripted, clock: ManualClock, **more: str) -> Shop:
    options = {
        "platform": "stripe-shop",
        "url": server.url,
        "api_key": KEY,
        "webhook_secret": "whsec_sesame",
        "account": "stripe-main",
    }
    return build_shop("indie", options | more, clock)


@pytest.fixture
async def shop(server: Scripted, clock: ManualClock) -> AsyncIterator[Shop]:
    built = build(server, clock)
    yield built
    await built.close()


async def pull_all(shop: Shop, cursor: str | None = None) -> tuple[list[Any], str | None]:
    found: list[Any] = []
    for _ in range(100):
        batch = await shop.pull(cursor)
        found += batch.updates
        cursor = batch.cursor
        if not batch.more:
            return found, cursor
    raise AssertionError("pull does not end")


def money(updates: list[Any]) -> dict[str, int]:
    """What a ledger keyed by transaction would hold, refunds negative."""
    book: dict[str, int] = {}
    for update in updates:
        for one in update.payments if isinstance(update, OrderUpdate) else [update]:
            if isinstance(one, Payment):
                book.setdefault(one.txn_id, one.amount if one.kind is PaymentKind.CHARGE else -one.amount)
    return book


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


def charge(refunded: int, **more: Any) -> Json:
    base = {"id": "ch_1", "amount": 3980, "amount_refunded": refunded, "currency": "cny", "payment_intent": PI}
    return base | {"metadata": {}, "created": NOW - 95} | more


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
