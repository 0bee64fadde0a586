"""The WeCom application and the group robot against a local server that answers as WeCom does."""

import asyncio
import json
from typing import Any

import pytest

from core.model.effects import Result
from tests.connectors.channel_kit import LINK, SESAME, build, call_for, hurried, provider
from tests.connectors.kit import ManualClock
from tests.connectors.server import Act, Answer, Request, Scripted

OK = {"errcode": 0, "errmsg": "ok"}


class Wecom:
    """Lends tokens that it can void, and takes each equal request once while it checks for duplicates."""

    def __init__(self) -> None:
        self.token, self.lent, self.inbox = "t0", 0, list[dict[str, Any]]()
        self.answers: list[Answer] = []
        self.token_answers: list[Answer] = []
        self._seen: set[bytes] = set()

    def __call__(self, request: Request) -> Answer:
        if request.path == "/cgi-bin/gettoken":
            if self.token_answers:
                return self.token_answers.pop(0)
            if request.query != {"corpid": ["ww1"], "corpsecret": [SESAME]}:
                return 200, {"errcode": 40001, "errmsg": "invalid credential"}
            self.lent += 1
            self.token = f"t{self.lent}"
            return 200, {**OK, "access_token": self.token, "expires_in": 7200}
        assert request.path == "/cgi-bin/message/send"
        if request.query["access_token"] != [self.token]:
            return 200, {"errcode": 42001, "errmsg": "access_token expired"}
        body = json.loads(request.body)
        if not (body["enable_duplicate_check"] and request.body in self._seen):
            self._seen.add(request.body)
            self.inbox.append(body)
        return self.answers.pop(0) if self.answers else (200, {**OK, "msgid": "m1"})


def app(wecom: Wecom, server: Scripted, clock: ManualClock | None = None) -> Any:
    return hurried(build("wecom-app", server.url, clock))


async def test_a_member_gets_the_link_and_a_repeat_arrives_once() -> None:
    wecom = Wecom()
    wecom.answers = [Act.RESET]
    async with Scripted(wecom) as server:
        channel = app(wecom, server)
        call = call_for("wecom-app", subject='<a href="https://evil.example.com">x</a> 订单')
        assert (await channel.perform(call)).result is Result.UNKNOWN
        outcome = await channel.perform(call)
        assert (outcome.result, outcome.remote_ref) == (Result.CONFIRMED, "m1")
        assert [one["touser"] for one in wecom.inbox] == ["zhang.san"]
        text = wecom.inbox[0]["text"]["content"]
        assert text == f'＜a href="https://evil.example.com">x＜/a> 订单\n{LINK}\n[shop-a:71]'
        # Another intent with the same words is another message.
        again = call_for("wecom-app", subject=call.subject, reference="shop-a:99")
        assert (await channel.perform(again)).result is Result.CONFIRMED
        assert len(wecom.inbox) == 2
        assert wecom.lent == 1
        await channel.close()


async def test_a_voided_token_is_renewed_once_for_all_and_the_messages_go() -> None:
    wecom = Wecom()
    async with Scripted(wecom) as server:
        channel = app(wecom, server)
        calls = [call_for("wecom-app", reference=f"shop-a:{n}") for n in range(4)]
        assert all(o.result is Result.CONFIRMED for o in await asyncio.gather(*(channel.perform(c) for c in calls)))
        assert wecom.lent == 1
        wecom.token = "voided"
        more = [call_for("wecom-app", reference=f"shop-a:{n}") for n in range(10, 14)]
        assert all(o.result is Result.CONFIRMED for o in await asyncio.gather(*(channel.perform(c) for c in more)))
        assert wecom.lent == 2
        assert len(wecom.inbox) == 8
        await channel.close()


async def test_a_token_is_renewed_before_it_ends() -> None:
    wecom, clock = Wecom(), ManualClock()
    async with Scripted(wecom) as server:
        channel = app(wecom, server, clock)
        for ahead, lent in ((0, 1), (6899, 1), (1, 2)):
            clock.now += ahead
            assert (await channel.perform(call_for("wecom-app", reference=f"s:{clock.now}"))).result is Result.CONFIRMED
            assert wecom.lent == lent
        await channel.close()


@pytest.mark.parametrize(
    ("answer", "result", "why"),
    [
        ((200, {"errcode": 40001, "errmsg": "invalid credential"}), Result.LATER, "token_dead"),
        ((200, {"errcode": 40013, "errmsg": "invalid corpid"}), Result.LATER, "token_dead"),
        ((200, {"errcode": 45009, "errmsg": "api freq out of limit"}), Result.LATER, "rate limit"),
        ((200, {"errcode": -1, "errmsg": "system busy"}), Result.LATER, "no access token"),
        ((200, {"errcode": 0, "errmsg": "ok"}), Result.LATER, "no access token"),
        ((500, {}), Result.LATER, "no access token"),
        (Act.HANG, Result.LATER, "no access token"),
        (Act.HALF, Result.LATER, "no access token"),
    ],
)
async def test_without_a_token_nothing_was_sent_and_nothing_is_in_doubt(
    answer: Answer, result: Result, why: str
) -> None:
    wecom = Wecom()
    wecom.token_answers = [answer]
    async with Scripted(wecom) as server:
        channel = app(wecom, server)
        outcome = await channel.perform(call_for("wecom-app"))
        assert outcome.result is result
        assert outcome.why.startswith(why)
        assert outcome.retry_after
        assert SESAME not in f"{outcome}"
        assert wecom.inbox == []
        assert (await channel.perform(call_for("wecom-app"))).result is Result.CONFIRMED
        await channel.close()


@pytest.mark.parametrize(
    ("answer", "result", "words"),
    [
        ({**OK, "invaliduser": "other|ZHANG.SAN", "msgid": "m"}, Result.REJECTED, "no such member"),
        ({**OK, "unlicenseduser": "zhang.san"}, Result.REJECTED, "no licence"),
        ({**OK, "invaliduser": "other"}, Result.CONFIRMED, ""),
        ({"errcode": 81013, "errmsg": "x"}, Result.REJECTED, "does not exist"),
        ({"errcode": 60011, "errmsg": "no privilege"}, Result.REJECTED, "may not see"),
        ({"errcode": 60020, "errmsg": "not allow to access from your ip"}, Result.LATER, "token_dead"),
        ({"errcode": 45009, "errmsg": "api freq out of limit"}, Result.LATER, "rate limit"),
        ({"errcode": -1, "errmsg": "system busy"}, Result.UNKNOWN, "-1"),
        ({"errcode": 99999, "errmsg": "?\x07"}, Result.UNKNOWN, "99999"),
    ],
)
async def test_what_wecom_answers(answer: dict[str, Any], result: Result, words: str) -> None:
    async with provider("wecom-app", lambda request: (200, answer)) as (channel, _):
        outcome = await channel.perform(call_for("wecom-app"))
        assert outcome.result is result
        assert words in outcome.why
        assert "\x07" not in outcome.why


async def test_a_token_that_is_refused_twice_ends_it() -> None:
    answer = (200, {"errcode": 40014, "errmsg": "invalid access_token"})
    async with provider("wecom-app", lambda request: answer) as (channel, server):
        outcome = await channel.perform(call_for("wecom-app"))
        assert (outcome.result, outcome.why) == (Result.LATER, "token_dead")
        assert [r.path for r in server.requests].count("/cgi-bin/message/send") == 2


@pytest.mark.parametrize("recipient", ["", "@all", "a|b", "张三", "a b", "x\n"])
async def test_only_one_member_is_written_to(recipient: str) -> None:
    async with provider("wecom-app", lambda request: (200, OK)) as (channel, server):
        outcome = await channel.perform(call_for("wecom-app", recipient=recipient))
        assert outcome.result is Result.REJECTED
        assert outcome.why.startswith("recipient_invalid")
        assert server.requests == []


async def test_alerts_go_to_the_member_and_may_repeat() -> None:
    wecom = Wecom()
    async with Scripted(wecom) as server:
        channel = app(wecom, server)
        for _ in range(2):
            assert (await channel.alert("down", "shop-a <@all>")).result is Result.CONFIRMED
        assert [(m["touser"], m["text"]["content"]) for m in wecom.inbox] == [("boss", "down\nshop-a ＜@all>")] * 2
        await channel.close()


async def test_the_robot_speaks_plain_text_in_its_group() -> None:
    async with provider("wecom-robot", lambda request: (200, OK)) as (robot, server):
        assert (await robot.perform(call_for("wecom-robot", subject="<@all> **x** 订单"))).result is Result.CONFIRMED
        assert (await robot.alert("<@zhang.san>", "# x")).result is Result.CONFIRMED
        first, second = server.requests
        assert first.path == "/cgi-bin/webhook/send"
        assert first.query == {"key": [SESAME]}
        assert json.loads(first.body) == {"msgtype": "text", "text": {"content": f"＜@all> **x** 订单\n{LINK}"}}
        assert json.loads(second.body)["text"]["content"] == "＜@zhang.san>\n# x"


async def test_a_key_that_would_call_a_member_is_not_changed_but_refused() -> None:
    async with provider("wecom-robot", lambda request: (200, OK), carries="keys") as (robot, server):
        outcome = await robot.perform(call_for("wecom-robot", keys=("ab<@all>cd",)))
        assert outcome.result is Result.REJECTED
        assert "markup" in outcome.why
        assert server.requests == []
        assert (await robot.perform(call_for("wecom-robot", keys=("ab<cd>&amp;",)))).result is Result.CONFIRMED


@pytest.mark.parametrize(
    ("code", "result", "words"),
    [
        (93000, Result.LATER, "token_dead"),
        (45009, Result.LATER, "rate limit"),
        (45002, Result.REJECTED, "too long"),
        (-1, Result.UNKNOWN, "-1"),
    ],
)
async def test_what_the_robot_is_answered(code: int, result: Result, words: str) -> None:
    async with provider("wecom-robot", lambda request: (200, {"errcode": code, "errmsg": "m"})) as (robot, _):
        outcome = await robot.perform(call_for("wecom-robot"))
        assert outcome.result is result
        assert words in outcome.why
