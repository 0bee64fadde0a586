"""One signed call to the open platform and what its error answers mean (facts: A5)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.http import Reply
from connectors.shops.base import PlatformFailure
from connectors.shops.xianguanjia.sign import sign
from core.model.clock import SECOND, Clock
from core.model.text import clean

HEADERS: Final = {"content-type": "application/json"}
_NONE: Final = msgspec.Raw(b"null")
_DOOR: Final = (401, 403, 408, 100008)  # signature, address, age of the stamp, a shop that is not authorised


class _Envelope(Struct):
    code: int
    msg: str = ""
    data: msgspec.Raw = _NONE


class XgjFailure(PlatformFailure):
    """An error answer.

    ``kind``: rate, door (turned away before anything was done), refused (bad parameters), unnamed (a code nobody has
    explained), service (its own trouble, outcome unknown), garbled (not understood, unknown as well). ``wait`` in seconds.
    """


class Xgj:
    """Signs and opens. Holds the app's credentials; its repr does not show them.

    ``seller``: the merchant's id, where a service provider's app acts for the shop, else "".
    """

    def __init__(self, url: str, app_key: str, secret: str, clock: Clock, seller: str = "") -> None:
        self.url, self.app_key, self.seller = url.rstrip("/"), app_key, seller
        self._secret, self._clock = secret, clock
        sign(b"{}", 0, app_key, secret)  # refuses an empty secret at start

    def __repr__(self) -> str:
        return f"Xgj({self.url!r})"

    def request(self, path: str, params: Mapping[str, Any]) -> tuple[str, bytes]:
        """The URL and the body of one call, signed with the time of now."""
        body = msgspec.json.encode(params)
        stamp = self._clock() // SECOND
        signed = sign(body, stamp, self.app_key, self._secret, self.seller)
        seller = f"&seller_id={self.seller}" if self.seller else ""
        return f"{self.url}{path}?appid={self.app_key}&timestamp={stamp}{seller}&sign={signed}", body

    def open(self, reply: Reply) -> msgspec.Raw:
        """What a call brought. Raises XgjFailure for an error answer and for anything unreadable."""
        return opened(reply)


def opened(reply: Reply) -> msgspec.Raw:
    """``data`` of an answer. The detail call is documented without its envelope: a bare object is then the data itself.

    Raises XgjFailure.
    """
    if reply.status == 429:
        raise XgjFailure("rate", 429, "HTTP 429", reply.retry_after())
    if reply.status in (401, 403):
        raise XgjFailure("door", reply.status, f"HTTP {reply.status}")
    if reply.status != 200:
        raise XgjFailure("service", reply.status, f"HTTP {reply.status}")
    try:
        fields = msgspec.json.decode(reply.body, type=dict[str, msgspec.Raw])
        if "code" not in fields and "order_no" in fields:
            return msgspec.Raw(reply.body)
        answer = msgspec.json.decode(reply.body, type=_Envelope)
    except UNREADABLE:
        raise XgjFailure("garbled", message="answer is not the JSON that was expected") from None
    if answer.code == 0:
        return answer.data
    if answer.code == 429:
        kind = "rate"
    elif answer.code in _DOOR:
        kind = "door"
    elif answer.code == 100004:
        kind = "refused"
    else:
        kind = "service" if answer.code == 500 else "unnamed"
    raise XgjFailure(kind, answer.code, clean(answer.msg, 200))
