"""A shop with two ways, both real channels: SMS to a local cloud that refuses, then a webhook that takes it."""

import json
from pathlib import Path

from core.model.lifecycle import IntentState
from tests.connectors.channel_kit import build
from tests.connectors.server import Act, Request, Scripted
from tests.end_to_end.waykit import Works

URL = "https://keys.example.com/p"
REFUSES = (400, {"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": "no such number"})


def taken(request: Request) -> tuple[int, dict[str, str]]:
    """The receiver's word that it has this delivery."""
    return 200, {"id": json.loads(request.body)["id"]}


async def test_what_sms_refuses_goes_by_the_next_channel_once(tmp_path: Path) -> None:
    async with Scripted(lambda _: REFUSES) as cloud, Scripted(taken) as hook:
        channels = {"sms": build("aliyun-sms", cloud.url), "hook": build("webhook", hook.url, carries="keys")}
        for name, channel in channels.items():
            channel.name = name
        async with Works(tmp_path, "sms, hook", channels, URL) as works:
            works.shop.place("A1", message="我的手机 138-0013-8000", contact="")
            sends = await works.delivered("A1")
            assert [(lane, state) for lane, state, _ in sends] == [
                ("sms", int(IntentState.REJECTED)),
                ("hook", int(IntentState.CONFIRMED)),
            ]
            (asked,) = cloud.requests
            assert asked.query["PhoneNumbers"] == ["13800138000"]
            (request,) = hook.requests
            assert json.loads(request.body)["recipient"] == "+8613800138000"
            assert len(json.loads(request.body)["keys"]) == 1


async def test_what_sms_lost_stays_with_a_person(tmp_path: Path) -> None:
    async with Scripted(lambda _: Act.CLOSE) as cloud, Scripted(taken) as hook:
        channels = {"ops": build("wecom-robot", cloud.url), "hook": build("webhook", hook.url)}
        for name, channel in channels.items():
            channel.name = name
        async with Works(tmp_path, "ops,hook", channels, URL) as works:
            works.shop.place("A1")
            assert await works.case("A1") == "unknown_outcome"
            _, _, sends = await works.order("A1")
            assert [lane for lane, _, _ in sends] == ["ops"]
            assert not hook.requests


async def test_a_telegram_number_arrives_bare(tmp_path: Path) -> None:
    def answer(_: Request) -> tuple[int, dict[str, object]]:
        return 200, {"ok": True, "result": {"message_id": 5}}

    async with Scripted(answer) as bot:
        channel = build("telegram", bot.url)
        async with Works(tmp_path, "way", {"way": channel}, URL) as works:
            works.shop.place("A1", message="telegram:4711", contact="")
            ((lane, _, recipient),) = await works.delivered("A1")
            assert (lane, recipient) == ("way", "telegram:4711")
            (request,) = bot.requests
            body = json.loads(request.body)
            assert str(body["chat_id"]) == "4711"
            assert URL in body["text"]


async def test_no_page_and_a_way_that_carries_keys_needs_none(tmp_path: Path) -> None:
    async with Scripted(lambda _: REFUSES) as cloud, Scripted(taken) as hook:
        channels = {"sms": build("aliyun-sms", cloud.url), "hook": build("webhook", hook.url, carries="keys")}
        for name, channel in channels.items():
            channel.name = name
        async with Works(tmp_path, "sms, hook", channels) as works:
            works.shop.place("A1", message="13800138000")
            assert [lane for lane, _, _ in await works.delivered("A1")] == ["sms", "hook"]
            assert not cloud.requests
