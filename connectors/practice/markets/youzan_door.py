"""Youzan as the facts describe it: tokens in the query, no signature, three envelopes, goods that ship themselves."""

import random
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from connectors.practice.faults import Fate
from connectors.practice.gate import Call, rows_of
from connectors.practice.markets.youzan_rows import detail_row, is_virtual, list_row, refund_row, status_of
from connectors.practice.mint import secret as new_secret
from connectors.practice.taobao_rows import parse_time
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Shop, World

_TOKEN = "/auth/token"
_THREE_MONTHS = 92 * 86_400 * SECOND
_DEEPEST = 3_000  # rows that the refund search reaches
_Result = tuple[Any, int]  # data, ledger number


class GatewayError(Exception):
    """An error of the gateway, in its own envelope (HTTP 200)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class BusinessError(GatewayError):
    """An error of the business behind it."""


class Youzan:
    """The gateway. ``lag`` seconds: how long a change takes to show in the lists."""

    platform = "youzan"

    def __init__(self, world: World, shop: Shop, lag: float) -> None:
        self._world, self._shop, self._lag = world, shop, int(lag * SECOND)
        self._rng = random.Random(f"yz/{world.seed}")
        self._apis: dict[tuple[str, str], tuple[str, Callable[[dict[str, Any], Fate], _Result]]] = {
            ("youzan.trades.sold.get", "4.0.4"): ("list", self._sold),
            ("youzan.trade.refund.search", "3.0.1"): ("list", self._refunds),
            ("youzan.trade.get", "4.0.2"): ("read", self._get),
            ("youzan.logistics.online.confirm", "3.0.0"): ("effect", self._confirm),
        }

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one request up to its method; an Answer is the refusal."""
        try:
            if request.path.endswith(_TOKEN):
                return Call(_TOKEN, "token", {"body": request.body.decode("utf-8", "replace")})
            _, _, tail = request.path.partition("/api/")
            name, _, version = tail.partition("/")
            if not name or not version:
                raise GatewayError(4001, "非法请求地址")
            if (name, version) not in self._apis:
                raise GatewayError(4005, "非法的API")
            if request.method != "POST" or "application/json" not in request.headers.get("content-type", ""):
                raise GatewayError(4007, "非法的请求姿势")
            token = dict(parse_qsl(request.query)).get("access_token", "")
            body = request.body.decode("utf-8", "replace")
        except GatewayError as error:
            return _error(error)
        return Call(f"{name}/{version}", self._apis[name, version][0], {"token": token, "body": body})

    def act(self, call: Call, fate: Fate) -> Answer:
        """The method's answer; effects are in the ledger when this returns, though not yet on disk."""
        try:
            params = _body(call.params["body"])
            if call.method == _TOKEN:
                return as_json({"success": True, "code": 200, "data": self._exchange(params), "message": None})
            if not call.params["token"]:
                raise GatewayError(4201, "非法的请求凭证")
            if call.params["token"] != self._shop.token:
                raise GatewayError(4203, "Token 不存在")
            name, _, version = call.method.partition("/")
            data, lsn = self._apis[name, version][1](params, fate)
        except GatewayError as error:
            return _error(error)
        return as_json(
            {"trace_id": "yz7-0", "code": 200, "data": data, "success": True, "message": "successful"}, lsn=lsn
        )

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        return _error(GatewayError(4101, "请求太频繁") if kind == "rate" else GatewayError(5002, "业务异常"))

    def expire_token(self) -> None:
        """The access token ends; asking again gives a new one."""
        self._shop.token = new_secret(self._rng, "tok_", 40)
        self._shop.spent_tokens += 1

    def _exchange(self, params: dict[str, Any]) -> dict[str, Any]:
        if params.get("client_id") != self._shop.app_key:
            raise BusinessError(1103, "Client 不存在")
        if params.get("client_secret") != self._shop.app_secret:
            raise BusinessError(1000, "应用信息错误")
        if params.get("authorize_type") != "silent":
            raise BusinessError(1105, "不支持的应用类型")
        if params.get("grant_id") != "56232":
            raise BusinessError(1103, "授权关系不存在")
        if params.get("refresh") is True:
            self.expire_token()
        expires = self._world.clock() // 1000 + 7 * 86_400_000
        return {"access_token": self._shop.token, "expires": expires, "scope": "trade", "authority_id": "56232"}

    def _sold(self, params: dict[str, Any], fate: Fate) -> _Result:
        low, high = (_time(params, name) for name in ("start_update", "end_update"))
        if high < low or high - low > _THREE_MONTHS:
            raise BusinessError(5000, "开始时间不能大于结束时间")
        page, size = _paging(params, 20, 100)
        status = params.get("status", "")
        wanted = (lambda order: status_of(order) == status) if status else None
        rows, total, _ = rows_of(self._shop.recent, low, self._until(high), page, size, wanted, fate.kind)
        return {"total_results": total, "full_order_info_list": [list_row(order) for order in rows]}, 0

    def _refunds(self, params: dict[str, Any], fate: Fate) -> _Result:
        low, high = params.get("update_time_start"), params.get("update_time_end")
        if not isinstance(low, int) or not isinstance(high, int) or not 10**9 < low <= high < 10**10:
            raise GatewayError(5001, "系统异常")
        page, size = _paging(params, 20, 100)
        if page * size > _DEEPEST:
            raise BusinessError(5000, "超过ES搜索最大深度")
        until = self._until(high * SECOND)
        rows, total, _ = rows_of(self._shop.refunds, low * SECOND, until, page, size, None, fate.kind)
        return {"total": total, "refunds": [refund_row(refund) for refund in rows]}, 0

    def _get(self, params: dict[str, Any], _fate: Fate) -> _Result:
        return detail_row(self._order(params)), 0

    def _confirm(self, params: dict[str, Any], _fate: Fate) -> _Result:
        order = self._order(params)
        if params.get("is_no_express") != 1:
            raise BusinessError(105000003, "快递单号只能包含字母、数字或中划线")
        status = status_of(order)
        if is_virtual(order):
            raise BusinessError(102570020, "订单没有可发货的商品")
        if status == "WAIT_BUYER_CONFIRM_GOODS":
            raise BusinessError(102570007, "不能重复提交已发货商品")
        if status != "WAIT_SELLER_SEND_GOODS":
            raise BusinessError(102570020, "订单没有可发货的商品")
        return {"is_success": True}, self._world.ship(order, "youzan.logistics.online.confirm", "")

    def _order(self, params: dict[str, Any]) -> Order:
        order = self._shop.orders.get(str(params.get("tid", "")))
        if order is None:
            raise BusinessError(5000, "trade not found")
        return order

    def _until(self, high: int) -> int:
        until = high + SECOND - 1
        return min(until, self._world.clock() - self._lag) if self._lag else until


def _error(error: GatewayError) -> Answer:
    if isinstance(error, BusinessError):
        return as_json(
            {"code": error.code, "data": None, "success": False, "message": error.message, "request_id": None}
        )
    return as_json({"gw_err_resp": {"trace_id": "yz7-0", "err_code": error.code, "err_msg": error.message}})


def _body(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text.encode(), type=dict[str, Any])
    except msgspec.DecodeError:
        raise GatewayError(4004, "非法的Content") from None


def _time(params: dict[str, Any], name: str) -> int:
    try:
        return parse_time(params[name])
    except (KeyError, TypeError, ValueError):
        raise GatewayError(5001, "系统异常") from None


def _paging(params: dict[str, Any], size: int, most: int) -> tuple[int, int]:
    page, size = params.get("page_no", 1), params.get("page_size", size)
    if not isinstance(page, int) or not isinstance(size, int):
        raise GatewayError(5001, "系统异常")
    if not 1 <= page <= 100 or not 1 <= size <= most:
        raise BusinessError(5000, "每页最多显示100条数据")
    return page, size
