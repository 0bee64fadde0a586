"""Douyin as the facts describe it: a path for each method, HMAC signs, pages from 0, coupons that are issued once."""

import hashlib
import hmac
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from connectors.practice.faults import Fate
from connectors.practice.gate import Call, rows_of
from connectors.practice.markets.douyin_rows import order_of_sub, order_row, refund_row, sub_order
from connectors.practice.mint import secret as new_secret
from connectors.practice.recent import Recent, Row
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Flag, Order, Shop, State, World

_SKEW = 600  # seconds; the facts name no tolerance
_DAY = 86_400 * SECOND
_REFRESH = "token/refresh"
_BEIJING = timezone(timedelta(hours=8))
_Params = dict[str, Any]
R = TypeVar("R", bound=Row)


class DouyinError(Exception):
    """An error that goes out in the platform's envelope (HTTP 200), once the ledger has ``lsn`` on disk."""

    def __init__(self, code: int, msg: str, sub_code: str, sub_msg: str = "", lsn: int = 0) -> None:
        super().__init__(msg)
        self.code, self.msg, self.sub_code, self.sub_msg, self.lsn = code, msg, sub_code, sub_msg or msg, lsn


def sign(query: dict[str, str], param_json: str, secret: str) -> str:
    """The signature over the four signed parameters and the JSON text of the body."""
    parts = {name: query.get(name, "") for name in ("app_key", "method", "timestamp", "v")} | {"param_json": param_json}
    text = secret + "".join(name + parts[name] for name in sorted(parts)) + secret
    if query.get("sign_method") == "md5":
        return hashlib.md5(text.encode()).hexdigest()  # noqa: S324 - the platform's rule
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def sorted_json(body: bytes) -> str:
    """The body as it has to be signed: keys in order, compact, nothing escaped. Raises ValueError."""
    return json.dumps(json.loads(body or b"{}"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


class DouyinDoor:
    """The open platform. ``read`` checks what the gateway checks, ``act`` answers the method."""

    platform = "douyin"

    def __init__(self, world: World, shop: Shop) -> None:
        self._world, self._shop = world, shop
        self._rng = random.Random(f"douyin/{world.seed}")
        self._issued: dict[str, bytes] = {}  # sub-order -> digest of what was issued for it
        self._requests = 0
        self._methods: dict[str, tuple[str, Callable[[_Params, Fate], tuple[Any, int]]]] = {
            "order/searchList": ("list", self._search),
            "afterSale/List": ("list", self._after_sales),
            "order/orderDetail": ("read", self._detail),
            _REFRESH: ("token", self._refresh),
            "coupons/syncV2": ("effect", self._sync),
            "order/addOrderRemark": ("effect", self._remark),
        }

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one request up to its method; an Answer is the refusal."""
        path = request.path.removeprefix("/douyin/")
        if path not in self._methods:
            return as_json({}, 404)
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        try:
            self._check(request, path, query)
        except DouyinError as error:
            return self._error(error)
        text = sorted_json(request.body)
        return Call(path, self._methods[path][0], {"token": query.get("access_token", ""), "param": text})

    def act(self, call: Call, fate: Fate) -> Answer:
        """The method's answer; effects are in the ledger when this returns, though not yet on disk."""
        try:
            if call.method != _REFRESH:
                self._check_token(call.params["token"])
            data, lsn = self._methods[call.method][1](json.loads(call.params["param"]), fate)
        except DouyinError as error:
            return self._error(error)
        return self._answer(10000, "success", "", "", data, lsn)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        if kind == "rate":
            return self._error(DouyinError(60000, "触发限流", "isv.traffic-limited"))
        return self._error(DouyinError(20000, "系统错误", "isp.service-error:1", "系统异常,请稍后重试"))

    def expire_token(self) -> None:
        """The access token ends; the refresh token gives a new one."""
        self._shop.token = new_secret(self._rng, "tok_", 40)
        self._shop.spent_tokens += 1

    def _check(self, request: Request, path: str, query: dict[str, str]) -> None:
        for name in ("app_key", "method", "timestamp", "v", "sign"):
            if not query.get(name):
                sub = "isv.signature-missing" if name == "sign" else f"isv.parameter-missing:{name}"
                raise DouyinError(40001, f"{name}为空", sub)
        if request.method != "POST" or query["method"] != path.replace("/", ".") or query["v"] != "2":
            raise DouyinError(40003, "method或v不正确", "isv.parameter-format-invalid")
        if query["app_key"] != self._shop.app_key:
            raise DouyinError(40003, "app_key不存在", "isv.app-key-invalid")
        at = _stamp(query["timestamp"])
        if at is None or abs(at - self._world.clock() / SECOND) > _SKEW:
            raise DouyinError(40003, "timestamp不合法", "isv.timestamp-invalid")
        try:
            text = sorted_json(request.body)
        except ValueError:
            raise DouyinError(40003, "param_json不是JSON", "isv.parameter-format-invalid") from None
        if not hmac.compare_digest(sign(query, text, self._shop.app_secret).encode(), query["sign"].encode()):
            raise DouyinError(40003, "sign不合法", "isv.signature-invalid")

    def _check_token(self, token: str) -> None:
        if not token:
            raise DouyinError(40001, "access_token为空", "isv.access-token-missing")
        if token != self._shop.token:
            raise DouyinError(40003, "access_token已过期", "isv.access-token-expired")

    def _error(self, error: DouyinError) -> Answer:
        return self._answer(error.code, error.msg, error.sub_code, error.sub_msg, None, error.lsn)

    def _answer(self, code: int, msg: str, sub_code: str, sub_msg: str, data: object, lsn: int) -> Answer:
        self._requests += 1
        body = {"code": code, "msg": msg, "sub_code": sub_code, "sub_msg": sub_msg, "data": data}
        return as_json({**body, "log_id": f"2026{self._requests:028X}"}, lsn=lsn)

    def _search(self, params: _Params, fate: Fate) -> tuple[Any, int]:
        low, high = self._window(params, "update_time_start", "update_time_end")
        # Played are the newest changes first, as connectors read; the default order is by creation.
        if params.get("order_by") != "update_time" or params.get("order_asc", False) is not False:
            raise _invalid("order_by, order_asc")
        wanted: Callable[[Order], bool] | None = None
        groups = params.get("combine_status")
        if groups is not None:
            statuses = _statuses(groups)
            wanted = lambda order: order_row(order)["order_status"] in statuses  # noqa: E731
        rows, page, size, total = _page(params, self._shop.recent, low, high, wanted, fate)
        return {"shop_order_list": [order_row(row) for row in rows], "total": total, "page": page, "size": size}, 0

    def _after_sales(self, params: _Params, fate: Fate) -> tuple[Any, int]:
        low, high = self._window(params, "update_start_time", "update_end_time")
        if params.get("order_by", ["update_time desc"]) != ["update_time desc"]:
            raise _invalid("order_by")
        rows, page, size, total = _page(params, self._shop.refunds, low, high, None, fate)
        more = (page + 1) * size < total
        items = [refund_row(row) for row in rows]
        return {"items": items, "has_more": more, "total": total, "page": page, "size": len(items)}, 0

    def _detail(self, params: _Params, _fate: Fate) -> tuple[Any, int]:
        order = self._shop.orders.get(str(params.get("shop_order_id", "")))
        if order is None:
            raise DouyinError(50002, "业务处理失败", "isv.business-failed:30001", "订单不存在")
        return {"shop_order_detail": order_row(order)}, 0

    def _refresh(self, params: _Params, _fate: Fate) -> tuple[Any, int]:
        if params.get("grant_type") != "refresh_token" or params.get("refresh_token") != self._shop.refresh_token:
            raise DouyinError(50001, "refresh_token失效", "dop.token-generate-failed:2100007")
        # The same refresh token goes on being good, so that a desk that was killed before it noted a new one lives.
        return {
            "access_token": self._shop.token, "refresh_token": self._shop.refresh_token, "expires_in": 604_800,
            "scope": "SCOPE", "shop_id": 4_463_798, "shop_name": "卡台演练店", "authority_id": "4463798",
        }, 0  # fmt: skip

    def _sync(self, params: _Params, _fate: Fate) -> tuple[Any, int]:
        sub = params.get("order_id")
        order = self._shop.orders.get(order_of_sub(sub)) if isinstance(sub, str) else None
        if order is None:
            raise DouyinError(40004, "非法的参数", "isv.parameter-invalid:020010", "履约单为空，请检查")
        coupons = params.get("cert_list")
        if not isinstance(coupons, list) or not coupons:
            raise DouyinError(40004, "非法的参数", "isv.parameter-invalid:010006", "卡券为空")
        keys = [_coupon(coupon) for coupon in coupons]
        digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).digest()
        earlier = self._issued.get(sub_order(order))
        if earlier is not None:
            if earlier != digest:
                raise DouyinError(40004, "非法的参数", "isv.parameter-invalid:010004", "幂等性校验失败")
            ref = str(coupons[0].get("out_cert_id", ""))
            lsn = self._world.ledger.add("repeat", shop=self._shop.name, ext_id=order.ext_id, ref=ref)
            raise DouyinError(50002, "业务处理失败", "isv.business-failed:000008", "请求已处理", lsn)
        if len(keys) != order.qty:
            raise DouyinError(50002, "业务处理失败", "isv.business-failed:010023", "校验发放卡券数量错误")
        if order.paid_at and self._world.clock() - order.paid_at > _DAY:
            raise DouyinError(50002, "业务处理失败", "isv.business-failed:010012", "卡券同步超出24小时")
        if order.state is State.PAID and order.flag is not Flag.NONE:
            raise DouyinError(50002, "业务处理失败", "isv.business-failed:60109", "订单风控审核中，请1-2小时后再发货")
        # Money is not checked here: an unpaid or refunded order's coupons go out, and the ledger says so.
        self._issued[sub_order(order)] = digest
        ref = str(coupons[0].get("out_cert_id", ""))
        self._world.send(self._shop.name, order.ext_id, keys, "", "douyin", ref)
        return None, self._world.ship(order, "coupons/syncV2", ref)

    def _remark(self, params: _Params, _fate: Fate) -> tuple[Any, int]:
        order = self._shop.orders.get(str(params.get("order_id", "")))
        if order is None:
            raise DouyinError(50002, "业务处理失败", "isv.business-failed:30001", "订单不存在")
        remark = params.get("remark", "")
        if not isinstance(remark, str) or len(remark) > 60:
            raise _invalid("remark")
        return None, self._world.annotate(order, remark)

    def _window(self, params: _Params, first: str, last: str) -> tuple[int, int]:
        low, high = params.get(first), params.get(last)
        now = self._world.clock() // SECOND
        if type(low) is not int or (high is not None and type(high) is not int) or low < now - 90 * 86_400 - 600:
            raise _invalid(f"{first}, {last}")
        top = now if high is None else int(high)
        if top < low:
            raise _invalid(f"{first}, {last}")
        return low * SECOND, top * SECOND + SECOND - 1


def _invalid(names: str) -> DouyinError:
    return DouyinError(40004, "非法的参数", "isv.parameter-invalid:000002", names)


def _stamp(text: str) -> float | None:
    """Unix seconds, or the date text that the platform takes as well."""
    if text.isascii() and text.isdigit() and len(text) == 10:
        return int(text)
    try:
        at = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=_BEIJING)
    except ValueError:
        return None
    return at.astimezone(UTC).timestamp()


def _statuses(groups: object) -> set[int]:
    """``[{"order_status": "2,101"}]``: one element only."""
    if not isinstance(groups, list) or len(groups) != 1 or not isinstance(groups[0], dict):
        raise _invalid("combine_status")
    try:
        return {int(text) for text in str(groups[0].get("order_status")).split(",")}
    except ValueError:
        raise _invalid("combine_status") from None


def _page(
    params: _Params, recent: Recent[R], low: int, high: int, wanted: Callable[[R], bool] | None, fate: Fate
) -> tuple[list[R], int, int, int]:
    """Rows, page (from 0), size, and the rows in the whole window."""
    page, size = params.get("page", 0), params.get("size", 10)
    if type(page) is not int or type(size) is not int or page < 0 or not 1 <= size <= 100:
        raise _invalid("page, size")
    if (page + 1) * size > 50_000:
        raise _invalid("page * size")
    rows, total, _ = rows_of(recent, low, high, page + 1, size, wanted, fate.kind)
    return rows, page, size, total


def _coupon(coupon: object) -> str:
    """The key in a coupon; number and time of granting are what the platform insists on."""
    if not isinstance(coupon, dict) or coupon.get("status", 2) not in (1, 2):
        raise _invalid("cert_list")
    key, granted = coupon.get("cert_no"), coupon.get("grant_time")
    if not isinstance(key, str) or not key or not isinstance(granted, str) or _stamp(granted) is None:
        raise _invalid("cert_list.cert_no, cert_list.grant_time")
    return key
