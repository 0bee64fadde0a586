"""What all payment gateways do alike: reading forms strictly, naming facts, asking the provider, answering."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from connectors.http import Http, HttpFailure
from connectors.http import Reply as Answer
from connectors.options import Options, number
from core.model.clock import SECOND, Clock, from_text
from core.model.money import parse_decimal
from core.model.order import Payment, PaymentKind, Refund, RefundState
from core.model.text import clean
from core.ports import ConnectorError, Gateway, Money, Received, Reply

BODY_MAX: Final = 64 * 1024  # bytes; a notice of any provider has two or three thousand
FIELDS_MAX: Final = 200
CURRENCY: Final = "CNY"  # what these providers settle for merchants of the mainland
AMOUNT_MAX: Final = 10**12  # minor units
PER_MINUTE: Final = 120.0  # queries; no provider publishes a limit of its own
COMMON: Final = frozenset({"connections", "queries_per_minute"})
_KINDS: Final = {"connect": "network", "broken": "network", "busy": "network", "open": "network", "timeout": "timeout"}


class GatewayKind(Struct, frozen=True):
    """How to build one provider's gateway: the keys it must have, those it may have, and the builder."""

    required: frozenset[str]
    optional: frozenset[str]
    build: Callable[[str, Options, Clock], Gateway]


def http_of(options: Options) -> Http:
    """The client of one gateway: a notice whose answer it is needed for waits a few seconds at most."""
    return Http(connections=int(number(options, "connections", 4, 1, 64)), read=4.0, deadline=4.0)


def per_minute(options: Options) -> float:
    """How many orders may be asked about in a minute."""
    return number(options, "queries_per_minute", PER_MINUTE, 1, 6000)


class Refusal(Exception):
    """A notice that states nothing. The text is for tests and never goes outside: it would help to forge a better one."""


def form(raw: str | bytes) -> dict[str, str]:
    """The fields of a form or query string. Raises Refusal.

    A field that comes twice is refused: the signature would be checked over one value and another one used.
    """
    try:
        text = raw.decode("ascii") if isinstance(raw, bytes) else raw
        pairs = parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError:
        raise Refusal("not a form") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Refusal("a field comes twice")
    return fields


def expect(fields: Mapping[str, Any], **wanted: str) -> None:
    """Refuse a notice that is about somebody else, however well it is signed. Raises Refusal."""
    for name, value in wanted.items():
        if fields.get(name) != value:
            raise Refusal(f"{name} is not ours")


def word(fields: Mapping[str, Any], name: str, limit: int = 64) -> str:
    """A number or name that facts are filed under: not empty, not cut, nothing invisible in it. Raises Refusal."""
    value = fields.get(name)
    if not isinstance(value, str) or not value or len(value) > limit or clean(value, limit) != value:
        raise Refusal(f"{name} is no plain word")
    return value


def yuan(fields: Mapping[str, Any], name: str) -> int:
    """Fen of an amount in yuan, above nothing. Raises Refusal."""
    try:
        amount = parse_decimal(str(fields.get(name, "")))
    except ValueError:
        raise Refusal(f"{name} is no amount") from None
    if not 0 < amount <= AMOUNT_MAX:
        raise Refusal(f"{name} is out of range")
    return amount


def moment(fields: Mapping[str, Any], name: str, otherwise: int) -> int:
    """UTC us of a Beijing time; ``otherwise`` when there is none that can be read: money counts without its minute."""
    try:
        return from_text(str(fields.get(name, "")))
    except ValueError:
        return otherwise


def decode(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises Refusal."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refusal("not a JSON object") from None


def saying(reply: Reply, money: Sequence[Money] = (), pull: bool = False) -> Received:
    """An answer that does not depend on the order's standing."""
    return Received(render=lambda _: reply, batch=tuple(money), pull=pull)


class GatewayBase:
    """Name, clock and client of one gateway; builds facts under its own name."""

    def __init__(self, name: str, account: str, clock: Clock, http: Http, per_minute: float) -> None:
        self.name, self.account, self.per_minute = name, account, per_minute
        self._clock, self._http = clock, http

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def _now(self) -> int:
        return self._clock() // SECOND

    def _charge(self, txn: str, ext_id: str, amount: int, at: int) -> Payment:
        return self._payment(PaymentKind.CHARGE, txn, ext_id, amount, at)

    def _refunded(self, txn: str, ext_id: str, amount: int, at: int) -> Payment:
        return self._payment(PaymentKind.REFUND, txn, ext_id, amount, at)

    def _payment(self, kind: PaymentKind, txn: str, ext_id: str, amount: int, at: int) -> Payment:
        return Payment(account=self.name, txn_id=txn, ext_id=ext_id, kind=kind, amount=amount, currency=CURRENCY, at=at)

    def _returned(self, txn: str, ext_id: str, amount: int, at: int, state: RefundState = RefundState.OPEN) -> Refund:
        """Money went back, but the provider does not say how much: open until a notice or a person does."""
        return Refund(
            refund_id=f"{self.name}:{txn}",
            ext_id=ext_id,
            state=state,
            amount=amount,
            reason="the payment provider returned money",
            at=at,
        )

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """An exchange that changes nothing, so one that broke is tried once more. Raises ConnectorError."""
        for last in (False, True):
            try:
                reply = await self._http.call(method, url, headers=headers, content=body)
            except HttpFailure as failure:
                if last or failure.kind not in ("broken", "connect"):
                    kind = _KINDS.get(failure.kind, "protocol")
                    raise ConnectorError(kind, str(failure), failure.retry_after) from None
                continue
            if reply.status == 429:
                raise ConnectorError("rate", "HTTP 429", reply.retry_after())
            if reply.status >= 500:
                raise ConnectorError("platform", f"HTTP {reply.status}", reply.retry_after())
            return reply
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Let go of connections."""
        await self._http.close()
