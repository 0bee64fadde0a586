"""Alipay: RSA2 notices, and ``alipay.trade.query`` over the gateway of version 1.0 (facts: payments B1, B2)."""

import json
from typing import Any, Final
from urllib.parse import urlencode

from connectors import rsa
from connectors.http import Http
from connectors.options import Options, url_of
from connectors.payments import base
from connectors.payments.alipay import sign
from connectors.payments.base import GatewayBase, GatewayKind, Refusal, expect, form, moment, saying, word, yuan
from core.model.clock import Clock, to_text
from core.model.text import clean
from core.ports import ConnectorError, Inbound, Money, Received, Reply

URL: Final = "https://openapi.alipay.com/gateway.do"
PAID: Final = ("TRADE_SUCCESS", "TRADE_FINISHED")
_DONE: Final = Reply(body=b"success")  # exactly these seven bytes end the repeats
_FAIL: Final = Reply(status=400, body=b"fail")
_NO_SUCH: Final = ("ACQ.TRADE_NOT_EXIST",)
_CODES: Final = {"20001": "auth", "40006": "auth", "40002": "auth", "20000": "platform", "10003": "platform"}


class Alipay(GatewayBase):
    """One application of one seller. Keys: ours to sign with, Alipay's to check with."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        http: Http,
        url: str,
        app_id: str,
        seller_id: str,
        private_key: str,
        public: str,
        per_minute: float = base.PER_MINUTE,
    ) -> None:
        super().__init__(name, f"alipay:{app_id}:{seller_id}", clock, http, per_minute)
        rsa.private_key(private_key)
        rsa.public_key(public)
        self._url, self._app_id, self._seller_id = url, app_id, seller_id
        self._private, self._public = private_key, public

    async def receive(self, request: Inbound) -> Received:
        """A notice. The page that the buyer's browser comes back to is a GET, and states nothing."""
        try:
            if request.method != "POST" or request.tail or len(request.body) > base.BODY_MAX:
                raise Refusal("not a notice")
            fields = form(request.body)
            if not sign.verify(fields, self._public):
                raise Refusal("signature")
            expect(fields, app_id=self._app_id)
            if fields.get("notify_type") != "trade_status_sync":
                return saying(_DONE)
            expect(fields, seller_id=self._seller_id)
            return saying(_DONE, await self._told(fields))
        except Refusal:
            return saying(_FAIL)

    async def _told(self, fields: dict[str, str]) -> tuple[Money, ...]:
        ext_id, trade = word(fields, "out_trade_no"), word(fields, "trade_no")
        at = moment(fields, "gmt_payment", moment(fields, "notify_time", self._clock()))
        if fields.get("refund_fee") or fields.get("gmt_refund"):
            # The total that it names grows with each refund; this refund alone is known to its own query.
            charge = self._charge(trade, ext_id, yuan(fields, "total_amount"), at)
            back = await self._paid_back(ext_id, trade, fields.get("out_biz_no") or ext_id)
            return (charge, *(back or (self._returned(trade, ext_id, yuan(fields, "refund_fee"), at),)))
        if fields.get("trade_status") not in PAID:
            return ()  # unpaid, or closed: whether it was ever paid is asked when it matters
        return (self._charge(trade, ext_id, yuan(fields, "total_amount"), at),)

    async def _paid_back(self, ext_id: str, trade: str, request_no: str) -> tuple[Money, ...]:
        content = {"out_trade_no": ext_id, "out_request_no": request_no, "query_options": ["gmt_refund_pay"]}
        answer = await self._call("alipay.trade.fastpay.refund.query", content)
        if answer is None or answer.get("refund_status") != "REFUND_SUCCESS":
            return ()
        try:
            expect(answer, out_trade_no=ext_id, trade_no=trade)
            amount = yuan(answer, "refund_amount")
        except Refusal as refusal:
            raise ConnectorError("protocol", f"refund query: {refusal}") from None
        at = moment(answer, "gmt_refund_pay", self._clock())
        return (self._refunded(f"{trade}:{request_no}"[:120], ext_id, amount, at),)

    async def query(self, ext_id: str) -> tuple[Money, ...]:
        """``TRADE_CLOSED`` means never paid, or returned in full; the time of payment tells which."""
        answer = await self._call("alipay.trade.query", {"out_trade_no": ext_id})
        if answer is None:
            return ()
        status = answer.get("trade_status")
        if status == "WAIT_BUYER_PAY" or (status == "TRADE_CLOSED" and not answer.get("send_pay_date")):
            return ()
        try:
            expect(answer, out_trade_no=ext_id)
            if status not in (*PAID, "TRADE_CLOSED"):
                raise Refusal("trade_status is new")
            if answer.get("trans_currency", base.CURRENCY) != base.CURRENCY:
                raise Refusal("another currency")
            trade, amount = word(answer, "trade_no"), yuan(answer, "total_amount")
        except Refusal as refusal:
            raise ConnectorError("protocol", f"trade query: {refusal}") from None
        at = moment(answer, "send_pay_date", self._clock())
        charge = self._charge(trade, ext_id, amount, at)
        if status != "TRADE_CLOSED":
            return (charge,)
        # A refund in full without a number of its own goes by the order's.
        back = await self._paid_back(ext_id, trade, ext_id)
        return (charge, *(back or (self._returned(trade, ext_id, amount, at),)))

    async def _call(self, method: str, content: dict[str, Any]) -> dict[str, Any] | None:
        """The answer's inner object, None when Alipay knows no such trade. Raises ConnectorError."""
        params = {
            "app_id": self._app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": to_text(self._clock()),
            "version": "1.0",
            "biz_content": json.dumps(content, ensure_ascii=False, separators=(",", ":")),
        }
        params["sign"] = sign.sign(params, self._private)
        kind = {"content-type": "application/x-www-form-urlencoded;charset=utf-8"}
        body = urlencode({"biz_content": params.pop("biz_content")}).encode()
        reply = await self._ask("POST", f"{self._url}?{urlencode(params)}", kind, body)
        text = reply.body.decode("utf-8", "replace")
        key = method.replace(".", "_") + "_response"
        try:
            outer = base.decode(reply.body)
        except Refusal as refusal:
            raise ConnectorError("protocol", f"{method}: {refusal}") from None
        answer = outer.get(key, outer.get("error_response"))
        if not isinstance(answer, dict):
            raise ConnectorError("protocol", f"{method}: no answer inside the answer")
        if answer.get("code") == "10000":
            signed = _signed(text, key, outer.get("sign"), self._public)
            if signed is None or signed.get("code") != "10000":
                raise ConnectorError("protocol", f"{method}: the answer's signature is wrong")
            return signed
        code, sub = str(answer.get("code", "")), clean(str(answer.get("sub_code", "")), 60)
        if sub in _NO_SUCH:
            return None
        raise ConnectorError(_CODES.get(code, "platform"), f"{method}: {clean(code, 10)} {sub}")


def _signed(text: str, key: str, signature: Any, public: str) -> dict[str, Any] | None:
    """The object under ``key`` if it, byte for byte as it came, is what was signed; only this one may be believed.

    Written again it could differ, and then the signature would not fit.
    """
    if not isinstance(signature, str):
        return None
    begin = text.find("{", text.find(f'"{key}"') + len(key) + 2)
    try:
        found, end = json.JSONDecoder().raw_decode(text, begin)
    except (ValueError, RecursionError):
        return None
    part = text[begin:end]
    if rsa.verify(public, part, signature) or rsa.verify(public, part.replace("/", "\\/"), signature):
        return found if isinstance(found, dict) else None
    return None


def _build(name: str, options: Options, clock: Clock) -> Alipay:
    return Alipay(
        name,
        clock,
        base.http_of(options),
        url_of({"url": options.get("url", URL)}),
        options["app_id"],
        options["seller_id"],
        options["private_key"],
        options["alipay_public_key"],
        base.per_minute(options),
    )


KIND: Final = GatewayKind(
    frozenset({"app_id", "seller_id", "private_key", "alipay_public_key"}), frozenset({"url"}) | base.COMMON, _build
)
