"""Taobao TOP as the facts describe it: one router, signed form posts, trades by modified time, virtual shipping."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl

from connectors.practice.faults import Fate
from connectors.practice.gate import Call, parse_count, rows_of
from connectors.practice.taobao_rows import parse_time, refund_row, status_of, trade_row
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Refund, Shop, State, World

_BEIJING = timezone(timedelta(hours=8))
_SKEW = 600
_DAY = 86_400 * SECOND

# Not in the facts; see docs/practice-world.md. Both codes are seen in public integrations, neither in a document.
ALREADY_SHIPPED = "isv.logistics-dummy-service-error:B27"
WRONG_STATE = "isv.logistics-dummy-service-error:B04"

# Fields that a list row does not carry: only the detail call gives them.
_DETAIL_ONLY = frozenset(("buyer_message", "buyer_memo", "seller_memo"))


class TopError(Exception):
    """An error that goes out in TOP's envelope (HTTP 200)."""

    def __init__(self, code: int, msg: str, sub_code: str = "", sub_msg: str = "") -> None:
        super().__init__(msg)
        self.code, self.msg, self.sub_code, self.sub_msg = code, msg, sub_code, sub_msg


def sign(params: dict[str, str], secret: str) -> str:
    """The signature of ``params`` (``sign`` itself left out) by their ``sign_method``; md5 when it names none."""
    text = "".join(key + params[key] for key in sorted(params) if key != "sign")
    method = params.get("sign_method", "md5")
    if method == "hmac":
        return hmac.new(secret.encode(), text.encode(), hashlib.md5).hexdigest().upper()
    if method == "hmac-sha256":
        return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest().upper()
    return hashlib.md5(f"{secret}{text}{secret}".encode()).hexdigest().upper()  # noqa: S324 - the platform's rule


class Taobao:
    """The router. ``read`` checks what the gateway checks, ``act`` answers the method."""

    platform = "taobao"

    def __init__(self, world: World, shop: Shop) -> None:
        self._world, self._shop = world, shop
        self._requests = 0
        self._methods: dict[str, tuple[str, Callable[[dict[str, str], Fate], tuple[dict[str, Any], int]]]] = {
            "taobao.trades.sold.increment.get": ("list", self._increment),
            "taobao.refunds.receive.get": ("list", self._refunds),
            "taobao.trade.fullinfo.get": ("read", self._fullinfo),
            "taobao.logistics.dummy.send": ("effect", self._dummy_send),
            "taobao.trade.memo.update": ("effect", self._memo),
        }

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one request up to its method; an Answer is the refusal."""
        if not request.path.endswith("/router/rest"):
            return as_json({}, 404)
        params = dict(parse_qsl(request.query, keep_blank_values=True))
        params.update(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            self._check(params)
        except TopError as error:
            return self._error(error)
        method = params["method"]
        return Call(method, self._methods[method][0], params)

    def act(self, call: Call, fate: Fate) -> Answer:
        """The method's answer; effects are in the ledger when this returns, though not yet on disk."""
        try:
            self._check_session(call.params)
            body, lsn = self._methods[call.method][1](call.params, fate)
        except TopError as error:
            return self._error(error)
        name = call.method.removeprefix("taobao.").replace(".", "_") + "_response"
        if call.params.get("simplify") == "true":
            body = {key: _flat(value) for key, value in body.items()}
        return as_json({name: {**body, "request_id": self._request_id()}}, lsn=lsn)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        if kind == "rate":
            sub = "This ban will last for 1 more seconds"
            return self._error(TopError(7, "App Call Limited", "accesscontrol.limited-by-app-access-count", sub))
        return self._error(TopError(15, "Remote service error", "isp.remote-service-error", "service unavailable"))

    def expire_token(self) -> None:
        """The session is refused for two seconds. The facts know no refresh here: the merchant renews it by hand."""
        self._shop.token_dead_until = self._world.clock() + 2 * SECOND

    def _check(self, params: dict[str, str]) -> None:
        method = params.get("method", "")
        if not method:
            raise TopError(21, "Missing Method")
        if method not in self._methods:
            raise TopError(22, "Invalid Method")
        if not params.get("app_key"):
            raise TopError(28, "Missing App Key")
        if params["app_key"] != self._shop.app_key:
            raise TopError(29, "Invalid App Key")
        if not params.get("timestamp"):
            raise TopError(30, "Missing Timestamp")
        try:
            at = datetime.strptime(params["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=_BEIJING)
        except ValueError:
            raise TopError(31, "Invalid Timestamp") from None
        if abs((at - datetime.fromtimestamp(self._world.clock() / SECOND, tz=UTC)).total_seconds()) > _SKEW:
            raise TopError(31, "Invalid Timestamp")
        if not params.get("v"):
            raise TopError(32, "Missing Version")
        if params["v"] != "2.0":
            raise TopError(33, "Invalid Version")
        if params.get("format") != "json":
            raise TopError(23, "Invalid Format")  # the platform's default is xml, which this world does not speak
        if not params.get("sign"):
            raise TopError(24, "Missing Signature")
        if params.get("sign_method", "md5") not in ("md5", "hmac", "hmac-sha256"):
            raise TopError(25, "Invalid Signature")
        if not hmac.compare_digest(sign(params, self._shop.app_secret).encode(), params["sign"].encode()):
            raise TopError(25, "Invalid Signature")

    def _check_session(self, params: dict[str, str]) -> None:
        if not params.get("session"):
            raise TopError(26, "Missing Session")
        if params["session"] != self._shop.token or self._world.clock() < self._shop.token_dead_until:
            raise TopError(27, "Invalid session", "session-expired", "session已过期")

    def _error(self, error: TopError) -> Answer:
        body: dict[str, Any] = {"code": error.code, "msg": error.msg}
        if error.sub_code:
            body |= {"sub_code": error.sub_code, "sub_msg": error.sub_msg}
        return as_json({"error_response": {**body, "request_id": self._request_id()}})

    def _request_id(self) -> str:
        self._requests += 1
        return f"pw{self._requests:010x}"

    def _increment(self, params: dict[str, str], fate: Fate) -> tuple[dict[str, Any], int]:
        fields = _fields(params)
        low, high = self._window(params)
        wanted = _wanted(params.get("status", ""))
        rows, total, more = self._page(params, low, high, wanted, fate)
        body: dict[str, Any] = {}
        if rows:
            body["trades"] = {"trade": [_chosen(trade_row(order), fields, _DETAIL_ONLY) for order in rows]}
        if params.get("use_has_next") == "true":
            body["has_next"] = more
        else:
            body["total_results"] = total
        return body, 0

    def _page(
        self, params: dict[str, str], low: int, high: int, wanted: Callable[[Order], bool] | None, fate: Fate
    ) -> tuple[list[Order], int, bool]:
        page, size = _paging(params)
        return rows_of(self._shop.recent, low, high, page, size, wanted, fate.kind)

    def _refunds(self, params: dict[str, str], fate: Fate) -> tuple[dict[str, Any], int]:
        fields = _fields(params)
        low, high = self._window(params)
        page, size = _paging(params)
        status = params.get("status", "")
        wanted: Callable[[Refund], bool] | None = None
        if status:
            wanted = lambda refund: refund_row(refund)["status"] == status  # noqa: E731
        rows, total, more = rows_of(self._shop.refunds, low, high, page, size, wanted, fate.kind)
        body: dict[str, Any] = {}
        if rows:
            body["refunds"] = {"refund": [_chosen(refund_row(refund), fields) for refund in rows]}
        if params.get("use_has_next") == "true":
            body["has_next"] = more
        else:
            body["total_results"] = total
        return body, 0

    def _fullinfo(self, params: dict[str, str], _fate: Fate) -> tuple[dict[str, Any], int]:
        order = self._order(params, "isv.trade-not-exist", "交易订单不存在")
        return {"trade": _chosen(trade_row(order), _fields(params))}, 0

    def _dummy_send(self, params: dict[str, str], _fate: Fate) -> tuple[dict[str, Any], int]:
        order = self._order(params, "isv.logistics-dummy-service-error:B01", "物流订单不存在")
        if order.state in (State.SHIPPED, State.FINISHED):
            raise TopError(15, "Remote service error", ALREADY_SHIPPED, "该订单已经发货，不能重复发货")
        if order.state is not State.PAID or order.flag:
            raise TopError(15, "Remote service error", WRONG_STATE, "订单状态不对，不能发货")
        lsn = self._world.ship(order, "taobao.logistics.dummy.send", "")
        return {"shipping": {"is_success": True}}, lsn

    def _memo(self, params: dict[str, str], _fate: Fate) -> tuple[dict[str, Any], int]:
        order = self._order(params, "isv.trade-not-exist", "交易订单不存在")
        memo = params.get("memo", "")
        if len(memo.encode()) > 1000:
            raise TopError(41, "Invalid Arguments", "isv.invalid-parameter:memo", "memo too long")
        lsn = self._world.annotate(order, memo)
        return {"trade": {"tid": int(order.ext_id), "modified": trade_row(order)["modified"]}}, lsn

    def _order(self, params: dict[str, str], sub_code: str, sub_msg: str) -> Order:
        tid = params.get("tid", "")
        if not tid:
            raise TopError(40, "Missing Required Arguments", "isv.missing-parameter:tid", "tid")
        order = self._shop.orders.get(tid)
        if order is None:
            raise TopError(15, "Remote service error", sub_code, sub_msg)
        return order

    def _window(self, params: dict[str, str]) -> tuple[int, int]:
        low, high = (_time(params, name) for name in ("start_modified", "end_modified"))
        if high < low or high - low > _DAY:
            raise TopError(41, "Invalid Arguments", "isv.invalid-parameter:end_modified", "window over one day")
        return low, high + SECOND - 1


def _time(params: dict[str, str], name: str) -> int:
    text = params.get(name, "")
    if not text:
        raise TopError(40, "Missing Required Arguments", f"isv.missing-parameter:{name}", name)
    try:
        return parse_time(text)
    except ValueError:
        raise TopError(41, "Invalid Arguments", f"isv.invalid-parameter:{name}", name) from None


def _paging(params: dict[str, str]) -> tuple[int, int]:
    page, size = parse_count(params.get("page_no", "1"), 1_000_000), parse_count(params.get("page_size", "40"), 100)
    if page is None or size is None:
        name = "page_no" if page is None else "page_size"
        raise TopError(41, "Invalid Arguments", f"isv.invalid-parameter:{name}", name)
    return page, size


def _fields(params: dict[str, str]) -> frozenset[str]:
    names = frozenset(name.strip() for name in params.get("fields", "").split(",") if name.strip())
    if not names:
        raise TopError(40, "Missing Required Arguments", "isv.missing-parameter:fields", "fields")
    return names


def _chosen(row: dict[str, Any], fields: frozenset[str], never: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The asked fields of a row, as TOP gives them: ``orders`` for whole lines, ``orders.x`` for one field of them."""
    out = {name: row[name] for name in fields if name in row and name != "orders" and name not in never}
    parts = {name[7:] for name in fields if name.startswith("orders.")}
    if "orders" in fields and "orders" in row:
        out["orders"] = row["orders"]
    elif parts and "orders" in row:
        lines = [{key: value for key, value in line.items() if key in parts} for line in row["orders"]["order"]]
        out["orders"] = {"order": lines}
    return out


def _wanted(status: str) -> Callable[[Order], bool] | None:
    groups = {"ALL_CLOSED": {"TRADE_CLOSED", "TRADE_CLOSED_BY_TAOBAO"}, "ALL_WAIT_PAY": {"WAIT_BUYER_PAY"}}
    if not status:
        return None
    names = groups.get(status, {status})
    return lambda order: status_of(order) in names


def _flat(value: Any) -> Any:
    """``simplify=true``: a list stands where its wrapper stood."""
    if isinstance(value, dict):
        if len(value) == 1 and isinstance(next(iter(value.values())), list):
            return [_flat(item) for item in next(iter(value.values()))]
        return {key: _flat(item) for key, item in value.items()}
    return value
