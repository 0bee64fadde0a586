"""What both protocols of dujiao-next share: an order that is asked for, the answers' envelope, how an order stands."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from core.model.lifecycle import Stage
from core.ports import Reply, Standing

_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Wanted(Struct, frozen=True):
    """An order as the other shop asks for it: by our SKU, or by the number that we gave the SKU."""

    order_no: str
    quantity: int
    notify: str
    sku: str = ""
    ware: int = 0
    currency: str = ""

    def __repr__(self) -> str:
        return f"Wanted({self.order_no!r})"


class Refusal(Exception):
    """A request that is not met; ``code`` is dujiao-next's own word, ``status`` what its own server answers with."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code

    def reply(self, status: int | None = None) -> Reply:
        """In the envelope."""
        body = {"ok": False, "error_code": self.code, "error_message": str(self)}
        return answer(body, self.status if status is None else status)


def answer(body: Mapping[str, Any], status: int = 200) -> Reply:
    """JSON with a status."""
    return Reply(status=status, body=msgspec.json.encode(body), content_type="application/json; charset=utf-8")


def may_go(url: str, hosts: frozenset[str]) -> bool:
    """Whether keys may be handed over there: the other shop's own host, whatever a request names."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    safe = parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL)
    plain = url.isascii() and url.isprintable() and " " not in url and not parts.fragment and "@" not in parts.netloc
    return safe and plain and len(url) <= 500 and host in hosts


def status_of(standing: Standing | None) -> str:
    """dujiao-next's word. "delivered" only when the other shop has confirmed the keys: it closes its order by it."""
    if standing is None:
        return "paid"
    if standing.delivered:
        return "delivered"
    return "canceled" if standing.stage is Stage.CANCELLED else "fulfilling"
