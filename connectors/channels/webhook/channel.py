"""Signed webhook: the message as JSON to an address of the merchant's, who delivers it on.

The protocol is ours (docs/connectors/webhook.md): ``Keydesk-Signature`` is ``v1=`` and the hex HMAC-SHA256 of
``TIMESTAMP.BODY``, ``Idempotency-Key`` is the intent and the same on every repeat. Taken is a 2xx whose JSON repeats the
intent as ``id``: a login page that answers 200 to everything is no delivery.
"""

import hashlib
import hmac
from typing import Any, Final

import msgspec
from msgspec import Struct

from connectors.channels.base import (
    Evidence,
    HttpChannel,
    Kind,
    by_status,
    carries_of,
    confirmed,
    later,
    read,
    rejected,
    said,
    sends,
    unknown,
)
from connectors.channels.message import Unsendable, guard, pickup_of
from connectors.http import Http, Reply
from connectors.options import Options, http_of, url_of
from core.model.clock import Clock
from core.model.contact import ContactKind
from core.model.effects import Call, EffectClass, Outcome
from core.model.text import clean

LEAST_SECRET: Final = 16  # characters; a shorter one could be guessed from one captured request


class _Answer(Struct):
    id: str = ""
    error: str = ""


class WebhookChannel(HttpChannel):
    """``carries``: "pickup" (the link alone) or "keys" (the keys as well)."""

    kind = "webhook"
    reaches = frozenset(ContactKind)  # what the other side makes of it is its own affair
    specs = sends(EffectClass.B, "docs/connectors/webhook.md: a receiver takes each Idempotency-Key once")

    def __init__(self, name: str, clock: Clock, http: Http, url: str, secret: str, carries: str = "pickup") -> None:
        super().__init__(name, clock, http)
        if len(secret) < LEAST_SECRET:
            raise ValueError(f"secret must have {LEAST_SECRET} characters or more")
        self._url, self._secret, self._carries = url, secret.encode(), carries

    async def _send(self, call: Call) -> Outcome:
        if not call.recipient:
            raise Unsendable("recipient_invalid: the order names nobody to deliver to")
        shop = call.reference.rpartition(":")[0]
        body: dict[str, Any] = {
            "version": 1,
            "event": "delivery",
            "id": call.reference,
            "shop": shop,
            "order": call.ext_id,
            "recipient": call.recipient,
            "subject": clean(call.subject, 200),
        }
        if self._carries == "keys":
            if not call.slots:
                raise Unsendable("there is no message with keys to send")
            body["text"] = call.text
            body["keys"] = [{"line": s.line, "slot": s.slot, "title": s.title, "key": s.secret} for s in call.slots]
        else:
            body["pickup"] = pickup_of(call).link
            guard(call, body["subject"])
        reply = await self._signed(call.reference, msgspec.json.encode(body))
        return reply if isinstance(reply, Outcome) else _meaning(call, reply)

    async def alert(self, title: str, text: str) -> Outcome:
        """The alert as JSON, ``event`` = alert; any 2xx is an answer, for nothing hangs on it."""
        body: dict[str, Any] = {"version": 1, "event": "alert", "title": clean(title, 200)}
        body["text"] = clean(text, 4000, lines=True)
        digest = hashlib.sha256(msgspec.json.encode([body, self._clock()])).hexdigest()[:32]
        reply = await self._signed(f"alert:{digest}", msgspec.json.encode(body))
        if isinstance(reply, Outcome):
            return reply
        return confirmed("", {"status": reply.status}) if reply.status // 100 == 2 else _meaning(None, reply)

    async def _signed(self, reference: str, body: bytes) -> Reply | Outcome:
        at = str(self._now())
        digest = hmac.new(self._secret, at.encode() + b"." + body, hashlib.sha256).hexdigest()
        headers = {"keydesk-timestamp": at, "keydesk-signature": f"v1={digest}", "idempotency-key": reference}
        return await self._post("webhook", self._url, body, headers)


def _meaning(call: Call | None, reply: Reply) -> Outcome:
    answer = read(reply, _Answer)
    evidence: Evidence = {"status": reply.status, "path": "webhook"}
    if reply.status // 100 == 2:
        if call is not None and answer is not None and answer.id == call.reference:
            return confirmed(answer.id, evidence)
        return unknown("2xx without the id of the delivery", evidence)
    wait = reply.retry_after()
    if reply.status == 503 and wait is not None:
        return later("the receiver is down for maintenance", wait, evidence)
    outcome = by_status(reply, "webhook")
    if outcome.result.value == "rejected" and answer is not None and answer.error:
        return rejected(f"the receiver refused: {said(call, answer.error)}", evidence)
    return outcome


def _build(name: str, options: Options, clock: Clock) -> WebhookChannel:
    return WebhookChannel(name, clock, http_of(options), url_of(options), options["secret"], carries_of(options))


KIND = Kind(frozenset({"url", "secret"}), frozenset({"carries", "connections"}), _build)
