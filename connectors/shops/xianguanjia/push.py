"""Xianguanjia's push of changed orders (facts: A5). It is signed whole, and yet only a hint: the order is looked up."""

from typing import Final
from urllib.parse import parse_qsl

from connectors.shops.xianguanjia.sign import verify
from core.ports import Inbound, Received, Reply

_JSON: Final = "application/json; charset=utf-8"
_YES: Final = Reply(body=b'{"result":"success","msg":"ok"}', content_type=_JSON)
_NO: Final = Reply(status=403, body=b'{"result":"fail","msg":"sign"}', content_type=_JSON)


class Push:
    """Checks pushes for one app. It wants its answer within three seconds, so nothing is asked before it."""

    def __init__(self, app_key: str, secret: str) -> None:
        self._app_key, self._secret = app_key, secret

    def __repr__(self) -> str:
        return f"Push({self._app_key!r})"

    def receive(self, request: Inbound, now: int) -> Received:
        """``now``: UTC seconds."""
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        if request.method == "POST" and verify(query, request.body, self._app_key, self._secret, now):
            return Received(render=lambda _: _YES, pull=True)
        return Received(render=lambda _: _NO)
