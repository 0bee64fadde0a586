"""WeChat Pay, API v3, as far as a merchant asks it: signed answers, sealed notices."""

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl, unquote

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connectors.practice.gate import Call
from connectors.practice.payments.seals import Seal
from connectors.practice.pushes import Message
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Shop, State, World

_BEIJING = timezone(timedelta(hours=8))
_SCHEME = "WECHATPAY2-SHA256-RSA2048"
_GIVEN = re.compile(r'(\w+)="([^"]*)"')
_ORDER = re.compile(r"/v3/pay/transactions/out-trade-no/([^/]+)\Z")
_WINDOW = 300  # seconds


class WeChatPay:
    """One merchant number, whose transactions are the shop's orders."""

    kind = "wechatpay"

    def __init__(self, world: World, shop: Shop) -> None:
        self._world, self._shop = world, shop
        self._mchid, self._appid, self._key_id = "1900000109", "wx00practice000001", "PUB_KEY_ID_0119000001090001"
        self._secret = shop.app_secret[:32].ljust(32, "0")
        self._own, self._merchant, self._stranger = Seal(), Seal(), Seal()

    def settings(self, url: str, hide: Callable[[str, str], str]) -> Mapping[str, str]:
        """Kind, ids and keys."""
        return {
            "kind": self.kind, "url": url, "mchid": self._mchid, "appid": self._appid, "serial": "MERCHANT0001",
            "secret": hide("pay_secret", self._secret), "private_key": hide("pay_private_key", self._merchant.private()),
            "public_key_id": self._key_id, "public_key": hide("pay_public_key", self._own.public()),
        }  # fmt: skip

    def read(self, request: Request) -> Call | Answer:
        """What is signed is method, path with query (as at the provider's own host), time, nonce and body."""
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        given = dict(_GIVEN.findall(rest))
        path = request.path + (f"?{request.query}" if request.query else "")
        text = (
            f"{request.method}\n{path}\n{given.get('timestamp')}\n{given.get('nonce_str')}\n{request.body.decode()}\n"
        )
        stamp = given.get("timestamp", "")
        late = not stamp.isdigit() or abs(self._now() - int(stamp)) > _WINDOW
        if scheme != _SCHEME or late or not self._merchant.check(text, given.get("signature", "")):
            return as_json({"code": "SIGN_ERROR", "message": "签名错误"}, 401)
        found = _ORDER.match(request.path)
        if request.method != "GET" or found is None:
            return as_json({"code": "RESOURCE_NOT_EXISTS", "message": "not played here"}, 404)
        if dict(parse_qsl(request.query)).get("mchid") != self._mchid or given.get("mchid") != self._mchid:
            return as_json({"code": "PARAM_ERROR", "message": "mchid"}, 400)
        return Call("order", "read", {"out_trade_no": unquote(found[1])})

    def act(self, call: Call) -> Answer:
        """The transaction as it stands; the answer is signed like a notice."""
        order = self._shop.orders.get(call.params["out_trade_no"])
        if order is None:
            return as_json({"code": "ORDER_NOT_EXIST", "message": "订单不存在"}, 404)
        body = json.dumps(self._shown(order, order.gross)).encode()
        return Answer(200, body, 0, tuple(self._signed(body, self._own)))

    def notice(self, order: Order, forged: bool) -> Message:
        """Sealed and signed; a forger has not the key, or it has somebody else's serial."""
        inside = (
            self._shown(order, order.due if forged else order.gross) | self._paid(order) | {"trade_state": "SUCCESS"}
        )
        nonce = secrets.token_hex(6)
        sealed = AESGCM(self._secret.encode()).encrypt(nonce.encode(), json.dumps(inside).encode(), b"transaction")
        resource = {
            "original_type": "transaction", "algorithm": "AEAD_AES_256_GCM", "nonce": nonce,
            "associated_data": "transaction", "ciphertext": base64.b64encode(sealed).decode(),
        }  # fmt: skip
        notice = {
            "id": f"EV-{order.n:020d}", "create_time": self._stamp(self._world.clock()), "summary": "支付成功",
            "event_type": "TRANSACTION.SUCCESS", "resource_type": "encrypt-resource", "resource": resource,
        }  # fmt: skip
        body = json.dumps(notice).encode()
        serial = "PUB_KEY_ID_OF_NOBODY" if forged and order.n % 2 else ""
        signed = self._signed(body, self._stranger if forged else self._own, serial)
        return Message("", body, "application/json", tuple(signed))

    def took(self, status: int, body: bytes) -> bool:
        """Any body, or none."""
        return status in (200, 204)

    def _shown(self, order: Order, amount: int) -> dict[str, Any]:
        state = {State.UNPAID: "NOTPAY", State.CLOSED: "CLOSED", State.REFUNDED: "REFUND"}.get(order.state, "SUCCESS")
        shown: dict[str, Any] = {
            "appid": self._appid, "mchid": self._mchid, "out_trade_no": order.ext_id, "trade_state": state,
            "trade_state_desc": state, "amount": {"total": amount or order.due, "currency": "CNY"},
        }  # fmt: skip
        return shown | self._paid(order) if state in ("SUCCESS", "REFUND") else shown

    def _paid(self, order: Order) -> dict[str, str]:
        at = self._stamp(order.paid_at or self._world.clock())
        return {"transaction_id": f"42000{order.n:023d}", "trade_type": "NATIVE", "success_time": at}

    def _signed(self, body: bytes, seal: Seal, serial: str = "") -> list[tuple[str, str]]:
        stamp, nonce = str(self._now()), secrets.token_hex(16)
        return [
            ("wechatpay-timestamp", stamp), ("wechatpay-nonce", nonce), ("wechatpay-serial", serial or self._key_id),
            ("wechatpay-signature", seal.sign(f"{stamp}\n{nonce}\n".encode() + body + b"\n")),
            ("wechatpay-signature-type", _SCHEME),
        ]  # fmt: skip

    def _now(self) -> int:
        return self._world.clock() // SECOND

    def _stamp(self, us: int) -> str:
        return datetime.fromtimestamp(us // SECOND, _BEIJING).isoformat()
