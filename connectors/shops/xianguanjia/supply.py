"""The supplier's side: Xianguanjia asks for the keys of an order and names the address they go to (facts: A5).

Nothing that it says of an order is believed beyond its signature: the order is looked up, and its money comes from
there. No answer holds a key; keys leave by the call that hands them over, after the gate.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import Struct

from connectors.fields import MAX_QTY, UNREADABLE
from connectors.shops.xianguanjia.asked import Ask
from connectors.shops.xianguanjia.sign import sign_supply, verify_supply
from core.model.effects import Slot
from core.model.lifecycle import ENDED
from core.model.text import clean
from core.ports import Inbound, Reply, Standing

CARD: Final = 2  # goods_type and order_type there: 1 top-up, 2 card key, 3 coupon
_WAITS, _DONE, _FAILED = 10, 20, 30
_STALE: Final = 408
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})
Id = tuple[str, str]  # id and secret


class Goods(Struct, frozen=True):
    """What the merchant offers as a supplier. ``price`` in fen; ``stock`` is what the settings say."""

    number: str
    price: int
    stock: int
    name: str

    def row(self) -> dict[str, Any]:
        """As lists and details show it."""
        return {
            "goods_no": self.number,
            "goods_type": CARD,
            "goods_name": self.name,
            "price": self.price,
            "stock": self.stock,
            "status": 1,
        }


class Wanted(Struct):
    """A request for keys. ``max_amount`` in fen: the most that Xianguanjia would pay a supplier."""

    order_no: str
    goods_no: str
    buy_quantity: int
    notify_url: str
    max_amount: int = 0
    biz_order_no: str = ""
    item_id: int = 0


class _Named(Struct):
    order_no: str = ""


class _OneOf(Struct):
    goods_no: str


class _Listed(Struct):
    keyword: str = ""
    goods_type: int = 0
    page_no: int = 1
    page_size: int = 50


class Supply:
    """Checks requests, and writes answers and hand-overs. Holds both secrets; its repr does not show them.

    ``hosts``: where keys may be handed over, and nowhere else, whatever a request names.
    """

    def __init__(self, app: Id, merchant: Id, goods: Sequence[Goods], hosts: frozenset[str]) -> None:
        self._app, self._merchant, self._hosts = app, merchant, hosts
        self.goods = {one.number: one for one in goods}
        sign_supply(b"{}", 0, app, merchant)  # refuses an empty secret at start

    def __repr__(self) -> str:
        return f"Supply({self._merchant[0]!r})"

    def refusal(self, request: Inbound, now: int) -> Reply | None:
        """None for a request that Xianguanjia signed for this merchant within five minutes of ``now`` (UTC seconds)."""
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        if verify_supply(query, request.body, self._app, self._merchant, now):
            return None
        stamp = query.get("timestamp", "0")
        told = int(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) < 13 else now
        # A clock that is wrong is told apart from a wrong key, but only to one that knows the key.
        stale = told != now and verify_supply(query, request.body, self._app, self._merchant, told)
        return answer(_STALE if stale else 401, "timestamp expired" if stale else "sign error")

    def catalogue(self, tail: str, body: bytes) -> Reply | None:
        """The calls by which goods are bound to listings; None for another call."""
        if tail == "goofish/open/info":
            return answer(0, "OK", {"app_id": _number(self._app[0])})
        if tail == "goofish/user/info":
            # A merchant that supplies itself pays nothing; the figure only must not run out.
            return answer(0, "OK", {"mch_id": _number(self._merchant[0]), "mch_name": "keydesk", "balance": 99_999_999})
        try:
            if tail == "goofish/goods/list":
                return self._list(msgspec.json.decode(body or b"{}", type=_Listed))
            if tail == "goofish/goods/detail":
                one = self.goods.get(msgspec.json.decode(body, type=_OneOf).goods_no)
                return answer(0, "OK", one.row()) if one else answer(1100, "no such goods")
        except UNREADABLE:
            return answer(1201, "parameters not understood")
        return None

    def wanted(self, body: bytes) -> Wanted | Reply:
        """A request for keys that can be met, or the refusal."""
        try:
            wanted = msgspec.json.decode(body, type=Wanted)
        except UNREADABLE:
            return answer(1201, "parameters not understood")
        words = (wanted.order_no, wanted.biz_order_no, wanted.goods_no)
        if not wanted.order_no or any(clean(word, 64) != word for word in words):
            return answer(1201, "order_no, biz_order_no or goods_no")
        if not 1 <= wanted.buy_quantity <= MAX_QTY:
            return answer(1201, "buy_quantity")
        if not self._may_go(wanted.notify_url):
            return answer(1201, "notify_url is not at a host of the platform")
        goods = self.goods.get(wanted.goods_no)
        if self.goods and goods is None:
            return answer(1100, "no such goods")
        if goods and 0 < wanted.max_amount < goods.price * wanted.buy_quantity:
            return answer(1201, "max_amount is below the price")
        return wanted

    def amount(self, wanted: Wanted) -> int:
        """What a supplier would be paid, fen; 0 without a catalogue."""
        goods = self.goods.get(wanted.goods_no)
        return goods.price * wanted.buy_quantity if goods else 0

    def order_number(self, body: bytes) -> str:
        """The supply order that a question is about, "" when it cannot be read."""
        try:
            return msgspec.json.decode(body, type=_Named).order_no
        except UNREADABLE:
            return ""

    def hand_over(self, ask: Ask, slots: Sequence[Slot], now: int) -> tuple[str, bytes]:
        """The URL and the body that carry the keys."""
        body = msgspec.json.encode(
            {
                "order_type": CARD,
                "order_no": ask.number,
                "out_order_no": ours(ask),
                "order_status": _DONE,
                "end_time": now,
                "card_items": [{"card_no": "", "card_pwd": slot.secret} for slot in slots],
                "remark": "",
            }
        )
        signed = sign_supply(body, now, self._app, self._merchant)
        joint = "&" if urlsplit(ask.notify).query else "?"
        return f"{ask.notify}{joint}mch_id={self._merchant[0]}&timestamp={now}&sign={signed}", body

    def _may_go(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return False
        safe = parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL)
        plain = (
            url.isascii() and url.isprintable() and " " not in url and not parts.fragment and "@" not in parts.netloc
        )
        return safe and plain and len(url) <= 500 and host in self._hosts

    def _list(self, asked: _Listed) -> Reply:
        fitting = [
            one.row()
            for one in self.goods.values()
            if asked.goods_type in (0, CARD) and asked.keyword in (one.number, "", *([one.name] if one.name else []))
        ]
        size, page = min(max(asked.page_size, 1), 100), max(asked.page_no, 1)
        shown = fitting[(page - 1) * size : page * size]
        return answer(0, "OK", {"list": shown, "count": len(fitting), "page_no": page, "page_size": size})


def ours(ask: Ask) -> str:
    """Our number of a supply order: one order always has the same."""
    return f"KD{ask.number}"


def told(ask: Ask) -> Callable[[Standing | None], Reply]:
    """How far the order is, in the words of the protocol; the first answer and every later one alike."""

    def render(standing: Standing | None) -> Reply:
        status = _WAITS
        if standing is not None and standing.delivered:
            status = _DONE
        elif standing is not None and standing.stage in ENDED:
            status = _FAILED
        data = {
            "order_type": CARD,
            "order_no": ask.number,
            "out_order_no": ours(ask),
            "order_status": status,
            "order_amount": ask.amount,
            "order_time": ask.at,
        }
        if standing is not None and standing.delivered_at:
            data["end_time"] = standing.delivered_at // 1_000_000
        return answer(0, "OK", data)

    return render


def answer(code: int, message: str, data: Mapping[str, Any] | None = None) -> Reply:
    """In the protocol's envelope, always HTTP 200."""
    body = {"code": code, "msg": message, **({"data": data} if data is not None else {})}
    return Reply(body=msgspec.json.encode(body), content_type="application/json; charset=utf-8")


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text
