"""Epay (易支付) gateways: v1 signs with MD5, v2 with RSA; a notice of either is only a reason to ask (facts: B1, B2).

The keys of such gateways are known to leak, and signed notices of money that never came were seen in production. So
nothing of a notice is booked: it is checked, then the gateway is asked, and its answer alone counts.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from connectors import rsa, signing
from connectors.http import Http
from connectors.options import Options, url_of
from connectors.payments import base
from connectors.payments.base import GatewayBase, GatewayKind, Refusal, expect, form, moment, saying, word, yuan
from connectors.payments.epay import sign
from core.model.clock import SECOND, Clock
from core.model.text import clean
from core.ports import ConnectorError, Inbound, Money, Received, Reply

_DONE: Final = Reply(body=b"success")
_FAIL: Final = Reply(status=400, body=b"fail")
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
_REFUNDED: Final = 2
_KEPT_S: Final = 10 * SECOND  # how long an answer serves the repeats of its notice
_KEPT_MAX: Final = 1000


class Epay(GatewayBase):
    """What both versions share. Subclasses check a notice and ask."""

    def __init__(self, name: str, clock: Clock, http: Http, url: str, pid: str, per_minute: float) -> None:
        super().__init__(name, f"epay:{url.rstrip('/')}:{pid}", clock, http, per_minute)
        self._url, self._pid = url.rstrip("/"), pid
        self._kept: dict[str, tuple[int, tuple[Money, ...]]] = {}

    async def receive(self, request: Inbound) -> Received:
        """A notice comes as GET or as form. The page the buyer's browser returns to looks alike, and is asked about too."""
        try:
            if request.tail or len(request.body) > base.BODY_MAX or len(request.query) > base.BODY_MAX:
                raise Refusal("not a notice")
            fields = form(request.query if request.method == "GET" else request.body)
            if not self._verified(fields):
                raise Refusal("signature")
            expect(fields, pid=self._pid)
            if fields.get("trade_status") != "TRADE_SUCCESS":
                return saying(_DONE)
            ext_id, trade, money = word(fields, "out_trade_no"), word(fields, "trade_no"), yuan(fields, "money")
            found = await self._confirmed(ext_id)
            if not any(fact.amount == money and getattr(fact, "txn_id", "") == trade for fact in found):
                raise Refusal("the gateway does not know this payment")
            return saying(_DONE, found)
        except Refusal:
            return saying(_FAIL)

    async def _confirmed(self, ext_id: str) -> tuple[Money, ...]:
        """What the gateway says, asked once for a burst of one notice: v1 has no time in it and can be sent for ever."""
        now = self._clock()
        until, found = self._kept.get(ext_id, (0, ()))
        if now < until:
            return found
        found = await self.query(ext_id)
        if found:
            if len(self._kept) >= _KEPT_MAX:
                self._kept.clear()
            self._kept[ext_id] = (now + _KEPT_S, found)
        return found

    async def query(self, ext_id: str) -> tuple[Money, ...]:
        """The order as the gateway has it. Raises ConnectorError."""
        answer = await self._order(ext_id)
        if answer is None:
            return ()
        try:
            status = _whole(answer, "status")
            if status not in (1, _REFUNDED):
                return ()
            fields = {name: str(value) for name, value in answer.items() if isinstance(value, str | int | float)}
            expect(fields, out_trade_no=ext_id, **({"pid": self._pid} if "pid" in fields else {}))
            trade, amount = word(fields, "trade_no"), yuan(fields, "money")
        except Refusal as refusal:
            raise ConnectorError("protocol", f"order query: {refusal}") from None
        at = moment(fields, "endtime", self._clock())
        charge = self._charge(trade, ext_id, amount, at)
        return (charge, self._returned(trade, ext_id, amount, at)) if status == _REFUNDED else (charge,)

    def _verified(self, fields: Mapping[str, str]) -> bool:
        raise NotImplementedError

    async def _order(self, ext_id: str) -> dict[str, Any] | None:
        raise NotImplementedError

    def _body(self, reply_status: int, body: bytes) -> dict[str, Any]:
        if reply_status != 200:
            raise ConnectorError("auth" if reply_status in (401, 403) else "platform", f"HTTP {reply_status}")
        try:
            answer = base.decode(body)
        except Refusal as refusal:
            raise ConnectorError("protocol", f"order query: {refusal}") from None
        if "code" not in answer:
            raise ConnectorError("protocol", "order query: an answer without its code")
        return answer


class EpayMd5(Epay):
    """v1. The query carries the key in its address, as the gateway wants it; addresses are never logged here."""

    def __init__(
        self, name: str, clock: Clock, http: Http, url: str, pid: str, key: str, per_minute: float = base.PER_MINUTE
    ) -> None:
        super().__init__(name, clock, http, url, pid, per_minute)
        self._key = signing.key_of(key, "key")

    def _verified(self, fields: Mapping[str, str]) -> bool:
        return fields.get("sign_type", "MD5") == "MD5" and sign.verify(fields, self._key)

    async def _order(self, ext_id: str) -> dict[str, Any] | None:
        params = {"act": "order", "pid": self._pid, "key": self._key, "out_trade_no": ext_id}
        reply = await self._ask("GET", f"{self._url}/api.php?{urlencode(params)}", {})
        answer = self._body(reply.status, reply.body)
        # Any other code: no such order, or a wrong key; the gateway tells them apart in prose alone.
        return answer if str(answer.get("code")) == "1" else None


class EpayRsa(Epay):
    """v2: requests and answers are signed, with a time in them."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        http: Http,
        url: str,
        pid: str,
        private_key: str,
        public_key: str,
        per_minute: float = base.PER_MINUTE,
    ) -> None:
        super().__init__(name, clock, http, url, pid, per_minute)
        rsa.private_key(private_key)
        rsa.public_key(public_key)
        self._private, self._public = private_key, public_key

    def _verified(self, fields: Mapping[str, str]) -> bool:
        return fields.get("sign_type") == "RSA" and sign.verify_rsa(fields, self._public, self._now())

    async def _order(self, ext_id: str) -> dict[str, Any] | None:
        params = {"pid": self._pid, "out_trade_no": ext_id, "timestamp": str(self._now())}
        params |= {"sign": sign.sign_rsa(params, self._private), "sign_type": "RSA"}
        reply = await self._ask("POST", f"{self._url}/api/pay/query", _FORM, urlencode(params).encode())
        answer = self._body(reply.status, reply.body)
        if str(answer.get("code")) != "0":
            return None
        fields = {name: str(value) for name, value in answer.items() if isinstance(value, str | int | float)}
        if not sign.verify_rsa(fields, self._public, self._now()):
            raise ConnectorError("protocol", "order query: the answer's signature is wrong")
        return answer


def _whole(answer: Mapping[str, Any], name: str) -> int:
    text = clean(str(answer.get(name, "")), 10)
    if not (text.isascii() and text.isdigit()):
        raise Refusal(f"{name} is no number")
    return int(text)


def _build(name: str, options: Options, clock: Clock) -> Epay:
    http, pace = base.http_of(options), base.per_minute(options)
    url, pid, version = url_of(options), options["pid"], options.get("version", "1")
    if version == "1":
        _only(options, version, {"key"}, {"private_key", "public_key"})
        return EpayMd5(name, clock, http, url, pid, options["key"], pace)
    if version == "2":
        _only(options, version, {"private_key", "public_key"}, {"key"})
        return EpayRsa(name, clock, http, url, pid, options["private_key"], options["public_key"], pace)
    raise ValueError("version is 1 (MD5) or 2 (RSA)")


def _only(options: Options, version: str, needs: set[str], others: set[str]) -> None:
    for key in sorted(needs):
        if not options.get(key, "").strip():
            raise ValueError(f"version {version} needs {key}")
    for key in sorted(others):
        if key in options:
            raise ValueError(f"{key} does not belong to version {version}")


KIND: Final = GatewayKind(
    frozenset({"url", "pid"}), frozenset({"version", "key", "private_key", "public_key"}) | base.COMMON, _build
)
