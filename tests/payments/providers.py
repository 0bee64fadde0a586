"""Alipay, WeChat Pay and epay gateways as far as a merchant sees them; signed here by hand, not by the connectors' code."""

import base64
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.connectors.server import Answer, Request

Fields = dict[str, str]
BEIJING = timezone(timedelta(hours=8))


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """One key a name for the whole run: provider, merchant, stranger."""
    return rsa.generate_private_key(65537, 2048)


def private(name: str) -> str:
    return key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public(name: str) -> str:
    return key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signed(text: str | bytes, by: str) -> str:
    data = text.encode() if isinstance(text, str) else text
    return base64.b64encode(key(by).sign(data, padding.PKCS1v15(), SHA256())).decode()


def checked(text: str, signature: str, of: str) -> None:
    """Raises unless the signature is right."""
    key(of).public_key().verify(base64.b64decode(signature), text.encode(), padding.PKCS1v15(), SHA256())


def lined(fields: Mapping[str, str], *out: str) -> str:
    return "&".join(f"{k}={v}" for k, v in sorted(fields.items()) if k not in out and v != "")


def beijing(at: float) -> str:
    return datetime.fromtimestamp(at, BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"


@dataclass(frozen=True)
class Notice:
    """One request to the merchant, ready to be sent or spoilt."""

    method: str
    query: str = ""
    headers: Fields = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Trade:
    """One payment at the provider."""

    number: str
    ext_id: str
    fen: int
    at: float
    state: str = "paid"  # paid, unpaid, refunded, closed
    back: dict[str, int] = field(default_factory=dict)  # refund number -> fen


class Provider:
    """What all three do: keep trades, count questions, fail when told."""

    kind = ""
    done: bytes = b"success"

    def __init__(self) -> None:
        self.trades: dict[str, Trade] = {}
        self.asked: list[str] = []
        self.broken: Answer | None = None
        self.url = ""

    def pay(self, ext_id: str, fen: int, state: str = "paid") -> Trade:
        """Somebody pays."""
        trade = Trade(f"2026{len(self.trades):08d}{ext_id[-8:]}", ext_id, fen, time.time(), state)
        self.trades[ext_id] = trade
        return trade

    def options(self) -> Fields:
        raise NotImplementedError

    def notice(self, trade: Trade, **changes: Any) -> Notice:
        raise NotImplementedError

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def handle(self, request: Request) -> Answer:
        if self.broken is not None:
            self.asked.append("?")
            return self.broken
        return self.answer(request)


class AlipayProvider(Provider):
    kind = "alipay"
    APP, SELLER = "2021000000000001", "2088000000000001"

    def options(self) -> Fields:
        return {
            "kind": "alipay", "url": f"{self.url}/gateway.do", "app_id": self.APP, "seller_id": self.SELLER,
            "private_key": private("merchant"), "alipay_public_key": public("provider"),
        }  # fmt: skip

    def notice(self, trade: Trade, by: str = "provider", **changes: Any) -> Notice:
        fields = {
            "notify_time": beijing(time.time()), "notify_type": "trade_status_sync", "notify_id": f"n{trade.number}",
            "app_id": self.APP, "auth_app_id": self.APP, "charset": "utf-8", "version": "1.0",
            "trade_no": trade.number, "out_trade_no": trade.ext_id, "trade_status": "TRADE_SUCCESS",
            "total_amount": yuan(trade.fen), "receipt_amount": yuan(trade.fen), "seller_id": self.SELLER,
            "gmt_payment": beijing(trade.at), "subject": "点卡 50元", "passback_params": "",
            "fund_bill_list": json.dumps([{"amount": yuan(trade.fen), "fundChannel": "ALIPAYACCOUNT"}]),
        } | {k: str(v) for k, v in changes.items()}  # fmt: skip
        fields = {k: v for k, v in fields.items() if v != "-"}
        sign = {"sign_type": "RSA2", "sign": signed(lined(fields), by)}
        return Notice("POST", headers=FORM, body=urlencode(fields | sign).encode())

    def answer(self, request: Request) -> Answer:
        fields = dict(parse_qsl(urlsplit(request.target).query)) | request.form
        checked(lined(fields, "sign"), fields["sign"], "merchant")
        content = json.loads(fields["biz_content"])
        self.asked.append(content["out_trade_no"])
        method = {
            "alipay.trade.query": self._trade, "alipay.trade.fastpay.refund.query": self._refund
        }[fields["method"]]  # fmt: skip
        inner = json.dumps(method(content), ensure_ascii=False).replace("/", "\\/")
        name = fields["method"].replace(".", "_") + "_response"
        body = f'{{"{name}":{inner},"sign":"{signed(inner, "provider")}"}}'.encode()
        return b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: %d\r\n\r\n" % len(body) + body

    def _trade(self, content: dict[str, str]) -> dict[str, Any]:
        trade = self.trades.get(content["out_trade_no"])
        if trade is None:
            return {
                "code": "40004",
                "msg": "Business Failed",
                "sub_code": "ACQ.TRADE_NOT_EXIST",
                "sub_msg": "交易不存在",
            }
        state = {
            "paid": "TRADE_SUCCESS", "unpaid": "WAIT_BUYER_PAY", "refunded": "TRADE_CLOSED", "closed": "TRADE_CLOSED"
        }[trade.state]  # fmt: skip
        paid = {"send_pay_date": beijing(trade.at)} if trade.state in ("paid", "refunded") else {}
        return {
            "code": "10000", "msg": "Success", "trade_no": trade.number, "out_trade_no": trade.ext_id,
            "trade_status": state, "total_amount": yuan(trade.fen), "buyer_logon_id": "a/b***@x.cn", **paid,
        }  # fmt: skip

    def _refund(self, content: dict[str, str]) -> dict[str, Any]:
        trade = self.trades[content["out_trade_no"]]
        fen = trade.back.get(content["out_request_no"])
        if fen is None:
            return {"code": "10000", "msg": "Success"}
        return {
            "code": "10000", "msg": "Success", "trade_no": trade.number, "out_trade_no": trade.ext_id,
            "out_request_no": content["out_request_no"], "refund_amount": yuan(fen), "refund_status": "REFUND_SUCCESS",
            "total_amount": yuan(trade.fen), "gmt_refund_pay": beijing(time.time()),
        }  # fmt: skip


FORM = {"content-type": "application/x-www-form-urlencoded"}


class WeChatProvider(Provider):
    kind = "wechatpay"
    done = b""
    MCH, APP, SERIAL, SECRET = "1900000001", "wx0000000000000001", "PUB_KEY_ID_01", "0123456789abcdef0123456789abcdef"

    def options(self) -> Fields:
        return {
            "kind": "wechatpay", "url": self.url, "mchid": self.MCH, "appid": self.APP, "secret": self.SECRET,
            "serial": "MERCHANT01", "private_key": private("merchant"), "public_key_id": self.SERIAL,
            "public_key": public("provider"),
        }  # fmt: skip

    def inside(self, trade: Trade, **changes: Any) -> dict[str, Any]:
        return {
            "transaction_id": trade.number, "mchid": self.MCH, "appid": self.APP, "out_trade_no": trade.ext_id,
            "trade_type": "NATIVE", "trade_state": "SUCCESS", "trade_state_desc": "支付成功",
            "success_time": datetime.fromtimestamp(trade.at, BEIJING).isoformat(timespec="seconds"),
            "payer": {"openid": "o1"},
            "amount": {"total": trade.fen, "payer_total": trade.fen, "currency": "CNY", "payer_currency": "CNY"},
        } | changes  # fmt: skip

    def notice(
        self, trade: Trade, by: str = "provider", serial: str = "", age: float = 0, event: str = "TRANSACTION.SUCCESS",
        secret: str = "", **changes: Any,
    ) -> Notice:  # fmt: skip
        text = json.dumps(self.inside(trade, **changes)).encode()
        nonce = os.urandom(6).hex()
        sealed = AESGCM((secret or self.SECRET).encode()).encrypt(nonce.encode(), text, b"transaction")
        body = json.dumps(
            {
                "id": f"EV-{trade.number}", "create_time": datetime.now(UTC).isoformat(), "event_type": event,
                "resource_type": "encrypt-resource", "summary": "支付成功",
                "resource": {
                    "original_type": "transaction", "algorithm": "AEAD_AES_256_GCM", "nonce": nonce,
                    "ciphertext": base64.b64encode(sealed).decode(), "associated_data": "transaction",
                },
            }
        ).encode()  # fmt: skip
        return Notice("POST", headers=self._headers(body, by, serial or self.SERIAL, age), body=body)

    def refund(self, trade: Trade, fen: int, number: str) -> Notice:
        """The notice of a refund that came through."""
        return self.notice(
            trade, event="REFUND.SUCCESS", refund_id=number, out_refund_no="r1", refund_status="SUCCESS",
            success_time=datetime.fromtimestamp(trade.at + 5, BEIJING).isoformat(timespec="seconds"),
            amount={"total": trade.fen, "refund": fen, "payer_total": trade.fen, "payer_refund": fen},
        )  # fmt: skip

    def _headers(self, body: bytes, by: str, serial: str, age: float = 0) -> Fields:
        stamp, nonce = str(int(time.time() - age)), os.urandom(8).hex()
        text = f"{stamp}\n{nonce}\n".encode() + body + b"\n"
        return {
            "content-type": "application/json", "wechatpay-timestamp": stamp, "wechatpay-nonce": nonce,
            "wechatpay-serial": serial, "wechatpay-signature": signed(text, by),
            "wechatpay-signature-type": "WECHATPAY2-SHA256-RSA2048",
        }  # fmt: skip

    def answer(self, request: Request) -> Answer:
        scheme, _, rest = request.headers["authorization"].partition(" ")
        assert scheme == "WECHATPAY2-SHA256-RSA2048"
        given = {k: v.strip('"') for k, _, v in (part.partition("=") for part in rest.split(","))}
        text = f"{request.method}\n{request.target}\n{given['timestamp']}\n{given['nonce_str']}\n\n"
        checked(text, given["signature"], "merchant")
        assert (given["mchid"], given["serial_no"]) == (self.MCH, "MERCHANT01")
        assert request.query == {"mchid": [self.MCH]}
        ext_id = unquote(request.path.rpartition("/")[2])
        self.asked.append(ext_id)
        trade = self.trades.get(ext_id)
        if trade is None:
            return 404, {"code": "ORDER_NOT_EXIST", "message": "订单不存在"}
        state = {"paid": "SUCCESS", "unpaid": "NOTPAY", "refunded": "REFUND", "closed": "CLOSED"}[trade.state]
        inside = self.inside(trade, trade_state=state)
        body = json.dumps(inside).encode()
        head = "".join(f"{k}: {v}\r\n" for k, v in self._headers(body, "provider", self.SERIAL).items())
        return f"HTTP/1.1 200 OK\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body


class EpayProvider(Provider):
    kind = "epay"
    PID, KEY = "1001", "89unJUB8HZ54Hj7x4nUj56HN4nUzUJ8i"

    def options(self) -> Fields:
        return {"kind": "epay", "url": self.url, "pid": self.PID, "key": self.KEY}

    def fields(self, trade: Trade, **changes: Any) -> Fields:
        return {
            "pid": self.PID, "trade_no": trade.number, "out_trade_no": trade.ext_id, "type": "alipay",
            "name": "VIP会员 50", "money": yuan(trade.fen), "trade_status": "TRADE_SUCCESS", "param": "",
        } | {k: str(v) for k, v in changes.items()}  # fmt: skip

    def notice(self, trade: Trade, by: str = "", method: str = "GET", **changes: Any) -> Notice:
        fields = self.fields(trade, **changes)
        sign = hashlib.md5((lined(fields) + (self.KEY if by in ("", "provider") else by)).encode()).hexdigest()
        text = urlencode(fields | {"sign": sign, "sign_type": "MD5"})
        return Notice("GET", query=text) if method == "GET" else Notice("POST", headers=FORM, body=text.encode())

    def answer(self, request: Request) -> Answer:
        asked = {k: v[0] for k, v in request.query.items()}
        assert (request.path, asked["act"], asked["pid"], asked["key"]) == ("/api.php", "order", self.PID, self.KEY)
        self.asked.append(asked["out_trade_no"])
        trade = self.trades.get(asked["out_trade_no"])
        if trade is None:
            return 200, {"code": -1, "msg": "订单号不存在"}
        return 200, {
            "code": 1, "msg": "succ", "trade_no": trade.number, "out_trade_no": trade.ext_id, "type": "alipay",
            "pid": 1001, "addtime": beijing(trade.at), "endtime": beijing(trade.at), "name": "VIP", "money": yuan(trade.fen),
            "status": {"paid": 1, "refunded": 2}.get(trade.state, 0),
        }  # fmt: skip


class EpayV2Provider(EpayProvider):
    def options(self) -> Fields:
        return {
            "kind": "epay", "version": "2", "url": self.url, "pid": self.PID, "private_key": private("merchant"),
            "public_key": public("provider"),
        }  # fmt: skip

    def notice(self, trade: Trade, by: str = "", method: str = "GET", age: float = 0, **changes: Any) -> Notice:
        fields = self.fields(trade, **{"timestamp": int(time.time() - age)} | changes)
        text = urlencode(fields | {"sign": signed(lined(fields), by or "provider"), "sign_type": "RSA"})
        return Notice("GET", query=text) if method == "GET" else Notice("POST", headers=FORM, body=text.encode())

    def answer(self, request: Request) -> Answer:
        asked = request.form
        assert (request.method, request.path, asked["pid"]) == ("POST", "/api/pay/query", self.PID)
        checked(lined(asked, "sign", "sign_type"), asked["sign"], "merchant")
        assert abs(int(asked["timestamp"]) - time.time()) < 300
        self.asked.append(asked["out_trade_no"])
        trade = self.trades.get(asked["out_trade_no"])
        found: dict[str, Any] = {"code": -1, "msg": "订单不存在"}
        if trade is not None:
            found = {
                "code": 0, "pid": 1001, "trade_no": trade.number, "out_trade_no": trade.ext_id, "money": yuan(trade.fen),
                "status": {"paid": 1, "refunded": 2}.get(trade.state, 0), "endtime": beijing(trade.at),
            }  # fmt: skip
        found["timestamp"] = str(int(time.time()))
        found |= {"sign": signed(lined({k: str(v) for k, v in found.items()}), "provider"), "sign_type": "RSA"}
        return 200, found


PROVIDERS: dict[str, Callable[[], Provider]] = {
    "alipay": AlipayProvider,
    "wechatpay": WeChatProvider,
    "epay v1": EpayProvider,
    "epay v2": EpayV2Provider,
}


def respelt(notice: Notice, old: str, new: str) -> Notice:
    """The notice with something of it exchanged after it was signed."""
    spoilt = replace(notice, query=notice.query.replace(old, new), body=notice.body.replace(old.encode(), new.encode()))
    assert spoilt != notice, "the test changes nothing"
    return spoilt
