"""Youzan's push (facts: A1). Signed over the whole body, but with no time in it: a replay is only another pull."""

from typing import Final

from connectors.shops.youzan.sign import verify_push
from core.ports import Inbound, Received, Reply

# The platform looks for the word "success" in the body, and repeats until it finds it.
_YES: Final = Reply(body=b'{"code":0,"msg":"success"}', content_type="application/json; charset=utf-8")
_NO: Final = Reply(status=403, body=b'{"code":0,"msg":"failed"}', content_type="application/json; charset=utf-8")


def receive(request: Inbound, client_id: str, secret: str) -> Received:
    """True pushes make the core pull; all others are refused."""
    if request.method != "POST" or not verify_push(request.headers, request.body, client_id, secret):
        return Received(render=lambda _: _NO)
    return Received(render=lambda _: _YES, pull=True)
