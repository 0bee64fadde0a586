"""Weidian as the facts describe it: one address, two JSON texts in a form, a token and no signature.

The platform's codes are known for tokens alone; the others are this world's own.
"""

import random
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec

from connectors.practice.faults import Fate
from connectors.practice.gate import Call, rows_of
from connectors.practice.markets.weidian_rows import detail_row, list_row, status_of
from connectors.practice.mint import secret as new_secret
from connectors.practice.taobao_rows import parse_time
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Shop, World

ENDED = 10013
RATE, BUSY, PARAM, STATE = 10099, 10000, 10001, 10200
_TOKEN = "/token"
_MONTH = 31 * 86_400 * SECOND
_Result = tuple[Any, int]  # result, ledger number


class VdianError(Exception):
    """An error that goes out in the platform's envelope (HTTP 200)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Weidian:
    """The one address. ``lag`` seconds: how long a change takes to show in the lists."""

    platform = "weidian"

    def __init__(self, world: World, shop: Shop, lag: float) -> None:
        self._world, self._shop, self._lag = world, shop, int(lag * SECOND)
        self._rng = random.Random(f"wd/{world.seed}")
        self._apis: dict[tuple[str, str], tuple[str, Callable[[dict[str, Any], Fate], _Result]]] = {
            ("vdian.order.list.get", "1.5"): ("list", self._list),
            ("vdian.order.get", "2.0"): ("read", self._get),
            ("vdian.order.deliver", "1.0"): ("effect", self._deliver),
        }

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one request up to its method; an Answer is the refusal."""
        form = {name: values[-1] for name, values in parse_qs(request.query, keep_blank_values=True).items()}
        if request.path.endswith(_TOKEN) and request.method == "GET":
            return Call(_TOKEN, "token", form)
        if not request.path.endswith("/api"):
            return as_json({}, 404)
        body = request.body.decode("utf-8", "replace")
        form |= {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}
        try:
            public = _json(form.get("public", ""))
            api = (str(public.get("method", "")), str(public.get("version", "")))
            if api not in self._apis or public.get("format", "json") != "json":
                raise VdianError(PARAM, "method or version")
        except VdianError as error:
            return _error(error)
        params = {"token": str(public.get("access_token", "")), "param": form.get("param", "")}
        return Call("/".join(api), self._apis[api][0], params)

    def act(self, call: Call, fate: Fate) -> Answer:
        """The method's answer; effects are in the ledger when this returns, though not yet on disk."""
        try:
            if call.method == _TOKEN:
                return _good(self._exchange(call.params), 0)
            if call.params["token"] != self._shop.token:
                raise VdianError(ENDED, "access_token无效或过期")
            name, _, version = call.method.partition("/")
            result, lsn = self._apis[name, version][1](_json(call.params["param"]), fate)
        except VdianError as error:
            return _error(error)
        return _good(result, lsn)

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away."""
        return _error(VdianError(RATE, "请求过于频繁") if kind == "rate" else VdianError(BUSY, "系统繁忙"))

    def expire_token(self) -> None:
        """The access token ends; asking again gives a new one."""
        self._shop.token = new_secret(self._rng, "tok_", 40)
        self._shop.spent_tokens += 1

    def _exchange(self, form: dict[str, str]) -> dict[str, Any]:
        if form.get("grant_type") != "client_credential":
            raise VdianError(PARAM, "grant_type")
        if form.get("appkey") != self._shop.app_key or form.get("secret") != self._shop.app_secret:
            raise VdianError(PARAM, "appkey or secret")
        return {"access_token": self._shop.token, "expire_in": 7200}

    def _list(self, param: dict[str, Any], fate: Fate) -> _Result:
        low, high = (_time(param, name) for name in ("update_start", "update_end"))
        page, size = param.get("page_num", 1), param.get("page_size", 50)
        if not isinstance(page, int) or not isinstance(size, int) or page < 1 or not 1 <= size <= 50:
            raise VdianError(PARAM, "page_num or page_size")
        if high < low or high - low > _MONTH:
            raise VdianError(PARAM, "update_start or update_end")
        wanted: Callable[[Order], bool] | None = None
        if param.get("order_type") not in (None, "", "all"):
            status = {"unpay": "10", "unship": "20", "shiped": "30", "finish": "50", "close": "60"}
            code = status.get(param["order_type"], "")
            wanted = lambda order: status_of(order) == code  # noqa: E731
        until = high + SECOND - 1
        if self._lag:
            until = min(until, self._world.clock() - self._lag)
        rows, total, _ = rows_of(self._shop.recent, low, until, page, size, wanted, fate.kind)
        return {"order_num": len(rows), "total_num": total, "orders": [list_row(order) for order in rows]}, 0

    def _get(self, param: dict[str, Any], _fate: Fate) -> _Result:
        return detail_row(self._order(param)), 0

    def _deliver(self, param: dict[str, Any], _fate: Fate) -> _Result:
        order = self._order(param)
        if str(param.get("express_type")) not in ("999", "0"):
            raise VdianError(PARAM, "express_no")
        if status_of(order) != "20":
            raise VdianError(STATE, "订单状态不支持发货")
        # A claim or a dispute does not stop this: nobody has seen the platform refuse it.
        return "success", self._world.ship(order, "vdian.order.deliver", "")

    def _order(self, param: dict[str, Any]) -> Order:
        order = self._shop.orders.get(str(param.get("order_id", "")))
        if order is None:
            raise VdianError(PARAM, "order_id")
        return order


def _good(result: Any, lsn: int) -> Answer:
    return as_json({"status": {"status_code": 0, "status_reason": "success"}, "result": result}, lsn=lsn)


def _error(error: VdianError) -> Answer:
    return as_json({"status": {"status_code": error.code, "status_reason": error.reason}})


def _json(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text.encode(), type=dict[str, Any])
    except msgspec.DecodeError:
        raise VdianError(PARAM, "not JSON") from None


def _time(param: dict[str, Any], name: str) -> int:
    try:
        return parse_time(param[name])
    except (KeyError, TypeError, ValueError):
        raise VdianError(PARAM, name) from None
