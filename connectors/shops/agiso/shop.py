"""A Xianyu shop through Agiso (service aldsIdle): pushes tell of orders, details tell what they are (facts: A4).

A push is durable before it is answered, and nothing in it but the order's number is used: kind and shop stand outside
its signature. Keys go as a chat message of the order; dummy send then marks it shipped.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure
from connectors.shops.agiso.client import NO_TRADE, Agiso, AgisoFailure
from connectors.shops.agiso.mapping import order_of, taken_apart
from connectors.shops.agiso.sign import verify_push
from connectors.shops.agiso.watch import AT_ONCE, Watch
from connectors.shops.base import Refused, ShopBase, all_of, error_of, outcome_of, read_again
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined, Update
from core.ports import ConnectorError, Inbound, Received, Reply

_MESSAGE_MAX: Final = 1000  # characters
_READ_S: Final = 6.0  # what a push may wait for its order; the core gives up after ten
_NUMBERS: Final = ("biz_order_id", "tid", "Tid")
_SHIPPED: Final = (PlatformState.SHIPPED, PlatformState.FINISHED)
_QUIET_S: Final = 2  # after a failed read
_YES, _NO, _LATER = Reply(), Reply(status=403, body=b"refused"), Reply(status=503, body=b"later")


class AgisoShop(ShopBase):
    """Implements core.ports.Shop and Receiver."""

    platform = "agiso"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SEND: EffectSpec(
            effect=Effect.SEND,
            cls=EffectClass.C,
            source="aldsIdle /ImMsg/SendMsg: a chat message; sent again it appears again, and messages cannot be read back",
        ),
        Effect.SHIP: EffectSpec(
            effect=Effect.SHIP,
            cls=EffectClass.A,
            source="aldsIdle /Order/DummySend: sets the order to shipped and tells the buyer nothing that a repeat would "
            "tell twice; a refusal is settled by the order's own status",
        ),
    }

    def __init__(
        self, name: str, agiso: Agiso, secret: str, clock: Clock, http: Http, poll_seconds: float = 1.0
    ) -> None:
        super().__init__(name, clock, http, poll_seconds)
        self._agiso, self._secret = agiso, secret
        self._watch = Watch()
        self._quiet_until = 0  # UTC seconds

    async def pull(self, cursor: str | None) -> Batch:
        """There is no list: the orders that are open are read again in their turn. Raises ConnectorError."""
        self._watch.restore(cursor)
        text = self._watch.cursor()
        if cursor is not None and text != cursor:
            # What pushes have told of is on disk before anything that may fail is tried.
            return Batch(updates=(), cursor=text, more=True)
        due = self._watch.due(self._now())
        looked = await all_of([partial(self._look, number) for number in due], 4)
        failed = [one for one in looked if isinstance(one, ConnectorError)]
        if failed and len(failed) == len(due):
            raise failed[0]
        self._quiet_until = 0 if due and not failed else self._quiet_until
        found = tuple(one for one in looked if one is not None and not isinstance(one, ConnectorError))
        return Batch(updates=found, cursor=self._watch.cursor(), more=len(due) >= AT_ONCE and not failed)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as ``/Order/Detail`` and ``/Refund/Detail`` show it now. Raises ConnectorError."""
        if not (ext_id.isascii() and ext_id.isdigit() and len(ext_id) < 20):
            raise Refused("no order has such a number")
        order = await self._query("/Order/Detail", ext_id)
        try:
            refund: msgspec.Raw | None = await self._query("/Refund/Detail", ext_id)
        except Refused as refusal:
            # The order was found a moment ago: what there is none of can only be the refund.
            if refusal.args[0] != _gone():
                raise
            refund = None
        if refund is not None and bytes(refund) == b"null":
            refund = None
        update = self._asked_for(ext_id, order_of(order, refund, self.name), "biz_order_id")
        if isinstance(update, OrderUpdate):
            self._watch.saw(update, self._now())
        return update

    async def receive(self, request: Inbound) -> Received:
        """A push: its signature is checked, the order it names is read.

        How often Agiso repeats a push that was not accepted is not known. One whose order cannot be read just now is
        therefore both kept, for a person to see until it can be, and not accepted.
        """
        if request.method != "POST":
            return Received(render=lambda _: _NO)
        text = _json_of(request.body)
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        if text is None or not verify_push(query, text, self._secret, self._now()):
            return Received(render=lambda _: _NO)
        number = _number(text)
        if not number:
            # Signed, and about no order: a buyer's chat message, or whatever else was subscribed to.
            return Received(render=lambda _: _YES)
        try:
            if self._now() < self._quiet_until:
                # It failed a moment ago: many pushes at once must not keep a gateway down that is.
                raise ConnectorError("platform", "the gateway fails just now")
            async with asyncio.timeout(_READ_S):
                return Received(batch=(await self.read(number),), render=lambda _: _YES)
        except Refused as refusal:
            kept = Quarantined(ext_id=number, field="push", why=str(refusal)[:200], raw=text.encode())
            return Received(batch=(kept,), render=lambda _: _YES)
        except (ConnectorError, TimeoutError):
            self._quiet_until = max(self._quiet_until, self._now() + _QUIET_S)
            self._watch.want(number, self._now())
            kept = Quarantined(ext_id=number, field="push", why="pushed, and not read yet", raw=text.encode())
            return Received(batch=(kept,), render=lambda _: _LATER, pull=True)

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper."""
        return read_again(kept, lambda raw: [order_of(*taken_apart(raw), self.name)])

    async def perform(self, call: Call) -> Outcome:
        """SEND: one chat message. SHIP: one dummy send. Never raises for the outside."""
        if call.effect is Effect.SEND:
            text = _message(call)
            if not call.slots or len(text) > _MESSAGE_MAX:
                why = "longer than a chat message may be" if call.slots else "no keys in the call"
                return Outcome(result=Result.REJECTED, why=why)
            return await self._send("/ImMsg/SendMsg", {"tid": call.ext_id, "msg": text}, call)
        return await self._send("/Order/DummySend", {"tid": call.ext_id}, call)

    async def ask(self, call: Call) -> Outcome:
        """Whether the order is shipped by now; what was said in the chat cannot be asked."""
        if call.effect is not Effect.SHIP:
            return Outcome(result=Result.UNKNOWN, why="not askable")
        return await self._by_status(call, AgisoFailure("service", message="asked"))

    async def _send(self, path: str, params: dict[str, str], call: Call) -> Outcome:
        try:
            reply = await self._http.post(self._agiso.url + path, self._agiso.body(params), self._agiso.headers)
            self._agiso.open(reply)
        except HttpFailure as failure:
            return outcome_of(failure)
        except AgisoFailure as failure:
            return await self._refused(call, failure)
        return Outcome(result=Result.CONFIRMED)

    async def _refused(self, call: Call, failure: AgisoFailure) -> Outcome:
        evidence = failure.evidence()
        if failure.kind == "rate":
            return Outcome(result=Result.LATER, why="rate", retry_after=failure.wait or 2.0, evidence=evidence)
        if failure.kind == "door":
            return Outcome(result=Result.LATER, why=str(failure), retry_after=10.0, evidence=evidence)
        if call.effect is Effect.SHIP:
            return await self._by_status(call, failure)
        result = Result.REJECTED if failure.kind == "refused" else Result.UNKNOWN
        return Outcome(result=result, why=str(failure), evidence=evidence)

    async def _by_status(self, call: Call, failure: AgisoFailure) -> Outcome:
        evidence = failure.evidence()
        try:
            update = await self.read(call.ext_id)
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, why=f"{failure}; order unread: {error.kind}", evidence=evidence)
        if isinstance(update, OrderUpdate):
            evidence["state"] = update.state.name
            if update.state in _SHIPPED:
                return Outcome(result=Result.CONFIRMED, why="already shipped", evidence=evidence)
        result = Result.REJECTED if failure.kind == "refused" else Result.UNKNOWN
        return Outcome(result=result, why=str(failure), evidence=evidence)

    async def _look(self, number: str) -> OrderUpdate | Quarantined | ConnectorError | None:
        try:
            update = await self.read(number)
        except Refused:
            self._watch.put_off(number, self._now())
            return None
        except ConnectorError as error:
            return error  # it stays due, and what the others brought is not thrown away for it
        if isinstance(update, Quarantined):
            self._watch.put_off(number, self._now())
        return update

    async def _query(self, path: str, ext_id: str) -> msgspec.Raw:
        """Raises Refused for what asking again does not change, else ConnectorError."""
        body = self._agiso.body({"tid": ext_id})
        try:
            return self._agiso.open(await self._fetch("POST", self._agiso.url + path, self._agiso.headers, body))
        except (HttpFailure, AgisoFailure) as failure:
            if isinstance(failure, AgisoFailure) and failure.kind == "refused" and failure.code == NO_TRADE:
                raise Refused(_gone()) from None
            raise error_of(failure) from None


def _gone() -> str:
    return "no such trade there"


def _json_of(body: bytes) -> str | None:
    """The form field ``json``; None when there is none, or more than one."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=20
        )
    except ValueError:
        return None
    found = [value for name, value in pairs if name == "json"]
    return found[0] if len(found) == 1 else None


def _number(text: str) -> str:
    """The order's number, "" where a push is about none."""
    try:
        fields: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except (*UNREADABLE, UnicodeEncodeError):
        return ""
    value = next((fields[name] for name in _NUMBERS if name in fields), "")
    number = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return number if number.isascii() and number.isdigit() and len(number) < 20 else ""


def _message(call: Call) -> str:
    """The whole message where it fits, else the keys alone."""
    if len(call.text) <= _MESSAGE_MAX and call.text and all(slot.secret in call.text for slot in call.slots):
        return call.text
    return "\n".join(slot.secret for slot in call.slots)
