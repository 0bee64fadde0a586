"""Pinduoduo as the facts describe it: one router, MD5 signs, 30-minute windows, vouchers sent under a serial number."""

import hashlib
import hmac
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from connectors.practice.faults import Fate
from connectors.practice.gate import Call, parse_count, rows_of
from connectors.practice.mint import secret as new_secret
from connectors.practice.pinduoduo_rows import after_sales_status, order_row, refund_row, refund_status, ship_status
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Refund, Shop, World

_SKEW = 600
_WINDOW = 1800
_REFRESH = "pdd.pop.auth.token.refresh"
_Result = tuple[str, dict[str, Any], int]  # envelope key, body, ledger number


class PddError(Exception):
    """An error that goes out in the platform's envelope (HTTP 200)."""

    def __init__(self, code: int, msg: str, sub_code: str | None = None, sub_msg: str | None = None) -> None:
        super().__init__(msg)
        self.code, self.msg, self.sub_code, self.sub_msg = code, msg, sub_code, sub_msg


def sign(params: dict[str, str], secret: str) -> str:
    """The signature of ``params`` (``sign`` itself left out)."""
    text = "".join(key + params[key] for key in sorted(params) if key != "sign")
    return hashlib.md5(f"{secret}{text}{secret}".encode()).hexdigest().upper()  # noqa: S324 - the platform's rule


class Pinduoduo:
    """The router. ``lag`` seconds: how long a change takes to show in the lists (the platform advises 180)."""

    platform = "pinduoduo"

    def __init__(self, world: World, shop: Shop, lag: float) -> None:
        self._world, self._shop, self._lag = world, shop, int(lag * SECOND)
        self._rng = random.Random(f"pdd/{world.seed}")
        self._sent: dict[str, tuple[str, bytes]] = {}  # out_biz_no -> order, digest of what was sent
        self._requests = 0
        self._methods: dict[str, tuple[str, Callable[[dict[str, str], Fate], _Result]]] = {
            "pdd.order.number.list.increment.get": ("list", self._increment),
            "pdd.refund.list.increment.get": ("list", self._refunds),
            "pdd.order.information.get": ("read", self._information),
            "pdd.order.status.get": ("read", self._status),
            _REFRESH: ("token", self._refresh),
            "pdd.voucher.voucher.info.send": ("effect", self._voucher),
            "pdd.order.note.update": ("effect", self._note),
        }

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one request up to its method; an Answer is the refusal."""
        if not request.path.endswith("/api/router"):
            return as_json({}, 404)
        try:
            if request.method != "POST":
                raise PddError(10002, "请求方式错误")
            params = _params(request)
            self._check(params)
        except PddError as error:
            return self._error(error)
        method = params["type"]
        return Call(method, self._methods[method][0], params)

    def act(self, call: Call, fate: Fate) -> Answer:
        """The method's answer; effects are in the ledger when this returns, though not yet on disk."""
        try:
            if call.method != _REFRESH and call.params.get("access_token") != self._shop.token:
                raise PddError(10019, "access_token已过期")
            key, body, lsn = self._methods[call.method][1](call.params, fate)
        except PddError as error:
            return self._error(error)
        return as_json({key: {**body, "request_id": self._request_id()}}, lsn=lsn)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        return self._error(
            PddError(52101, "当前接口被限流，请稍后重试") if kind == "rate" else PddError(50000, "系统内部错误")
        )

    def expire_token(self) -> None:
        """The access token ends; the refresh token gives a new one."""
        self._shop.token = new_secret(self._rng, "tok_", 40)
        self._shop.spent_tokens += 1

    def _check(self, params: dict[str, str]) -> None:
        method = params.get("type", "")
        if method not in self._methods:
            raise PddError(20034 if method else 20007, "type错误")
        if params.get("client_id") != self._shop.app_key:
            raise PddError(10016, "client_id错误")
        at = _seconds(params.get("timestamp", ""))
        if at is None or abs(at - self._world.clock() / SECOND) > _SKEW:
            raise PddError(10001, "timestamp错误")
        if params.get("data_type", "JSON") != "JSON":
            raise PddError(10001, "data_type错误")
        if not hmac.compare_digest(sign(params, self._shop.app_secret).encode(), params.get("sign", "").encode()):
            raise PddError(20004, "签名错误")

    def _error(self, error: PddError) -> Answer:
        body = {"error_code": error.code, "error_msg": error.msg, "sub_code": error.sub_code, "sub_msg": error.sub_msg}
        return as_json({"error_response": {**body, "request_id": self._request_id()}})

    def _request_id(self) -> str:
        self._requests += 1
        return f"{self._requests:017d}"

    def _increment(self, params: dict[str, str], fate: Fate) -> _Result:
        low, high, page, size = self._window(params)
        status, refunds = params.get("order_status", "5"), params.get("refund_status", "5")
        if status not in ("1", "2", "3", "5") or refunds not in ("1", "2", "3", "4", "5"):
            raise PddError(10000, "参数错误", None, "order_status, refund_status")
        wanted: Callable[[Order], bool] | None = None
        if status != "5" or refunds != "5":

            def wanted(order: Order) -> bool:
                return status in ("5", str(ship_status(order))) and refunds in ("5", str(refund_status(order)))

        rows, total, more = rows_of(self._shop.recent, low, high, page, size, wanted, fate.kind)
        body: dict[str, Any] = {"order_sn_list": [order_row(order) for order in rows]}
        if params.get("use_has_next") == "true":
            body["has_next"] = more
        else:
            body["total_count"] = total
        return "order_sn_increment_get_response", body, 0

    def _refunds(self, params: dict[str, str], fate: Fate) -> _Result:
        low, high, page, size = self._window(params)
        status, order_sn = params.get("after_sales_status", ""), params.get("order_sn", "")
        wanted: Callable[[Refund], bool] | None = None
        # 0 and 1 are read as "all", as public integrations use them; no document says so.
        if status not in ("", "0", "1") or order_sn:

            def wanted(refund: Refund) -> bool:
                fits = status in ("", "0", "1", str(after_sales_status(refund)))
                return fits and order_sn in ("", refund.order.ext_id)

        rows, total, _ = rows_of(self._shop.refunds, low, high, page, size, wanted, fate.kind)
        body = {"refund_list": [refund_row(refund) for refund in rows], "total_count": total}
        return "refund_increment_get_response", body, 0

    def _information(self, params: dict[str, str], _fate: Fate) -> _Result:
        return "order_info_get_response", {"order_info": order_row(self._order(params))}, 0

    def _status(self, params: dict[str, str], _fate: Fate) -> _Result:
        rows: list[dict[str, Any]] = []
        for order_sn in params.get("order_sns", "").split(",")[:50]:
            order = self._shop.orders.get(order_sn)
            ship, refund = (ship_status(order), refund_status(order)) if order else (0, 0)
            rows.append({"orderSn": order_sn, "order_status": ship, "refund_status": refund})
        return "order_status_get_response", {"order_status_list": rows}, 0

    def _refresh(self, params: dict[str, str], _fate: Fate) -> _Result:
        if params.get("refresh_token") != self._shop.refresh_token:
            raise PddError(10035, "refresh_token已过期")
        # The same refresh token goes on being good, so that a desk that was killed before it noted a new one lives.
        body = {
            "access_token": self._shop.token, "refresh_token": self._shop.refresh_token, "expires_in": 86_400,
            "expires_at": self._world.clock() // SECOND + 86_400, "owner_id": "100001", "owner_name": "卡台演练店",
            "scope": [name for name in self._methods if name != _REFRESH],
        }  # fmt: skip
        return "pop_auth_token_refresh_response", body, 0

    def _voucher(self, params: dict[str, str], _fate: Fate) -> _Result:
        order = self._order(params)
        serial = params.get("out_biz_no", "")
        keys = _vouchers(params.get("voucher_list", ""))
        if not serial or not keys:
            raise PddError(20007, "缺少必填参数", None, "out_biz_no, voucher_list")
        digest = hashlib.sha256(params["voucher_list"].encode()).digest()
        earlier = self._sent.get(serial)
        if earlier is not None:
            if earlier != (order.ext_id, digest):
                raise PddError(50001, "业务服务错误", "voucher_conflict", "out_biz_no重复且内容不一致")
            lsn = self._world.ledger.add("repeat", shop=self._shop.name, ext_id=order.ext_id, ref=serial)
            return "voucher_voucher_info_send_response", {"is_success": True}, lsn
        if order.flag:
            raise PddError(50001, "业务服务错误", "order_not_ready", "订单未成团或风控中")
        # Money is not checked here: an unpaid or refunded order's vouchers go out, and the ledger says so.
        self._sent[serial] = (order.ext_id, digest)
        self._world.send(self._shop.name, order.ext_id, keys, "", "pinduoduo", serial)
        lsn = self._world.ship(order, "pdd.voucher.voucher.info.send", serial)
        return "voucher_voucher_info_send_response", {"is_success": True}, lsn

    def _note(self, params: dict[str, str], _fate: Fate) -> _Result:
        order = self._order(params)
        if ("tag" in params) != ("tag_name" in params):
            return "response", {"success": False, "error_code": 10000, "error_msg": "tag与tag_name需同时传入"}, 0
        lsn = self._world.annotate(order, params.get("note", ""))
        return "response", {"success": True, "error_code": 0, "error_msg": ""}, lsn

    def _order(self, params: dict[str, str]) -> Order:
        order_sn = params.get("order_sn", "")
        if not order_sn:
            raise PddError(20007, "缺少必填参数", None, "order_sn")
        order = self._shop.orders.get(order_sn)
        if order is None:
            raise PddError(50001, "业务服务错误", "order_not_found", "订单不存在")
        return order

    def _window(self, params: dict[str, str]) -> tuple[int, int, int, int]:
        low, high = (_seconds(params.get(name, "")) for name in ("start_updated_at", "end_updated_at"))
        page, size = parse_count(params.get("page", "1"), 1_000_000), parse_count(params.get("page_size", "100"), 100)
        if low is None or high is None or page is None or size is None:
            raise PddError(10000, "参数错误", None, "start_updated_at, end_updated_at, page, page_size")
        if high < low or high - low > _WINDOW:
            raise PddError(10000, "参数错误", None, "时间跨度不能超过30分钟")
        until = high * SECOND + SECOND - 1
        if self._lag:
            until = min(until, self._world.clock() - self._lag)
        return low * SECOND, until, page, size


def _seconds(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) == 10 else None


def _params(request: Request) -> dict[str, str]:
    if "json" not in request.headers.get("content-type", ""):
        return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        body = msgspec.json.decode(request.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PddError(10000, "参数错误") from None
    # Nested values are signed as the JSON text they are sent as.
    return {
        key: value if isinstance(value, str) else msgspec.json.encode(value).decode() for key, value in body.items()
    }


def _vouchers(text: str) -> list[str]:
    try:
        rows = msgspec.json.decode(text.encode(), type=list[dict[str, str]])
    except msgspec.DecodeError:
        return []
    keys = [row.get("voucher_no", "") for row in rows]
    return keys if keys and all(keys) and all(row.get("voucher_id") for row in rows) else []
