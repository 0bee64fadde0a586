"""Weidian's push (facts: A2). No receiver of it checks a signature, for there is none: it is a hint to pull, no more.

What keeps strangers from making the desk pull is a word in the address that was given to the platform: /hook/NAME/WORD.
"""

import hmac
from typing import Final

from core.ports import Inbound, Received, Reply

_YES: Final = Reply(body=b'{"status":"success"}', content_type="application/json; charset=utf-8")
_NO: Final = Reply(status=403, body=b"refused")


def receive(request: Inbound, key: str) -> Received:
    """``key``: the word; without one all pushes are refused."""
    if request.method != "POST" or not key or not hmac.compare_digest(request.tail.encode(), key.encode()):
        return Received(render=lambda _: _NO)
    return Received(render=lambda _: _YES, pull=True)
