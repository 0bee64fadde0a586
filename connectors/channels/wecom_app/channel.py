"""WeCom application: a plain text to one member (message/send). Members are the merchant's own people and partners."""

import re
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from connectors.channels.access import AccessToken, Lent
from connectors.channels.base import (
    HttpChannel,
    Kind,
    base_url,
    by_status,
    carries_of,
    confirmed,
    read,
    rejected,
    said,
    sends,
)
from connectors.channels.errcode import DEAD, TOKEN, Meaning, outcome_of_code
from connectors.channels.lent import fetch, with_token
from connectors.channels.message import Rule, Unsendable, alert_of, body_of, utf8
from connectors.http import Http, Reply
from connectors.options import Options, http_of
from core.model.clock import Clock
from core.model.contact import ContactKind
from core.model.effects import Call, EffectClass, Outcome

RULE: Final = Rule("the WeCom application", 2048, utf8, re.compile(r"<(?=[aA/@])"))  # a text may hold <a href> links
_MEMBER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-@.]{0,63}\Z")
_CODES: Final = {
    40001: Meaning(TOKEN),
    40014: Meaning(TOKEN),
    42001: Meaning(TOKEN),
    40013: Meaning(DEAD),  # corp_id
    60020: Meaning(DEAD),  # this machine's address is not among those the application trusts
    40056: Meaning(DEAD),  # agent_id
    301002: Meaning(DEAD),  # the secret belongs to another application
    45009: Meaning("rate limit", 60.0),
    45033: Meaning("too many calls at once", 5.0),
    40003: Meaning("recipient_invalid: no member of that id"),
    60011: Meaning("the application may not see this member"),
    81013: Meaning("the member does not exist or the application may not write to them"),
    40058: Meaning("WeCom finds a parameter of the message wrong"),
    44004: Meaning("WeCom finds the message empty"),
    45002: Meaning("WeCom finds the message too long"),
}


class _Answer(Struct):
    errcode: int
    errmsg: str = ""
    msgid: str = ""
    invaliduser: str = ""
    unlicenseduser: str = ""


class WecomApp(HttpChannel):
    """``alert_to``: the member who gets alerts, or ""."""

    kind = "wecom-app"
    reaches = frozenset({ContactKind.WECOM})
    specs = sends(
        EffectClass.B,
        "WeCom message/send, enable_duplicate_check: an equal request within duplicate_check_interval does not arrive twice",
    )

    def __init__(
        self,
        name: str,
        clock: Clock,
        http: Http,
        url: str,
        corp_id: str,
        secret: str,
        agent_id: str,
        alert_to: str = "",
        carries: str = "pickup",
    ) -> None:
        super().__init__(name, clock, http)
        if not agent_id.isascii() or not agent_id.isdigit():
            raise ValueError("agent_id is a number")
        if alert_to and not _MEMBER.match(alert_to):
            raise ValueError("alert_to is not a member's id")
        self._url, self._agent, self._alert_to, self._carries = url, int(agent_id), alert_to, carries
        self._ask_url = f"{url}/cgi-bin/gettoken?corpid={quote(corp_id, safe='')}&corpsecret={quote(secret, safe='')}"
        self._access = AccessToken(self._lend, clock)

    async def _lend(self, refused: str) -> Lent:
        return await fetch(self._http, "gettoken", "GET", self._ask_url, None, _CODES)

    async def _send(self, call: Call) -> Outcome:
        if not _MEMBER.match(call.recipient):
            raise Unsendable("recipient_invalid: not a WeCom member's id")
        # The check compares whole requests: with the intent in the text a repeat is equal, and nothing else ever is.
        text = body_of(call, self._carries, Rule(RULE.where, RULE.limit - 80, RULE.count, RULE.markup))
        return await self._say(call, call.recipient, f"{text}\n[{call.reference}]", 1)

    async def alert(self, title: str, text: str) -> Outcome:
        """A plain text to ``alert_to``."""
        if not self._alert_to:
            return rejected("no alert_to is configured")
        return await self._say(None, self._alert_to, alert_of(title, text, RULE), 0)

    async def close(self) -> None:
        """Let go of connections and of a token fetch under way."""
        await self._access.close()
        await super().close()

    async def _say(self, call: Call | None, member: str, text: str, once: int) -> Outcome:
        body = msgspec.json.encode(
            {
                "touser": member,
                "msgtype": "text",
                "agentid": self._agent,
                "text": {"content": text},
                "enable_duplicate_check": once,
                "duplicate_check_interval": 14_400,
            }
        )

        async def post(token: str) -> Reply | Outcome:
            url = f"{self._url}/cgi-bin/message/send?access_token={quote(token, safe='')}"
            return await self._post("message/send", url, body)

        return await with_token(self._access, post, lambda reply: _meaning(call, member, reply))


def _meaning(call: Call | None, member: str, reply: Reply) -> Outcome | None:
    answer = read(reply, _Answer) if reply.status == 200 else None
    if answer is None:
        return by_status(reply, "message/send")
    if answer.errcode == 0:
        for refused, why in (
            (answer.invaliduser, "no such member"),
            (answer.unlicenseduser, "the member has no licence"),
        ):
            if member.lower() in refused.lower().split("|"):
                return rejected(f"recipient_invalid: {why}", {"msgid": said(call, answer.msgid)})
        return confirmed(answer.msgid)
    meaning = _CODES.get(answer.errcode)
    if meaning is not None and meaning.why == TOKEN:
        return None
    return outcome_of_code(answer.errcode, said(call, answer.errmsg), _CODES, "message/send")


def _build(name: str, options: Options, clock: Clock) -> WecomApp:
    return WecomApp(
        name,
        clock,
        http_of(options),
        base_url(options, "https://qyapi.weixin.qq.com"),
        options["corp_id"],
        options["secret"],
        options["agent_id"],
        options.get("alert_to", ""),
        carries_of(options),
    )


KIND = Kind(
    frozenset({"corp_id", "secret", "agent_id"}), frozenset({"url", "alert_to", "carries", "connections"}), _build
)
