"""Xianguanjia as the facts describe it: signed JSON posts, orders by update time, pushes, and its virtual supply.

It asks the desk for the keys of each paid order and takes them at an address of its own, one token an order.
"""

import hashlib
import hmac
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from connectors.practice.faults import Fate
from connectors.practice.gate import Call, rows_of
from connectors.practice.markets.xianyu_rows import detail_row, item_of, list_row
from connectors.practice.mint import secret as new_secret
from connectors.practice.pushes import Message, Post, Pushes
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Shop, State, World

MERCHANT = "900001"
_WINDOW = 300
_OPEN = "/xianyu/api/open/"
_NOTIFY = "/xianyu/api/open/callback/virtual/order/notify/"
_KINDS = {"order/list": "list", "order/detail": "read", "order/kam/list": "read"}


class XgjError(Exception):
    """An error in the envelope (HTTP 200)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Xianyu:
    """The open platform and the virtual supply. ``lag`` seconds: how long a change takes to show in the list."""

    platform = "xianguanjia"

    def __init__(self, world: World, shop: Shop, lag: float, pushes: Pushes | None) -> None:
        self._world, self._shop, self._lag, self._pushes = world, shop, int(lag * SECOND), pushes
        self._rng = random.Random(f"xianyu/{world.seed}")
        self._tokens: dict[str, Order] = {}  # of notify addresses
        self._token_of: dict[str, str] = {}
        self._cards: dict[str, list[str]] = {}
        self._base = ""
        self._acts: dict[str, Callable[[dict[str, Any], Fate], tuple[Any, int]]] = {
            "order/list": self._list,
            "order/detail": self._detail,
            "order/kam/list": self._kam,
        }
        if pushes is not None:
            pushes.hear(shop.name, self._changed)

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one request; an Answer is the refusal."""
        if request.method != "POST":
            return as_json({}, 404)
        self._base = f"http://{request.headers.get('host', '')}"
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        try:
            if request.path.startswith(_NOTIFY):
                self._check_supply(query, request.body)
                return Call("notify", "effect", {"token": request.path[len(_NOTIFY) :], "body": _text(request)})
            name = request.path.removeprefix(_OPEN)
            if name not in _KINDS or not request.path.startswith(_OPEN):
                return as_json({}, 404)
            self._check(query, request.body)
            return Call(name, _KINDS[name], {"body": _text(request)})
        except XgjError as error:
            return _error(error)

    def act(self, call: Call, fate: Fate) -> Answer:
        """The call's answer; effects are in the ledger when this returns, though not yet on disk."""
        try:
            body = _body(call.params["body"])
            if call.method == "notify":
                return as_json({"code": 0, "msg": "OK"}, lsn=self._notified(call.params["token"], body))
            data, lsn = self._acts[call.method](body, fate)
        except XgjError as error:
            return _error(error)
        return as_json({"code": 0, "msg": "OK", "data": data}, lsn=lsn)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        return _error(XgjError(429, "请求过于频繁") if kind == "rate" else XgjError(500, "Internal Server Error"))

    def expire_token(self) -> None:
        """There are no tokens: the app signs for itself."""

    def _check(self, query: dict[str, str], body: bytes) -> None:
        stamp = query.get("timestamp", "")
        if not stamp.isascii() or not stamp.isdigit():
            raise XgjError(100004, '请求参数错误, the value of "timestamp" cannot parsed as int')
        parts = [self._shop.app_key, _md5(body), stamp, self._shop.app_secret]
        if query.get("appid") != self._shop.app_key or not _same(parts, query.get("sign", "")):
            raise XgjError(401, "签名错误")
        self._age(stamp)

    def _check_supply(self, query: dict[str, str], body: bytes) -> None:
        stamp = query.get("timestamp", "")
        if query.get("mch_id") != MERCHANT or not _same(self._supply_parts(body, stamp), query.get("sign", "")):
            raise XgjError(401, "签名错误")
        self._age(stamp)

    def _age(self, stamp: str) -> None:
        if not stamp.isdigit() or abs(int(stamp) - self._world.clock() / SECOND) > _WINDOW:
            raise XgjError(408, "请求时间戳已过期")

    def _supply_parts(self, body: bytes, stamp: str) -> list[str]:
        shop = self._shop
        return [shop.app_key, shop.app_secret, _md5(body), stamp, MERCHANT, shop.refresh_token]

    def _list(self, params: dict[str, Any], fate: Fate) -> tuple[Any, int]:
        span, page, size = params.get("update_time"), params.get("page_no", 1), params.get("page_size", 50)
        if not (isinstance(span, list) and len(span) == 2 and all(isinstance(at, int) for at in span)):
            raise XgjError(100004, "请求参数错误, update_time")
        if not (isinstance(page, int) and isinstance(size, int) and 1 <= page <= 100 and 1 <= size <= 100):
            raise XgjError(100004, "请求参数错误, page_no or page_size")
        until = span[1] * SECOND + SECOND - 1
        if self._lag:
            until = min(until, self._world.clock() - self._lag)
        wanted: Callable[[Order], bool] | None = None
        if (status := params.get("order_status")) is not None:
            wanted = lambda order: detail_row(order)["order_status"] == status  # noqa: E731
        rows, total, _ = rows_of(self._shop.recent, span[0] * SECOND, until, page, size, wanted, fate.kind)
        return {"list": [list_row(row) for row in rows], "count": total, "page_no": page, "page_size": size}, 0

    def _detail(self, params: dict[str, Any], _fate: Fate) -> tuple[Any, int]:
        return detail_row(self._order(params)), 0

    def _kam(self, params: dict[str, Any], _fate: Fate) -> tuple[Any, int]:
        cards = self._cards.get(self._order(params).ext_id, [])
        return {"list": [{"card_no": "", "card_pwd": card, "cost": 0, "sold_type": 11} for card in cards]}, 0

    def _order(self, params: dict[str, Any]) -> Order:
        order = self._shop.orders.get(str(params.get("order_no", "")))
        if order is None:
            raise XgjError(100004, "请求参数错误, 订单不存在")
        return order

    def _notified(self, token: str, body: dict[str, Any]) -> int:
        """The desk hands over keys. Whatever it sends reaches the buyer: doing it once is its own business."""
        order = self._tokens.get(token)
        if order is None or body.get("order_no") != _supply_number(order):
            raise XgjError(1200, "订单不存在")
        keys = [str(card.get("card_pwd", "")) for card in body.get("card_items") or []]
        if body.get("order_status") != 20 or body.get("order_type") != 2 or not all(keys) or not keys:
            raise XgjError(1201, "参数错误")
        if order.state not in (State.PAID, State.SHIPPED, State.FINISHED) or order.flag:
            raise XgjError(1202, "订单状态不支持")
        self._cards.setdefault(order.ext_id, []).extend(key for key in keys if key not in self._cards[order.ext_id])
        lsn = self._world.send(self._shop.name, order.ext_id, keys, "", "xianguanjia", _supply_number(order))
        return self._world.ship(order, "virtual/order/notify", "") if order.state is State.PAID else lsn

    def _changed(self, order: Order, what: str) -> None:
        if self._pushes is None:
            return
        platform, shop = self.platform, self._shop.name
        self._pushes.put(Post(platform, shop, lambda: self._news(order), _took_news, 3))
        if what in ("paid", "cleared") and order.state is State.PAID and not order.flag:
            self._pushes.put(Post(platform, shop, lambda: self._ask(order), _took_ask))

    def _news(self, order: Order) -> Message:
        row = detail_row(order)
        names = ("order_no", "order_type", "order_status", "refund_status")
        body = msgspec.json.encode(
            {
                "seller_id": 1, "user_name": "tb000000001", "modify_time": row["update_time"], "item_id": item_of(order),
                "product_id": row["goods"]["product_id"], **{name: row[name] for name in names},
            }
        )  # fmt: skip
        stamp = str(self._world.clock() // SECOND)
        sign = _md5(",".join((self._shop.app_key, _md5(body), stamp, self._shop.app_secret)).encode())
        return Message(f"?appid={self._shop.app_key}&timestamp={stamp}&sign={sign}", body)

    def _ask(self, order: Order) -> Message | None:
        if order.state is not State.PAID:
            return None
        if not self._base:
            # Nobody has called yet, so that the world does not know under which name it is reached.
            return self._news(order)
        token = self._token_of.get(order.ext_id)
        if token is None:
            token = self._token_of[order.ext_id] = new_secret(self._rng, "", 24)
            self._tokens[token] = order
        body = msgspec.json.encode(
            {
                "order_no": _supply_number(order), "goods_no": order.product.code, "buy_quantity": order.qty,
                "max_amount": order.due, "notify_url": f"{self._base}{_NOTIFY}{token}",
                "biz_order_no": order.ext_id, "product_id": 0, "product_sku": 0, "item_id": item_of(order),
            }
        )  # fmt: skip
        stamp = str(self._world.clock() // SECOND)
        sign = _md5(",".join(self._supply_parts(body, stamp)).encode())
        return Message(f"goofish/order/purchase/create?mch_id={MERCHANT}&timestamp={stamp}&sign={sign}", body)


def _supply_number(order: Order) -> str:
    return f"19{order.n:017d}"


def _took_news(status: int, body: bytes) -> bool:
    return status == 200 and b'"success"' in body


def _took_ask(status: int, body: bytes) -> bool:
    try:
        answer = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return status == 200 and answer.get("code") == 0 and answer["data"]["order_status"] in (10, 20, 30)


def _error(error: XgjError) -> Answer:
    return as_json({"code": error.code, "msg": str(error)})


def _text(request: Request) -> str:
    return request.body.decode("utf-8", "replace")


def _body(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise XgjError(100004, "请求参数错误, body") from None


def _md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()  # noqa: S324 - the platform's rule


def _same(parts: list[str], given: str) -> bool:
    return hmac.compare_digest(_md5(",".join(parts).encode()).encode(), given.encode())
