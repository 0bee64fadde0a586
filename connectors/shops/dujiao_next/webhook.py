"""The "generic webhook": dujiao-next posts an order with a bearer token, and wants its keys posted back (facts: A10).

Only the token says who is asking, and nothing says when: a repeat is harmless, for an order is taken once.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Reply as HttpReply
from connectors.shops.dujiao_next.words import Refusal, Wanted, answer
from connectors.signing import header, key_of, same
from connectors.sold import Sale
from core.model.clock import iso
from core.model.effects import Outcome, Result, Slot
from core.ports import Inbound, Reply

WAY: Final = "webhook"
TEST: Final = answer({"ok": True, "message": "keydesk"})
_REFUSED: Final = frozenset({400, 404, 405, 413, 415, 422})
_WORDS: Final = frozenset(
    {
        "unauthorized", "internal_error", "connection_disabled", "invalid_request", "invalid_event", "invalid_status",
        "fulfillment_required", "order_not_found", "callback_processing_failed",
    }
)  # fmt: skip


class _Event(Struct):
    event: str


class _Created(Struct):
    order_no: str
    callback_url: str
    sku_code: str
    quantity: int
    currency: str


class _Told(Struct):
    ok: bool = False
    error_code: str = ""


class Webhook:
    """Reads orders and writes hand-overs. Holds the token; its repr does not show it."""

    def __init__(self, token: str) -> None:
        self._token = key_of(token, "the token")

    def __repr__(self) -> str:
        return "Webhook()"

    def wanted(self, request: Inbound) -> Wanted | Reply:
        """The order that is asked for, or the answer to a connection test. Raises Refusal."""
        kind, _, token = header(request.headers, "authorization").partition(" ")
        if request.method != "POST" or kind.lower() != "bearer" or not same(self._token, token.strip()):
            raise Refusal(401, "unauthorized", "invalid bearer token")
        try:
            event = msgspec.json.decode(request.body, type=_Event).event
            if event == "connection.test":
                return TEST
            if event != "order.created":
                raise Refusal(400, "invalid_request", "unsupported event")
            made = msgspec.json.decode(request.body, type=_Created)
        except UNREADABLE:
            raise Refusal(400, "invalid_request", "invalid request body") from None
        if header(request.headers, "idempotency-key") != made.order_no:
            raise Refusal(400, "invalid_request", "Idempotency-Key is not the order's number")
        return Wanted(
            order_no=made.order_no,
            quantity=made.quantity,
            notify=made.callback_url,
            sku=made.sku_code,
            currency=made.currency,
        )

    def taken(self, sale: Sale) -> Reply:
        """The order is taken; its keys come by the callback."""
        return answer({"ok": True, "order_no": f"KD{sale.number}"})

    def refused(self, refusal: Refusal) -> Reply:
        """A refusal of what was asked is told with 200: any other status would be shown as a broken connection."""
        return refusal.reply(200)

    def hand_over(self, sale: Sale, slots: Sequence[Slot], now: int) -> tuple[dict[str, str], bytes]:
        """Headers and body that carry the keys. ``now``: UTC seconds."""
        body: dict[str, Any] = {
            "event": "order.fulfilled",
            "order_no": sale.ext_id,
            "status": "delivered",
            "fulfillment": {
                "type": "upstream",
                "payload": "\n".join(slot.secret for slot in slots),
                "delivered_at": iso(now * 1_000_000),
            },
        }
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        return headers, msgspec.json.encode(body)

    def meaning(self, reply: HttpReply, attempt: int) -> Outcome:
        """What the other shop made of the keys."""
        try:
            told = msgspec.json.decode(reply.body, type=_Told)
        except UNREADABLE:
            told = _Told()
        word = told.error_code if told.error_code in _WORDS else ""
        evidence: dict[str, str | int | float | bool | None] = {"status": reply.status, "error_code": word}
        if reply.status == 200 and told.ok:
            return Outcome(result=Result.CONFIRMED, evidence={"status": 200})
        if reply.status == 429:
            return Outcome(result=Result.LATER, why="rate", retry_after=reply.retry_after() or 5.0, evidence=evidence)
        if reply.status in (401, 403):
            why = word or "the token was refused"
            return Outcome(result=Result.LATER, why=why, retry_after=15.0, evidence=evidence)
        if reply.status in _REFUSED:
            return Outcome(result=Result.REJECTED, why=word or f"HTTP {reply.status}", evidence=evidence)
        return Outcome(result=Result.UNKNOWN, why=word or f"HTTP {reply.status}", evidence=evidence)
