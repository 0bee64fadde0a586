"""The Telegram bot against a local server that answers as the Bot API does."""

import json
from typing import Any

import pytest

from core.model.effects import Result
from tests.connectors.channel_kit import BOT, LINK, build, call_for, provider
from tests.connectors.server import Answer, Request


def api(request: Request) -> Answer:
    """Takes a message as the Bot API does, or says what is wrong with it."""
    body: dict[str, Any] = json.loads(request.body)
    assert (request.method, request.headers["content-type"].split(";")[0]) == ("POST", "application/json")
    if request.path != f"/bot{BOT}/sendMessage":
        return 404, {"ok": False, "error_code": 404, "description": "Not Found"}
    if len(body["text"].encode("utf-16-le")) // 2 > 4096:
        return refusal(400, "Bad Request: message is too long")
    return 200, {"ok": True, "result": {"message_id": 99, "chat": {"id": body["chat_id"]}}}


def refusal(code: int, words: str, **parameters: int) -> tuple[int, Any]:
    return code, {"ok": False, "error_code": code, "description": words, "parameters": parameters}


async def test_a_message_is_plain_text_without_preview() -> None:
    async with provider("telegram", api) as (bot, server):
        outcome = await bot.perform(call_for("telegram", subject="*a* _b_ <b>x</b> [l](tg://user?id=1) 订单"))
        assert (outcome.result, outcome.remote_ref) == (Result.CONFIRMED, "99")
        body = json.loads(server.requests[0].body)
        # A preview would be Telegram opening the buyer's link; a parse_mode would read the text as markup.
        assert body == {
            "chat_id": "4711",
            "text": f"*a* _b_ <b>x</b> [l](tg://user?id=1) 订单\n{LINK}",
            "link_preview_options": {"is_disabled": True},
        }


async def test_a_message_of_just_the_limit_goes_and_one_more_unit_does_not() -> None:
    async with provider("telegram", api, carries="keys") as (bot, server):
        fits = "k" + "\U0001f511" * 2000  # two UTF-16 units each
        room = 4096 - 4001 - 1
        call = call_for("telegram", keys=(fits,), text="x" * room + "\n" + fits)
        assert (await bot.perform(call)).result is Result.CONFIRMED
        longer = call_for("telegram", keys=(fits,), text="x" * (room + 1) + "\n" + fits)
        outcome = await bot.perform(longer)
        assert outcome.result is Result.REJECTED
        assert "4097 UTF-16 units" in outcome.why
        assert len(server.requests) == 1


@pytest.mark.parametrize("recipient", ["", "-100200", "@channel", "0", "4711\n", "a@example.com", "１２", "9" * 30])
async def test_only_a_private_chat_is_written_to(recipient: str) -> None:
    async with provider("telegram", api) as (bot, server):
        outcome = await bot.perform(call_for("telegram", recipient=recipient))
        assert outcome.result is Result.REJECTED
        assert outcome.why.startswith("recipient_invalid")
        assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "result", "words"),
    [
        (refusal(400, "Bad Request: chat not found"), Result.REJECTED, "chat not found"),
        (refusal(403, "Forbidden: bot was blocked by the user"), Result.REJECTED, "blocked by the user"),
        (refusal(400, "Bad Request: group upgraded", migrate_to_chat_id=-1001), Result.REJECTED, "another number"),
        (refusal(401, "Unauthorized"), Result.LATER, "token_dead"),
        (refusal(404, "Not Found"), Result.LATER, "token_dead"),
        (refusal(429, "Too Many Requests: retry after 35", retry_after=35), Result.LATER, "rate limit"),
        (refusal(500, "Internal Server Error"), Result.UNKNOWN, "500"),
        (refusal(409, "Conflict"), Result.UNKNOWN, "409"),
        ((200, {"ok": True}), Result.UNKNOWN, "without a message"),
        ((200, {"ok": True, "result": {"message_id": "99"}}), Result.UNKNOWN, "read"),
    ],
)
async def test_what_telegram_refuses(answer: Answer, result: Result, words: str) -> None:
    async with provider("telegram", lambda request: answer) as (bot, _):
        outcome = await bot.perform(call_for("telegram"))
        assert outcome.result is result
        assert words in outcome.why
        if words == "rate limit":
            assert outcome.retry_after == 35.0


async def test_a_refusal_that_repeats_the_message_is_not_kept() -> None:
    answer = refusal(400, "Bad Request: can't parse 'KEY-1'")
    async with provider("telegram", lambda request: answer, carries="keys") as (bot, _):
        outcome = await bot.perform(call_for("telegram"))
        assert "KEY-1" not in f"{outcome}"
        assert "withheld" in outcome.why


async def test_alerts_go_to_the_merchants_chat() -> None:
    async with provider("telegram", api) as (bot, server):
        assert (await bot.alert("low stock", "12 left of <b>game</b>")).result is Result.CONFIRMED
        body = json.loads(server.requests[0].body)
        assert (body["chat_id"], body["text"]) == ("-100200", "low stock\n12 left of <b>game</b>")


@pytest.mark.parametrize("change", [{"token": "sesame"}, {"alert_chat": "my group"}])
def test_settings_that_cannot_be_right(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))) as caught:
        build("telegram", "https://api.telegram.org", None, **change)
    assert "sesame" not in str(caught.value)
