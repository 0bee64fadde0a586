"""SMS by Aliyun and Tencent: what is sent, and what became of it when the answer was lost."""

import json
from typing import Any

import pytest

from core.model.effects import Effect, EffectClass, Result
from tests.connectors.channel_kit import CODE, PHONE, call_for, provider
from tests.connectors.kit import ManualClock
from tests.connectors.server import Act
from tests.connectors.sms_clouds import KINDS, SERVERS, Aliyun, Tencent, as_asked


async def test_aliyun_sends_the_template_with_the_code() -> None:
    cloud = Aliyun()
    async with provider("aliyun-sms", cloud) as (sms, _):
        outcome = await sms.perform(call_for("aliyun-sms", ext_id="订单 1&x=y~*'()"))
        assert (outcome.result, outcome.remote_ref) == (Result.CONFIRMED, "9^0")
        (sent,) = cloud.sent
        assert json.loads(sent.pop("TemplateParam")) == {"code": CODE, "order": "订单 1&x=y~*'()"}
        assert sent == {
            "PhoneNumbers": PHONE,
            "SignName": "卡台",
            "TemplateCode": "SMS_1",
            "OutId": "shop-a:71:1",
        }


async def test_tencent_sends_the_template_with_the_code() -> None:
    cloud = Tencent()
    async with provider("tencent-sms", cloud) as (sms, server):
        outcome = await sms.perform(call_for("tencent-sms"))
        assert (outcome.result, outcome.remote_ref) == (Result.CONFIRMED, "5000:1")
        assert server.requests[0].headers["x-tc-region"] == "ap-guangzhou"
        assert cloud.sent == [
            {
                "PhoneNumberSet": [f"+86{PHONE}"],
                "SmsSdkAppId": "1400006666",
                "SignName": "卡台",
                "TemplateId": "1110",
                "TemplateParamSet": [CODE],
                "SessionContext": "shop-a:71:1",
            }
        ]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_wrong_secret_is_mended_by_a_person(kind: str) -> None:
    name = {"aliyun-sms": "access_key_secret", "tencent-sms": "secret"}[kind]
    async with provider(kind, SERVERS[kind](), None, **{name: "another"}) as (sms, _):
        outcome = await sms.perform(call_for(kind))
        assert (outcome.result, outcome.why) == (Result.LATER, "token_dead")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_lost_answer_is_asked_about_by_our_own_id(kind: str) -> None:
    cloud = SERVERS[kind]()
    cloud.answers = [Act.RESET]
    async with provider(kind, cloud) as (sms, server):
        spec = sms.specs[Effect.SEND]
        assert (spec.cls, spec.askable) == (EffectClass.B, True)
        call = call_for(kind)
        assert (await sms.perform(call)).result is Result.UNKNOWN
        sent = len(cloud.sent)
        assert (await sms.ask(as_asked(call))).result is Result.CONFIRMED
        assert len(cloud.sent) == sent == 1
        assert len(server.requests) >= 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_that_is_not_shown_yet_stays_in_doubt(kind: str) -> None:
    cloud = SERVERS[kind]()
    cloud.visible = False
    async with provider(kind, cloud) as (sms, _):
        await sms.perform(call_for(kind))
        assert (await sms.ask(as_asked(call_for(kind)))).result is Result.UNKNOWN


@pytest.mark.parametrize("kind", KINDS)
async def test_only_the_attempt_asked_about_can_have_failed(kind: str) -> None:
    cloud = SERVERS[kind]()
    cloud.status = {"aliyun-sms": 2, "tencent-sms": "FAIL"}[kind]
    async with provider(kind, cloud) as (sms, _):
        await sms.perform(call_for(kind))
        assert (await sms.ask(as_asked(call_for(kind)))).result is Result.REJECTED
        # The second attempt may be on its way; the first one's failure is not its own.
        assert (await sms.ask(as_asked(call_for(kind, attempt=2)))).result is Result.UNKNOWN
        # Another order to the same number is another message.
        assert (await sms.ask(as_asked(call_for(kind, reference="shop-a:7")))).result is Result.UNKNOWN


@pytest.mark.parametrize("kind", KINDS)
async def test_an_earlier_attempt_that_arrived_is_a_delivery(kind: str) -> None:
    async with provider(kind, SERVERS[kind]()) as (sms, _):
        await sms.perform(call_for(kind))
        assert (await sms.ask(as_asked(call_for(kind, attempt=2)))).result is Result.CONFIRMED


async def test_aliyun_is_asked_about_yesterday_too() -> None:
    cloud = Aliyun()
    clock = ManualClock()
    async with provider("aliyun-sms", cloud, clock) as (sms, _):
        await sms.perform(call_for("aliyun-sms"))
        clock.now += 86_400
        assert (await sms.ask(as_asked(call_for("aliyun-sms")))).result is Result.CONFIRMED
        clock.now += 86_400
        assert (await sms.ask(as_asked(call_for("aliyun-sms")))).result is Result.UNKNOWN


@pytest.mark.parametrize("answer", [Act.RESET, Act.HALF, Act.HANG, (500, {}), (200, {}), (200, [])])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_question_without_an_answer_proves_nothing(kind: str, answer: Any) -> None:
    async with provider(kind, lambda request: answer) as (sms, _):
        assert (await sms.ask(as_asked(call_for(kind)))).result is Result.UNKNOWN
        assert (await sms.ask(as_asked(call_for(kind, recipient="nobody")))).result is Result.UNKNOWN
