"""JD's game-card platform as the facts describe it: it tells the desk of paid orders, asks after them, and takes cards.

What comes with an answer reaches the buyer just as what comes by a call. An answer that does not come, or that says "try
again", is asked for again; "failed" gives the buyer his money back at once.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zlib import crc32

import msgspec

from connectors.practice.faults import Fate
from connectors.practice.gate import Call, yuan
from connectors.practice.pushes import Message, Post, Pushes
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Shop, State, World

CUSTOMER = "10817"
_BEIJING = timezone(timedelta(hours=8))
_FORM = "application/x-www-form-urlencoded"
_AGAIN = frozenset({"105", "106", "108", "110", "999", "1000"})
_ASKS = 6  # JD asks for half a year; here some seconds are enough


def sign(form: dict[str, str], key: str) -> str:
    """The signature of a form: pairs in order, then the bare key; ``sign`` and empty values are left out."""
    parts = [f"{name}={form[name]}" for name in sorted(form) if name != "sign" and form[name]]
    return hashlib.md5("&".join([*parts, key]).encode()).hexdigest()  # noqa: S324 - the platform's rule


class JdGameCard:
    """The platform's side of both directions."""

    platform = "jd-gamecard"

    def __init__(self, world: World, shop: Shop, pushes: Pushes | None) -> None:
        self._world, self._shop, self._pushes = world, shop, pushes
        if pushes is not None:
            pushes.hear(shop.name, self._changed)

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one call of the desk; an Answer is the refusal."""
        if not request.path.endswith("/api/cardApi.action"):
            return as_json({}, 404)
        form = dict(parse_qsl(request.query, keep_blank_values=True))
        form.update(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        made = sign(form, self._shop.app_secret)
        if form.get("customerId") != CUSTOMER or not hmac.compare_digest(made.encode(), form.get("sign", "").encode()):
            return _said("106", "验证摘要串验证失败")
        return Call("cardApi", "effect", {"data": form.get("data", "")})

    def act(self, call: Call, _fate: Fate) -> Answer:
        """Takes the cards of an order, once; they are in the ledger when this returns, though not yet on disk."""
        data = _opened(call.params["data"])
        order = self._shop.orders.get(str(data.get("orderId", "")))
        if order is None:
            return _said("101", "订单不存在")
        if str(data.get("orderStatus")) == "2":
            self._fail(order)
            return _said("100", "接收成功")
        cards = _cards(data)
        if str(data.get("orderStatus")) != "0" or not cards:
            return _said("104", "传入的参数有误")
        # Whatever is handed to JD is out of the merchant's hands, taken or not.
        lsn = self._world.send(self._shop.name, order.ext_id, cards, "", "jd-gamecard", order.ext_id)
        if len(cards) != order.qty:
            return _said("104", "卡密数量不符", lsn)
        if order.state is not State.PAID:
            # Not in the facts: code 102 for an order that waits for no cards (any more).
            return _said("102", "订单号不允许重复", lsn)
        return _said("100", "接收成功", self._world.ship(order, "cardApi", order.ext_id))

    def refusal(self, kind: str) -> Answer:
        """The answer to a call that chaos turns away."""
        return _said("108", "数据库繁忙，请稍后重试") if kind == "rate" else _said("999", "系统错误")

    def expire_token(self) -> None:
        """There are no tokens: both sides sign with one key."""

    def _changed(self, order: Order, what: str) -> None:
        if self._pushes is None:
            return
        if what == "paid" and order.state is State.PAID:
            self._pushes.put(
                Post(self.platform, self._shop.name, lambda: self._tell(order), lambda *said: self._took(order, *said))
            )
        elif what == "shipped" and order.n % 5 == 0:
            # Told once more although it is settled, as when JD's own record of the answer is late.
            self._pushes.put(Post(self.platform, self._shop.name, lambda: self._message("order", order), _took_any, 1))

    def _tell(self, order: Order) -> Message | None:
        return self._message("order", order) if order.state is State.PAID else None

    def _ask(self, order: Order) -> Message | None:
        return self._message("query", order) if order.state is State.PAID else None

    def _message(self, tail: str, order: Order) -> Message:
        data: dict[str, Any] = {"orderId": order.ext_id}
        if tail == "order":
            mark = crc32(order.product.code.encode())
            data |= {
                "pin": order.nick, "buyNum": str(order.qty), "totalPrice": yuan(order.due), "brandId": "52471",
                "skuId": str(100_000_000_000 + mark), "outId": order.product.sku("JDC-"), "sourceType": 0,
                "features": [], "userIp": "192.0.2.1", "facePrice": None,
            }  # fmt: skip
            if order.n % 2:  # some orders' totals are numbers, as the document's type says, others' are its examples
                data["totalPrice"] = order.due / 100
        text = msgspec.json.encode(data).decode().encode("gbk", "replace")
        now = datetime.fromtimestamp(self._world.clock() // SECOND, tz=_BEIJING)
        form = {
            "customerId": CUSTOMER, "data": base64.b64encode(text).decode(), "timestamp": now.strftime("%Y%m%d%H%M%S"),
            "version": "",
        }  # fmt: skip
        form["sign"] = sign(form, self._shop.app_secret)
        return Message(tail, urlencode(form).encode(), _FORM)

    def _took(self, order: Order, status: int, body: bytes) -> bool:
        """The desk's answer to an order: taken only with code 100; then its progress is asked for."""
        code, data = _answer(status, body)
        if code != "100":
            return False
        if not self._delivered(order, data) and self._pushes is not None:
            self._pushes.put(
                Post(
                    self.platform, self._shop.name, lambda: self._ask(order),
                    lambda *said: self._told(order, *said), _ASKS,
                )
            )  # fmt: skip
        return True

    def _told(self, order: Order, status: int, body: bytes) -> bool:
        """The desk's answer to a question. A code that is neither "good" nor "try again" is a failure."""
        code, data = _answer(status, body)
        if code == "100" and str(data.get("orderStatus")) == "0":
            return self._delivered(order, data)
        failed = str(data.get("orderStatus")) == "2" if code == "100" else bool(code) and code not in _AGAIN
        if failed:
            self._fail(order)
        return failed

    def _delivered(self, order: Order, data: dict[str, Any]) -> bool:
        """Cards that came with an answer: all of them, or the order goes on waiting."""
        cards = _cards(data)
        if not cards:
            return False
        self._world.send(self._shop.name, order.ext_id, cards, "", "jd-gamecard", order.ext_id)
        if len(cards) != order.qty or order.state is not State.PAID:
            return False
        self._world.ship(order, "answer", order.ext_id)
        return True

    def _fail(self, order: Order) -> None:
        self._world.cancel_paid(order)


def _took_any(status: int, _body: bytes) -> bool:
    return status == 200


def _answer(status: int, body: bytes) -> tuple[str, dict[str, Any]]:
    """Code and data, ("", {}) for what is no answer."""
    if status != 200:
        return "", {}
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", {}
    return str(said.get("retCode", "")), _opened(str(said.get("data") or ""))


def _opened(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(base64.b64decode(text, validate=True).decode("gbk"), type=dict[str, Any])
    except (ValueError, msgspec.DecodeError):
        return {}


def _cards(data: dict[str, Any]) -> list[str]:
    found = data.get("cardinfos")
    cards = [card for card in found if isinstance(card, dict)] if isinstance(found, list) else []
    return [str(card.get("cardpass", "")) for card in cards if card.get("cardpass") and card.get("cardno")]


def _said(code: str, message: str, lsn: int = 0) -> Answer:
    return as_json({"retCode": code, "retMessage": message}, lsn=lsn)
