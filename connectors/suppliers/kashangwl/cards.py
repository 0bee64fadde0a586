"""Cards bought from Kashangwl (or a clone of it) for stock: once, under our own order number (facts: A11).

Buying is class C. What is not certain is asked about by our number, where the supplier shows the cards of an order at
any time; a purchase that it does not show is left to a person and never made again.
"""

from typing import Final

from connectors.channels.base import Evidence, confirmed, later, outcome_of, rejected, said, unknown
from connectors.http import Http, HttpFailure
from connectors.http import Reply as HttpReply
from connectors.options import Options, http_of, number
from connectors.suppliers.kashangwl import api
from connectors.suppliers.kashangwl.api import (
    Cards,
    Head,
    Kashangwl,
    codes_of,
    data_of,
    head_of,
    product_in,
    supplier_of,
)
from connectors.suppliers.kashangwl.voucher import covers
from core.model.clock import SECOND, Clock
from core.model.effects import Outcome, Result
from core.ports import Bought, Wanted

_ASKED: Final = 10_000
REQUIRED: Final = frozenset({"customer_id", "secret"})
OPTIONAL: Final = frozenset(
    {"url", "timestamp", "account", "refused_codes", "patience_minutes", "ask_seconds", "connections"}
)


class KashangwlCards:
    """Implements core.ports.Stocker. ``refused``: codes that the merchant knows to mean that nothing was bought.

    ``account``: what is sent where the supplier wants an account also for cards. ``patience`` and ``again`` seconds: how
    long a purchase may be under way before a person looks, and between two questions.
    """

    askable = True

    def __init__(
        self,
        name: str,
        clock: Clock,
        http: Http,
        supplier: Kashangwl,
        account: str,
        refused: frozenset[str],
        patience: float,
        again: float,
    ) -> None:
        self.name, self._clock, self._http, self._supplier = name, clock, http, supplier
        self._account, self._refused, self._patience, self._again_s = account, refused, patience, again
        self._asking: dict[str, int] = {}  # since when a purchase is asked about, UTC us

    def __repr__(self) -> str:
        return f"KashangwlCards({self.name!r})"

    async def buy(self, wanted: Wanted) -> Bought:
        """Look at the product, then buy."""
        refusal = await self._unfit(wanted)
        if refusal is not None:
            return Bought(outcome=refusal)
        params: dict[str, str | int] = {
            "product_id": int(wanted.code),
            "quantity": wanted.qty,
            "outer_order_id": wanted.reference,
            "safe_cost": wanted.price,
        }
        if self._account:
            params["recharge_account"] = self._account
        reply = await self._call("/api/buy", params)
        if isinstance(reply, Outcome):
            return Bought(outcome=reply)
        head = head_of(reply)
        if head is None:
            return Bought(outcome=unknown("no answer that can be read", self._evidence(None, reply, wanted)))
        if head.code != "ok":
            evidence = self._evidence(head, reply, wanted)
            if head.code in self._refused:
                return Bought(outcome=rejected(f"the supplier refused: {said(None, head.code, 40)}", evidence))
            return Bought(outcome=unknown("the supplier refused, in words that prove nothing", evidence))
        return self._stands(head, wanted)

    async def bought(self, wanted: Wanted) -> Bought:
        """What became of the purchase with our number. After ``patience`` it is a person's."""
        bought = await self._asked(wanted)
        ours = wanted.reference
        if bought.outcome.result is not Result.UNKNOWN or bought.outcome.retry_after is None:
            self._asking.pop(ours, None)
            return bought
        while len(self._asking) > _ASKED:
            del self._asking[next(iter(self._asking))]
        since = self._asking.setdefault(ours, self._clock())
        if (self._clock() - since) / SECOND < self._patience:
            return bought
        del self._asking[ours]
        return Bought(outcome=unknown(bought.outcome.why, bought.outcome.evidence))

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()

    async def _asked(self, wanted: Wanted) -> Bought:
        reply = await self._call("/api/outer-order", {"outer_order_id": wanted.reference})
        if isinstance(reply, Outcome):
            return self._again(f"could not ask: {reply.why}", reply.evidence)
        head = head_of(reply)
        if head is None or head.code != "ok":
            # Whether it has no such order or is only busy: neither allows to buy again.
            return self._again("the supplier does not show the purchase", self._evidence(head, reply, wanted))
        return self._stands(head, wanted)

    def _stands(self, head: Head, wanted: Wanted) -> Bought:
        order: Cards | None = data_of(head, Cards)
        if order is None:
            return self._again("the purchase cannot be read", {"outer_order_id": wanted.reference})
        evidence: Evidence = {
            "order": said(None, str(order.order_id or order.id), 40),
            "state": order.state,
            "cost": said(None, str(order.total_price), 20),
            "outer_order_id": wanted.reference,
        }
        if order.product_id and order.product_id != int(wanted.code):
            return Bought(outcome=unknown("the purchase shown is of another product", evidence))
        if order.state == api.FAILED:
            return Bought(outcome=rejected("the supplier says that the purchase failed", evidence))
        if order.state in (api.WAITS, api.CHARGES):
            return self._again("the supplier is at it", evidence)
        if order.state != api.DONE:
            return Bought(outcome=unknown("the supplier does not know what became of it", evidence))
        if not order.keys or not all(order.keys):
            return self._again("done, and its cards are not shown", evidence)
        return Bought(outcome=confirmed(str(order.order_id or order.id), evidence), keys=order.keys)

    async def _unfit(self, wanted: Wanted) -> Outcome | None:
        """Why this is not bought, None when it may be. Nothing has been asked for yet, so a doubt is for later."""
        if not wanted.code.isascii() or not wanted.code.isdigit():
            return rejected("restock.code is the supplier's number of a product", {"code": wanted.code[:40]})
        reply = await self._call("/api/product", {"product_id": int(wanted.code)})
        if isinstance(reply, Outcome):
            return later(f"product unread: {reply.why}", reply.retry_after or 5.0, reply.evidence)
        head = head_of(reply)
        product = product_in(head, int(wanted.code))
        if product is None:
            return later("product unread", 60.0, self._evidence(head, reply, wanted))
        evidence: Evidence = {"product": product.id, "type": product.type, "price": said(None, product.price, 20)}
        if product.type not in (api.CARD, api.COUPON):
            return rejected("the product is no card: its sale would bring no keys", evidence)
        if not product.sold:
            return later("the supplier does not sell it just now", 60.0, evidence)
        if not covers(wanted.price, product.price):
            return rejected("the supplier asks for more than restock.price", evidence)
        return None

    def _again(self, why: str, evidence: Evidence) -> Bought:
        outcome = Outcome(result=Result.UNKNOWN, why=why, retry_after=self._again_s, evidence=evidence)
        return Bought(outcome=outcome)

    @staticmethod
    def _evidence(head: Head | None, reply: HttpReply, wanted: Wanted) -> Evidence:
        if head is None:
            return {"status": reply.status, "outer_order_id": wanted.reference}
        words = {"code": said(None, head.code, 40), "said": said(None, head.message)}
        return {**words, "outer_order_id": wanted.reference}

    async def _call(self, path: str, params: dict[str, str | int]) -> HttpReply | Outcome:
        url, body = self._supplier.call(path, params)
        try:
            return await self._http.post(url, body, {"content-type": "application/json"})
        except HttpFailure as failure:
            return outcome_of(failure, path)


def build(name: str, options: Options, clock: Clock) -> KashangwlCards:
    """From the options of ``[suppliers.NAME]``. Raises ValueError."""
    return KashangwlCards(
        name,
        clock,
        http_of(options),
        supplier_of(options, clock),
        options.get("account", ""),
        codes_of(options, "refused_codes"),
        60.0 * number(options, "patience_minutes", 60.0, 0.1, 10_080.0),
        number(options, "ask_seconds", 15.0, 1.0, 3600.0),
    )
