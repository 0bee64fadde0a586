"""A shop on JD's general trade: JD tells of orders and asks after them; keys are handed over after the gate.

Of the two ways that the protocol knows this is the asynchronous one: ``beginDistill`` is answered "in progress", and the
cards are sent to JD when they are due. No answer to JD holds a key, so that an answer that is lost, or given twice, loses
and doubles nothing.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec

from connectors.fields import UNREADABLE, Drift
from connectors.http import Http, HttpFailure
from connectors.jd_called import Book, digits, failed, hand_over_again, same_order
from connectors.shops.base import Refused, ShopBase, outcome_of
from connectors.shops.jd_trade.mapping import notify_of, order_of
from connectors.shops.jd_trade.protocol import (
    FAILED,
    GOING,
    NOT_SOLD,
    OK,
    REFUSED,
    RUNNING,
    TURNED_AWAY,
    WRONG_STATE,
    Trade,
    code_of,
    later,
    refusal,
)
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, Quarantined, Update
from core.ports import Inbound, Received, Reply, Standing

BEGIN, FIND = "beginDistill", "findDistill"  # the tails of the two addresses that JD is given
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


class JdTradeShop(ShopBase):
    """Implements core.ports.Shop and Receiver.

    ``hosts``: where cards may go, whatever an order names; ``notify``: where they go instead, "" for what orders name.
    ``prices``: fen by SKU.
    """

    platform = "jd-trade"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SEND: EffectSpec(
            effect=Effect.SEND,
            cls=EffectClass.B,
            source="VTP callback /produce/result: names the order and carries all its cards; a repeat carries the same ones, "
            "and code 13 says that the order is past producing",
            ships=True,
        )
    }

    def __init__(
        self,
        name: str,
        trade: Trade,
        book: Book,
        hosts: frozenset[str],
        notify: str,
        clock: Clock,
        http: Http,
        prices: Mapping[str, int],
        poll_seconds: float = 60.0,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds)
        self._trade, self._book, self._hosts, self._notify, self._prices = trade, book, hosts, notify, prices

    async def pull(self, cursor: str | None) -> Batch:
        """Nothing: JD tells, and has no list."""
        return Batch(updates=(), cursor=cursor or "told", more=False)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as JD told it, which stands until JD says something else. Raises Refused for one it has not told."""
        return self._asked_for(ext_id, self._order(self._form(ext_id)), "jdOrderNo")

    async def receive(self, request: Inbound) -> Received:
        """JD tells of an order, or asks how far it is."""
        if request.method != "POST" or request.tail not in (BEGIN, FIND):
            return _said(Reply(status=404, body=b"not here"))
        form = self._trade.opened(request, self._now())
        if form is None:
            return _said(refusal())
        return self._told(form) if request.tail == BEGIN else self._asked(form)

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a telling that was set aside; see core.ports.Remapper.

        It stays aside until JD tells of it again, unless the order is known: without JD's word in the book an order
        could not be read before its keys go out, and nothing is written here.
        """
        update = self._order(_decoded(kept.raw))
        return (self._known(update),)

    async def perform(self, call: Call) -> Outcome:
        """SEND: all cards of the order in one call. Never raises for what JD or the network does."""
        if call.effect is not Effect.SEND:
            return self._unsupported(call)
        if not call.slots:
            return Outcome(result=Result.REJECTED, why="no keys in the call")
        try:
            url = self._notify or notify_of(self._form(call.ext_id), self._hosts)
        except (Refused, Drift) as why:
            return Outcome(result=Result.LATER, why=f"nowhere to send to: {why}", retry_after=60.0)
        body = self._trade.cards(call.ext_id, call.slots, self._now())
        if body is None:
            return Outcome(result=Result.REJECTED, why="a key is longer than the 127 characters that JD takes")
        try:
            since = self._book.sending(call.ext_id, self._clock())
            outcome = await self._handed_over(url, body, since)
            if not since and outcome.result in (Result.NOT_SENT, Result.LATER, Result.REJECTED):
                self._book.not_sent(call.ext_id)
        except OSError as exc:
            return Outcome(result=Result.LATER, why=f"asked_file: {type(exc).__name__}", retry_after=30.0)
        return outcome

    async def ask(self, call: Call) -> Outcome:
        """Nobody can be asked; the repeat tells."""
        return Outcome(result=Result.UNKNOWN, why="not askable")

    def _known(self, update: OrderUpdate | Quarantined) -> OrderUpdate | Quarantined:
        if isinstance(update, Quarantined):
            return update
        told = self._book.of(update.ext_id)
        first = self._order(_decoded(told.raw())) if told else None
        if isinstance(first, OrderUpdate) and same_order(first, update):
            return update
        why = "another order under a number that JD has told before" if told else "JD has not told of it again yet"
        return Quarantined(ext_id=update.ext_id, field="jdOrderNo", why=why, raw=update.raw)

    async def _handed_over(self, url: str, body: bytes, since: int) -> Outcome:
        try:
            reply = await self._http.post(url, body, _FORM)
        except HttpFailure as failure:
            return outcome_of(failure)
        if reply.status == 429:
            return Outcome(result=Result.LATER, why="HTTP 429", retry_after=reply.retry_after() or 5.0)
        if reply.status != 200:
            return Outcome(result=Result.UNKNOWN, why=f"HTTP {reply.status}")
        code, words = code_of(reply.body)
        if code == WRONG_STATE:
            return hand_over_again(since, self._clock(), code)
        return _outcome(code, words)

    def _told(self, form: Mapping[str, str]) -> Received:
        update = self._order(form)
        if not isinstance(update, Quarantined) and not self._notify:
            try:
                notify_of(form, self._hosts)
            except Drift as drift:
                update = drift.quarantined(update.ext_id, update.raw)
        if isinstance(update, Quarantined):
            doubt = update
            return Received(batch=(doubt,), render=lambda _: later())
        if self._book.of(update.ext_id) is not None:
            known = self._known(update)
            if isinstance(known, Quarantined):
                return Received(batch=(known,), render=lambda _: later())
        self._book.add(update.ext_id, update.raw, self._clock())
        return Received(batch=(update,), render=partial(self._progress, update.ext_id), look=update.ext_id)

    def _asked(self, form: Mapping[str, str]) -> Received:
        try:
            number = digits(form.get("jdOrderNo", ""), "jdOrderNo")
        except Drift:
            return _said(later())
        if self._book.of(number) is None:
            # Any state would be a guess, and "failed" would give money back; it may be our memory that is gone.
            return _said(later())
        return Received(render=partial(self._progress, number), look=number)

    def _progress(self, number: str, standing: Standing | None) -> Reply:
        """How far an order is. "Done" is not said here, for it would have to hold the cards: JD has them by our call."""
        if failed(standing):
            return self._trade.answer(number, NOT_SOLD, FAILED, self._now())
        return self._trade.answer(number, GOING, RUNNING, self._now())

    def _order(self, form: Mapping[str, str]) -> OrderUpdate | Quarantined:
        return order_of(form, self.name, self._prices, self._trade.unsealed)

    def _form(self, ext_id: str) -> Mapping[str, str]:
        told = self._book.of(ext_id)
        if told is None:
            raise Refused("JD has not told of this order, or asked_file was lost")
        return _decoded(told.raw())


def _decoded(raw: bytes) -> Mapping[str, str]:
    try:
        return msgspec.json.decode(raw, type=dict[str, str])
    except UNREADABLE:
        return {}


def _outcome(code: str, words: str) -> Outcome:
    evidence: dict[str, str | int | float | bool | None] = {"code": code}
    why = f"code {code} {words}".strip() if code else words
    if code == OK:
        return Outcome(result=Result.CONFIRMED, evidence=evidence)
    if code in TURNED_AWAY:
        return Outcome(result=Result.LATER, why=why, retry_after=15.0, evidence=evidence)
    if code in REFUSED:
        return Outcome(result=Result.REJECTED, why=why, evidence=evidence)
    return Outcome(result=Result.UNKNOWN, why=why, evidence=evidence)


def _said(reply: Reply) -> Received:
    return Received(render=lambda _: reply)
