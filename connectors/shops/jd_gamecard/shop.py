"""A shop on JD's game-card platform: JD tells of orders and asks after them; keys are handed over after the gate.

Of the two ways that the platform knows this is the asynchronous one: an order is taken with "100" and no cards, and its
cards are sent to JD when they are due. No answer to JD holds a key, so that an answer that is lost, or given twice, loses
and doubles nothing.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

from connectors.http import Http, HttpFailure
from connectors.jd_called import Book, failed, hand_over_again, same_order
from connectors.shops.base import Refused, ShopBase, outcome_of
from connectors.shops.jd_gamecard.mapping import order_of
from connectors.shops.jd_gamecard.protocol import (
    BROKEN,
    BUSY,
    DUPLICATE,
    FAILED,
    OK,
    PROCESSING,
    REFUSED,
    TURNED_AWAY,
    GameCard,
    answer,
    code_of,
    number_of,
)
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, Quarantined, Update
from core.ports import Inbound, Received, Reply, Standing

ORDER, QUERY = "order", "query"  # the tails of the two addresses that JD is given
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


class JdGameCardShop(ShopBase):
    """Implements core.ports.Shop and Receiver. ``callback``: where JD takes cards. ``prices``: fen by SKU."""

    platform = "jd-gamecard"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SEND: EffectSpec(
            effect=Effect.SEND,
            cls=EffectClass.B,
            source="cardApi.action: names the order and carries all its cards; a repeat carries the same ones, and code 102 "
            "says that the order has its cards",
            ships=True,
        )
    }

    def __init__(
        self,
        name: str,
        gamecard: GameCard,
        book: Book,
        callback: str,
        clock: Clock,
        http: Http,
        prices: Mapping[str, int],
        poll_seconds: float = 60.0,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds)
        self._gamecard, self._book, self._callback, self._prices = gamecard, book, callback, prices

    async def pull(self, cursor: str | None) -> Batch:
        """Nothing: JD tells, and has no list."""
        return Batch(updates=(), cursor=cursor or "told", more=False)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as JD told it, which stands until JD says something else. Raises Refused for one it has not told."""
        told = self._book.of(ext_id)
        if told is None:
            raise Refused("JD has not told of this order, or asked_file was lost")
        return self._asked_for(ext_id, order_of(told.raw(), told.at, self.name, self._prices), "orderId")

    async def receive(self, request: Inbound) -> Received:
        """JD tells of an order, or asks how far it is."""
        if request.method != "POST" or request.tail not in (ORDER, QUERY):
            return _said(Reply(status=404, body=b"not here"))
        data = self._gamecard.opened(request, self._now())
        if isinstance(data, Reply):
            return _said(data)
        return self._told(data) if request.tail == ORDER else self._asked(data)

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a telling that was set aside; see core.ports.Remapper.

        It stays aside until JD tells of it again, unless the order is known: without JD's word in the book an order
        could not be read before its keys go out, and nothing is written here.
        """
        update = order_of(kept.raw, at, self.name, self._prices)
        return (self._known(update),)

    async def perform(self, call: Call) -> Outcome:
        """SEND: all cards of the order in one call. Never raises for what JD or the network does."""
        if call.effect is not Effect.SEND:
            return self._unsupported(call)
        if not call.slots:
            return Outcome(result=Result.REJECTED, why="no keys in the call")
        body = self._gamecard.cards(call.ext_id, call.slots, self._now())
        if body is None:
            return Outcome(result=Result.REJECTED, why="a key has characters or a length that JD does not take")
        try:
            since = self._book.sending(call.ext_id, self._clock())
            outcome = await self._handed_over(body, since)
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
        first = order_of(told.raw(), told.at, self.name, self._prices) if told else None
        if isinstance(first, OrderUpdate) and same_order(first, update):
            return first
        why = "another order under a number that JD has told before" if told else "JD has not told of it again yet"
        return Quarantined(ext_id=update.ext_id, field="orderId", why=why, raw=update.raw)

    async def _handed_over(self, body: bytes, since: int) -> Outcome:
        try:
            reply = await self._http.post(self._callback, body, _FORM)
        except HttpFailure as failure:
            return outcome_of(failure)
        if reply.status == 429:
            return Outcome(result=Result.LATER, why="HTTP 429", retry_after=reply.retry_after() or 5.0)
        if reply.status != 200:
            return Outcome(result=Result.UNKNOWN, why=f"HTTP {reply.status}")
        code, words = code_of(reply.body)
        if code == DUPLICATE:
            return hand_over_again(since, self._clock(), code)
        return _outcome(code, words)

    def _told(self, data: bytes) -> Received:
        now = self._clock()
        update = order_of(data, now, self.name, self._prices)
        if isinstance(update, Quarantined):
            # JD tries again after this code, so that the order is not lost while nobody understands it.
            return Received(batch=(update,), render=lambda _: answer(BROKEN, "order not understood"))
        if self._book.of(update.ext_id) is not None:
            known = self._known(update)
            if isinstance(known, Quarantined):
                return Received(batch=(known,), render=lambda _: answer(BROKEN, "order differs"))
        told = self._book.add(update.ext_id, data, now)
        kept = order_of(told.raw(), told.at, self.name, self._prices)
        return Received(batch=(kept,), render=lambda _: answer(OK, "accepted", None))

    def _asked(self, data: bytes) -> Received:
        number = number_of(data)
        if not number or self._book.of(number) is None:
            # "No such order" would make JD give the money back, and it may be our memory that is gone.
            return _said(answer(BUSY, "not known yet"))
        return Received(render=partial(_progress), look=number)


def _progress(standing: Standing | None) -> Reply:
    """How far an order is. "Done" is not said here, for it would have to hold the cards: JD has them by our own call."""
    if failed(standing):
        return answer(OK, "failed", {"orderStatus": FAILED})
    return answer(OK, "in progress", {"orderStatus": PROCESSING})


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
