"""dujiao-next as its own sources describe it: one that has goods of ours on offer and orders them when it is paid.

Every other order goes by the generic webhook, the rest by the upstream API; keys come back to two callbacks.
"""

import hashlib
import hmac
import json
from typing import Any

import msgspec

from connectors.practice.faults import Fate
from connectors.practice.gate import Call
from connectors.practice.mint import PRODUCTS
from connectors.practice.pushes import Message, Post, Pushes
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Shop, State, World

_UPSTREAM = "/api/v1/upstream/callback"
_WEBHOOK = "/api/v1/upstream/generic-webhook/callback"
_SKEW = 60
_FINAL = ("delivered", "completed", "fulfilled")


class Dujiao:
    """Orders go out, keys come in. ``base``: under which address this shop is reached."""

    platform = "dujiao-next"

    def __init__(self, world: World, shop: Shop, pushes: Pushes | None) -> None:
        self._world, self._shop, self._pushes = world, shop, pushes
        self.base = ""
        self._names: dict[str, str] = {}  # the merchant's number of each order, by ours
        self.renamed = 0
        if pushes is not None:
            pushes.hear(shop.name, self._changed)

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one callback; an Answer is the refusal."""
        path = request.path.removeprefix("/dujiao")
        if request.method != "POST" or path not in (_UPSTREAM, _WEBHOOK):
            return as_json({"error": "404 page not found"}, 404)
        refusal = self._unsigned(request) if path == _UPSTREAM else self._stranger(request)
        if refusal is not None:
            return refusal
        return Call("signed" if path == _UPSTREAM else "webhook", "effect", {"body": _text(request.body)})

    def act(self, call: Call, fate: Fate) -> Answer:
        """The call's answer; effects are in the ledger when this returns, though not yet on disk."""
        try:
            body = msgspec.json.decode(call.params["body"], type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = {}
        return self._by_api(body) if call.method == "signed" else self._by_webhook(body)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        if kind == "rate":
            return as_json({"ok": False, "message": "too many requests"}, 429)
        return as_json({"ok": False, "error_code": "internal_error", "message": "internal error"}, 500)

    def expire_token(self) -> None:
        """The token and the secret stay the same until somebody changes them."""

    def _unsigned(self, request: Request) -> Answer | None:
        names = ("dujiao-next-api-key", "dujiao-next-timestamp", "dujiao-next-signature")
        key, stamp, given = (request.headers.get(name, "") for name in names)
        if not (key and stamp and given):
            return _no("missing authentication headers")
        if not stamp.isdigit():
            return _no("invalid timestamp")
        if abs(int(stamp) - self._world.clock() / SECOND) > _SKEW:
            return _no("timestamp expired")
        if key != self._shop.app_key:
            return _no("invalid api key")
        if not hmac.compare_digest(self._sign("POST", _UPSTREAM, stamp, request.body), given):
            return _no("signature verification failed")
        return None

    def _stranger(self, request: Request) -> Answer | None:
        parts = request.headers.get("authorization", "").split()
        if len(parts) == 2 and parts[0].lower() == "bearer" and parts[1] == self._shop.token:
            return None
        return _error(401, "unauthorized", "invalid bearer token")

    def _by_api(self, body: dict[str, Any]) -> Answer:
        number, status = body.get("downstream_order_no"), body.get("status")
        if not number or not status:
            return _no("missing required fields")
        order = self._shop.orders.get(str(number))
        if order is None or order.state is State.UNPAID or not _by_upstream(order):
            return _no("procurement order not found")
        return as_json({"ok": True, "message": "received"}, lsn=self._fulfil(order, status, body.get("fulfillment")))

    def _by_webhook(self, body: dict[str, Any]) -> Answer:
        event, number, status = (body.get(name) for name in ("event", "order_no", "status"))
        if not (event and number and status):
            return _error(400, "invalid_request", "event, order_no and status are required")
        if event not in ("order.fulfilled", "order.status_changed"):
            return _error(400, "invalid_event", "unsupported callback event")
        if status not in (*_FINAL, "canceled", "refunded", "partially_refunded"):
            return _error(400, "invalid_status", "unsupported callback status")
        if status in _FINAL and not isinstance(body.get("fulfillment"), dict):
            return _error(400, "fulfillment_required", "fulfillment is required for delivery status")
        order = self._shop.orders.get(str(number))
        if order is None or order.state is State.UNPAID or _by_upstream(order):
            return _error(404, "order_not_found", "order not found")
        return as_json({"ok": True}, lsn=self._fulfil(order, str(status), body.get("fulfillment")))

    def _fulfil(self, order: Order, status: str, given: Any) -> int:
        """An order's first fulfilment is the one that its buyer sees; what comes later is noted too, for it is out."""
        if status not in _FINAL or not isinstance(given, dict):
            return 0
        keys = str(given.get("payload", "")).split("\n")
        lsn = self._world.send(self._shop.name, order.ext_id, keys, "", "dujiao", order.ext_id)
        return self._world.ship(order, "callback", "") if order.state is State.PAID else lsn

    def _changed(self, order: Order, what: str) -> None:
        if self._pushes is None or what != "paid":
            return
        way = self._by_call if _by_upstream(order) else self._by_post
        self._pushes.put(
            Post(self.platform, self._shop.name, lambda: way(order), lambda code, body: self._took(order, code, body))
        )

    def _by_post(self, order: Order) -> Message:
        body = msgspec.json.encode(
            {
                "event": "order.created", "order_no": order.ext_id, "trace_id": f"trace-{order.n}",
                "callback_url": self.base + _WEBHOOK, "product_id": 10, "sku_id": 11,
                "sku_code": order.product.sku("DJ-"), "quantity": order.qty, "amount": f"{order.due / 100:.2f}",
                "currency": "CNY", "timestamp": self._world.clock() // SECOND,
            }
        )  # fmt: skip
        headers = (("authorization", f"Bearer {self._shop.token}"), ("idempotency-key", order.ext_id))
        return Message("", body, headers=headers)

    def _by_call(self, order: Order) -> Message:
        codes = [product.code for product in PRODUCTS]
        body = msgspec.json.encode(
            {
                "sku_id": codes.index(order.product.code) + 1, "quantity": order.qty, "trace_id": f"trace-{order.n}",
                "downstream_order_no": order.ext_id, "callback_url": self.base + _UPSTREAM,
            }
        )  # fmt: skip
        stamp, tail = str(self._world.clock() // SECOND), "api/v1/upstream/orders"
        headers = (
            ("dujiao-next-api-key", self._shop.app_key),
            ("dujiao-next-timestamp", stamp),
            ("dujiao-next-signature", self._sign("POST", f"/{tail}", stamp, body)),
        )
        return Message(tail, body, headers=headers)

    def _took(self, order: Order, status: int, body: bytes) -> bool:
        try:
            told = json.loads(body)
        except ValueError:
            return False
        if not 200 <= status < 300 or told.get("ok") is not True:
            return False
        name = str(told.get("order_no", ""))
        if self._names.setdefault(order.ext_id, name) != name:
            self.renamed += 1  # a repeat that became a second order
        return True

    def _sign(self, method: str, path: str, stamp: str, body: bytes) -> str:
        digest = hashlib.md5(body).hexdigest()  # noqa: S324 - the platform's rule
        text = f"{method}\n{path}\n{stamp}\n{digest}"
        return hmac.new(self._shop.app_secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _by_upstream(order: Order) -> bool:
    return order.n % 2 == 0


def _no(message: str) -> Answer:
    return as_json({"ok": False, "message": message})


def _error(status: int, code: str, message: str) -> Answer:
    return as_json({"ok": False, "error_code": code, "error_message": message}, status)


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
