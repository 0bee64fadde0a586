"""WeCom group robot: a plain text into the one group that the robot belongs to."""

import re
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from connectors.channels.base import HttpChannel, Kind, base_url, by_status, carries_of, confirmed, read, said, sends
from connectors.channels.errcode import DEAD, Meaning, outcome_of_code
from connectors.channels.message import Rule, alert_of, body_of, utf8
from connectors.channels.pace import Pace
from connectors.http import Http, Reply
from connectors.options import Options, http_of
from core.model.clock import Clock
from core.model.effects import Call, EffectClass, Outcome

# In a robot's text <@userid> calls a member.
RULE: Final = Rule("the WeCom robot", 2048, utf8, re.compile(r"<(?=@)"))
# Of the 20 a minute that WeCom allows; the rest is left to alerts.
_PACE: Final = (15, 60.0)
_CODES: Final = {
    45009: Meaning("rate limit", 60.0),
    93000: Meaning(DEAD),  # the robot's key is wrong, or the robot was removed from its group
    40008: Meaning("WeCom does not take this kind of message"),
    40058: Meaning("WeCom finds a parameter of the message wrong"),
    44004: Meaning("WeCom finds the message empty"),
    45002: Meaning("WeCom finds the message too long"),
}


class _Answer(Struct):
    errcode: int
    errmsg: str = ""


class WecomRobot(HttpChannel):
    """``key``: the robot's own, which is all that protects it. The order's recipient plays no part."""

    kind = "wecom-robot"
    specs = sends(EffectClass.C, "WeCom group robot: no message id in the answer, no idempotency key, no query")

    def __init__(self, name: str, clock: Clock, http: Http, url: str, key: str, carries: str = "pickup") -> None:
        super().__init__(name, clock, http)
        self._pace = Pace(_PACE)
        self._url, self._carries = f"{url}/cgi-bin/webhook/send?key={quote(key, safe='')}", carries

    async def _send(self, call: Call) -> Outcome:
        text = body_of(call, self._carries, RULE)
        return self._pace.full() or await self._say(call, text)

    async def alert(self, title: str, text: str) -> Outcome:
        """A plain text into the group."""
        return await self._say(None, alert_of(title, text, RULE))

    async def _say(self, call: Call | None, text: str) -> Outcome:
        body = msgspec.json.encode({"msgtype": "text", "text": {"content": text}})
        reply = await self._post("webhook/send", self._url, body)
        return reply if isinstance(reply, Outcome) else _meaning(call, reply)


def _meaning(call: Call | None, reply: Reply) -> Outcome:
    answer = read(reply, _Answer) if reply.status == 200 else None
    if answer is None:
        return by_status(reply, "webhook/send")
    if answer.errcode == 0:
        return confirmed("")
    return outcome_of_code(answer.errcode, said(call, answer.errmsg), _CODES, "webhook/send")


def _build(name: str, options: Options, clock: Clock) -> WecomRobot:
    url = base_url(options, "https://qyapi.weixin.qq.com")
    return WecomRobot(name, clock, http_of(options), url, options["key"], carries_of(options))


KIND = Kind(frozenset({"key"}), frozenset({"url", "carries", "connections"}), _build)
