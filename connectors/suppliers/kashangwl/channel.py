"""Top-ups bought from Kashangwl (or a clone of it): sending is buying, once, under our own order number (facts: A11).

A key of such a product is a voucher of the merchant's own, ``PRODUCT@PRICE@SERIAL``: leave to buy one unit of that product
there for at most that price in yuan. So stock, gate and audit stand as they are: no voucher, no purchase.

The supplier is asked about a purchase by our number. It is bought again only when nothing left, or when the supplier has
shown for a while, in words that the settings know, that it has no such order.
"""

import asyncio
import hashlib
from typing import Final

from connectors.channels.base import Evidence, HttpChannel, Kind, confirmed, later, rejected, said, sends, unknown
from connectors.channels.message import Unsendable
from connectors.channels.phone import e164
from connectors.http import Http
from connectors.http import Reply as HttpReply
from connectors.options import Options, http_of, number
from connectors.suppliers.kashangwl import api
from connectors.suppliers.kashangwl.api import (
    Bought,
    Head,
    Kashangwl,
    Product,
    Shown,
    codes_of,
    data_of,
    evidence_of,
    head_of,
    product_in,
    supplier_of,
)
from connectors.suppliers.kashangwl.turns import Turns
from connectors.suppliers.kashangwl.voucher import Leave, covers, leave_of, read
from core.model.clock import SECOND, Clock
from core.model.contact import ContactKind
from core.model.effects import Call, EffectClass, Outcome, Result

_KNOWN_S: Final = 600  # seconds for which what was read of a product holds
_LATER_S: Final = 15.0
_REMEMBERED: Final = 10_000
_LINE_S: Final = 15.0  # how long a purchase waits for its turn; the core gives a call 30 seconds
_PATIENCE: Final = 6  # attempts that an unexplained refusal may cost before a person looks


class KashangwlChannel(HttpChannel):
    """``refused`` and ``absent``: codes of the supplier's that the merchant knows to mean "nothing was bought" and "no
    such order". ``settle`` seconds: how long an order must be absent before that is believed. ``patience`` seconds: how
    long one may be under way before a person looks. ``burst``: purchases in six seconds (20 by the documentation)."""

    kind = "kashangwl"
    reaches = frozenset({ContactKind.PHONE})
    _carries = "keys"
    specs = sends(
        EffectClass.B,
        "Kashangwl /api/outer-order shows what became of a purchase by our own number (doc.cqmeihu.cn, outer-order-info)",
        askable=True,
    )

    def __init__(
        self,
        name: str,
        clock: Clock,
        http: Http,
        supplier: Kashangwl,
        voucher: Leave | None,
        refused: frozenset[str],
        absent: frozenset[str],
        settle: float,
        patience: float,
        again: float,
        burst: int,
    ) -> None:
        super().__init__(name, clock, http)
        self._supplier, self._voucher = supplier, voucher
        self._refused, self._absent, self._settle, self._patience = refused, absent, settle, patience
        self._again_s = again
        self._turns = Turns(burst, 6.0)
        self._products: dict[int, tuple[int, Product]] = {}
        self._missing: dict[str, int] = {}  # since when an order is not shown, UTC us
        self._asking: dict[str, int] = {}  # since when one is asked about

    async def _send(self, call: Call) -> Outcome:
        account = _account(call.recipient)
        leave = leave_of(call, self._voucher)
        refusal = await self._unfit(leave, call)
        if refusal is not None:
            return refusal
        wait = self._turns.next(_LINE_S)
        if wait > _LINE_S:
            return later("the supplier's limit on purchases", wait)
        await asyncio.sleep(wait)
        ours = _ours(call)
        params: dict[str, str | int] = {
            "product_id": leave.product,
            "quantity": len(call.slots),
            "recharge_account": account,
            "outer_order_id": ours,
            "safe_cost": leave.price,
        }
        reply = await self._call("/api/buy", params)
        if isinstance(reply, Outcome):
            return reply
        head = head_of(reply)
        if head is None:
            return unknown("no answer that can be read", {"status": reply.status, "outer_order_id": ours})
        if head.code != "ok":
            return self._no(head, call, ours)
        bought: Bought | None = data_of(head, Bought)
        if bought is None:
            return unknown("bought, and the order cannot be read", {"outer_order_id": ours})
        return self._stands(bought, ours, str(bought.order_id))

    async def ask(self, call: Call) -> Outcome:
        """What became of the purchase with our number. An unknown one with ``retry_after`` is to be asked about again."""
        ours = _ours(call)
        outcome = await self._asked(call, ours)
        if outcome.result is not Result.UNKNOWN or outcome.retry_after is None:
            self._asking.pop(ours, None)
            return outcome
        if self._since(self._asking, ours) < self._patience:
            return outcome
        del self._asking[ours]
        return unknown(outcome.why, outcome.evidence)

    async def _asked(self, call: Call, ours: str) -> Outcome:
        reply = await self._call("/api/outer-order", {"outer_order_id": ours})
        if isinstance(reply, Outcome):
            return self._again(f"could not ask: {reply.why}", reply.evidence)
        head = head_of(reply)
        if head is None:
            return self._again("could not ask", {"status": reply.status, "outer_order_id": ours})
        if head.code in self._absent:
            return self._not_shown(ours)
        if head.code != "ok":
            # It may only be busy. If these are its words for "no such order", a person has to read them.
            evidence = self._evidence(head, None, ours)
            if self._since(self._missing, ours) < 5 * self._settle:
                return self._again("the supplier does not show the order", evidence)
            del self._missing[ours]
            return unknown("the supplier does not show the order", evidence)
        shown: Shown | None = data_of(head, Shown)
        if shown is None:
            return unknown("the order cannot be read", {"outer_order_id": ours})
        try:
            mine = shown.recharge_account == _account(call.recipient)
        except Unsendable:
            mine = False
        if not mine:
            return unknown("the order shown is for another account", {"outer_order_id": ours})
        self._missing.pop(ours, None)
        return self._stands(shown, ours, str(shown.id))

    async def _unfit(self, leave: Leave, call: Call) -> Outcome | None:
        """Why this is not bought, None when it may be: what is not a top-up would answer with cards, and lose them."""
        held = self._products.get(leave.product)
        if held is None or self._now() - held[0] > _KNOWN_S:
            reply = await self._call("/api/product", {"product_id": leave.product})
            if isinstance(reply, Outcome):
                return later(f"product unread: {reply.why}", reply.retry_after or 5.0, reply.evidence)
            head = head_of(reply)
            product = product_in(head, leave.product)
            if product is None:
                evidence: Evidence = {"status": reply.status} if head is None else self._evidence(head, call, "")
                if call.attempt < _PATIENCE:
                    return later("product unread", _LATER_S, evidence)
                return rejected("the supplier does not show the product", evidence)
            held = self._products[leave.product] = (self._now(), product)
        product = held[1]
        if product.type != api.TOP_UP:
            return rejected("the product is not a top-up", {"product": product.id, "type": product.type})
        if not product.sold:
            self._products.pop(leave.product, None)
            return later("the supplier does not sell it just now", 60.0, {"product": product.id})
        return None if covers(leave.price, product.price) else self._too_dear(leave, product)

    def _too_dear(self, leave: Leave, product: Product) -> Outcome:
        self._products.pop(leave.product, None)
        evidence: Evidence = {"product": product.id, "price": product.price[:20], "allowed": leave.price}
        return rejected("the supplier asks for more than the voucher allows", evidence)

    def _no(self, head: Head, call: Call, ours: str) -> Outcome:
        evidence = self._evidence(head, call, ours)
        if head.code in self._refused:
            return rejected(f"the supplier refused: {head.code[:40]}", evidence)
        return unknown("the supplier refused, in words that prove nothing", evidence)

    def _not_shown(self, ours: str) -> Outcome:
        if self._since(self._missing, ours) < self._settle:
            return self._again("the supplier shows no such order yet", {"outer_order_id": ours})
        del self._missing[ours]
        return later("the supplier has no such order", 1.0, {"outer_order_id": ours})

    def _stands(self, order: Bought | Shown, ours: str, remote: str) -> Outcome:
        evidence = evidence_of(order, ours)
        if order.state == api.DONE:
            return confirmed(remote, evidence)
        if order.state == api.FAILED:
            return rejected("the supplier says that the top-up failed", evidence)
        if order.state in (api.WAITS, api.CHARGES):
            return self._again("the supplier is at it", evidence)
        return unknown("the supplier does not know what became of it", evidence)

    def _again(self, why: str, evidence: Evidence) -> Outcome:
        """Unknown for now, and to be asked about again."""
        return Outcome(result=Result.UNKNOWN, why=why, retry_after=self._again_s, evidence=evidence)

    def _since(self, book: dict[str, int], ours: str) -> float:
        """Seconds since it was first put down there."""
        while len(book) > _REMEMBERED:
            del book[next(iter(book))]
        return (self._clock() - book.setdefault(ours, self._clock())) / SECOND

    @staticmethod
    def _evidence(head: Head, call: Call | None, ours: str) -> Evidence:
        return {"code": said(call, head.code, 40), "said": said(call, head.message), "outer_order_id": ours}

    async def _call(self, path: str, params: dict[str, str | int]) -> HttpReply | Outcome:
        url, body = self._supplier.call(path, params)
        return await self._post(path, url, body)


def _ours(call: Call) -> str:
    """Our number of a purchase: the same on every repeat and question, and of no other order, also after a new start
    with an empty database. 32 characters."""
    return "KD" + hashlib.sha256(f"{call.reference}/{call.ext_id}".encode()).hexdigest()[:30]


def _account(recipient: str) -> str:
    """A mainland number without its country code. Raises Unsendable."""
    whole = e164(recipient)
    if not whole.startswith("+86"):
        raise Unsendable("recipient_invalid: not a mainland number")
    return whole.removeprefix("+86")


def _build(name: str, options: Options, clock: Clock) -> KashangwlChannel:
    return KashangwlChannel(
        name,
        clock,
        http_of(options),
        supplier_of(options, clock),
        read(options["voucher"]) if options.get("voucher") else None,
        codes_of(options, "refused_codes"),
        codes_of(options, "absent_codes"),
        number(options, "settle_seconds", 60.0, 1.0, 86_400.0),
        60.0 * number(options, "patience_minutes", 60.0, 1.0, 10_080.0),
        number(options, "ask_seconds", 15.0, 1.0, 3600.0),
        int(number(options, "burst", 20, 1, 10_000)),
    )


KIND = Kind(
    frozenset({"customer_id", "secret"}),
    frozenset(
        {
            "url",
            "timestamp",
            "voucher",
            "refused_codes",
            "absent_codes",
            "settle_seconds",
            "patience_minutes",
            "ask_seconds",
            "burst",
            "connections",
        }
    ),
    _build,
)
