"""The DingTalk and Feishu robots against local servers that check each signature with code of their own."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from connectors.channels.pace import Pace
from core.model.effects import Result
from tests.connectors.channel_kit import LINK, SESAME, build, call_for, provider
from tests.connectors.kit import NOW, ManualClock
from tests.connectors.server import Answer, Request

HOUR = 3600


def dingtalk(request: Request) -> Answer:
    """As DingTalk: the signature of the time in milliseconds, an hour's grace."""
    if request.query["access_token"] != [SESAME]:
        return 200, {"errcode": 300001, "errmsg": "token is not exist"}
    stamp, given = request.query["timestamp"][0], request.query["sign"][0]
    if abs(int(stamp) - NOW * 1000) > HOUR * 1000:
        return 200, {"errcode": 310000, "errmsg": "invalid timestamp"}
    secret = b"SEC" + SESAME.encode()
    right = base64.b64encode(hmac.new(secret, stamp.encode() + b"\n" + secret, hashlib.sha256).digest())
    if given.encode() != right:
        return 200, {"errcode": 310000, "errmsg": "sign not match"}
    assert json.loads(request.body)["msgtype"] == "text"
    return 200, {"errcode": 0, "errmsg": "ok"}


def feishu(request: Request) -> Answer:
    """As Feishu: the signature is keyed by time and secret, over nothing."""
    body = json.loads(request.body)
    if request.path != f"/open-apis/bot/v2/hook/{SESAME}":
        return 400, {"code": 19001, "msg": "param invalid: incoming webhook access token invalid"}
    right = base64.b64encode(hmac.digest(f"{body['timestamp']}\n{SESAME}".encode(), b"", "sha256")).decode()
    if body["sign"] != right or abs(int(body["timestamp"]) - NOW) > HOUR:
        return 400, {"code": 19021, "msg": "sign match fail or timestamp is not within one hour from current time"}
    assert body["msg_type"] == "text"
    return 200, {"code": 0, "msg": "success", "data": {}, "StatusCode": 0}


SERVERS = {"dingtalk": dingtalk, "feishu": feishu}


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_signed_text_is_taken(kind: str) -> None:
    async with provider(kind, SERVERS[kind]) as (robot, server):
        assert (await robot.perform(call_for(kind, subject="订单 [x](y) # @所有人"))).result is Result.CONFIRMED
        assert (await robot.alert("low stock", "12 left")).result is Result.CONFIRMED
        texts = [text_of(request) for request in server.requests]
        assert texts == [f"订单 [x](y) # @所有人\n{LINK}", "low stock\n12 left"]


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_wrong_secret_token_or_clock_is_mended_by_a_person(kind: str) -> None:
    token = {"dingtalk": "access_token", "feishu": "hook_token"}[kind]
    for clock, more in (
        (ManualClock(NOW + HOUR + 1), {}),
        (ManualClock(), {"secret": "SEC-another-secret"}),
        (ManualClock(), {token: "another-token"}),
    ):
        async with provider(kind, SERVERS[kind], clock, **more) as (robot, server):
            outcome = await robot.perform(call_for(kind))
            assert (outcome.result, outcome.why) == (Result.LATER, "token_dead")
            assert outcome.evidence["said"]
            assert len(server.requests) == 1


async def test_feishu_mentions_are_plain_text() -> None:
    call = call_for("feishu", subject='<at user_id="all">x</at> < AT user_id=all> <b> <atlas>')
    async with provider("feishu", feishu) as (robot, server):
        assert (await robot.perform(call)).result is Result.CONFIRMED
        assert (await robot.alert('<at user_id="all"></at>', "</at>")).result is Result.CONFIRMED
        first, second = (text_of(request) for request in server.requests)
        assert first == f'＜at user_id="all">x＜/at> ＜ AT user_id=all> <b> <atlas>\n{LINK}'
        assert second == '＜at user_id="all">＜/at>\n＜/at>'


async def test_a_key_that_feishu_would_read_as_a_mention_is_refused() -> None:
    async with provider("feishu", feishu, carries="keys") as (robot, server):
        outcome = await robot.perform(call_for("feishu", keys=("AB<at user_id=all>",)))
        assert outcome.result is Result.REJECTED
        assert "markup" in outcome.why
        assert server.requests == []


@pytest.mark.parametrize(
    ("kind", "answer", "result", "words"),
    [
        ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content, more: x"}, Result.REJECTED, "keyword"),
        ("dingtalk", {"errcode": 310000, "errmsg": "关键词不匹配"}, Result.REJECTED, "keyword"),
        ("dingtalk", {"errcode": 310000, "errmsg": "ip 1.2.3.4 not in whitelist"}, Result.LATER, "token_dead"),
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}, Result.LATER, "rate limit"),
        ("dingtalk", {"errcode": 90030, "errmsg": "webhook over limit"}, Result.LATER, "quota"),
        ("dingtalk", {"errcode": 400102, "errmsg": "stopped"}, Result.REJECTED, "stopped"),
        ("dingtalk", {"errcode": -1, "errmsg": "busy"}, Result.UNKNOWN, "-1"),
        ("feishu", {"code": 19024, "msg": "Key Words Not Found"}, Result.REJECTED, "keyword"),
        ("feishu", {"code": 19022, "msg": "Ip Not Allowed"}, Result.LATER, "token_dead"),
        ("feishu", {"code": 11232, "msg": "frequency limited"}, Result.LATER, "rate limit"),
        ("feishu", {"code": 9499, "msg": "too many request"}, Result.LATER, "rate limit"),
        ("feishu", {"code": 9499, "msg": "Bad Request"}, Result.REJECTED, "wrong"),
        ("feishu", {"code": 99999, "msg": "?"}, Result.UNKNOWN, "99999"),
    ],
)
async def test_what_the_robots_are_answered(kind: str, answer: dict[str, Any], result: Result, words: str) -> None:
    async with provider(kind, lambda request: (200, answer)) as (robot, _):
        outcome = await robot.perform(call_for(kind))
        assert outcome.result is result
        assert words in outcome.why
        assert (outcome.retry_after is not None) is (result is Result.LATER)


def test_a_whole_address_in_place_of_the_token_is_named() -> None:
    with pytest.raises(ValueError, match="hook_token") as caught:
        build("feishu", "https://open.feishu.cn", None, hook_token=f"https://open.feishu.cn/x/{SESAME}")
    assert SESAME not in str(caught.value)


def text_of(request: Request) -> str:
    body = json.loads(request.body)
    text: str = body["content"]["text"] if "content" in body else body["text"]["content"]
    return text


@pytest.mark.parametrize(
    ("kind", "limit", "most"), [("dingtalk", 15, 60.0), ("wecom-robot", 15, 60.0), ("feishu", 4, 1.0)]
)
async def test_a_robot_keeps_its_pace_and_leaves_room_for_alerts(kind: str, limit: int, most: float) -> None:
    ok = (200, {"errcode": 0, "code": 0})
    async with provider(kind, lambda request: ok) as (robot, server):
        now = [100.0]
        robot._pace._clock = lambda: now[0]
        for _ in range(limit):
            assert (await robot.perform(call_for(kind))).result is Result.CONFIRMED
            now[0] += 0.01
        outcome = await robot.perform(call_for(kind))
        assert outcome.result is Result.LATER
        assert 0 < outcome.retry_after <= most
        assert len(server.requests) == limit
        assert (await robot.alert("low stock", "12 left")).result is Result.CONFIRMED
        now[0] += outcome.retry_after
        assert (await robot.perform(call_for(kind))).result is Result.CONFIRMED


def test_every_limit_of_a_pace_counts() -> None:
    now = [0.0]
    pace = Pace((3, 10.0), (2, 1.0), clock=lambda: now[0])
    gone = []
    for _ in range(400):
        if pace.full() is None:
            gone.append(now[0])
        now[0] += 0.1
    assert all(later - first >= 1.0 - 1e-6 for first, later in zip(gone, gone[2:], strict=False))
    assert all(later - first >= 10.0 - 1e-6 for first, later in zip(gone, gone[3:], strict=False))
    assert len(gone) >= 10
