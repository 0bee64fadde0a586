"""Kuaishou as the facts describe it: reads by GET, writes by form, lists by cursor, deliveries that happen once."""

import base64
import hashlib
import hmac
import random
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from connectors.practice.faults import Fate
from connectors.practice.gate import Call
from connectors.practice.markets.kuaishou_rows import in_view, order_row, refund_row
from connectors.practice.mint import secret as new_secret
from connectors.practice.recent import Recent, Row
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import Flag, Order, RefundStatus, Shop, State, World

EXPRESS_CODE = 5000  # of this world alone: the platform publishes none for goods without logistics
_SKEW = 600_000  # ms; the facts name no tolerance
_DAY = 86_400_000
_REFRESH = "oauth2.refresh_token"
_SIGNED = ("access_token", "appkey", "method", "param", "signMethod", "timestamp", "version")
_Params = dict[str, Any]
R = TypeVar("R", bound=Row)


class KuaishouError(Exception):
    """An error that goes out in the platform's envelope (HTTP 200)."""

    def __init__(self, result: int, message: str, sub_code: str = "", sub_msg: str = "") -> None:
        super().__init__(message)
        self.result, self.message, self.sub_code, self.sub_msg = result, message, sub_code, sub_msg


def sign(form: dict[str, str], secret: str) -> str:
    """The signature of the seven signed parameters with the sign secret, by their ``signMethod``."""
    text = "&".join(f"{name}={form[name]}" for name in _SIGNED if name in form) + f"&signSecret={secret}"
    if form.get("signMethod") == "HMAC_SHA256":
        return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()
    return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - the platform's rule


class KuaishouDoor:
    """The open platform. ``read`` checks what the gateway checks, ``act`` answers the method."""

    platform = "kuaishou"

    def __init__(self, world: World, shop: Shop) -> None:
        self._world, self._shop = world, shop
        self._rng = random.Random(f"kuaishou/{world.seed}")
        self._requests = 0
        self._methods: dict[str, tuple[str, str, Callable[[_Params, Fate], tuple[Any, int]]]] = {
            "open.order.cursor.list": ("list", "GET", self._orders),
            "open.seller.order.refund.pcursor.list": ("list", "GET", self._refunds),
            "open.order.detail": ("read", "GET", self._detail),
            "open.seller.order.goods.deliver": ("effect", "POST", self._deliver),
            "open.seller.order.note.add": ("effect", "POST", self._note),
        }

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one request up to its method; an Answer is the refusal."""
        method = request.path.removeprefix("/kuaishou/").replace("/", ".")
        source = request.body.decode("utf-8", "replace") if request.method == "POST" else request.query
        form = dict(parse_qsl(source, keep_blank_values=True))
        if method == _REFRESH and request.method == "POST":
            return Call(method, "token", form)
        if method not in self._methods:
            return as_json({}, 404)
        deck, verb, _ = self._methods[method]
        try:
            self._check(method, form, verb == request.method)
        except KuaishouError as error:
            return self._error(error)
        return Call(method, deck, form)

    def act(self, call: Call, fate: Fate) -> Answer:
        """The method's answer; effects are in the ledger when this returns, though not yet on disk."""
        if call.method == _REFRESH:
            return self._refresh(call.params)
        try:
            if call.params.get("access_token") != self._shop.token:
                raise KuaishouError(24, "access token expired")
            params = msgspec.json.decode(call.params["param"].encode(), type=_Params)
            data, lsn = self._methods[call.method][2](params, fate)
        except msgspec.DecodeError:
            return self._error(KuaishouError(21, "param invalid"))
        except KuaishouError as error:
            return self._error(error)
        return self._answer(1, "", "", "", data, lsn)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        return self._error(
            KuaishouError(802000, "请求过于频繁") if kind == "rate" else KuaishouError(11, "服务内部错误")
        )

    def expire_token(self) -> None:
        """The access token ends; the refresh token gives a new one."""
        self._shop.token = new_secret(self._rng, "tok_", 40)
        self._shop.spent_tokens += 1

    def _check(self, method: str, form: dict[str, str], verb: bool) -> None:
        if not verb or form.get("method") != method or form.get("version") != "1" or "param" not in form:
            raise KuaishouError(21, "param invalid")
        if form.get("appkey") != self._shop.app_key:
            raise KuaishouError(22, "app不存在")
        stamp = form.get("timestamp", "")
        fits = stamp.isascii() and stamp.isdigit() and len(stamp) == 13
        if not fits or abs(int(stamp) - self._world.clock() // 1000) > _SKEW:
            raise KuaishouError(28, "timestamp invalid")
        if form.get("signMethod") not in ("MD5", "HMAC_SHA256"):
            raise KuaishouError(27, "signMethod invalid")
        if not hmac.compare_digest(sign(form, self._shop.app_secret).encode(), form.get("sign", "").encode()):
            raise KuaishouError(27, "sign invalid")

    def _error(self, error: KuaishouError) -> Answer:
        return self._answer(error.result, error.message, error.sub_code, error.sub_msg, None, 0)

    def _answer(self, result: int, message: str, sub_code: str, sub_msg: str, data: object, lsn: int) -> Answer:
        self._requests += 1
        body = {"result": result, "code": str(result), "msg": message, "error_msg": message, "sub_code": sub_code}
        return as_json({**body, "sub_msg": sub_msg, "requestId": f"r{self._requests}", "data": data}, lsn=lsn)

    def _refresh(self, form: dict[str, str]) -> Answer:
        wanted = {
            "app_id": self._shop.app_key, "app_secret": f"app-{self._shop.app_secret}", "grant_type": "refresh_token",
            "refresh_token": self._shop.refresh_token,
        }  # fmt: skip
        if form != wanted:
            return as_json({"result": 100200101, "error": "invalid_grant", "error_msg": "refresh_token invalid"})
        # The same refresh token goes on being good, so that a desk that was killed before it noted a new one lives.
        return as_json({
            "result": 1, "access_token": self._shop.token, "refresh_token": self._shop.refresh_token, "open_id": "s1",
            "expires_in": 172_800, "refresh_token_expires_in": 15_552_000, "token_type": "bearer",
            "scopes": ["merchant_order", "merchant_refund"],
        })  # fmt: skip

    def _orders(self, params: _Params, fate: Fate) -> tuple[Any, int]:
        view = params.get("orderViewStatus")
        if view not in (1, 2, 3, 4, 5, 6, 7) or params.get("queryType") != 2:
            raise KuaishouError(21, "param invalid: orderViewStatus, queryType")
        rows, cursor = self._page(params, "cursor", 7 * _DAY, 50, self._shop.recent, lambda o: in_view(o, view), fate)
        shown = [order_row(order) for order in rows]
        return {**_echo(params), "orderList": shown, "cursor": cursor}, 0

    def _refunds(self, params: _Params, fate: Fate) -> tuple[Any, int]:
        kind = params.get("type")
        if kind not in (8, 9) or params.get("queryType") != 2 or type(params.get("currentPage")) is not int:
            raise KuaishouError(21, "param invalid: type, queryType, currentPage")
        rows, cursor = self._page(
            params, "pcursor", _DAY, 100, self._shop.refunds,
            lambda refund: kind == 9 or refund.status is RefundStatus.OPEN, fate,
        )  # fmt: skip
        shown = [refund_row(refund) for refund in rows]
        return {
            **_echo(params),
            "currentPage": params["currentPage"],
            "refundOrderInfoList": shown,
            "pcursor": cursor,
        }, 0

    def _page(
        self,
        params: _Params,
        name: str,
        widest: int,
        most: int,
        recent: Recent[R],
        wanted: Callable[[R], bool],
        fate: Fate,
    ) -> tuple[list[R], str]:
        """A page of a window and the next cursor. The cursor counts rows, so that rows which move are stepped over."""
        begin, end, size, cursor = (params.get(key) for key in ("beginTime", "endTime", "pageSize", name))
        now = self._world.clock() // 1000
        whole = type(begin) is int and type(end) is int and type(size) is int and isinstance(cursor, str)
        if not whole or not 1 <= size <= most or params.get("sort", 1) not in (1, 2):  # type: ignore[operator]
            raise KuaishouError(21, f"param invalid: beginTime, endTime, pageSize, {name}, sort")
        if not 0 <= end - begin <= widest or begin < now - 90 * _DAY - _SKEW:  # type: ignore[operator]
            raise KuaishouError(21, "param invalid: beginTime, endTime", "TIME_RANGE", "时间范围不合法")
        skip = _skip(str(cursor).strip())
        rows = recent.where(int(begin) * 1000, int(end) * 1000 + 999, wanted)  # type: ignore[arg-type]
        if params.get("sort", 1) == 2:
            rows.reverse()
        page = rows[skip : skip + int(size)]  # type: ignore[arg-type]
        more = len(rows) > skip + len(page)
        if fate.kind == "overlap":
            page = page + page[:1]
        elif fate.kind == "reorder":
            page = page[::-1]
        return page, base64.b64encode(str(skip + int(size)).encode()).decode() if more else "nomore"  # type: ignore[arg-type]

    def _detail(self, params: _Params, _fate: Fate) -> tuple[Any, int]:
        return order_row(self._order(params, "oid")), 0

    def _deliver(self, params: _Params, _fate: Fate) -> tuple[Any, int]:
        order = self._order(params, "orderId")
        if params.get("expressCode") != EXPRESS_CODE or not params.get("expressNo"):
            raise KuaishouError(802, "发货失败", "EXPRESS_INVALID", "物流公司或运单号不合法")
        if order.state is not State.PAID:
            # Repeating the same waybill is refused like any other order that does not wait for shipping.
            raise KuaishouError(802, "发货失败", "ORDER_STATUS_INVALID", "订单状态不允许发货")
        if order.refund is not None and order.refund.status is RefundStatus.OPEN:
            raise KuaishouError(802, "发货失败", "REFUND_PROCESSING", "存在进行中的退款")
        if order.flag is not Flag.NONE:
            raise KuaishouError(802, "发货失败", "DELIVERY_DISABLED", "订单禁止发货")
        lsn = self._world.ship(order, "open.seller.order.goods.deliver", str(params["expressNo"]))
        return None, lsn

    def _note(self, params: _Params, _fate: Fate) -> tuple[Any, int]:
        order = self._order(params, "orderId")
        note = params.get("note", "")
        if not isinstance(note, str) or len(note) > 200 or params.get("flag", 0) not in range(7):
            raise KuaishouError(21, "param invalid: note, flag")
        # Notes gather: what was written before stays.
        return None, self._world.annotate(order, f"{order.note}\n{note}" if order.note else note)

    def _order(self, params: _Params, name: str) -> Order:
        order = self._shop.orders.get(str(params.get(name, "")))
        if order is None or type(params[name]) is not int:
            raise KuaishouError(802, "订单不存在", "ORDER_NOT_EXIST", "订单不存在")
        return order


def _echo(params: _Params) -> dict[str, Any]:
    return {name: params[name] for name in ("beginTime", "endTime", "pageSize")}


def _skip(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True))
    except ValueError:
        raise KuaishouError(21, "param invalid: cursor") from None
