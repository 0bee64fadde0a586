"""JD's open platform as the facts describe it: one router, signed forms, JSON inside a form field, "responce"."""

import hashlib
import hmac
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from connectors.practice.faults import Fate
from connectors.practice.gate import Call, parse_count, rows_of
from connectors.practice.markets.jd_rows import order_row, refund_row, state_of
from connectors.practice.mint import secret as new_secret
from connectors.practice.taobao_rows import parse_time
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Refund, RefundStatus, Shop, State, World

_SKEW = 360
_MONTH, _THREE_MONTHS = 31 * 86_400 * SECOND, 93 * 86_400 * SECOND
_RENEW = "oauth2/refresh_token"
_WRAP = "paramOrderJSFQuery"
_MOST = 10**18  # UTC us: after everything
_Params = dict[str, Any]
_Result = tuple[dict[str, Any], int]  # what stands in the answer, ledger number

# Not in the facts: no document at hand says how JD refuses a shipment.
ALREADY_SHIPPED, WRONG_STATE, NO_ORDER = "10400001", "10400002", "10100002"


class JdError(Exception):
    """An error of the gateway (HTTP 200)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def sign(form: dict[str, str], secret: str) -> str:
    """The signature of a form; ``sign`` itself and empty values are left out."""
    text = "".join(name + form[name] for name in sorted(form) if name != "sign" and form[name])
    return hashlib.md5(f"{secret}{text}{secret}".encode()).hexdigest().upper()  # noqa: S324 - the platform's rule


class Jd:
    """The router and the token's address. ``lag`` seconds: how long a change takes to show in the list."""

    platform = "jd"

    def __init__(self, world: World, shop: Shop, lag: float) -> None:
        self._world, self._shop, self._lag = world, shop, int(lag * SECOND)
        self._rng = random.Random(f"jd/{world.seed}")
        self._methods: dict[str, tuple[str, Callable[[_Params, Fate], _Result]]] = {
            "jingdong.pop.order.search": ("list", self._search),
            "jingdong.pop.afs.soa.refundapply.queryPageList": ("list", self._requests),
            "jingdong.pop.order.get": ("read", self._get),
            "jingdong.pop.order.shipment": ("effect", self._shipment),
            "jingdong.pop.order.modifyVenderRemark": ("effect", self._remark),
        }

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one request up to its method; an Answer is the refusal."""
        form = dict(parse_qsl(request.query, keep_blank_values=True))
        form.update(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        if request.path.endswith(_RENEW):
            return Call(_RENEW, "token", form)
        if not request.path.endswith("/routerjson"):
            return as_json({}, 404)
        try:
            self._check(form)
        except JdError as error:
            return _error(error)
        return Call(form["method"], self._methods[form["method"]][0], form)

    def act(self, call: Call, fate: Fate) -> Answer:
        """The method's answer; effects are in the ledger when this returns, though not yet on disk."""
        if call.method == _RENEW:
            return self._renew(call.params)
        try:
            if call.params["access_token"] != self._shop.token:
                raise JdError("19", "token不正确或已失效")
            params = msgspec.json.decode(call.params.get("360buy_param_json") or "{}", type=dict[str, Any])
            wrapped = params.get(_WRAP)
            # Today's document wraps the search's fields, every published client sends them flat.
            body, lsn = self._methods[call.method][1](wrapped if isinstance(wrapped, dict) else params, fate)
        except (JdError, msgspec.DecodeError) as error:
            return _error(error if isinstance(error, JdError) else JdError("64", "JSON格式错误"))
        return as_json({f"{call.method.replace('.', '_')}_responce": {"code": "0", **body}}, lsn=lsn)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        return _error(JdError("2", "应用调用次数超过限制") if kind == "rate" else JdError("65", "平台连接后端服务超时"))

    def expire_token(self) -> None:
        """The access token ends; the refresh token gives a new one."""
        self._shop.token = new_secret(self._rng, "tok_", 40)
        self._shop.spent_tokens += 1

    def _renew(self, form: dict[str, str]) -> Answer:
        app = form.get("app_key") == self._shop.app_key and form.get("app_secret") == self._shop.app_secret
        whole = app and form.get("grant_type") == "refresh_token"
        if not whole or form.get("refresh_token") != self._shop.refresh_token:
            return as_json({"code": 400, "msg": "invalid refresh_token", "requestId": "pw"})
        return as_json(
            {
                "access_token": self._shop.token, "expires_in": 86_400, "refresh_token": self._shop.refresh_token,
                "scope": "snsapi_base", "open_id": "pw", "time": self._world.clock() // 1000, "code": 0,
            }
        )  # fmt: skip

    def _check(self, form: dict[str, str]) -> None:
        method = form.get("method", "")
        if not method or method not in self._methods:
            raise JdError("15" if method else "14", "无效的方法名")
        if form.get("v") != "2.0":
            raise JdError("5" if form.get("v") else "4", "版本参数无效")
        if form.get("app_key") != self._shop.app_key:
            raise JdError("21", "无效的app_key")
        try:
            at = parse_time(form.get("timestamp", ""))
        except ValueError:
            raise JdError("7", "时间戳无效") from None
        if abs(at - self._world.clock()) > _SKEW * SECOND:
            raise JdError("8", "时间戳超出允许范围")
        if not form.get("sign"):
            raise JdError("11", "缺少签名")
        if not hmac.compare_digest(sign(form, self._shop.app_secret).encode(), form["sign"].encode()):
            raise JdError("12", "无效签名")
        if not form.get("access_token"):
            raise JdError("19", "缺少token")

    def _search(self, params: _Params, fate: Fate) -> _Result:
        page, size = parse_count(str(params.get("page", "")), 10**6), parse_count(str(params.get("page_size", "")), 100)
        states = {state for state in str(params.get("order_state", "")).split(",") if state}
        fields = _fields(params)
        low, high = _window(params, "start_date", "end_date")
        by_change = str(params.get("dateType", "0")) != "1"
        if not page or not size or not states or not fields or high - low > _MONTH or not by_change:
            return _found(_result(False, "10100001", "参数错误"), [], 0), 0
        if str(params.get("sortType", "")) != "1" or low < self._world.clock() - _THREE_MONTHS:
            # Played are the newest changes first, as connectors read.
            return _found(_result(False, "10100001", "参数错误"), [], 0), 0
        if self._lag:
            high = min(high, self._world.clock() - self._lag)
        rows, total, _ = rows_of(
            self._shop.recent, low, high, page, size, lambda order: state_of(order) in states, fate.kind
        )
        return _found(_result(True), [_chosen(order_row(order), fields) for order in rows], total), 0

    def _get(self, params: _Params, _fate: Fate) -> _Result:
        order = self._shop.orders.get(str(params.get("order_id", "")))
        fields = _fields(params)
        if order is None or not fields:
            return {"orderDetailInfo": {"apiResult": _result(False, NO_ORDER, "订单不存在"), "orderInfo": None}}, 0
        row = _chosen(order_row(order), fields)
        return {"orderDetailInfo": {"apiResult": _result(True), "orderInfo": row}}, 0

    def _requests(self, params: _Params, fate: Fate) -> _Result:
        page, size = (
            parse_count(str(params.get("pageIndex", "")), 100),
            parse_count(str(params.get("pageSize", "")), 50),
        )
        if not page or not size:
            raise JdError("67", "pageIndex or pageSize")
        order = self._shop.orders.get(str(params.get("orderId", "")))
        found: list[Refund] = []
        if "orderId" in params:
            found = [] if order is None else self._shop.refunds.where(0, _MOST, lambda row: row.order is order)
        else:
            low, high = _window(params, "applyTimeStart", "applyTimeEnd")
            found = self._shop.refunds.where(0, _MOST, lambda row: low <= row.created <= high)
        found.sort(key=lambda row: (row.created, row.n))
        rows = [refund_row(row) for row in found[(page - 1) * size : page * size]]
        if fate.kind == "overlap":
            rows += rows[:1]
        elif fate.kind == "reorder":
            rows.reverse()
        return {"queryResult": {"success": True, "totalCount": len(found), "result": rows}}, 0

    def _shipment(self, params: _Params, _fate: Fate) -> _Result:
        order = self._shop.orders.get(str(params.get("orderId", "")))
        if order is None:
            return _shipped(_result(False, NO_ORDER, "订单不存在")), 0
        if params.get("logiCoprId") != "1274" and not params.get("logiNo"):
            return _shipped(_result(False, "10400003", "运单号不能为空")), 0
        if order.state in (State.SHIPPED, State.FINISHED):
            return _shipped(_result(False, ALREADY_SHIPPED, "订单已出库")), 0
        if not _ready(order):
            return _shipped(_result(False, WRONG_STATE, "订单状态不能出库")), 0
        lsn = self._world.ship(order, "jingdong.pop.order.shipment", "")
        return _shipped(_result(True, "0", "成功")), lsn

    def _remark(self, params: _Params, _fate: Fate) -> _Result:
        order = self._shop.orders.get(str(params.get("order_id", "")))
        text = str(params.get("remark", ""))
        if order is None or len(text) > 500 or str(params.get("flag", "")) not in ("0", "1", "2", "3", "4", "5"):
            code = NO_ORDER if order is None else "10100039" if len(text) > 500 else "10100040"
            return {"modifyvenderremark_result": {"success": False, "error_code": code}}, 0
        lsn = self._world.annotate(order, text)
        return {"modifyvenderremark_result": {"success": True, "error_code": "0"}}, lsn


def _ready(order: Order) -> bool:
    asked = order.refund is not None and order.refund.status is RefundStatus.OPEN
    return order.state is State.PAID and not order.flag and not asked


def _error(error: JdError) -> Answer:
    return as_json({"error_response": {"code": error.code, "zh_desc": str(error), "en_desc": ""}})


def _result(success: bool, code: str = "0", words: str = "") -> dict[str, Any]:
    return {"success": success, "numberCode": code, "chineseErrCode": words, "englishErrCode": ""}


def _found(result: dict[str, Any], rows: list[dict[str, Any]], total: int) -> dict[str, Any]:
    return {"searchorderinfo_result": {"apiResult": result, "orderInfoList": rows, "orderTotal": total}}


def _shipped(result: dict[str, Any]) -> dict[str, Any]:
    return {"sopjosshipment_result": result}


def _fields(params: _Params) -> frozenset[str]:
    return frozenset(name.strip() for name in str(params.get("optional_fields", "")).split(",") if name.strip())


def _chosen(row: dict[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in fields}


def _window(params: _Params, first: str, last: str) -> tuple[int, int]:
    try:
        low, high = parse_time(str(params.get(first, ""))), parse_time(str(params.get(last, "")))
    except ValueError:
        raise JdError("67", f"{first} or {last}") from None
    return low, high + SECOND - 1
