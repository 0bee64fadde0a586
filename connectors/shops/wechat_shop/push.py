"""WeChat's secure callback for a shop (facts: A3): the echo at set-up, and events, signed and sealed for this app."""

from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from connectors.fields import UNREADABLE
from connectors.shops.wechat_shop.sign import unseal, verify
from core.ports import Inbound, Reply

_INFOS: Final = ("order_info", "finder_shop_aftersale_status_update")
YES: Final = Reply(body=b"success")
NO: Final = Reply(status=403, body=b"refused")


class _Sealed(Struct):
    Encrypt: str


class Push:
    """Without token and key all pushes are refused."""

    def __init__(self, token: str, encoding_key: str, app_id: str) -> None:
        self._token, self._key, self._app_id = token, encoding_key, app_id
        if bool(token) != bool(encoding_key):
            raise ValueError("push_token and push_key belong together")
        if encoding_key and (len(encoding_key) != 43 or not encoding_key.isalnum()):
            raise ValueError("push_key must be the EncodingAESKey, 43 letters and digits")

    def __repr__(self) -> str:
        return f"Push({self._app_id!r})"

    def echo(self, request: Inbound, now: int) -> Reply:
        """The answer to the check that WeChat makes of a new address."""
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        # Its signature is over token, time and nonce alone: an empty fourth text adds nothing.
        query["msg_signature"] = query.get("signature", "")
        good = bool(self._token) and verify(query, "", self._token, now)
        return Reply(body=query.get("echostr", "").encode()) if good else NO

    def order(self, request: Inbound, now: int) -> str | None:
        """The order that an event is about, "" for one about none; None when it is not from WeChat for this app."""
        if not self._token:
            return None
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        try:
            sealed = msgspec.json.decode(request.body, type=_Sealed).Encrypt
            if not verify(query, sealed, self._token, now):
                return None
            event: dict[str, Any] = msgspec.json.decode(unseal(sealed, self._key, self._app_id), type=dict[str, Any])
        except (ValueError, *UNREADABLE):
            return None
        for name in _INFOS:
            info = event.get(name)
            number = info.get("order_id") if isinstance(info, dict) else None
            # Numbers of orders come as JSON numbers here.
            if isinstance(number, int | str) and not isinstance(number, bool) and str(number).isdigit():
                return str(number)
        return ""
