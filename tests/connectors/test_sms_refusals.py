"""SMS by Aliyun and Tencent: what they refuse, and what is refused before it reaches them."""

import json
from typing import Any

import pytest

from connectors.channels.message import Unsendable
from connectors.channels.phone import e164
from core.model.effects import Outcome, Result
from tests.connectors.channel_kit import LINK, build, call_for, provider
from tests.connectors.sms_clouds import KINDS, SERVERS, Aliyun, Tencent

REFUSALS = [
    ("aliyun-sms", "isv.MOBILE_NUMBER_ILLEGAL", Result.REJECTED, "recipient_invalid"),
    ("aliyun-sms", "isv.SMS_TEMPLATE_ILLEGAL", Result.REJECTED, "template is not approved"),
    ("aliyun-sms", "isv.SMS_SIGNATURE_ILLEGAL", Result.REJECTED, "signature is not approved"),
    ("aliyun-sms", "isv.PARAM_NOT_SUPPORT_URL", Result.REJECTED, "may not hold a link"),
    ("aliyun-sms", "isv.AMOUNT_NOT_ENOUGH", Result.REJECTED, "no money left"),
    ("aliyun-sms", "isv.SOMETHING_NEW", Result.REJECTED, "Aliyun refused"),
    ("aliyun-sms", "isv.BUSINESS_LIMIT_CONTROL", Result.LATER, "too many"),
    ("aliyun-sms", "isv.DAY_LIMIT_CONTROL", Result.LATER, "limit"),
    ("aliyun-sms", "Throttling.User", Result.LATER, "rate limit"),
    ("aliyun-sms", "isp.RAM_PERMISSION_DENY", Result.LATER, "token_dead"),
    ("aliyun-sms", "InvalidAccessKeyId.NotFound", Result.LATER, "token_dead"),
    ("aliyun-sms", "isp.SYSTEM_ERROR", Result.UNKNOWN, "Aliyun error"),
    ("aliyun-sms", "SignatureNonceUsed", Result.UNKNOWN, "Aliyun error"),
    ("tencent-sms", "InvalidParameterValue.IncorrectPhoneNumber", Result.REJECTED, "recipient_invalid"),
    ("tencent-sms", "FailedOperation.TemplateIncorrectOrUnapproved", Result.REJECTED, "template is not approved"),
    ("tencent-sms", "FailedOperation.SignatureIncorrectOrUnapproved", Result.REJECTED, "signature is not approved"),
    ("tencent-sms", "FailedOperation.PhoneNumberInBlacklist", Result.REJECTED, "unsubscribed"),
    ("tencent-sms", "InvalidParameterValue.SomethingNew", Result.REJECTED, "Tencent refused"),
    ("tencent-sms", "LimitExceeded.PhoneNumberThirtySecondLimit", Result.LATER, "too many"),
    ("tencent-sms", "LimitExceeded.PhoneNumberDailyLimit", Result.LATER, "too many"),
    ("tencent-sms", "RequestLimitExceeded", Result.LATER, "rate limit"),
    ("tencent-sms", "UnauthorizedOperation.RequestIpNotInWhitelist", Result.LATER, "token_dead"),
    ("tencent-sms", "FailedOperation.FailResolvePacket", Result.UNKNOWN, "Tencent error"),
    ("tencent-sms", "InternalError.Timeout", Result.UNKNOWN, "Tencent error"),
]


@pytest.mark.parametrize(("kind", "code", "result", "words"), REFUSALS)
async def test_what_they_refuse(kind: str, code: str, result: Result, words: str) -> None:
    cloud = SERVERS[kind]()
    cloud.answers = [cloud.refuse(code)]
    async with provider(kind, cloud) as (sms, _):
        outcome: Outcome = await sms.perform(call_for(kind))
        assert outcome.result is result
        assert words in outcome.why
        assert (outcome.retry_after is not None) is (result is Result.LATER)
        if kind == "tencent-sms":  # an error of the whole request means what it means for the one number
            cloud.answers = [cloud.error(code)]
            assert (await sms.perform(call_for(kind))).why == outcome.why


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("aliyun-sms", {"Code": "OK", "Message": "OK"}),
        ("tencent-sms", {"Response": {"RequestId": "r"}}),
        ("tencent-sms", {"Response": {"SendStatusSet": []}}),
        ("tencent-sms", {"Response": {"SendStatusSet": [{"Code": "Ok", "SerialNo": ""}]}}),
        ("tencent-sms", {"Response": {"SendStatusSet": [{"Code": "Ok", "SerialNo": "1"}] * 2}}),
    ],
)
async def test_half_an_answer_confirms_nothing(kind: str, answer: Any) -> None:
    async with provider(kind, lambda request: (200, answer)) as (sms, _):
        assert (await sms.perform(call_for(kind))).result is Result.UNKNOWN


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "recipient", ["", "12345", "a@example.com", "13800138000,13900139000", "１３８００１３８０００"]
)
async def test_what_is_no_phone_number_is_refused(kind: str, recipient: str) -> None:
    async with provider(kind, SERVERS[kind]()) as (sms, server):
        outcome = await sms.perform(call_for(kind, recipient=recipient))
        assert outcome.result is Result.REJECTED
        assert outcome.why.startswith("recipient_invalid")
        assert server.requests == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_variable_that_would_hold_a_key_stops_the_message(kind: str) -> None:
    fields = {"aliyun-sms": "code={code},order=no {order}", "tencent-sms": "{code},no {order}"}[kind]
    async with provider(kind, SERVERS[kind](), None, fields=fields) as (sms, server):
        outcome = await sms.perform(call_for(kind, ext_id="key-1"))
        assert outcome.result is Result.REJECTED
        assert "would hold a key" in outcome.why
        assert server.requests == []


async def test_a_code_too_long_for_the_account_is_refused_before_the_network() -> None:
    long = call_for("tencent-sms", pickup="https://keys.example.com/p/Q7x2MZZ")
    async with provider("tencent-sms", Tencent()) as (sms, server):
        outcome = await sms.perform(long)
        assert outcome.result is Result.REJECTED
        assert "7 characters; variable_max is 6" in outcome.why
        assert server.requests == []
    async with provider("tencent-sms", Tencent(), None, variable_max="12") as (sms, _):
        assert (await sms.perform(long)).result is Result.CONFIRMED


@pytest.mark.parametrize("kind", KINDS)
async def test_a_link_without_a_code_is_refused_where_a_code_is_wanted(kind: str) -> None:
    async with provider(kind, SERVERS[kind]()) as (sms, server):
        outcome = await sms.perform(call_for(kind, pickup="https://keys.example.com/p/"))
        assert "ends in no code" in outcome.why
        assert server.requests == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("fields", "words"), [("a={order}", "{code} or {link}"), ("a={key}", "{key} is not known")])
def test_fields_that_tell_the_buyer_nothing_are_refused(kind: str, fields: str, words: str) -> None:
    text = fields if kind == "aliyun-sms" else fields.partition("=")[2]
    with pytest.raises(ValueError, match="channel way") as caught:
        build(kind, "https://p.example.com", None, fields=text)
    assert words in str(caught.value)


async def test_a_link_goes_where_the_template_takes_one() -> None:
    cloud = Aliyun()
    async with provider("aliyun-sms", cloud, None, fields="url={link}") as (sms, _):
        assert (await sms.perform(call_for("aliyun-sms"))).result is Result.CONFIRMED
        assert json.loads(cloud.sent[0]["TemplateParam"]) == {"url": LINK}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("13800138000", "+8613800138000"),
        ("+8613800138000", "+8613800138000"),
        ("008613800138000", "+8613800138000"),
        ("8613800138000", "+8613800138000"),
        ("+85291234567", "+85291234567"),
        ("+14155550100", "+14155550100"),
    ],
)
def test_phone_numbers(text: str, number: str) -> None:
    assert e164(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "12800138000",
        "1380013800",
        "138001380000",
        "+8612345678901",
        "+86138001380",
        "85291234567",
        "+0123456789",
        " 13800138000",
    ],
)
def test_doubtful_numbers_are_none(text: str) -> None:
    with pytest.raises(Unsendable, match="recipient_invalid"):
        e164(text)
