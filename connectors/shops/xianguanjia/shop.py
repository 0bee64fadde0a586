"""A Xianyu shop through Xianguanjia: orders by update windows, keys handed over as its own virtual supplier (facts: A5).

The open platform ships by parcel only. Keys of a card-key order therefore travel by the supplier protocol: the platform
asks for them (see supply.py), and once the gate has passed they are posted to the address it gave.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure
from connectors.shops.base import Refused, ShopBase, error_of, outcome_of, read_again
from connectors.shops.marks import mark_text, read_mark
from connectors.shops.windows import PAGE, Page, Seen, Walker
from connectors.shops.xianguanjia.asked import Ask, Asked
from connectors.shops.xianguanjia.client import HEADERS, Xgj, XgjFailure, opened
from connectors.shops.xianguanjia.mapping import CARDS, item_of, number_of, order_of
from connectors.shops.xianguanjia.push import Push
from connectors.shops.xianguanjia.supply import Supply, Wanted, answer, told
from core.model.clock import Clock
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, PlatformState, Quarantined, Update
from core.ports import ConnectorError, Inbound, Received

T = TypeVar("T")
_PATIENCE: Final = 6  # attempts that an unexplained refusal may cost before a person looks


class _List(Struct):
    list: list[msgspec.Raw]
    count: int


class _Card(Struct):
    card_pwd: str


class _Cards(Struct):
    list: list[_Card]


class XianguanjiaShop(ShopBase):
    """Implements core.ports.Shop and Receiver. ``overlap`` and ``deep`` in seconds, see connectors.shops.windows."""

    platform = "xianguanjia"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SEND: EffectSpec(
            effect=Effect.SEND,
            cls=EffectClass.B,
            source="virtual supply's order callback, card_items; /api/open/order/kam/list shows the keys an order was "
            "given: a repeat reads it first, and sends the same keys to the same order only while there are none",
            ships=True,
        )
    }

    def __init__(
        self,
        name: str,
        xgj: Xgj,
        supply: Supply,
        asked: Asked,
        clock: Clock,
        http: Http,
        push: Push,
        authorize_id: int = 0,
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
        overlap: int = 3,
        deep: int = 60,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self._xgj, self._supply, self._asked, self._push = xgj, supply, asked, push
        self._only = {"authorize_id": authorize_id} if authorize_id else {}
        # Every row is looked up, so a pull is one page of them: what it brought is kept before much can go wrong.
        self._orders, self._seen = Walker(overlap, deep, budget=PAGE), Seen()

    async def pull(self, cursor: str | None) -> Batch:
        """The next orders after ``cursor``. Raises ConnectorError."""
        mark = read_mark(cursor, self._start)
        self._seen.begin(cursor)
        rows, after, more = await self._orders.step(mark, self._now(), self._page)
        updates: list[Update] = []
        numbers: dict[str, None] = {}
        for raw in rows:
            if not self._seen.fresh(raw):
                continue
            number = number_of(raw)
            if number:
                numbers[number] = None
            else:
                updates.append(Quarantined(ext_id="", field="list.order_no", why="unreadable", raw=bytes(raw)))
        updates += await self._looked_up(list(numbers))
        text = mark_text(after)
        self._seen.end(text)
        return Batch(updates=tuple(updates), cursor=text, more=more)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as ``/api/open/order/detail`` shows it now. Raises ConnectorError."""
        return self._mapped(ext_id, await self._detail(ext_id))

    async def receive(self, request: Inbound) -> Received:
        """A push is a hint to pull; under ``goofish/`` stands the supplier's side. Raises ConnectorError."""
        if not request.tail:
            return self._push.receive(request, self._now())
        refusal = self._supply.refusal(request, self._now())
        if refusal is not None or request.method != "POST":
            reply = refusal or answer(401, "POST only")
            return Received(render=lambda _: reply)
        found = self._supply.catalogue(request.tail, request.body)
        if found is not None:
            return Received(render=lambda _: found)
        if request.tail == "goofish/order/purchase/create":
            return await self._wanted(request.body)
        if request.tail == "goofish/order/detail":
            ask = self._asked.named(self._supply.order_number(request.body))
            if ask is None:
                return Received(render=lambda _: answer(1200, "no such order"))
            return Received(render=told(ask), look=ask.ext_id)
        return Received(render=lambda _: answer(1201, "not supplied here"))

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper."""
        return read_again(kept, lambda raw: [order_of(raw, self.name, self._asked.of(number_of(raw)) is not None)])

    async def perform(self, call: Call) -> Outcome:
        """SEND: the keys to the address that was named for this order. Never raises for the outside."""
        if call.effect is not Effect.SEND:
            return self._unsupported(call)
        if not call.slots:
            return Outcome(result=Result.REJECTED, why="no keys in the call")
        ask = self._asked.of(call.ext_id)
        if ask is None:
            return Outcome(result=Result.LATER, why="the platform has not asked for these keys", retry_after=30.0)
        if call.attempt > 1:
            settled = await self._before(call, "an earlier attempt")
            if settled is not None:
                return settled
        url, body = self._supply.hand_over(ask, call.slots, self._now())
        try:
            opened(await self._http.post(url, body, HEADERS))
        except HttpFailure as failure:
            return outcome_of(failure)
        except XgjFailure as failure:
            return await self._refused(call, failure)
        return Outcome(result=Result.CONFIRMED, remote_ref=ask.number)

    async def ask(self, call: Call) -> Outcome:
        """Not without the keys themselves, which a question does not carry; the repeat asks instead."""
        return Outcome(result=Result.UNKNOWN, why="not askable")

    async def _wanted(self, body: bytes) -> Received:
        wanted = self._supply.wanted(body)
        if not isinstance(wanted, Wanted):
            reply = wanted
            return Received(render=lambda _: reply)
        held = self._asked.named(wanted.order_no)
        # Which of its two numbers is the order's is not documented; only one that exists there can be.
        for number in dict.fromkeys((held.ext_id if held else wanted.order_no, wanted.biz_order_no)):
            try:
                raw = await self._detail(number) if number else None
            except Refused:
                continue
            if raw is None:
                continue
            update = self._mapped(number, raw, asked=True)
            if isinstance(update, Quarantined):
                return Received(batch=(update,), render=lambda _: answer(1209, "order not understood yet"))
            kind, quantity, item = item_of(raw)
            if kind != CARDS or quantity != wanted.buy_quantity or (wanted.item_id and wanted.item_id != item):
                return Received(render=lambda _: answer(1201, "not what the order holds"))
            if update.paid_at is None:
                return Received(render=lambda _: answer(1209, "not paid yet"))
            first = self._asked.of(number)
            if first is not None and first.number != wanted.order_no:
                # Two requests for one order would be two deliveries of it.
                return Received(render=lambda _: answer(1201, "asked for under another number"))
            ask = Ask(number, wanted.order_no, wanted.notify_url, self._supply.amount(wanted), self._now())
            return Received(batch=(update,), render=told(self._asked.add(ask)), look=number)
        return Received(render=lambda _: answer(1201, "no such order at the open platform"))

    def _mapped(self, ext_id: str, raw: msgspec.Raw, asked: bool = False) -> OrderUpdate | Quarantined:
        update = order_of(raw, self.name, asked or self._asked.of(ext_id) is not None)
        return self._asked_for(ext_id, update, "order_no")

    async def _before(self, call: Call, why: str) -> Outcome | None:
        """What became of the attempts before this one; None when the order still waits and has no keys."""
        try:
            cards = await self._cards(call.ext_id)
            update = await self.read(call.ext_id)
        except Refused as refusal:
            return Outcome(result=Result.UNKNOWN, why=f"{why}; not shown: {refusal}")
        except ConnectorError as error:
            return Outcome(result=Result.LATER, why=f"order unread: {error.kind}", retry_after=error.retry_after or 5.0)
        if isinstance(update, Quarantined):
            return Outcome(result=Result.UNKNOWN, why=f"{why}; order not understood: {update.field}")
        evidence: dict[str, str | int | float | bool | None] = {"state": update.state.name, "cards": len(cards)}
        if cards:
            ours = {slot.secret for slot in call.slots} == {card.card_pwd for card in cards}
            if ours:
                return Outcome(result=Result.CONFIRMED, why="the order shows our keys", evidence=evidence)
            return Outcome(result=Result.UNKNOWN, why=f"{why}; the order shows other keys", evidence=evidence)
        if update.state is PlatformState.PAID:
            return None
        if update.state is PlatformState.FORBIDDEN:
            return Outcome(result=Result.LATER, why=f"forbidden: {update.forbid}", retry_after=15.0, evidence=evidence)
        if update.state in (PlatformState.SHIPPED, PlatformState.FINISHED):
            return Outcome(result=Result.UNKNOWN, why=f"{why}; shipped, and no keys are shown", evidence=evidence)
        return Outcome(result=Result.REJECTED, why=f"the order is {update.state.name.lower()}", evidence=evidence)

    async def _cards(self, ext_id: str) -> list[_Card]:
        """The keys that the order was given; shown as a list, or as an object that holds one."""
        raw = await self._query("/api/open/order/kam/list", {"order_no": ext_id}, msgspec.Raw)
        try:
            if bytes(raw).lstrip().startswith(b"["):
                return msgspec.json.decode(raw, type=list[_Card])
            return msgspec.json.decode(raw, type=_Cards).list
        except UNREADABLE:
            # Never quoted: a reason would hold a key.
            raise ConnectorError("protocol", "the list of keys is not what was expected") from None

    async def _refused(self, call: Call, failure: XgjFailure) -> Outcome:
        evidence = failure.evidence()
        if failure.kind == "rate":
            return Outcome(result=Result.LATER, why="rate", retry_after=failure.wait or 5.0, evidence=evidence)
        if failure.kind == "door":
            return Outcome(result=Result.LATER, why=str(failure), retry_after=15.0, evidence=evidence)
        if failure.kind not in ("refused", "unnamed"):
            return Outcome(result=Result.UNKNOWN, why=str(failure), evidence=evidence)
        settled = await self._before(call, str(failure))
        if settled is not None and settled.result is not Result.LATER:
            return settled
        if call.attempt < _PATIENCE:
            # "Not received" by its own words; the next attempt looks first.
            return Outcome(result=Result.LATER, why=str(failure), retry_after=5.0, evidence=evidence)
        return Outcome(result=Result.REJECTED, why=str(failure), evidence=evidence)

    async def _page(self, start: int, end: int, page: int, count: bool) -> Page:
        params = {**self._only, "update_time": [start, end], "page_no": page, "page_size": PAGE}
        answered = await self._query("/api/open/order/list", params, _List)
        if count and answered.count and not answered.list:
            raise ConnectorError("protocol", f"{answered.count} rows were counted and none came")
        return Page(answered.list, answered.count if count else None)

    async def _detail(self, ext_id: str) -> msgspec.Raw:
        return await self._query("/api/open/order/detail", {"order_no": ext_id}, msgspec.Raw)

    async def _query(self, path: str, params: dict[str, Any], kind: type[T]) -> T:
        """Raises Refused for what asking again does not change, else ConnectorError."""
        url, body = self._xgj.request(path, params)
        try:
            data = opened(await self._fetch("POST", url, HEADERS, body))
            return data if isinstance(data, kind) else msgspec.json.decode(data, type=kind)
        except UNREADABLE as exc:
            raise ConnectorError("protocol", f"{path}: {exc}") from None
        except (HttpFailure, XgjFailure) as failure:
            raise error_of(failure) from None
