"""WeChat Pay, API v3: sealed notices, and the query by the merchant's order number (facts: payments B1, B2)."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from connectors import rsa
from connectors.http import Http
from connectors.options import Options, url_of
from connectors.payments import base
from connectors.payments.base import GatewayBase, GatewayKind, Refusal, expect, saying, word
from connectors.payments.wechatpay import sign
from core.model.clock import SECOND, Clock
from core.model.order import RefundState
from core.model.text import clean
from core.ports import ConnectorError, Inbound, Money, Received, Reply

URL: Final = "https://api.mch.weixin.qq.com"
_JSON: Final = "application/json"
_DONE: Final = Reply(body=b"")
_FAIL: Final = Reply(status=401, body=b'{"code":"FAIL","message":"refused"}', content_type=_JSON)
_UNPAID: Final = ("NOTPAY", "CLOSED", "USERPAYING", "REVOKED", "PAYERROR")
_PAIRS: Final = (("public_key_id", "public_key"), ("certificate_serial", "certificate"))


class WeChatPay(GatewayBase):
    """One merchant number with one application. ``keys``: the provider's keys by serial, the only ones ever used."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        http: Http,
        url: str,
        mchid: str,
        appid: str,
        secret: str,
        serial: str,
        private_key: str,
        keys: Mapping[str, str],
        per_minute: float = base.PER_MINUTE,
    ) -> None:
        super().__init__(name, f"wechatpay:{mchid}:{appid}", clock, http, per_minute)
        if len(secret.encode()) != 32:
            raise ValueError("secret is the APIv3 key, which has 32 characters")
        rsa.private_key(private_key)
        for key in keys.values():
            rsa.public_key(key)
        self._url, self._mchid, self._appid, self._keys = url.rstrip("/"), mchid, appid, dict(keys)
        self._secret, self._serial, self._private = secret, serial, private_key

    async def receive(self, request: Inbound) -> Received:
        """A notice. Probes with a signature made to fail (``WECHATPAY/SIGNTEST/``) fail like any other."""
        try:
            if request.method != "POST" or request.tail or len(request.body) > base.BODY_MAX:
                raise Refusal("not a notice")
            if not sign.verify(request.headers, request.body, self._keys, self._now()):
                raise Refusal("signature")
            notice = base.decode(request.body)
            try:
                inside = base.decode(sign.open_notice(request.body, self._secret).encode())
            except ValueError:
                raise Refusal("sealed with another key") from None
            return saying(_DONE, self._told(str(notice.get("event_type", "")), inside))
        except Refusal:
            return saying(_FAIL)

    def _told(self, event: str, inside: dict[str, Any]) -> tuple[Money, ...]:
        expect(inside, mchid=self._mchid)
        if event == "TRANSACTION.SUCCESS":
            return self._paid(inside)
        if event == "REFUND.SUCCESS":
            if inside.get("refund_status") != "SUCCESS":
                raise Refusal("a refund that is none")
            ext_id, trade = word(inside, "out_trade_no"), word(inside, "transaction_id")
            amount, at = _fen(inside, "refund"), self._time(inside)
            back = self._refunded(word(inside, "refund_id"), ext_id, amount, at)
            # Says how much it was, which answers the open question that a query may have raised.
            return (back, self._returned(trade, ext_id, amount, at, RefundState.DONE))
        return ()

    def _paid(self, inside: dict[str, Any]) -> tuple[Money, ...]:
        expect(inside, mchid=self._mchid, appid=self._appid)
        state = inside.get("trade_state")
        if state in _UNPAID:
            return ()
        if state not in ("SUCCESS", "REFUND"):
            raise Refusal("trade_state is new")
        ext_id, trade = word(inside, "out_trade_no"), word(inside, "transaction_id")
        amount, at = _fen(inside, "total"), self._time(inside)
        charge = self._charge(trade, ext_id, amount, at)
        # REFUND says that something went back, were it a single fen; how much is told by a notice alone.
        return (charge, self._returned(trade, ext_id, amount, at)) if state == "REFUND" else (charge,)

    async def query(self, ext_id: str) -> tuple[Money, ...]:
        """By the number under which the shop asked for the money. An answer counts with its signature alone."""
        path = f"/v3/pay/transactions/out-trade-no/{quote(ext_id, safe='')}?mchid={quote(self._mchid, safe='')}"
        nonce = secrets.token_hex(16)
        given = sign.authorization("GET", path, "", self._now(), nonce, self._mchid, self._serial, self._private)
        reply = await self._ask("GET", self._url + path, {"authorization": given, "accept": _JSON})
        if reply.status == 200:
            if not sign.verify(reply.headers, reply.body, self._keys, self._now()):
                raise ConnectorError("protocol", "order query: the answer's signature is wrong")
            try:
                inside = base.decode(reply.body)
                expect(inside, out_trade_no=ext_id)
                return self._paid(inside)
            except Refusal as refusal:
                raise ConnectorError("protocol", f"order query: {refusal}") from None
        try:
            code = str(base.decode(reply.body).get("code", ""))
        except Refusal:
            code = ""
        if reply.status == 404 and code in ("ORDER_NOT_EXIST", "ORDERNOTEXIST"):
            return ()
        kind = "auth" if reply.status in (401, 403) else "platform"
        raise ConnectorError(kind, f"order query: HTTP {reply.status} {clean(code, 60)}")

    def _time(self, inside: dict[str, Any]) -> int:
        try:
            at = datetime.fromisoformat(str(inside.get("success_time", "")))
            return int(at.timestamp()) * SECOND if at.tzinfo is not None else self._clock()
        except (ValueError, OverflowError):
            return self._clock()


def _fen(inside: dict[str, Any], name: str) -> int:
    amount = inside.get("amount")
    if not isinstance(amount, dict) or amount.get("currency", base.CURRENCY) != base.CURRENCY:
        raise Refusal("amount is in another currency, or none")
    value = amount.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= base.AMOUNT_MAX:
        raise Refusal(f"amount.{name} is out of range")
    return value


def _build(name: str, options: Options, clock: Clock) -> WeChatPay:
    keys = {}
    for serial, key in _PAIRS:
        if bool(options.get(serial)) != bool(options.get(key)):
            raise ValueError(f"{serial} and {key} belong together")
        if options.get(serial):
            keys[options[serial]] = options[key]
    if not keys:
        raise ValueError("needs public_key_id with public_key, or certificate_serial with certificate")
    return WeChatPay(
        name,
        clock,
        base.http_of(options),
        url_of({"url": options.get("url", URL)}),
        options["mchid"],
        options["appid"],
        options["secret"],
        options["serial"],
        options["private_key"],
        keys,
        base.per_minute(options),
    )


KIND: Final = GatewayKind(
    frozenset({"mchid", "appid", "secret", "serial", "private_key"}),
    frozenset({"url"} | {name for pair in _PAIRS for name in pair}) | base.COMMON,
    _build,
)
