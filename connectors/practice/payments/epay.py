"""An epay gateway, version 1: MD5, one query, notices that anybody with the key could have written."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlencode

from connectors.practice.gate import Call, yuan
from connectors.practice.payments.seals import line
from connectors.practice.pushes import Message
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Shop, State, World

_BEIJING = timezone(timedelta(hours=8))
_FORM = "application/x-www-form-urlencoded"


class Epay:
    """One merchant of the gateway, whose trades are the shop's orders. Its forgers have the right key."""

    kind = "epay"

    def __init__(self, world: World, shop: Shop) -> None:
        self._world, self._shop = world, shop
        self._pid, self._key = "1001", shop.app_secret

    def settings(self, url: str, hide: Callable[[str, str], str]) -> Mapping[str, str]:
        """Kind, id and key."""
        return {"kind": self.kind, "url": url, "pid": self._pid, "key": hide("pay_key", self._key)}

    def read(self, request: Request) -> Call | Answer:
        """The key itself is what the merchant shows."""
        fields = dict(parse_qsl(request.query))
        if request.path != "/api.php" or fields.get("act") != "order":
            return as_json({"code": -1, "msg": "No Act!"})
        right = hmac.compare_digest(fields.get("key", "").encode(), self._key.encode())
        if fields.get("pid") != self._pid or not right:
            return as_json({"code": -3, "msg": "商户密钥错误"})
        return Call("order", "read", {"out_trade_no": fields.get("out_trade_no", "")})

    def act(self, call: Call) -> Answer:
        """The trade as it stands."""
        order = self._shop.orders.get(call.params["out_trade_no"])
        if order is None:
            return as_json({"code": -1, "msg": "订单号不存在"})
        status = 2 if order.state is State.REFUNDED else 1 if order.paid_at else 0
        return as_json(
            {
                "code": 1, "msg": "succ", "trade_no": f"2026{order.n:015d}", "out_trade_no": order.ext_id, "type": "wxpay",
                "pid": int(self._pid), "addtime": _beijing(order.created), "name": order.product.title,
                "endtime": _beijing(order.paid_at) if order.paid_at else None, "status": status,
                "money": yuan(order.gross or order.due),
            }
        )  # fmt: skip

    def notice(self, order: Order, forged: bool) -> Message:
        """A forged one is signed as well as a real one: only the gateway's own books tell them apart."""
        fields = {
            "pid": self._pid, "trade_no": f"{2027 if forged else 2026}{order.n:015d}", "out_trade_no": order.ext_id,
            "type": "wxpay", "name": order.product.title, "money": yuan(order.due if forged else order.gross),
            "trade_status": "TRADE_SUCCESS", "param": "",
        }  # fmt: skip
        sign = hashlib.md5((line(fields) + self._key).encode(), usedforsecurity=False).hexdigest()
        return Message("", urlencode(fields | {"sign": sign, "sign_type": "MD5"}).encode(), _FORM)

    def took(self, status: int, body: bytes) -> bool:
        """The word."""
        return status == 200 and body.strip() == b"success"


def _beijing(us: int) -> str:
    return datetime.fromtimestamp(us // SECOND, _BEIJING).strftime("%Y-%m-%d %H:%M:%S")
