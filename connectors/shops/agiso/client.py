"""One signed call to Agiso's gateway and what its error answers mean (facts: A4).

A token lives as long as the merchant's subscription and is renewed by the merchant alone.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Reply
from connectors.shops.agiso.sign import sign
from connectors.shops.base import PlatformFailure
from core.model.clock import SECOND, Clock
from core.model.text import clean

# Turned away before anything was done: token, signature, parameters, prepaid balance, app disabled, no permission.
_DOOR: Final = frozenset({1, 4, 16, 17, 28})
_REFUSED: Final = frozenset({3, 5, 6, 7, 9, 25})  # business, parameters, failed, no such trade, message limit
_RATE: Final = 2
NO_TRADE: Final = 9


class _Envelope(Struct):
    issuccess: bool
    error_code: int = 0
    error_msg: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class AgisoFailure(PlatformFailure):
    """An error answer.

    ``kind``: rate, door (refused before anything was done), refused (done nothing, and repeating changes nothing),
    service (the platform behind Agiso, or a code nobody has explained: outcome unknown), garbled (unknown as well).
    """

    code_name = "error_code"


class Agiso:
    """Signs and opens. Holds secret and token; its repr does not show them."""

    def __init__(self, url: str, secret: str, token: str, clock: Clock) -> None:
        self.url = url.rstrip("/")
        self._secret, self._clock = secret, clock
        self.headers = {
            "authorization": f"Bearer {token}",
            "apiversion": "1",
            "content-type": "application/x-www-form-urlencoded",
        }
        sign({}, secret)  # refuses an empty secret at start

    def __repr__(self) -> str:
        return f"Agiso({self.url!r})"

    def body(self, params: Mapping[str, str]) -> bytes:
        """A form, stamped and signed with the time of now."""
        call = {**params, "timestamp": str(self._clock() // SECOND)}
        return urlencode({**call, "sign": sign(call, self._secret)}).encode()

    def open(self, reply: Reply) -> msgspec.Raw:
        """What a call brought. Raises AgisoFailure for an error answer and for anything unreadable."""
        if reply.status == 429:
            raise AgisoFailure("rate", 429, "HTTP 429", reply.retry_after())
        if reply.status == 401:
            raise AgisoFailure("door", 401, "HTTP 401")
        if reply.status != 200:
            raise AgisoFailure("service", reply.status, f"HTTP {reply.status}")
        try:
            # The case of the envelope's keys differs from call to call in Agiso's own documentation.
            fields = msgspec.json.decode(reply.body, type=dict[str, msgspec.Raw])
            named = {name.lower(): value for name, value in fields.items()}
            answer = msgspec.json.decode(msgspec.json.encode(named), type=_Envelope)
        except UNREADABLE:
            raise AgisoFailure("garbled", message="answer is not the JSON that was expected") from None
        if answer.issuccess != (answer.error_code == 0):
            raise AgisoFailure("garbled", answer.error_code, "IsSuccess and Error_Code contradict each other")
        if answer.issuccess:
            return answer.data
        kind = "rate" if answer.error_code == _RATE else "door" if answer.error_code in _DOOR else "service"
        kind = "refused" if answer.error_code in _REFUSED else kind
        raise AgisoFailure(kind, answer.error_code, clean(answer.error_msg or "", 200))
