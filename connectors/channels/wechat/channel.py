"""WeChat official account: a template message, or a customer-service text, with the pick-up link; never a key."""

import hashlib
import re
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from connectors.channels.access import AccessToken, Lent
from connectors.channels.base import HttpChannel, Kind, base_url, by_status, confirmed, read, said, sends
from connectors.channels.errcode import DEAD, TOKEN, Meaning, outcome_of_code
from connectors.channels.fields import Fields
from connectors.channels.lent import fetch, with_token
from connectors.channels.message import Rule, Unsendable, body_of, pickup_of, utf8
from connectors.http import Http, Reply
from connectors.options import Options, http_of
from core.model.clock import Clock
from core.model.contact import ContactKind
from core.model.effects import Call, EffectClass, Outcome

RULE: Final = Rule("WeChat", 2048, utf8, re.compile(r"<(?=[aA/])"))  # a text may hold <a href> links
_OPENID: Final = re.compile(r"[A-Za-z0-9_\-]{20,40}\Z")
_CODES: Final = {
    40001: Meaning(TOKEN),
    40014: Meaning(TOKEN),
    42001: Meaning(TOKEN),
    40013: Meaning(DEAD),  # app_id
    40125: Meaning(DEAD),  # secret
    40164: Meaning(DEAD),  # this machine's address is not on the account's white list
    48001: Meaning("the account has no right to this kind of message; it must be certified and the interface granted"),
    45009: Meaning("the account's daily quota is used up", 3600.0),
    45011: Meaning("rate limit", 60.0),
    40003: Meaning("recipient_invalid: no follower of this account has that openid"),
    43004: Meaning("the buyer does not follow the account"),
    43019: Meaning("the account has blocked the buyer"),
    43101: Meaning("the buyer refused such messages"),
    50002: Meaning("the buyer's account is restricted"),
    40037: Meaning("the template is not among those approved for this account"),
    47003: Meaning("a field does not fit the template"),
    45015: Meaning("the buyer has not written to the account within 48 hours"),
    45047: Meaning("the buyer has got as many messages as WeChat allows until they write again"),
}


class _Answer(Struct):
    errcode: int
    errmsg: str = ""
    msgid: int = 0


class WechatChannel(HttpChannel):
    """``template_id`` with ``fields`` (``name={order},...``): template messages; without one: customer-service texts.

    The recipient is the buyer's openid with this very account.
    """

    kind = "wechat"
    reaches = frozenset({ContactKind.WECHAT})

    def __init__(
        self,
        name: str,
        clock: Clock,
        http: Http,
        url: str,
        app_id: str,
        secret: str,
        template_id: str = "",
        fields: Fields | None = None,
    ) -> None:
        super().__init__(name, clock, http)
        self._url, self._app_id, self._secret = url, app_id, secret
        self._template, self._fields = template_id, fields or Fields.read("")
        self._access = AccessToken(self._lend, clock)
        if template_id:
            self.specs = sends(EffectClass.B, "message/template/send, client_msg_id: taken once within ten minutes")
        else:
            self.specs = sends(EffectClass.C, "message/custom/send: no idempotency key, no query")

    async def _lend(self, refused: str) -> Lent:
        lent = await self._stable(False)
        # The same token again: only by force does WeChat part with a fresh one (twenty times a day).
        return await self._stable(True) if lent.token == refused else lent

    async def _stable(self, force: bool) -> Lent:
        asked: dict[str, Any] = {"grant_type": "client_credential", "appid": self._app_id, "secret": self._secret}
        body = msgspec.json.encode({**asked, "force_refresh": force})
        return await fetch(self._http, "stable_token", "POST", f"{self._url}/cgi-bin/stable_token", body, _CODES)

    async def _send(self, call: Call) -> Outcome:
        if not _OPENID.match(call.recipient):
            raise Unsendable("recipient_invalid: not an openid")
        kind, body = self._template_body(call) if self._template else self._text_body(call)
        label = f"message/{kind}/send"
        content = msgspec.json.encode({"touser": call.recipient, **body})

        async def post(token: str) -> Reply | Outcome:
            url = f"{self._url}/cgi-bin/{label}?access_token={quote(token, safe='')}"
            return await self._post(label, url, content)

        return await with_token(self._access, post, lambda reply: _meaning(call, label, reply))

    def _template_body(self, call: Call) -> tuple[str, dict[str, Any]]:
        data = {field: {"value": value} for field, value in self._fields.named(call).items()}
        once = hashlib.sha256(f"{self.name}|{call.reference}".encode()).hexdigest()[:32]
        link = pickup_of(call).link
        return "template", {"template_id": self._template, "url": link, "data": data, "client_msg_id": once}

    def _text_body(self, call: Call) -> tuple[str, dict[str, Any]]:
        return "custom", {"msgtype": "text", "text": {"content": body_of(call, "pickup", RULE)}}

    async def close(self) -> None:
        """Let go of connections and of a token fetch under way."""
        await self._access.close()
        await super().close()


def _meaning(call: Call, label: str, reply: Reply) -> Outcome | None:
    answer = read(reply, _Answer) if reply.status == 200 else None
    if answer is None:
        return by_status(reply, label)
    if answer.errcode == 0:
        return confirmed(str(answer.msgid or ""))
    meaning = _CODES.get(answer.errcode)
    if meaning is not None and meaning.why == TOKEN:
        return None
    return outcome_of_code(answer.errcode, said(call, answer.errmsg), _CODES, label)


def _build(name: str, options: Options, clock: Clock) -> WechatChannel:
    template, fields = options.get("template_id", ""), options.get("fields", "")
    if bool(template) != bool(fields):
        raise ValueError("template_id and fields go together")
    return WechatChannel(
        name,
        clock,
        http_of(options),
        base_url(options, "https://api.weixin.qq.com"),
        options["app_id"],
        options["secret"],
        template,
        Fields.read(fields),
    )


KIND = Kind(frozenset({"app_id", "secret"}), frozenset({"url", "template_id", "fields", "connections"}), _build)
