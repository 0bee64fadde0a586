"""A WooCommerce shop: orders by modified windows, write-back by ``completed`` and a note to the customer (facts: A8).

Keys never go through the shop: a customer note is kept in its database and shown to all its staff. They leave by the
channel named in ``deliver``, to the billing address.
"""

import re
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Http, HttpFailure, Reply
from connectors.shops.base import Refused, ShopBase, error_of, outcome_of, read_again
from connectors.shops.marks import Skew, mark_text, read_mark
from connectors.shops.windows import PAGE, Page, Seen, Walker
from connectors.shops.woocommerce.client import Woo, WooFailure
from connectors.shops.woocommerce.mapping import is_draft, order_of
from connectors.shops.woocommerce.sign import verify
from core.model.clock import SECOND, Clock, iso
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.order import Batch, OrderUpdate, Quarantined, Update
from core.ports import ConnectorError, Inbound, Received
from core.ports import Reply as Answer

T = TypeVar("T")
NOTE: Final = "卡密已发送到您下单时填写的邮箱。Your key was sent to the e-mail address of your order."
_HOLD: Final = 20.0  # seconds until an order that is on hold is looked at again
_PING: Final = re.compile(rb"webhook_id=\d{1,12}\Z")


class _Standing(Struct):
    id: int
    status: str


class _Note(Struct):
    note: str
    customer_note: bool = True


class WooShop(ShopBase):
    """Implements core.ports.Shop and Receiver. ``overlap`` and ``deep`` in seconds, see connectors.shops.windows."""

    platform = "woocommerce"
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SHIP: EffectSpec(
            effect=Effect.SHIP,
            cls=EffectClass.A,
            source="WooCommerce PUT orders/ID status=completed: setting the status an order has is no transition and mails "
            "nobody; the order and its notes are read before each try",
        )
    }

    def __init__(
        self,
        name: str,
        woo: Woo,
        clock: Clock,
        http: Http,
        webhook_secret: str = "",
        deliver: str = "email",
        note: str = NOTE,
        poll_seconds: float = 1.0,
        start_days: float = 1.0,
        overlap: int = 3,
        deep: int = 60,
    ) -> None:
        super().__init__(name, clock, http, poll_seconds, start_days)
        self.send_via = deliver
        self._woo, self._webhook_secret, self._note = woo, webhook_secret, " ".join(note.split())
        self._orders, self._seen, self._skew = Walker(overlap, deep), Seen(), Skew()

    async def pull(self, cursor: str | None) -> Batch:
        """The next orders after ``cursor``. Raises ConnectorError."""
        mark = read_mark(cursor, self._start)
        self._seen.begin(cursor)
        if not self._skew.known:
            self._skew.learn(await self._get("/orders", {"per_page": "1", "_fields": "id"}), self._now())
        rows, after, more = await self._orders.step(mark, self._skew.there(self._now()), self._page)
        updates: list[Update] = [
            order_of(raw, self.name) for raw in rows if not is_draft(raw) and self._seen.fresh(raw)
        ]
        text = mark_text(after)
        self._seen.end(text)
        return Batch(updates=tuple(updates), cursor=text, more=more)

    async def read(self, ext_id: str) -> OrderUpdate | Quarantined:
        """The order as it stands now. Raises ConnectorError."""
        reply = await self._get(f"/orders/{_number(ext_id)}")
        return self._asked_for(ext_id, order_of(reply.body, self.name), "id")

    async def remap(self, kept: Quarantined, at: int) -> tuple[Update, ...]:
        """What the present mapping makes of a payload that was set aside; see core.ports.Remapper."""
        return read_again(kept, lambda raw: [order_of(raw, self.name)])

    async def perform(self, call: Call) -> Outcome:
        """SHIP: the order is completed and its customer told, without the key. Never raises for the outside."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        try:
            status = await self._status(call.ext_id)
        except Refused as refusal:
            return Outcome(result=Result.REJECTED, why=str(refusal))
        except ConnectorError as error:
            # Nothing was changed yet.
            return Outcome(
                result=Result.LATER, why=f"order not read: {error.kind}", retry_after=error.retry_after or 2.0
            )
        if status == "on-hold":
            # Staff keeps it back; what is not said yet is said when they let it go.
            return Outcome(result=Result.LATER, why="order is on hold", retry_after=_HOLD, evidence={"state": status})
        if status not in ("processing", "completed"):
            return Outcome(result=Result.REJECTED, why=f"order is {status}", evidence={"state": status})
        if status == "processing":
            done = await self._change("PUT", f"/orders/{_number(call.ext_id)}", {"status": "completed"}, _Standing)
            if isinstance(done, Outcome):
                return done
            if done.status != "completed":
                return Outcome(result=Result.UNKNOWN, why="the answer is not a completed order")
        told = await self._tell(call.ext_id)
        if told.result in (Result.CONFIRMED, Result.REJECTED):
            # A shop that refuses notes has the order completed all the same.
            note = told.why if told.result is Result.CONFIRMED else f"refused: {told.why}"
            why = "" if status == "processing" else "already completed"
            return Outcome(result=Result.CONFIRMED, why=why, evidence={"note": note})
        return told

    async def ask(self, call: Call) -> Outcome:
        """Whether the order is completed by now; says nothing about who did it."""
        if call.effect is not Effect.SHIP:
            return self._unsupported(call)
        try:
            status = await self._status(call.ext_id)
        except ConnectorError as error:
            return Outcome(result=Result.UNKNOWN, why=f"not read: {error.kind}")
        done = status == "completed"
        return Outcome(result=Result.CONFIRMED if done else Result.UNKNOWN, why="", evidence={"state": status})

    async def hint(self, headers: Mapping[str, str], body: bytes) -> bool:
        """A webhook: its signature decides, its content is not used; the orders are pulled."""
        return verify(headers, body, self._webhook_secret)

    async def receive(self, request: Inbound) -> Received:
        """``hint``, and the unsigned test that WooCommerce makes of a new webhook: it is answered, and does nothing."""
        if request.method != "POST" or request.tail:
            return Received(render=lambda _: Answer(status=404, body=b"not here"))
        if await self.hint(request.headers, request.body):
            return Received(render=lambda _: Answer(body=b"ok"), pull=True)
        status = 200 if _PING.match(request.body) else 400
        return Received(render=lambda _: Answer(status=status))

    async def _page(self, start: int, end: int, page: int, count: bool) -> Page:
        # The bounds are exclusive. Sorting is by creation, which every version knows, and holds still within a window.
        params = {
            "modified_after": iso((start - 1) * SECOND).removesuffix("Z"),
            "modified_before": iso((end + 1) * SECOND).removesuffix("Z"),
            "dates_are_gmt": "true",
            "orderby": "date",
            "order": "desc",
            "per_page": str(PAGE),
            "page": str(page),
        }
        reply = await self._get("/orders", params)
        self._skew.learn(reply, self._now())
        total = reply.headers.get("x-wp-total", "")
        if not (total.isascii() and total.isdigit()):
            raise ConnectorError("protocol", "X-WP-Total is missing")
        rows = _decoded(reply.body, list[msgspec.Raw])
        if count and int(total) and not rows:
            raise ConnectorError("protocol", f"{total} rows were counted and none came")
        return Page(rows, int(total) if count else None)

    async def _tell(self, ext_id: str) -> Outcome:
        """Leave the note unless it is there; a note mails the customer, so that a repeat would be seen."""
        if not self._note:
            return Outcome(result=Result.CONFIRMED, why="none wanted")
        path = f"/orders/{_number(ext_id)}/notes"
        try:
            notes = _decoded((await self._get(path, {"type": "customer"})).body, list[_Note])
        except Refused as refusal:
            return Outcome(result=Result.REJECTED, why=str(refusal))
        except ConnectorError as error:
            return Outcome(
                result=Result.LATER, why=f"notes not read: {error.kind}", retry_after=error.retry_after or 2.0
            )
        if any(" ".join(note.note.split()) == self._note for note in notes):
            return Outcome(result=Result.CONFIRMED, why="was there")
        left = await self._change("POST", path, {"note": self._note, "customer_note": True}, _Note)
        return left if isinstance(left, Outcome) else Outcome(result=Result.CONFIRMED, why="left")

    async def _status(self, ext_id: str) -> str:
        standing = _decoded((await self._get(f"/orders/{_number(ext_id)}")).body, _Standing)
        if str(standing.id) != ext_id:
            raise ConnectorError("protocol", "answer is about another order")
        return standing.status

    async def _get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """Raises Refused for what asking again does not change, else ConnectorError."""
        for last in (False, True):
            # Signed anew each time: a nonce is good for one request.
            url, headers = self._woo.request("GET", path, params)
            try:
                reply = await self._http.get(url, headers)
                self._woo.open(reply)
                return reply
            except HttpFailure as failure:
                if last or failure.kind not in ("broken", "connect"):
                    raise error_of(failure) from None
            except WooFailure as failure:
                if failure.kind == "gone":
                    raise Refused(str(failure)) from None
                raise failure.error() from None
        raise AssertionError("unreachable")

    async def _change(self, method: str, path: str, what: Mapping[str, str | bool], kind: type[T]) -> T | Outcome:
        """One write, never repeated here: its answer, or what it came to instead."""
        url, headers = self._woo.request(method, path)
        try:
            reply = await self._http.call(method, url, headers=headers, content=msgspec.json.encode(what))
            return msgspec.json.decode(self._woo.open(reply), type=kind)
        except HttpFailure as failure:
            return outcome_of(failure)
        except WooFailure as failure:
            return failure.outcome()
        except UNREADABLE:
            return WooFailure("garbled", 200).outcome()


def _number(ext_id: str) -> str:
    """An order's number for a path. Raises Refused: anything else would be another address."""
    if not (ext_id.isascii() and ext_id.isdigit()):
        raise Refused("no order of this shop has such a number")
    return ext_id


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE as exc:
        raise ConnectorError("protocol", f"answer is not what was expected: {exc}") from None
