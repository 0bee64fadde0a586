"""The signed webhook against a receiver that checks the signature with code of its own."""

import json
from hmac import compare_digest, digest
from typing import Any

import pytest

from core.model.effects import EffectClass, Result
from tests.connectors.channel_kit import LINK, SESAME, call_for, provider
from tests.connectors.kit import NOW, ManualClock
from tests.connectors.server import Act, Answer, Request, reply


class Receiver:
    """What a merchant would write: right signature, fresh timestamp, each intent once."""

    def __init__(self) -> None:
        self.taken: dict[str, Any] = {}
        self.lose = 0

    def __call__(self, request: Request) -> Answer:
        stamp = request.headers["keydesk-timestamp"]
        version, _, given = request.headers["keydesk-signature"].partition("=")
        right = digest(SESAME.encode(), b"%s.%s" % (stamp.encode(), request.body), "sha256").hex()
        if version != "v1" or not compare_digest(given, right) or abs(int(stamp) - NOW) > 300:
            return 401, {"error": "bad signature"}
        key = request.headers["idempotency-key"]
        self.taken.setdefault(key, json.loads(request.body))
        if self.lose:
            self.lose -= 1
            return Act.RESET
        return 200, {"id": key}


async def test_a_delivery_is_signed_and_taken() -> None:
    receiver = Receiver()
    async with provider("webhook", receiver) as (hook, _):
        outcome = await hook.perform(call_for("webhook", subject="订单 <1>\x07"))
        assert (outcome.result, outcome.remote_ref) == (Result.CONFIRMED, "shop-a:71")
        assert receiver.taken["shop-a:71"] == {
            "version": 1,
            "event": "delivery",
            "id": "shop-a:71",
            "shop": "shop-a",
            "order": "2001-77",
            "recipient": "buyer",
            "subject": "订单 <1>\ufffd",
            "pickup": LINK,
        }


async def test_a_repeat_carries_the_same_intent_and_is_taken_once() -> None:
    receiver = Receiver()
    receiver.lose = 1
    async with provider("webhook", receiver) as (hook, server):
        assert next(iter(hook.specs.values())).cls is EffectClass.B
        assert (await hook.perform(call_for("webhook"))).result is Result.UNKNOWN
        assert (await hook.perform(call_for("webhook", attempt=2))).result is Result.CONFIRMED
        assert len(server.requests) == 2
        assert server.requests[0].body == server.requests[1].body
        assert list(receiver.taken) == ["shop-a:71"]


async def test_keys_travel_byte_for_byte() -> None:
    receiver = Receiver()
    keys = ("a\x00\x07\u202eb", '卡\t"密"\n2')
    async with provider("webhook", receiver, carries="keys") as (hook, _):
        assert (await hook.perform(call_for("webhook", pickup="", keys=keys))).result is Result.CONFIRMED
        assert tuple(one["key"] for one in receiver.taken["shop-a:71"]["keys"]) == keys


async def test_a_wrong_secret_or_clock_is_refused() -> None:
    async with provider("webhook", Receiver(), secret="another-secret-of-23-chars") as (hook, _):
        outcome = await hook.perform(call_for("webhook"))
        assert (outcome.result, outcome.why) == (Result.REJECTED, "the receiver refused: bad signature")
    async with provider("webhook", Receiver(), ManualClock(NOW + 301)) as (hook, _):
        assert (await hook.perform(call_for("webhook"))).result is Result.REJECTED


@pytest.mark.parametrize(
    ("answer", "result", "words"),
    [
        ((200, {"id": "shop-a:72"}), Result.UNKNOWN, "without the id"),
        ((200, {"ok": True}), Result.UNKNOWN, "without the id"),
        ((204, {}), Result.UNKNOWN, "without the id"),
        (reply(200, b"<html>welcome"), Result.UNKNOWN, "without the id"),
        ((422, {"error": "no such buyer"}), Result.REJECTED, "no such buyer"),
        ((400, {"error": "KEY-1 is no good"}), Result.REJECTED, "withheld"),
        ((409, {"error": "in work"}), Result.UNKNOWN, "409"),
        ((503, {"error": "down"}), Result.UNKNOWN, "503"),
        (reply(503, b"", "retry-after: 40\r\n"), Result.LATER, "maintenance"),
    ],
)
async def test_what_a_receiver_answers(answer: Answer, result: Result, words: str) -> None:
    async with provider("webhook", lambda request: answer) as (hook, _):
        outcome = await hook.perform(call_for("webhook"))
        assert outcome.result is result
        assert words in outcome.why
        assert "KEY-1" not in f"{outcome}"


async def test_alerts_are_signed_too_and_each_has_a_key_of_its_own() -> None:
    receiver = Receiver()
    clock = ManualClock()
    async with provider("webhook", receiver, clock) as (hook, _):
        assert (await hook.alert("low stock", "12 left")).result is Result.CONFIRMED
        clock.now += 1
        assert (await hook.alert("low stock", "12 left")).result is Result.CONFIRMED
    assert len(receiver.taken) == 2
    assert all(key.startswith("alert:") and body["event"] == "alert" for key, body in receiver.taken.items())


async def test_nobody_to_deliver_to_and_a_short_secret() -> None:
    async with provider("webhook", Receiver()) as (hook, server):
        assert (await hook.perform(call_for("webhook", recipient=""))).why.startswith("recipient_invalid")
        assert server.requests == []
    with pytest.raises(ValueError, match="secret must have 16"):
        async with provider("webhook", Receiver(), secret="short"):
            pass
