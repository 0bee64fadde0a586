"""Alipay's gateway as far as a merchant asks it: RSA2, the two queries, notices."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, urlencode

from connectors.practice.gate import Call, yuan
from connectors.practice.payments.seals import Seal, line
from connectors.practice.pushes import Message
from connectors.practice.wire import Answer, Request
from connectors.practice.world import SECOND, Order, Shop, State, World

_BEIJING = timezone(timedelta(hours=8))
_FORM = "application/x-www-form-urlencoded; charset=utf-8"
_METHODS = ("alipay.trade.query", "alipay.trade.fastpay.refund.query")


class Alipay:
    """One application of one seller, whose trades are the shop's orders."""

    kind = "alipay"

    def __init__(self, world: World, shop: Shop) -> None:
        self._world, self._shop = world, shop
        self._app, self._seller = f"2021{shop.app_key}0001"[:16], "2088900000000001"
        self._own, self._merchant, self._stranger = Seal(), Seal(), Seal()

    def settings(self, url: str, hide: Callable[[str, str], str]) -> Mapping[str, str]:
        """Kind, ids and keys."""
        return {
            "kind": self.kind, "url": f"{url}/gateway.do", "app_id": self._app, "seller_id": self._seller,
            "private_key": hide("pay_private_key", self._merchant.private()),
            "alipay_public_key": hide("pay_public_key", self._own.public()),
        }  # fmt: skip

    def read(self, request: Request) -> Call | Answer:
        """Common parameters may stand in the query or in the body; all of them are signed."""
        fields = dict(parse_qsl(request.query)) | dict(parse_qsl(request.body.decode("utf-8", "replace")))
        method = fields.get("method", "")
        if request.path != "/gateway.do" or method not in _METHODS:
            return self._answer(
                "error_response", {"code": "40002", "msg": "Invalid Arguments", "sub_code": "isv.invalid-method"}
            )
        key = method.replace(".", "_") + "_response"
        if fields.get("app_id") != self._app:
            return self._answer(key, {"code": "40002", "msg": "Invalid Arguments", "sub_code": "isv.invalid-app-id"})
        if fields.get("sign_type") != "RSA2" or not self._merchant.check(line(fields, "sign"), fields.get("sign", "")):
            return self._answer(key, {"code": "40002", "msg": "Invalid Arguments", "sub_code": "isv.invalid-signature"})
        try:
            content = json.loads(fields.get("biz_content", ""))
            params = {name: str(content.get(name, "")) for name in ("out_trade_no", "out_request_no")}
        except (ValueError, AttributeError):
            return self._answer(key, {"code": "40004", "msg": "Business Failed", "sub_code": "ACQ.INVALID_PARAMETER"})
        return Call(method, "read", params)

    def act(self, call: Call) -> Answer:
        """The trade, or its refund, as it stands."""
        key = call.method.replace(".", "_") + "_response"
        order = self._shop.orders.get(call.params["out_trade_no"])
        # Until the buyer has come to the cashier's page there is no trade at all.
        if order is None or not order.paid_at:
            return self._answer(
                key,
                {"code": "40004", "msg": "Business Failed", "sub_code": "ACQ.TRADE_NOT_EXIST", "sub_msg": "交易不存在"},
            )
        found: dict[str, Any] = {
            "code": "10000",
            "msg": "Success",
            "trade_no": number(order),
            "out_trade_no": order.ext_id,
        }
        if call.method == _METHODS[0]:
            found |= {
                "trade_status": "TRADE_CLOSED" if order.state is State.REFUNDED else "TRADE_SUCCESS",
                "total_amount": yuan(order.gross), "send_pay_date": _beijing(order.paid_at),
                "buyer_logon_id": "buy***@example.com", "receipt_amount": yuan(order.gross),
            }  # fmt: skip
        elif order.refunded and call.params["out_request_no"] == order.ext_id:
            found |= {
                "out_request_no": order.ext_id, "refund_amount": yuan(order.refunded), "total_amount": yuan(order.gross),
                "refund_status": "REFUND_SUCCESS", "gmt_refund_pay": _beijing(order.ended),
            }  # fmt: skip
        else:
            found = {"code": "10000", "msg": "Success"}
        return self._answer(key, found)

    def notice(self, order: Order, forged: bool) -> Message:
        """Signed by Alipay, or by somebody else; every other forgery is a real notice of another application."""
        theirs = forged and order.n % 2 == 0
        fields = {
            "notify_time": _beijing(self._world.clock()), "notify_type": "trade_status_sync",
            "notify_id": f"{order.n:034d}", "app_id": "2021999999999999" if theirs else self._app,
            "auth_app_id": self._app, "charset": "utf-8", "version": "1.0", "trade_no": number(order),
            "out_trade_no": order.ext_id, "trade_status": "TRADE_SUCCESS", "seller_id": self._seller,
            "total_amount": yuan(order.due if forged else order.gross), "subject": order.product.title,
            "gmt_payment": _beijing(order.paid_at or self._world.clock()), "body": "",
        }  # fmt: skip
        seal = self._stranger if forged and not theirs else self._own
        sign = {"sign_type": "RSA2", "sign": seal.sign(line(fields))}
        return Message("", urlencode(fields | sign).encode(), _FORM)

    def took(self, status: int, body: bytes) -> bool:
        """These seven letters and nothing else."""
        return status == 200 and body == b"success"

    def _answer(self, key: str, inner: dict[str, Any]) -> Answer:
        text = json.dumps(inner, ensure_ascii=False, separators=(",", ":"))
        sign = f',"sign":"{self._own.sign(text)}"' if inner["code"] == "10000" else ""
        return Answer(200, f'{{"{key}":{text}{sign}}}'.encode())


def number(order: Order) -> str:
    """Alipay's own number of the order's trade."""
    day = datetime.fromtimestamp(order.created // SECOND, UTC).strftime("%Y%m%d")
    return f"{day}22001400{order.n:012d}"


def _beijing(us: int) -> str:
    return datetime.fromtimestamp(us // SECOND, _BEIJING).strftime("%Y-%m-%d %H:%M:%S")
