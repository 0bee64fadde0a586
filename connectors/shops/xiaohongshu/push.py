"""Ark's push (facts: Xiaohongshu 6.5). Its signature leaves the body uncovered: it is a hint to pull, no more."""

from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.shops.xiaohongshu.sign import verify_push
from core.ports import Inbound, Received, Reply

_YES: Final = Reply(
    body=b'{"success":true,"error_code":0,"error_msg":""}', content_type="application/json; charset=utf-8"
)
_NO: Final = Reply(status=403, body=b"refused")


class _Probe(Struct):
    test: bool


class Push:
    """Checks pushes made to ``url``, the address entered in the platform's console; without one all are refused."""

    def __init__(self, url: str = "", app_key: str = "", secret: str = "") -> None:
        self._url, self._app_key, self._secret = url, app_key, secret
        if url and (urlsplit(url).scheme != "https" or not urlsplit(url).hostname):
            raise ValueError("push_url must be the whole https address that the platform's console holds")

    def __repr__(self) -> str:
        return f"Push({self._url!r})"

    def receive(self, request: Inbound, now: int) -> Received:
        """``now``: UTC seconds. A probe is answered, whoever sends it: it makes nothing happen."""
        if request.method != "POST" or not self._url:
            return Received(render=lambda _: _NO)
        if verify_push(request.headers, self._url, self._app_key, self._secret, now):
            return Received(render=lambda _: _YES, pull=True)
        try:
            probe = msgspec.json.decode(request.body, type=_Probe).test
        except UNREADABLE:
            probe = False
        return Received(render=lambda _: _YES if probe else _NO)
