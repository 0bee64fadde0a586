"""Agiso's gateway for Xianyu as the facts describe it: signed forms, details by number, pushes, chat and dummy send.

It has no list of orders. How often it repeats a push is not published; this one goes on until the desk takes it.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from connectors.practice.faults import Fate
from connectors.practice.gate import Call
from connectors.practice.markets.agiso_rows import item_of, no_refund_row, order_row, refund_row, status_of
from connectors.practice.mint import KEY
from connectors.practice.pushes import Message, Post, Pushes
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Shop, State, World

_BASE = "/agiso/aldsIdle"
_SKEW = 600
_TOKEN, _QUOTA, _BUSINESS, _SIGN, _PARAMS, _NONE, _PLATFORM, _LIMIT = 1, 2, 3, 4, 5, 9, 10, 25
_MESSAGES = 5
# aopic of the pushes; a refund that is withdrawn tells nobody, as no kind for it is documented.
_KINDS = {"placed": 32, "paid": 1, "refund_open": 8, "refunded": 8, "finished": 16, "closed": 64}


class AgisoError(Exception):
    """An error in the envelope (HTTP 200)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class AgisoGate:
    """The service aldsIdle."""

    platform = "agiso"

    def __init__(self, world: World, shop: Shop, pushes: Pushes | None) -> None:
        self._world, self._shop, self._pushes = world, shop, pushes
        self._said: dict[str, int] = {}
        self._calls = 0
        self._acts: dict[str, tuple[str, Callable[[Order, dict[str, str]], tuple[Any, int]]]] = {
            "/Order/Detail": ("read", self._detail),
            "/Refund/Detail": ("read", self._refund),
            "/Order/DummySend": ("effect", self._dummy),
            "/ImMsg/SendMsg": ("effect", self._say),
        }
        if pushes is not None:
            pushes.hear(shop.name, self._changed)

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one request; an Answer is the refusal."""
        name = request.path.removeprefix(_BASE)
        if request.method != "POST" or not request.path.startswith(_BASE) or name not in self._acts:
            return as_json({}, 404)
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            if request.headers.get("apiversion") != "1":
                raise AgisoError(_PARAMS, "ApiVersion")
            stamp = form.get("timestamp", "")
            if not stamp.isdigit() or abs(int(stamp) - self._world.clock() / SECOND) > _SKEW:
                raise AgisoError(_PARAMS, "timestamp")
            made = _signed({key: value for key, value in form.items() if key != "sign"}, self._shop.app_secret)
            if not hmac.compare_digest(made.encode(), form.get("sign", "").lower().encode()):
                raise AgisoError(_SIGN, "签名验证失败")
        except AgisoError as error:
            return self._error(error)
        form["_token"] = request.headers.get("authorization", "")
        return Call(name, self._acts[name][0], form)

    def act(self, call: Call, _fate: Fate) -> Answer:
        """The call's answer; effects are in the ledger when this returns, though not yet on disk."""
        shop = self._shop
        try:
            if call.params["_token"] != f"Bearer {shop.token}" or self._world.clock() < shop.token_dead_until:
                raise AgisoError(_TOKEN, "AccessToken无效")
            order = shop.orders.get(call.params.get("tid", ""))
            if order is None:
                raise AgisoError(_NONE, "订单不存在")
            data, lsn = self._acts[call.method][1](order, call.params)
        except AgisoError as error:
            return self._error(error)
        # Both spellings of the envelope stand in the documentation.
        names = ("IsSuccess", "Data", "Error_Code", "Error_Msg", "AllowRetry", "RequestId")
        if self._calls % 2:
            names = tuple(name[0].lower() + name[1:] for name in names)  # type: ignore[assignment]
        return as_json(dict(zip(names, (True, data, 0, "", None, self._request_id()), strict=True)), lsn=lsn)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        return self._error(
            AgisoError(_QUOTA, "调用过于频繁") if kind == "rate" else AgisoError(_PLATFORM, "平台接口错误")
        )

    def expire_token(self) -> None:
        """The token is refused for two seconds: the merchant renews the subscription by hand."""
        self._shop.token_dead_until = self._world.clock() + 2 * SECOND

    def _detail(self, order: Order, _params: dict[str, str]) -> tuple[Any, int]:
        return order_row(order), 0

    def _refund(self, order: Order, _params: dict[str, str]) -> tuple[Any, int]:
        return (refund_row(order.refund) if order.refund else no_refund_row(order)), 0

    def _dummy(self, order: Order, _params: dict[str, str]) -> tuple[Any, int]:
        if order.state is not State.PAID:
            raise AgisoError(_BUSINESS, "订单状态不允许发货")
        return None, self._world.ship(order, "/Order/DummySend", "")

    def _say(self, order: Order, params: dict[str, str]) -> tuple[Any, int]:
        text = params.get("msg", "")
        if not text or len(text) > 1000:
            raise AgisoError(_PARAMS, "msg长度限制1000")
        if self._said.get(order.ext_id, 0) >= _MESSAGES:
            raise AgisoError(_LIMIT, "一笔订单限制5条")
        self._said[order.ext_id] = self._said.get(order.ext_id, 0) + 1
        keys = KEY.findall(text)
        return None, self._world.send(self._shop.name, order.ext_id, keys, "", "agiso", order.ext_id)

    def _changed(self, order: Order, what: str) -> None:
        kind = _KINDS.get(what)
        if self._pushes is not None and kind is not None:
            self._pushes.put(
                Post("agiso", self._shop.name, lambda: self._news(order, kind), lambda code, _: code == 200)
            )

    def _news(self, order: Order, kind: int) -> Message:
        text = msgspec.json.encode(
            {
                "biz_order_id": int(order.ext_id), "item_id": item_of(order), "order_status": status_of(order),
                "seller_id": 10_000,
            }
        ).decode()  # fmt: skip
        stamp = str(self._world.clock() // SECOND)
        sign = _signed({"json": text, "timestamp": stamp}, self._shop.app_secret)
        query = urlencode({"timestamp": stamp, "aopic": kind, "sign": sign, "fromPlatform": "AldsIdle"})
        return Message(f"?{query}", urlencode({"json": text}).encode(), "application/x-www-form-urlencoded")

    def _request_id(self) -> str:
        self._calls += 1
        return f"2026{self._calls:013d}"

    def _error(self, error: AgisoError) -> Answer:
        body = {"IsSuccess": False, "Data": None, "Error_Code": error.code, "Error_Msg": str(error), "AllowRetry": None}
        return as_json({**body, "RequestId": self._request_id()})


def _signed(params: dict[str, str], secret: str) -> str:
    text = "".join(name + params[name] for name in sorted(params))
    return hashlib.md5(f"{secret}{text}{secret}".encode()).hexdigest()  # noqa: S324 - the platform's rule
