"""Stripe's API as the tests of its shop script it, and what they share."""

import copy
import json
from collections.abc import Callable
from typing import Any

from connectors.registry import build_shop
from core.model.order import OrderUpdate, Payment, PaymentKind
from core.ports import Shop
from tests.connectors.kit import NOW, Json, ManualClock, load
from tests.connectors.server import Answer, Request, Scripted, reply

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


def build(server: Scripted, clock: ManualClock, **more: str) -> Shop:
    options = {
        "platform": "stripe-shop",
        "url": server.url,
        "api_key": KEY,
        "webhook_secret": "whsec_sesame",
        "account": "stripe-main",
    }
    return build_shop("indie", options | more, clock)


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


def charge(refunded: int, **more: Any) -> Json:
    base = {"id": "ch_1", "amount": 3980, "amount_refunded": refunded, "currency": "cny", "payment_intent": PI}
    return base | {"metadata": {}, "created": NOW - 95} | more
