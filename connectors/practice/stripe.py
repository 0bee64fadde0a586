"""Stripe's API as far as an independent shop needs it: events, PaymentIntents, charges, refunds, disputes."""

import hashlib
import hmac
import re
import zlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from connectors.practice.faults import Fate
from connectors.practice.gate import Call, parse_count
from connectors.practice.stripe_objects import Intent, Provider, dispute, event_number, refund
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import Shop, World

_PATH = re.compile(
    r".*/v1/(events|payment_intents/search|payment_intents|charges|refunds|disputes)(?:/([A-Za-z0-9_]+))?\Z"
)
_CLAUSE = re.compile(r"""\s*(?:metadata\[["'](\w+)["']\]|(status))\s*:\s*(?:"([^"]*)"|'([^']*)')\s*\Z""")
_METADATA = re.compile(r"metadata\[([^\]]{1,40})\]\Z")
_DELIVERED = "keydesk_delivered"


class StripeError(Exception):
    """An error in the API's shape."""

    def __init__(self, status: int, kind: str, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.kind, self.message, self.code = status, kind, message, code


def sign(body: bytes, secret: str, at: int) -> str:
    """The Stripe-Signature header of a webhook ``body`` sent at ``at`` (Unix seconds)."""
    digest = hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Stripe:
    """The API of one account."""

    platform = "stripe-shop"

    def __init__(self, world: World, shop: Shop, provider: Provider) -> None:
        self._world, self._shop, self._provider = world, shop, provider
        self._stored: dict[str, tuple[bytes, int, bytes]] = {}  # Idempotency-Key -> digest of the request, first answer

    def read(self, request: Request) -> Call | Answer:
        """Checks key and path; an Answer is the refusal."""
        try:
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {self._shop.token}".encode()):
                raise StripeError(401, "invalid_request_error", "Invalid API Key provided", "")
            found = _PATH.match(request.path)
            if found is None:
                raise StripeError(404, "invalid_request_error", "Unrecognized request URL")
            params = parse_qsl(request.query, keep_blank_values=True)
            if request.method == "POST":
                params += parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
            what, name = found[1], found[2] or ""
            if request.method == "POST" and not (what == "payment_intents" and name):
                raise StripeError(404, "invalid_request_error", "Unrecognized request URL")
            if request.method not in ("GET", "POST"):
                raise StripeError(405, "invalid_request_error", "Method not allowed")
        except StripeError as error:
            return _error(error)
        types = [value for key, value in params if key == "types[]" or re.fullmatch(r"types\[\d+\]", key)]
        flat = {key: value for key, value in params if not key.startswith(("types[", "expand["))}
        flat |= {"": name, "key": request.headers.get("idempotency-key", ""), "types": ",".join(types)}
        if any(key.startswith("expand[") and value.endswith("latest_charge") for key, value in params):
            flat["expand"] = "1"
        if request.method == "POST":
            return Call("POST payment_intents", "effect", flat)
        return Call(f"GET {what}", "list" if what == "events" else "read", flat)

    def act(self, call: Call, fate: Fate) -> Answer:
        """The answer; effects are in the ledger when this returns, though not yet on disk."""
        try:
            if call.method == "POST payment_intents":
                return self._update(call.params)
            return as_json(self._get(call.method.removeprefix("GET "), call.params, fate))
        except StripeError as error:
            return _error(error)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        if kind == "rate":
            answer = _error(StripeError(429, "invalid_request_error", "Request rate limit exceeded", "rate_limit"))
            return answer._replace(headers=(("retry-after", "1"),))
        return _error(StripeError(500, "api_error", "An unknown error occurred"))

    def expire_token(self) -> None:
        """This provider's keys do not expire."""

    def _get(self, what: str, params: dict[str, str], fate: Fate) -> dict[str, Any]:
        name = params[""]
        if what == "events":
            return self._event(name) if name else self._events(params, fate)
        if what == "payment_intents/search":
            return self._search(params)
        if what == "payment_intents" and name:
            return self._shown(self._intent(name), params)
        if what == "charges" and name:
            intent = self._intent("pi_" + name.removeprefix("ch_"))
            if not intent.received:
                raise StripeError(404, "invalid_request_error", f"No such charge: '{name}'", "resource_missing")
            return self._provider.charge(intent, intent.refunded)
        if what in ("refunds", "disputes") and not name:
            of_charge = params.get("charge", "")
            intent = self._intent(
                f"pi_{of_charge.removeprefix('ch_')}" if of_charge else params.get("payment_intent", "")
            )
            if what == "refunds":
                return _list("/v1/refunds", [refund(intent)] if intent.refunded else [], False)
            return _list("/v1/disputes", [dispute(intent, intent.disputed)] if intent.disputed else [], False)
        if what == "payment_intents":
            return self._intents(params)
        raise StripeError(404, "invalid_request_error", "Unrecognized request URL")

    def _event(self, name: str) -> dict[str, Any]:
        number = event_number(name)
        if number is None or not 0 <= number < len(self._provider.events):
            raise StripeError(404, "invalid_request_error", f"No such event: '{name}'", "resource_missing")
        return self._provider.event(number)

    def _events(self, params: dict[str, str], fate: Fate) -> dict[str, Any]:
        total = len(self._provider.events)
        limit = _limit(params)
        types = frozenset(params["types"].split(",")) if params["types"] else None
        if types is not None and len(types) > 20:
            raise StripeError(400, "invalid_request_error", "types[] takes at most 20 values")
        after, before = (self._place(params.get(name, "")) for name in ("starting_after", "ending_before"))
        numbers: Iterable[int]
        if before is not None:
            # The ones next to the given event, not the newest of all: otherwise a long gap could not be read.
            numbers = range(before + 1, total)
        else:
            numbers = range((total if after is None else after) - 1, -1, -1)
        got: list[int] = []
        more = False
        for number in numbers:
            if types is None or self._provider.events[number].kind in types:
                if len(got) == limit:
                    more = True
                    break
                got.append(number)
        got.sort(reverse=True)
        if fate.kind == "overlap":
            got = got + got[:1]
        elif fate.kind == "reorder":
            got = got[::-1]
        return _list("/v1/events", [self._provider.event(number) for number in got], more)

    def _place(self, name: str) -> int | None:
        if not name:
            return None
        number = event_number(name)
        if number is None or not 0 <= number < len(self._provider.events):
            raise StripeError(400, "invalid_request_error", f"No such event: '{name}'", "resource_missing")
        return number

    def _intents(self, params: dict[str, str]) -> dict[str, Any]:
        limit = _limit(params)
        every = list(self._provider.intents.values())[::-1]
        start = 0
        if params.get("starting_after"):
            start = every.index(self._intent(params["starting_after"])) + 1
        rows = every[start : start + limit]
        shown = [self._shown(intent, params) for intent in rows]
        return _list("/v1/payment_intents", shown, len(every) > start + limit)

    def _search(self, params: dict[str, str]) -> dict[str, Any]:
        found = _CLAUSE.match(params.get("query", ""))
        if found is None:
            raise StripeError(400, "invalid_request_error", "query: one metadata or status clause is understood here")
        wanted = found[3] if found[3] is not None else found[4]
        rows: list[Intent]
        if found[1] == "order_no":
            order = self._shop.orders.get(wanted)
            rows = self._provider.of(order)[::-1] if order else []
        else:
            rows = [intent for intent in self._provider.intents.values() if self._value(intent, found[1]) == wanted]
        limit = _limit(params)
        shown = [self._shown(intent, params) for intent in rows[:limit]]
        page = _list("/v1/payment_intents/search", shown, len(rows) > limit)
        return page | {"object": "search_result", "next_page": None}

    def _value(self, intent: Intent, key: str | None) -> str:
        return self._provider.metadata(intent).get(key, "") if key else intent.status

    def _update(self, params: dict[str, str]) -> Answer:
        intent = self._intent(params[""])
        key = params["key"]
        changes = {found[1]: value for name, value in params.items() if (found := _METADATA.match(name))}
        digest = hashlib.sha256(repr((params[""], sorted(changes.items()))).encode()).digest()
        stored = self._stored.get(key) if key else None
        if stored is not None:
            if stored[0] != digest:
                raise StripeError(
                    400, "idempotency_error", "Keys for idempotent requests can only be used with the same parameters"
                )
            lsn = self._world.ledger.add("repeat", shop=self._shop.name, ext_id=intent.order.ext_id, ref=key)
            return Answer(stored[1], zlib.decompress(stored[2]), lsn, (("idempotent-replayed", "true"),))
        for name, value in changes.items():
            if value:
                intent.extra[name] = value[:500]
            else:
                intent.extra.pop(name, None)
        if changes.get(_DELIVERED):
            lsn = self._world.ship(intent.order, "metadata", changes[_DELIVERED])
        else:
            lsn = self._world.annotate(intent.order, "")
        answer = as_json(self._shown(intent, params), lsn=lsn)
        if key:
            # Stored small: a replay leaves tens of thousands of them.
            self._stored[key] = (digest, answer.status, zlib.compress(answer.body, 1))
        return answer

    def _intent(self, name: str) -> Intent:
        intent = self._provider.intents.get(name)
        if intent is None:
            raise StripeError(404, "invalid_request_error", f"No such payment_intent: '{name}'", "resource_missing")
        return intent

    def _shown(self, intent: Intent, params: dict[str, str]) -> dict[str, Any]:
        return self._provider.payment_intent(intent, intent.status, intent.received, "expand" in params)


def _limit(params: dict[str, str]) -> int:
    limit = parse_count(params.get("limit", "10"), 100)
    if limit is None:
        raise StripeError(400, "invalid_request_error", "limit must be between 1 and 100")
    return limit


def _list(url: str, rows: list[dict[str, Any]], more: bool) -> dict[str, Any]:
    return {"object": "list", "url": url, "has_more": more, "data": rows}


def _error(error: StripeError) -> Answer:
    body = {"type": error.kind, "message": error.message}
    if error.code:
        body["code"] = error.code
    return as_json({"error": body}, error.status)
