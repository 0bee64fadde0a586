"""Feishu (Lark) group robot: a signed plain text into the one group that the robot belongs to."""

import re
from typing import Any, Final

import msgspec
from msgspec import Struct

from connectors.channels.base import (
    Evidence,
    HttpChannel,
    Kind,
    base_url,
    by_status,
    carries_of,
    confirmed,
    later,
    read,
    said,
    sends,
)
from connectors.channels.errcode import DEAD, Meaning, outcome_of_code
from connectors.channels.feishu.sign import sign
from connectors.channels.message import Rule, alert_of, body_of, utf8
from connectors.channels.pace import Pace
from connectors.http import Http, Reply
from connectors.options import Options, http_of
from core.model.clock import Clock
from core.model.effects import Call, EffectClass, Outcome

# Feishu takes 20 KB of request. In a text <at user_id="..."> calls members, "all" the whole group.
RULE: Final = Rule("the Feishu robot", 18_000, utf8, re.compile(r"<(?=\s*/?\s*at\b)", re.IGNORECASE))
_TOKEN: Final = re.compile(r"[A-Za-z0-9\-]{8,80}\Z")
_GENERAL: Final = 9499  # "Bad Request", and "too many request" as well
# Of the 100 a minute and 5 a second that Feishu allows; the rest is left to alerts.
_PACE: Final = ((80, 60.0), (4, 1.0))
_CODES: Final = {
    11232: Meaning("rate limit", 60.0),
    11233: Meaning("rate limit", 60.0),
    19001: Meaning(DEAD),  # hook_token
    19021: Meaning(DEAD),  # signature, or this machine's clock an hour off
    19022: Meaning(DEAD),  # this machine's address is not on the robot's list
    19024: Meaning("the robot demands a keyword that the message lacks"),
    19002: Meaning("Feishu finds a parameter of the message wrong"),
    _GENERAL: Meaning("Feishu finds the request wrong"),
}


class _Answer(Struct):
    code: int
    msg: str = ""


class FeishuRobot(HttpChannel):
    """``hook_token``: the end of the webhook's address; ``secret``: of its signature check."""

    kind = "feishu"
    specs = sends(EffectClass.C, "Feishu bot/v2/hook: no message id in the answer, no idempotency key, no query")

    def __init__(
        self, name: str, clock: Clock, http: Http, url: str, hook_token: str, secret: str, carries: str = "pickup"
    ) -> None:
        super().__init__(name, clock, http)
        self._pace = Pace(*_PACE)
        if not _TOKEN.match(hook_token):
            raise ValueError("hook_token is the last part of the webhook's address alone")
        self._url, self._secret, self._carries = f"{url}/open-apis/bot/v2/hook/{hook_token}", secret, carries

    async def _send(self, call: Call) -> Outcome:
        text = body_of(call, self._carries, RULE)
        return self._pace.full() or await self._say(call, text)

    async def alert(self, title: str, text: str) -> Outcome:
        """A plain text into the group."""
        return await self._say(None, alert_of(title, text, RULE))

    async def _say(self, call: Call | None, text: str) -> Outcome:
        now = self._now()
        body: dict[str, Any] = {"timestamp": str(now), "sign": sign(now, self._secret)}
        body |= {"msg_type": "text", "content": {"text": text}}
        reply = await self._post("bot/v2/hook", self._url, msgspec.json.encode(body))
        return reply if isinstance(reply, Outcome) else _meaning(call, reply)


def _meaning(call: Call | None, reply: Reply) -> Outcome:
    answer = read(reply, _Answer)
    if answer is None or (answer.code == 0 and reply.status != 200):
        return by_status(reply, "bot/v2/hook")
    if answer.code == 0:
        return confirmed("")
    words = said(call, answer.msg)
    if answer.code == _GENERAL and ("too many" in words.lower() or "frequency" in words.lower()):
        evidence: Evidence = {"code": answer.code, "said": words}
        return later("rate limit", reply.retry_after() or 60.0, evidence)
    return outcome_of_code(answer.code, words, _CODES, "bot/v2/hook")


def _build(name: str, options: Options, clock: Clock) -> FeishuRobot:
    url = base_url(options, "https://open.feishu.cn")
    return FeishuRobot(
        name, clock, http_of(options), url, options["hook_token"], options["secret"], carries_of(options)
    )


KIND = Kind(frozenset({"hook_token", "secret"}), frozenset({"url", "carries", "connections"}), _build)
