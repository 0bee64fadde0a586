"""Ark as the facts describe it: one address, JSON bodies, MD5 signs that leave the body out, windows of 30 minutes.

The platform publishes no codes for tokens, limits and signatures; those that are used here are this world's own.
"""

import hashlib
import hmac
import random
from collections.abc import Callable
from typing import Any

import msgspec

from connectors.practice.faults import Fate
from connectors.practice.gate import Call, rows_of
from connectors.practice.markets.xiaohongshu_rows import detail_row, list_row, refund_detail, refund_row, status_of
from connectors.practice.mint import KEY
from connectors.practice.mint import secret as new_secret
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Refund, Shop, World

PARAM, FOREIGN, SYSTEM = -2000400, -2000101, -2000500
TOKEN, RATE, SIGN = -9100001, -9100002, -9100003
_REFRESH = "oauth.refreshToken"
_DAY, _HALF_HOUR = 86_400, 1_800
_MOST_PAGES = 100
_NESTED = ("afterSale.listAfterSaleInfos", "afterSale.getAfterSaleInfo")
_NUMBERS = frozenset(("startTime", "endTime", "timeType", "pageNo", "pageSize", "orderStatus", "orderType"))
_Result = tuple[Any, int]  # what goes into data, ledger number


class ArkError(Exception):
    """An error that goes out in the platform's envelope (HTTP 200)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Xiaohongshu:
    """The one address. ``lag`` seconds: how long a change takes to show in the lists."""

    platform = "xiaohongshu"

    def __init__(self, world: World, shop: Shop, lag: float) -> None:
        self._world, self._shop, self._lag = world, shop, int(lag * SECOND)
        self._rng = random.Random(f"xhs/{world.seed}")
        self._texts: dict[str, str] = {}  # order -> what was delivered
        self._refunds: dict[str, Refund] = {}
        self._methods: dict[str, tuple[str, Callable[[dict[str, str], Fate], _Result]]] = {
            "order.getOrderList": ("list", self._orders),
            "order.getOrderDetail": ("read", self._detail),
            "afterSale.listAfterSaleInfos": ("list", self._after_sales),
            "afterSale.getAfterSaleInfo": ("read", self._after_sale),
            "order.orderDeliver": ("effect", self._deliver),
            "order.modifySellerMarkInfo": ("effect", self._mark),
            _REFRESH: ("token", self._refresh),
        }

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one request up to its method; an Answer is the refusal."""
        if not request.path.endswith("/ark/open_api/v3/common_controller") or request.method != "POST":
            return as_json({}, 404)
        try:
            params = _params(request)
            self._check(params)
        except ArkError as error:
            return _error(error)
        return Call(params["method"], self._methods[params["method"]][0], params)

    def act(self, call: Call, fate: Fate) -> Answer:
        """The method's answer; effects are in the ledger when this returns, though not yet on disk."""
        try:
            if call.method != _REFRESH and call.params.get("accessToken") != self._shop.token:
                raise ArkError(TOKEN, "accessToken无效或已过期")
            data, lsn = self._methods[call.method][1](call.params, fate)
        except ArkError as error:
            return _error(error)
        if call.method in _NESTED:
            data = {"code": 0, "success": True, "msg": "成功", "data": data}
        return as_json({"error_code": 0, "error_msg": "", "data": data, "success": True}, lsn=lsn)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        return _error(ArkError(RATE, "请求过于频繁") if kind == "rate" else ArkError(SYSTEM, "系统异常"))

    def expire_token(self) -> None:
        """The access token ends; the refresh token gives a new one."""
        self._shop.token = new_secret(self._rng, "tok_", 40)
        self._shop.spent_tokens += 1

    def _check(self, params: dict[str, str]) -> None:
        method, stamp = params.get("method", ""), params.get("timestamp", "")
        if method not in self._methods:
            raise ArkError(PARAM, "method不存在")
        if params.get("appId") != self._shop.app_key or params.get("version") != "2.0":
            raise ArkError(PARAM, "appId或version错误")
        text = f"{method}?appId={self._shop.app_key}&timestamp={stamp}&version=2.0{self._shop.app_secret}"
        made = hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - the platform's rule
        if not hmac.compare_digest(made.encode(), params.get("sign", "").encode()):
            raise ArkError(SIGN, "签名错误")
        if not stamp.isascii() or not stamp.isdigit() or abs(int(stamp) - self._world.clock() / SECOND) > 600:
            raise ArkError(SIGN, "timestamp已过期")

    def _orders(self, params: dict[str, str], fate: Fate) -> _Result:
        low, high, page, size = self._window(params, 1)
        status = _number(params, "orderStatus", 0)
        wanted: Callable[[Order], bool] | None = None
        if status:
            wanted = lambda order: status_of(order) == status  # noqa: E731
        rows, total, _ = rows_of(self._shop.recent, low, high, page, size, wanted, fate.kind)
        body = {
            "total": total, "pageNo": page, "pageSize": size, "maxPageNo": -(-total // size),
            "orderList": [list_row(order) for order in rows],
        }  # fmt: skip
        return body, 0

    def _after_sales(self, params: dict[str, str], fate: Fate) -> _Result:
        low, high, page, size = self._window(params, 1000)
        rows, total, _ = rows_of(self._shop.refunds, low, high, page, size, None, fate.kind)
        for refund in rows:
            self._refunds[f"R{refund.n}"] = refund
        body = {"totalCount": total, "pageNo": page, "pageSize": size}
        return {**body, "afterSaleBasicInfos": [refund_row(refund) for refund in rows]}, 0

    def _detail(self, params: dict[str, str], _fate: Fate) -> _Result:
        order = self._order(params)
        return detail_row(order, self._texts.get(order.ext_id, "")), 0

    def _after_sale(self, params: dict[str, str], _fate: Fate) -> _Result:
        refund = self._refunds.get(params.get("returnsId", ""))
        if refund is None:
            raise ArkError(FOREIGN, "售后单不属于该商家")
        return {"afterSaleInfo": refund_detail(refund)}, 0

    def _deliver(self, params: dict[str, str], _fate: Fate) -> _Result:
        order = self._order(params)
        text = params.get("expressNo", "")
        if params.get("expressCompanyCode") != "selfdelivery" or not text:
            raise ArkError(PARAM, "无物流商品请使用selfdelivery，并在expressNo中填写发货内容")
        if status_of(order) != 4:
            raise ArkError(PARAM, "订单状态不支持发货")
        # A refund asked for before shipping does not stop this: at this platform, shipping is how it is refused.
        self._texts[order.ext_id] = text
        self._world.send(self._shop.name, order.ext_id, KEY.findall(text), "", "xiaohongshu", order.ext_id)
        return {}, self._world.ship(order, "order.orderDeliver", order.ext_id)

    def _mark(self, params: dict[str, str], _fate: Fate) -> _Result:
        order = self._order(params)
        if not all(params.get(name) for name in ("sellerMarkNote", "operator", "sellerMarkPriority")):
            raise ArkError(PARAM, "缺少必填参数")
        return {}, self._world.annotate(order, params["sellerMarkNote"])

    def _refresh(self, params: dict[str, str], _fate: Fate) -> _Result:
        if params.get("refreshToken") != self._shop.refresh_token:
            raise ArkError(TOKEN, "refreshToken无效")
        # The same refresh token goes on being good, so that a desk that was killed before it noted a new one lives.
        now = self._world.clock() // 1000
        body = {
            "accessToken": self._shop.token, "accessTokenExpiresAt": now + 7 * _DAY * 1000,
            "refreshToken": self._shop.refresh_token, "refreshTokenExpiresAt": now + 14 * _DAY * 1000,
            "sellerId": "practice", "sellerName": "卡台演练店",
        }  # fmt: skip
        return body, 0

    def _order(self, params: dict[str, str]) -> Order:
        order = self._shop.orders.get(params.get("orderId", ""))
        if order is None:
            raise ArkError(FOREIGN, "订单不属于该商家")
        return order

    def _window(self, params: dict[str, str], unit: int) -> tuple[int, int, int, int]:
        """UTC us, UTC us, page, size. ``unit``: how many of the caller's units are a second."""
        low, high = _number(params, "startTime", -1), _number(params, "endTime", -1)
        kind, page, size = (_number(params, *pair) for pair in (("timeType", 0), ("pageNo", 1), ("pageSize", 50)))
        if kind not in (1, 2) or not 1 <= page <= _MOST_PAGES or not 1 <= size <= 100:
            raise ArkError(PARAM, "timeType、pageNo或pageSize错误")
        if not 10**9 * unit <= low <= high < 10**10 * unit:
            raise ArkError(PARAM, "startTime或endTime错误")
        if high - low > (_DAY if kind == 1 else _HALF_HOUR) * unit:
            raise ArkError(PARAM, "时间范围过大")
        us = SECOND // unit
        until = high * us + us - 1
        if self._lag:
            until = min(until, self._world.clock() - self._lag)
        return low * us, until, page, size


def _error(error: ArkError) -> Answer:
    return as_json({"error_code": error.code, "error_msg": error.message, "data": None, "success": False})


def _number(params: dict[str, str], name: str, default: int) -> int:
    text = params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else default if not text else -1


def _params(request: Request) -> dict[str, str]:
    """The flat body; numbers must be JSON numbers, and come out as text."""
    try:
        body = msgspec.json.decode(request.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ArkError(PARAM, "参数错误") from None
    for name in _NUMBERS & body.keys():
        if not isinstance(body[name], int):
            raise ArkError(PARAM, f"{name}类型错误")
    return {
        key: value if isinstance(value, str) else msgspec.json.encode(value).decode() for key, value in body.items()
    }
