"""WeChat's shop interfaces as the facts describe them: lent tokens, lists of numbers alone, errors under HTTP 200."""

import hmac
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from connectors.practice.faults import Fate
from connectors.practice.gate import Call, rows_of
from connectors.practice.markets.wechat_shop_rows import goods_of, order_row, refund_row, status_of
from connectors.practice.mint import secret as new_secret
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Refund, RefundStatus, Shop, State, World

BUSY, BAD_SECRET, BAD_APP, EXPIRED, RATE, PARAMS = -1, 40125, 40013, 42001, 45009, 47001
NO_ORDER, SHIPPED, FAILED, AFTER_SALE, LINES = 108001, 109001, 109000, 108009, 109002
_TOKEN = "/cgi-bin/stable_token"
_WEEK = 7 * 86_400


class WxError(Exception):
    """An error answer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class WechatGate:
    """``lag`` seconds: how long a change takes to show in the list."""

    platform = "wechat-shop"

    def __init__(self, world: World, shop: Shop, lag: float) -> None:
        self._world, self._shop, self._lag = world, shop, int(lag * SECOND)
        self._rng = random.Random(f"wechat/{world.seed}")
        self._refunds: dict[str, Refund] = {}
        self._acts: dict[str, tuple[str, Callable[[dict[str, Any], Fate], tuple[dict[str, Any], int]]]] = {
            "/channels/ec/order/list/get": ("list", self._list),
            "/channels/ec/order/get": ("read", self._get),
            "/channels/ec/aftersale/getaftersaleorder": ("read", self._after_sale),
            "/channels/ec/order/delivery/send": ("effect", self._send),
            _TOKEN: ("token", self._lend),
        }

    def read(self, request: Request) -> Call | Answer:
        """Finds the interface; an Answer is the refusal."""
        name = request.path.removeprefix("/wechat")
        if request.method != "POST" or name not in self._acts:
            return as_json({}, 404)
        token = dict(parse_qsl(request.query)).get("access_token", "")
        return Call(name, self._acts[name][0], {"token": token, "body": request.body.decode("utf-8", "replace")})

    def act(self, call: Call, fate: Fate) -> Answer:
        """The answer; effects are in the ledger when this returns, though not yet on disk."""
        try:
            if call.method != _TOKEN and not hmac.compare_digest(
                call.params["token"].encode(), self._shop.token.encode()
            ):
                raise WxError(EXPIRED if call.params["token"] else 40014, "access_token expired")
            try:
                body = msgspec.json.decode(call.params["body"], type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeEncodeError):
                raise WxError(PARAMS, "data format error") from None
            data, lsn = self._acts[call.method][1](body, fate)
        except WxError as error:
            return as_json({"errcode": error.code, "errmsg": str(error)})
        return as_json({"errcode": 0, "errmsg": "ok", **data}, lsn=lsn)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        code, text = (RATE, "reach max api daily quota limit") if kind == "rate" else (BUSY, "system error")
        return as_json({"errcode": code, "errmsg": text})

    def expire_token(self) -> None:
        """The lent token ends; the secret gets another one."""
        self._shop.token = new_secret(self._rng, "tok_", 60)
        self._shop.spent_tokens += 1

    def _lend(self, body: dict[str, Any], _fate: Fate) -> tuple[dict[str, Any], int]:
        if body.get("grant_type") != "client_credential" or body.get("appid") != self._shop.app_key:
            raise WxError(BAD_APP, "invalid appid")
        if body.get("secret") != self._shop.app_secret:
            raise WxError(BAD_SECRET, "invalid appsecret")
        return {"access_token": self._shop.token, "expires_in": 7200}, 0

    def _list(self, body: dict[str, Any], fate: Fate) -> tuple[dict[str, Any], int]:
        span, size = body.get("update_time_range"), body.get("page_size", 10)
        if not isinstance(span, dict) or not isinstance(size, int) or not 1 <= size <= 100:
            raise WxError(PARAMS, "update_time_range or page_size")
        low, high = span.get("start_time"), span.get("end_time")
        if not isinstance(low, int) or not isinstance(high, int) or not 0 <= high - low <= _WEEK:
            raise WxError(PARAMS, "time range over 7 days")
        # The key stands for a count here, so that rows that change between two pages really shift.
        key = str(body.get("next_key") or "p1")
        if not key.startswith("p") or not key[1:].isdigit():
            raise WxError(PARAMS, "next_key")
        until = high * SECOND + SECOND - 1
        if self._lag:
            until = min(until, self._world.clock() - self._lag)
        wanted: Callable[[Order], bool] | None = None
        if (status := body.get("status")) is not None:
            wanted = lambda order: status_of(order) == status  # noqa: E731
        page = int(key[1:])
        rows, _, more = rows_of(self._shop.recent, low * SECOND, until, page, size, wanted, fate.kind)
        numbers = [row.ext_id for row in rows]
        return {"order_id_list": numbers, "next_key": f"p{page + 1}" if more else "", "has_more": more}, 0

    def _get(self, body: dict[str, Any], _fate: Fate) -> tuple[dict[str, Any], int]:
        order = self._order(body)
        if order.refund is not None:
            self._refunds[str(order.refund.n)] = order.refund
        return {"order": order_row(order)}, 0

    def _after_sale(self, body: dict[str, Any], _fate: Fate) -> tuple[dict[str, Any], int]:
        refund = self._refunds.get(str(body.get("after_sale_order_id", "")))
        if refund is None:
            raise WxError(NO_ORDER, "after sale order not found")
        return {"after_sale_order": refund_row(refund)}, 0

    def _send(self, body: dict[str, Any], _fate: Fate) -> tuple[dict[str, Any], int]:
        order = self._order(body)
        product, sku = goods_of(order)
        wanted = [
            {"deliver_type": 3, "product_infos": [{"product_id": product, "sku_id": sku, "product_cnt": order.qty}]}
        ]
        if body.get("delivery_list") != wanted:
            raise WxError(LINES, "product_infos do not fit the order")
        if order.state in (State.SHIPPED, State.FINISHED):
            raise WxError(SHIPPED, "already delivered")
        if order.refund is not None and order.refund.status is RefundStatus.OPEN:
            raise WxError(AFTER_SALE, "order is in after sale")
        if status_of(order) != 20:
            raise WxError(FAILED, "order status does not allow delivery")
        return {}, self._world.ship(order, "order/delivery/send", "")

    def _order(self, body: dict[str, Any]) -> Order:
        order = self._shop.orders.get(str(body.get("order_id", "")))
        if order is None:
            raise WxError(NO_ORDER, "order not found")
        return order
