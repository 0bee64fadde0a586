"""DingTalk group robot: a signed plain text into the one group that the robot belongs to."""

from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Struct

from connectors.channels.base import (
    HttpChannel,
    Kind,
    base_url,
    by_status,
    carries_of,
    confirmed,
    dead,
    read,
    rejected,
    said,
    sends,
)
from connectors.channels.dingtalk.sign import query_text
from connectors.channels.errcode import DEAD, Meaning, outcome_of_code
from connectors.channels.message import Rule, alert_of, body_of, utf8
from connectors.channels.pace import Pace
from connectors.http import Http, Reply
from connectors.options import Options, http_of
from core.model.clock import Clock
from core.model.effects import Call, EffectClass, Outcome

# Who is called is told beside a text, in ``at``; the text itself calls nobody.
RULE: Final = Rule("the DingTalk robot", 20_000, utf8)
_SECURITY: Final = 310000  # one code for wrong signature, old timestamp, address and missing keyword
_TEN_MINUTES: Final = 600.0  # DingTalk stops a robot this long after 20 messages within a minute
# Of the 20 a minute that DingTalk allows; the rest is left to alerts.
_PACE: Final = (15, 60.0)
_CODES: Final = {
    130101: Meaning("rate limit", _TEN_MINUTES),
    410100: Meaning("rate limit", _TEN_MINUTES),
    90018: Meaning("rate limit", 60.0),
    90030: Meaning("the robot's quota is used up", 3600.0),
    300001: Meaning(DEAD),  # access_token
    300005: Meaning(DEAD),
    400106: Meaning(DEAD),
    400102: Meaning("the robot was stopped in its group"),
    400013: Meaning("the group was dissolved"),
    430101: Meaning("DingTalk finds a link in the message unsafe"),
    430102: Meaning("DingTalk finds the message improper"),
    430103: Meaning("DingTalk finds the message improper"),
    430104: Meaning("DingTalk finds the message improper"),
}


class _Answer(Struct):
    errcode: int
    errmsg: str = ""


class DingtalkRobot(HttpChannel):
    """``token``: the ``access_token`` of the webhook's address; ``secret``: the one that begins with SEC."""

    kind = "dingtalk"
    specs = sends(EffectClass.C, "DingTalk robot/send: no message id in the answer, no idempotency key, no query")

    def __init__(
        self, name: str, clock: Clock, http: Http, url: str, token: str, secret: str, carries: str = "pickup"
    ) -> None:
        super().__init__(name, clock, http)
        self._pace = Pace(_PACE)
        self._url, self._secret, self._carries = (
            f"{url}/robot/send?access_token={quote(token, safe='')}",
            secret,
            carries,
        )

    async def _send(self, call: Call) -> Outcome:
        text = body_of(call, self._carries, RULE)
        return self._pace.full() or await self._say(call, text)

    async def alert(self, title: str, text: str) -> Outcome:
        """A plain text into the group."""
        return await self._say(None, alert_of(title, text, RULE))

    async def _say(self, call: Call | None, text: str) -> Outcome:
        body = msgspec.json.encode({"msgtype": "text", "text": {"content": text}, "at": {"isAtAll": False}})
        url = f"{self._url}&{query_text(self._now() * 1000, self._secret)}"
        reply = await self._post("robot/send", url, body)
        return reply if isinstance(reply, Outcome) else _meaning(call, reply)


def _meaning(call: Call | None, reply: Reply) -> Outcome:
    answer = read(reply, _Answer) if reply.status == 200 else None
    if answer is None:
        return by_status(reply, "robot/send")
    if answer.errcode == 0:
        return confirmed("")
    words = said(call, answer.errmsg)
    if answer.errcode == _SECURITY:
        if "keyword" in words.lower() or "关键词" in words:
            return rejected("the robot demands a keyword that the message lacks", {"code": _SECURITY, "said": words})
        return dead({"code": _SECURITY, "said": words})
    return outcome_of_code(answer.errcode, words, _CODES, "robot/send")


def _build(name: str, options: Options, clock: Clock) -> DingtalkRobot:
    url = base_url(options, "https://oapi.dingtalk.com")
    return DingtalkRobot(
        name, clock, http_of(options), url, options["access_token"], options["secret"], carries_of(options)
    )


KIND = Kind(frozenset({"access_token", "secret"}), frozenset({"url", "carries", "connections"}), _build)
