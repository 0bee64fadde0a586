"""What every channel over HTTP must do: proof of "not sent", doubt kept as doubt, no key where none belongs."""

import json
import logging
from typing import Any

import pytest

from connectors.channel_kinds import CHANNELS, build_channel
from connectors.channels.base import HttpChannel
from core.model.effects import Effect, EffectClass, Outcome, Result
from core.ports import Alerting, Carrier, Channel
from core.secret_refs import is_secret_name
from tests.connectors.channel_kit import (
    ALERTING,
    CARRYING,
    LINK,
    RECIPIENTS,
    SESAME,
    SETTINGS,
    build,
    call_for,
    hurried,
    provider,
    sends_of,
)
from tests.connectors.kit import ManualClock, ship
from tests.connectors.server import Act, Scripted, closed_port, reply

pytestmark = pytest.mark.timeout(30)
KINDS = sorted(SETTINGS)


def wary(outcome: Outcome) -> Outcome:
    """The outcome, checked: nothing in it is a secret, a key or the buyer's link."""
    kept = f"{outcome.why} {outcome.evidence} {outcome.remote_ref}"
    for word in (SESAME, "lent-", "KEY-1", LINK):
        assert word not in kept
    return outcome


def test_the_table_of_kinds_is_whole() -> None:
    assert set(CHANNELS) == {"smtp", "email", *KINDS}


def _place(kind: str) -> dict[str, str]:
    return {"url": "https://provider.example.com"} if kind == "webhook" else {}


@pytest.mark.parametrize("kind", KINDS)
async def test_it_builds_says_its_class_and_hides_its_secrets(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    channel = build(kind, "https://provider.example.com")
    assert isinstance(channel, Channel)
    assert SESAME not in f"{channel!r} {vars(channel).get('_access', '')!r}"
    spec = channel.specs[Effect.SEND]
    assert list(channel.specs) == [Effect.SEND]
    assert spec.source
    assert spec.effect is Effect.SEND
    assert isinstance(channel, Alerting) is (kind in ALERTING)
    assert isinstance(channel, Carrier)
    assert channel.needs_pickup, "a link is the default of every channel that can send one"
    assert bool(channel.reaches) is (kind in RECIPIENTS or kind == "webhook")
    if kind in CARRYING:
        carrying = build_channel(
            "way", {"kind": kind, **SETTINGS[kind], **_place(kind), "carries": "keys"}, ManualClock()
        )
        assert isinstance(carrying, Carrier)
        assert not carrying.needs_pickup
    assert spec.cls is not EffectClass.A
    if not spec.askable:
        assert (await channel.ask(call_for(kind))).result is Result.UNKNOWN


@pytest.mark.parametrize("kind", KINDS)
def test_mistakes_in_settings_are_named_without_their_values(kind: str) -> None:
    good = {"kind": kind, "url": "https://p.example.com", **SETTINGS[kind]}
    for key in SETTINGS[kind]:
        with pytest.raises(ValueError, match=r"channel way.*unknown key"):
            build_channel("way", {**good, f"{key}x": SESAME}, ManualClock())
    for url in ("http://provider.example.com", "https://u:p@provider.example.com", "https://p.example.com?x=1"):
        with pytest.raises(ValueError, match="channel way: url") as caught:
            build_channel("way", {**good, "url": url}, ManualClock())
        assert "p@" not in str(caught.value)
    if kind in CARRYING:
        with pytest.raises(ValueError, match="carries"):
            build_channel("way", {**good, "carries": "all"}, ManualClock())


@pytest.mark.parametrize("kind", KINDS)
def test_the_settings_treat_every_secret_as_one(kind: str) -> None:
    secrets = [key for key, value in SETTINGS[kind].items() if SESAME in value]
    assert secrets
    assert all(is_secret_name(key) for key in secrets)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_closed_port_proves_not_sent(kind: str) -> None:
    channel = hurried(build(kind, f"http://127.0.0.1:{closed_port()}"))
    outcome = wary(await channel.perform(call_for(kind)))
    assert outcome.result is Result.NOT_SENT
    await channel.close()


@pytest.mark.parametrize("act", [Act.RESET, Act.CLOSE, Act.HALF, Act.HANG])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_that_was_read_is_in_doubt_until_it_is_answered(kind: str, act: str) -> None:
    async with provider(kind, lambda request: act) as (channel, server):
        outcome = wary(await channel.perform(call_for(kind)))
        assert outcome.result is Result.UNKNOWN
        assert len(sends_of(server)) == 1  # and it is not repeated behind the core's back


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (reply(200, b"<html>log in"), Result.UNKNOWN),
        (reply(200, b""), Result.UNKNOWN),
        (reply(200, b"[]"), Result.UNKNOWN),
        (reply(200, b"{}"), Result.UNKNOWN),
        (reply(200, b"null"), Result.UNKNOWN),
        (reply(200, b'{"errcode": "0", "ok": 1, "code": "0"}'), Result.UNKNOWN),
        (reply(200, b'{"errcode":0,"ok":true\xff'), Result.UNKNOWN),
        (reply(302, b"", "location: https://elsewhere.example.com\r\n"), Result.UNKNOWN),
        (reply(500, b"oops"), Result.UNKNOWN),
        (reply(502, b"<html>bad gateway"), Result.UNKNOWN),
        (reply(504, b""), Result.UNKNOWN),
        (reply(429, b"slow down", "retry-after: 17\r\n"), Result.LATER),
        (reply(403, b"<html>forbidden"), Result.REJECTED),
        (reply(200, b"x" * 30_000), Result.UNKNOWN),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_nobody_understands_confirms_nothing(kind: str, answer: bytes, result: Result) -> None:
    async with provider(kind, lambda request: answer) as (channel, server):
        outcome = wary(await channel.perform(call_for(kind)))
        assert outcome.result is result
        assert len(sends_of(server)) == 1
        if result is Result.LATER:
            assert outcome.retry_after == 17.0


@pytest.mark.parametrize("kind", KINDS)
async def test_it_ships_nothing(kind: str) -> None:
    async with provider(kind, lambda request: (200, {})) as (channel, server):
        assert (await channel.perform(ship("2001-77"))).result is Result.REJECTED
        assert server.requests == []


@pytest.mark.parametrize("kind", KINDS)
async def test_without_a_pickup_page_nothing_leaves(kind: str) -> None:
    async with provider(kind, lambda request: (200, {})) as (channel, server):
        outcome = await channel.perform(call_for(kind, pickup=""))
        assert (outcome.result, outcome.why) == (Result.REJECTED, "no pick-up page is configured")
        assert server.requests == []


@pytest.mark.parametrize(
    "link",
    [
        "https://keys.example.com/p/KEY-1",
        "https://keys.example.com/p/key-1/x",
        "https://keys.example.com/p?x=%4B%45Y-1&y=abcd",
        "http://keys.example.com/p/abcdef",
        "ftp://keys.example.com/p/abcdef",
        "https://keys.example.com/p/ab cd",
        "https://keys.example.com/p/abcd\nKEY",
        "https://keys.example.com/p/\u5361abcd",
        "javascript:alert(1)",
    ],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_link_that_holds_a_key_or_is_none_is_refused(kind: str, link: str) -> None:
    async with provider(kind, lambda request: (200, {})) as (channel, server):
        outcome = await channel.perform(call_for(kind, pickup=link))
        assert outcome.result is Result.REJECTED
        assert "pick-up link" in outcome.why or "would hold a key" in outcome.why
        assert server.requests == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_link_with_a_piece_of_an_account_is_refused(kind: str) -> None:
    async with provider(kind, lambda request: (200, {})) as (channel, server):
        call = call_for(kind, pickup="https://keys.example.com/p/hunter2x", keys=("someone----Hunter2x",))
        assert (await channel.perform(call)).result is Result.REJECTED
        assert server.requests == []


@pytest.mark.parametrize("kind", KINDS)
async def test_no_key_is_in_what_leaves(kind: str) -> None:
    async with provider(kind, lambda request: reply(500, b"")) as (channel, server):
        await channel.perform(call_for(kind))
        sent = sends_of(server)
        assert len(sent) == 1
        for request in server.requests:
            assert b"KEY-1" not in request.body
            assert "KEY-1" not in f"{request.target} {request.headers}"


@pytest.mark.parametrize("kind", [*CARRYING, "wechat"])
async def test_a_subject_that_holds_a_key_is_refused(kind: str) -> None:
    async with provider(kind, lambda request: (200, {})) as (channel, server):
        outcome = wary(await channel.perform(call_for(kind, subject="your Key-1")))
        assert outcome.result is Result.REJECTED
        assert "would hold a key" in outcome.why
        assert server.requests == []


@pytest.mark.parametrize("kind", CARRYING)
async def test_keys_leave_only_when_asked_for_and_whole(kind: str) -> None:
    async with provider(kind, lambda request: reply(500, b""), carries="keys") as (channel, server):
        await channel.perform(call_for(kind, pickup="", keys=("KEY-1", "A/b+c=&\"'\\ \t\u5361")))
        body: Any = json.loads(sends_of(server)[0].body)
        text = body.get("text") or body["content"]["text"]
        text = text if isinstance(text, str) else text["content"]
        assert "KEY-1\n" in text
        assert "A/b+c=&\"'\\ \t\u5361\n" in text


@pytest.mark.parametrize("kind", [k for k in CARRYING if k != "webhook"])
@pytest.mark.parametrize("key", ["AB\x07CD", "AB\u202eCD", "AB\x1b[31m", "AB\u2028CD", "AB\ud800CD", "x" * 40_000])
async def test_a_key_that_would_not_arrive_whole_is_not_sent(kind: str, key: str) -> None:
    async with provider(kind, lambda request: (200, {}), carries="keys") as (channel, server):
        outcome = wary(await channel.perform(call_for(kind, keys=(key,))))
        assert outcome.result is Result.REJECTED
        assert key not in outcome.why
        assert server.requests == []


async def test_a_key_that_is_no_text_is_refused_by_the_webhook_too() -> None:
    async with provider("webhook", lambda request: (200, {}), carries="keys") as (channel, server):
        outcome = await channel.perform(call_for("webhook", keys=("AB\ud800CD",)))
        assert outcome.result is Result.REJECTED
        assert "no text" in outcome.why
        assert server.requests == []


@pytest.mark.parametrize("kind", ALERTING)
async def test_alerts_are_plain_short_and_never_raise(kind: str) -> None:
    title = "\x1b[31mlow stock\x07\u202e" + "t" * 500
    async with provider(kind, lambda request: Act.CLOSE) as (channel, server):
        outcome = wary(await channel.alert(title, "line 1\nline 2 \x00" + "\u5361" * 9000))
        assert outcome.result is Result.UNKNOWN
        body = sends_of(server)[0].body
        assert len(body) < 22_000
        assert b"line 1\\nline 2" in body
        for bad in ("\x1b", "\x07", "\\u001b", "\\u0007", "\\u0000", "\u202e"):
            assert bad.encode() not in body
    unreachable: Any = hurried(build(kind, f"http://127.0.0.1:{closed_port()}"))
    assert (await unreachable.alert("t", "x")).result is Result.NOT_SENT
    await unreachable.close()


@pytest.mark.parametrize("kind", ["telegram", "wecom-app"])
async def test_an_alert_without_an_address_says_so(kind: str) -> None:
    async with provider(kind, lambda request: (200, {}), alert_chat="", alert_to="") as (channel, server):
        outcome = await channel.alert("t", "x")
        assert outcome.result is Result.REJECTED
        assert "is configured" in outcome.why
        assert server.requests == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_dead_provider_is_left_alone_for_a_moment(kind: str) -> None:
    channel: HttpChannel = hurried(build(kind, f"http://127.0.0.1:{closed_port()}"))
    outcomes = [await channel.perform(call_for(kind)) for _ in range(12)]
    assert outcomes[-1].result is Result.LATER
    assert outcomes[-1].retry_after
    await channel.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_secret_is_logged(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with Scripted(lambda request: Act.CLOSE) as server:
        channel = hurried(build(kind, server.url))
        await channel.perform(call_for(kind))
        await channel.close()
    for word in (SESAME, "KEY-1", LINK):
        assert word not in caplog.text
