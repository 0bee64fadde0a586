"""The upstream API: a dujiao-next shop asks for goods, prices, its balance and its orders, every call signed (facts: A10).

Answers hold no key, not even of a delivered order: keys leave by the callback, which an attempt makes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Reply as HttpReply
from connectors.shops.dujiao_next.sign import WINDOW, sign, verify
from connectors.shops.dujiao_next.words import Refusal, Wanted, answer, status_of
from connectors.signing import fresh, header, key_of, same
from connectors.sold import Book, Sale
from connectors.wares import Ware, Wares
from core.model.clock import iso
from core.model.effects import Outcome, Result, Slot
from core.model.money import digits_of, format_minor
from core.ports import Inbound, Reply, Standing

WAY: Final = "upstream"
BASE: Final = "api/v1/upstream"
_CALLBACK: Final = f"/{BASE}/callback"
_NUMBER = re.compile(r"[1-9][0-9]{0,14}\Z")
_PATIENCE: Final = 6
# Its handler says these before it has touched anything.
_AT_THE_DOOR: Final = frozenset(
    {
        "missing authentication headers", "invalid timestamp", "timestamp expired", "internal error", "invalid api key",
        "failed to read request body", "signature verification failed", "service not available",
    }
)  # fmt: skip
_NOT_TAKEN: Final = frozenset({"procurement order not found", "invalid request body", "missing required fields"})


class _Order(Struct):
    sku_id: int
    quantity: int
    downstream_order_no: str
    callback_url: str


class _Told(Struct):
    ok: bool
    message: str = ""


class Upstream:
    """Checks calls, answers those that change nothing, reads orders, writes hand-overs."""

    def __init__(
        self, api_key: str, api_secret: str, name: str, wares: Wares, book: Book, currency: str, began: int
    ) -> None:
        self._key, self._secret = key_of(api_key, "the api key"), key_of(api_secret, "the api secret")
        self._name, self._wares, self._book, self._currency, self._began = name, wares, book, currency, iso(began)
        self._digits = digits_of(currency)

    def __repr__(self) -> str:
        return f"Upstream({self._key!r})"

    def check(self, request: Inbound, now: int) -> None:
        """Raises Refusal unless the other shop signed this within a minute of ``now`` (UTC seconds)."""
        names = ("dujiao-next-api-key", "dujiao-next-timestamp", "dujiao-next-signature")
        key, stamp, given = (header(request.headers, name) for name in names)
        if not (key and stamp and given):
            raise Refusal(401, "missing_auth_headers", "missing authentication headers")
        if not same(self._key, key):
            raise Refusal(401, "invalid_api_key", "invalid api key")
        if not fresh(stamp, now, WINDOW):
            raise Refusal(401, "timestamp_expired", "timestamp expired")
        if not verify(request.headers, request.method, f"/{request.tail}", request.body, self._secret, now):
            raise Refusal(401, "invalid_signature", "signature verification failed")

    def told(self, request: Inbound) -> Reply | None:
        """The answer to a call that is about no order; None for another one. Raises Refusal."""
        what = (request.method, request.tail.removeprefix(f"{BASE}/"))
        if what == ("POST", "ping"):
            return answer(
                {
                    "ok": True, "site_name": self._name, "protocol_version": "1.0", "user_id": 1,
                    "balance": self._money(self._book.balance), "currency": self._currency, "member_level": None,
                }
            )  # fmt: skip
        if what == ("GET", "categories"):
            return answer({"ok": True, "categories": []})
        if what == ("GET", "products"):
            return self._list(parse_qs(request.query))
        if request.method == "GET" and what[1].startswith("products/"):
            ware = self._wares.by_id.get(_number(what[1].removeprefix("products/")))
            if ware is None:
                raise Refusal(404, "product_not_found", "product not found")
            return answer({"ok": True, "product": self._product(ware)})
        return None

    def wanted(self, body: bytes) -> Wanted:
        """The order that is asked for. Raises Refusal."""
        try:
            made = msgspec.json.decode(body, type=_Order)
        except UNREADABLE:
            raise Refusal(400, "bad_request", "sku_id, quantity, downstream_order_no or callback_url") from None
        return Wanted(
            order_no=made.downstream_order_no, quantity=made.quantity, notify=made.callback_url, ware=made.sku_id
        )

    def asked_for(self, request: Inbound) -> Sale:
        """The order that a question is about. Raises Refusal, for a cancellation always: a paid order goes its way."""
        name = request.tail.removeprefix(f"{BASE}/orders/")
        sale = self._book.numbered(_number(name.removesuffix("/cancel")))
        if sale is None:
            raise Refusal(404, "order_not_found", "order not found")
        if request.method == "POST" and name.endswith("/cancel"):
            raise Refusal(409, "cancel_not_allowed", "order cannot be canceled in current status")
        if request.method != "GET" or name.endswith("/cancel"):
            raise Refusal(404, "bad_request", "no such call")
        return sale

    def taken(self, sale: Sale, standing: Standing | None) -> Reply:
        """The order, new or known already."""
        return answer(self._head(sale, "paid" if standing is None else status_of(standing)))

    def detail(self, sale: Sale, standing: Standing | None) -> Reply:
        """How the order stands."""
        ware = self._wares.by_sku.get(sale.sku)
        item = {
            "product_id": ware.id if ware else 0, "sku_id": ware.id if ware else 0, "title": {"zh-CN": sale.title},
            "quantity": sale.qty, "unit_price": self._money(sale.amount // sale.qty),
            "total_price": self._money(sale.amount), "fulfillment_type": "auto",
        }  # fmt: skip
        more = {"refunded_amount": self._money(0), "refund_records": [], "items": [item]}
        return answer(self._head(sale, status_of(standing)) | more)

    def hand_over(self, sale: Sale, slots: Sequence[Slot], now: int) -> tuple[dict[str, str], bytes]:
        """Headers and body that carry the keys. ``now``: UTC seconds."""
        body = msgspec.json.encode(
            {
                "event": "order.delivered", "order_id": sale.number, "order_no": f"KD{sale.number}",
                "downstream_order_no": sale.ext_id, "status": "delivered", "timestamp": now,
                "fulfillment": {
                    "type": "auto", "status": "delivered", "payload": "\n".join(slot.secret for slot in slots),
                    "delivery_data": None, "delivered_at": iso(now * 1_000_000),
                },
            }
        )  # fmt: skip
        # The other side checks the path that it has below its own root.
        path = urlsplit(sale.notify).path
        path = _CALLBACK if path.endswith(_CALLBACK) else path
        headers = {
            "dujiao-next-api-key": self._key,
            "dujiao-next-timestamp": str(now),
            "dujiao-next-signature": sign("POST", path, now, body, self._secret),
            "content-type": "application/json",
        }
        return headers, body

    def meaning(self, reply: HttpReply, attempt: int) -> Outcome:
        """What the other shop made of the keys. It answers 200 to everything it understands."""
        evidence: dict[str, str | int | float | bool | None] = {"status": reply.status}
        if reply.status == 429:
            return Outcome(result=Result.LATER, why="rate", retry_after=reply.retry_after() or 5.0, evidence=evidence)
        if reply.status in (404, 405):
            return Outcome(result=Result.REJECTED, why=f"HTTP {reply.status}", evidence=evidence)
        try:
            told = msgspec.json.decode(reply.body, type=_Told)
        except UNREADABLE:
            return Outcome(result=Result.UNKNOWN, why=f"HTTP {reply.status}, no answer to read", evidence=evidence)
        if reply.status == 200 and told.ok:
            return Outcome(result=Result.CONFIRMED, evidence=evidence)
        if reply.status == 200 and told.message in _AT_THE_DOOR:
            return Outcome(result=Result.LATER, why=told.message, retry_after=15.0, evidence=evidence)
        if reply.status == 200 and told.message in _NOT_TAKEN:
            if attempt < _PATIENCE:  # a database that is away is told in the same words
                return Outcome(result=Result.LATER, why=told.message, retry_after=5.0, evidence=evidence)
            return Outcome(result=Result.REJECTED, why=told.message, evidence=evidence)
        why = told.message if told.message == "callback processing failed" else f"HTTP {reply.status}, not confirmed"
        return Outcome(result=Result.UNKNOWN, why=why, evidence=evidence)

    def _head(self, sale: Sale, status: str) -> dict[str, Any]:
        return {
            "ok": True, "order_id": sale.number, "order_no": f"KD{sale.number}", "status": status,
            "amount": self._money(sale.amount), "currency": sale.currency,
        }  # fmt: skip

    def _list(self, query: Mapping[str, list[str]]) -> Reply:
        page = _number(query.get("page", ["1"])[0]) or 1
        size = min(_number(query.get("page_size", ["20"])[0]) or 20, 100)
        shown = self._wares.all[(page - 1) * size : page * size]
        more = {"total": len(self._wares.all), "page": page, "page_size": size, "includes_inactive": False}
        return answer({"ok": True, "items": [self._product(ware) for ware in shown], **more})

    def _product(self, ware: Ware) -> dict[str, Any]:
        price, stock = self._money(ware.price), ware.stock
        level = (
            "in_stock" if stock > 20 else "low_stock" if stock > 0 else "out_of_stock" if stock == 0 else "unlimited"
        )
        sku = {
            "id": ware.id, "sku_code": ware.sku, "spec_values": {}, "price_amount": price, "stock_status": level,
            "stock_quantity": stock, "is_active": True,
        }  # fmt: skip
        return {
            "id": ware.id, "slug": ware.sku.lower(), "title": {"zh-CN": ware.name}, "description": {}, "content": {},
            "seo_meta": {}, "images": [], "tags": [], "price_amount": price, "currency": self._currency,
            "fulfillment_type": "auto", "manual_form_schema": None, "is_active": True, "category_id": 0,
            "skus": [sku], "created_at": self._began, "updated_at": self._began,
        }  # fmt: skip

    def _money(self, minor: int) -> str:
        return format_minor(minor, self._digits)


def _number(text: str) -> int:
    return int(text) if _NUMBER.match(text) else 0
