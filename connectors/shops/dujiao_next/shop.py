"""A dujiao-next shop that buys from us: its orders come in as requests, their keys go back by its callback (facts: A10)."""

import contextlib
from collections.abc import Mapping
from typing import Final

import msgspec

from connectors.http import Http, HttpFailure
from connectors.shops.base import Refused, ShopBase, outcome_of
from connectors.shops.dujiao_next import upstream, webhook
from connectors.shops.dujiao_next.upstream import Upstream
from connectors.shops.dujiao_next.webhook import Webhook
from connectors.shops.dujiao_next.words import Refusal, Wanted, may_go
from connectors.sold import Book, Sale, kept, may_buy, update_of
from connectors.wares import Ware, Wares
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, Quarantined
from core.model.text import clean
from core.ports import ConnectorError, Inbound, Received, Reply

_PAGE: Final = 200
_ORDERS: Final = f"{upstream.BASE}/orders"


class DujiaoNextShop(ShopBase):
    """Implements core.ports.Shop and Receiver. ``hosts``: where keys may be handed over, and nowhere else."""

    platform = "dujiao-next"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SEND: EffectSpec(
            effect=Effect.SEND,
            cls=EffectClass.A,
            source="dujiao-next's two callback handlers and the test of the webhook's: an order gets one fulfilment, a "
            "repeat finds it there and is answered as the first was",
            ships=True,
        )
    }

    def __init__(
        self,
        name: str,
        wares: Wares,
        book: Book,
        currency: str,
        hosts: frozenset[str],
        hook: Webhook | None,
        api: Upstream | None,
        clock: Clock,
        http: Http,
        poll_seconds: float = 1.0,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds)
        self._wares, self._book, self._currency, self._hosts = wares, book, currency, hosts
        self._hook, self._api = hook, api

    async def pull(self, cursor: str | None) -> Batch:
        """What changed in the file of orders: it finds what was taken down but not committed. Raises ConnectorError."""
        if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
            raise ConnectorError("protocol", "cursor is not one of ours")
        sales, reached = self._book.after(int(cursor or 0), _PAGE)
        more = len(sales) > 0 and bool(self._book.after(reached, 1)[0])
        return Batch(updates=tuple(update_of(sale, self.name) for sale in sales), cursor=str(reached), more=more)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as it was taken down. Raises ConnectorError."""
        sale = self._book.of(ext_id)
        if sale is None:
            raise Refused("no such order in the file of orders")
        return update_of(sale, self.name)

    async def receive(self, request: Inbound) -> Received:
        """An order, or a question about goods, balance or an order. Raises ConnectorError."""
        try:
            if request.tail == "" and self._hook is not None:
                return self._posted(self._hook, request)
            if request.tail.startswith(f"{upstream.BASE}/") and self._api is not None:
                self._api.check(request, self._now())
                return self._called(self._api, request)
        except Refusal as refusal:
            return _said(refusal.reply())
        return _said(Refusal(404, "bad_request", "no such call").reply())

    async def perform(self, call: Call) -> Outcome:
        """SEND: the keys to the order's callback. Never raises for the outside."""
        if call.effect is not Effect.SEND:
            return self._unsupported(call)
        if not call.slots:
            return Outcome(result=Result.REJECTED, why="no keys in the call")
        sale = self._book.of(call.ext_id)
        way = {webhook.WAY: self._hook, upstream.WAY: self._api}.get(sale.way) if sale is not None else None
        if sale is None or way is None or not may_go(sale.notify, self._hosts):
            return Outcome(result=Result.REJECTED, why="the order's callback is not known, or not allowed any more")
        headers, body = way.hand_over(sale, call.slots, self._now())
        try:
            outcome = way.meaning(await self._http.post(sale.notify, body, headers), call.attempt)
        except HttpFailure as failure:
            return outcome_of(failure)
        if outcome.result is Result.CONFIRMED:
            self._done(sale)
        return outcome

    async def ask(self, call: Call) -> Outcome:
        """The other shop shows nothing; the repeat finds out."""
        return Outcome(result=Result.UNKNOWN, why="not askable")

    def _posted(self, hook: Webhook, request: Inbound) -> Received:
        wanted = hook.wanted(request)
        if isinstance(wanted, Reply):
            return _said(wanted)
        try:
            sale = self._taken(wanted, webhook.WAY)
        except Refusal as refusal:
            return _said(hook.refused(refusal))
        reply = hook.taken(sale)
        return Received(batch=(update_of(sale, self.name),), render=lambda _: reply)

    def _called(self, api: Upstream, request: Inbound) -> Received:
        found = api.told(request)
        if found is not None:
            return _said(found)
        if (request.method, request.tail) == ("POST", _ORDERS):
            new = self._taken(api.wanted(request.body), upstream.WAY)
            update = update_of(new, self.name)
            return Received(batch=(update,), render=lambda standing: api.taken(new, standing), look=new.ext_id)
        if request.tail.startswith(f"{_ORDERS}/"):
            sale = api.asked_for(request)
            return Received(render=lambda standing: api.detail(sale, standing), look=sale.ext_id)
        raise Refusal(404, "bad_request", "no such call")

    def _taken(self, wanted: Wanted, way: str) -> Sale:
        """The order of that number: as it was taken down before, or taken down now. Raises Refusal, ConnectorError."""
        if not wanted.order_no or clean(wanted.order_no, 64) != wanted.order_no or wanted.order_no.split() == []:
            raise Refusal(400, "invalid_request", "the order has no number, or an odd one")
        if not may_buy(wanted.quantity):
            raise Refusal(400, "invalid_request", "quantity")
        if not may_go(wanted.notify, self._hosts):
            raise Refusal(400, "invalid_callback_url", "callback_url is not at a host that the settings allow")
        held = self._book.of(wanted.order_no)
        if held is not None:
            return self._known(held, wanted, way)
        ware = self._ware(wanted)
        if ware is None:
            raise Refusal(400, "sku_unavailable", "no such SKU is on offer")
        if wanted.currency not in ("", self._currency):
            raise Refusal(400, "invalid_request", f"currency is not {self._currency}")
        amount = ware.price * wanted.quantity
        if amount > self._book.balance:
            raise Refusal(402, "insufficient_balance", "balance is insufficient")
        sale = Sale(
            ext_id=wanted.order_no,
            number=0,
            sku=ware.sku,
            title=ware.name,
            qty=wanted.quantity,
            amount=amount,
            currency=self._currency,
            at=self._clock(),
            way=way,
            notify=wanted.notify,
        )
        return kept(self._book.place, sale)

    def _known(self, held: Sale, wanted: Wanted, way: str) -> Sale:
        """A repeat gets the first order. Asking for something else under its number is a mistake of the other shop's."""
        ware = self._ware(wanted)
        if held.qty != wanted.quantity or held.way != way or (ware is not None and ware.sku != held.sku):
            raise Refusal(409, "duplicate_order", "this number was used for another order")
        if held.notify == wanted.notify or held.done:
            return held
        return kept(self._book.change, msgspec.structs.replace(held, notify=wanted.notify))

    def _ware(self, wanted: Wanted) -> Ware | None:
        return self._wares.by_id.get(wanted.ware) if wanted.ware else self._wares.by_sku.get(wanted.sku)

    def _done(self, sale: Sale) -> None:
        latest = self._book.of(sale.ext_id)
        if latest is None or latest.done:
            return
        # The core knows it; the file only keeps the order from looking new to a core that was set back.
        with contextlib.suppress(OSError):
            self._book.change(msgspec.structs.replace(latest, done=self._clock()))


def _said(reply: Reply) -> Received:
    return Received(render=lambda _: reply)
