"""Telegram bot: a plain text to one private chat (Bot API, sendMessage)."""

import re
from typing import Final

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
    dead,
    later,
    read,
    rejected,
    said,
    sends,
    unknown,
)
from connectors.channels.message import Rule, Unsendable, alert_of, body_of, utf16
from connectors.http import Http, Reply
from connectors.options import Options, http_of
from core.model.clock import Clock
from core.model.contact import ContactKind
from core.model.effects import Call, EffectClass, Outcome

RULE: Final = Rule("Telegram", 4096, utf16, unit="UTF-16 units")
_PRIVATE: Final = re.compile(r"[1-9][0-9]{0,18}\Z")
_CHAT: Final = re.compile(r"-?[1-9][0-9]{0,18}\Z|@[A-Za-z0-9_]{5,32}\Z")


class _Hints(Struct):
    retry_after: int = 0
    migrate_to_chat_id: int = 0


class _Message(Struct):
    message_id: int


class _Answer(Struct):
    ok: bool
    error_code: int = 0
    description: str = ""
    result: _Message | None = None
    parameters: _Hints | None = None


class TelegramChannel(HttpChannel):
    """The recipient is the number of the buyer's private chat with the bot, who must have started it.

    ``carries``: "pickup" (the link alone) or "keys" (the whole message). ``alert_chat``: where alerts go, or "".
    """

    kind = "telegram"
    reaches = frozenset({ContactKind.TELEGRAM})
    specs = sends(EffectClass.C, "Bot API sendMessage: no idempotency key, no query by our id")

    def __init__(
        self, name: str, clock: Clock, http: Http, url: str, token: str, alert_chat: str = "", carries: str = "pickup"
    ) -> None:
        super().__init__(name, clock, http)
        if not re.fullmatch(r"[0-9]{3,20}:[A-Za-z0-9_\-]{20,100}", token):
            raise ValueError("token is not a bot token (digits, a colon, letters)")
        if alert_chat and not _CHAT.match(alert_chat):
            raise ValueError("alert_chat is neither a chat number nor an @name")
        self._url, self._alert_chat, self._carries = f"{url}/bot{token}/sendMessage", alert_chat, carries

    async def _send(self, call: Call) -> Outcome:
        if not _PRIVATE.match(call.recipient):
            raise Unsendable("recipient_invalid: not the number of a private Telegram chat")
        return await self._say(call, call.recipient, body_of(call, self._carries, RULE))

    async def alert(self, title: str, text: str) -> Outcome:
        """A plain text to ``alert_chat``."""
        if not self._alert_chat:
            return rejected("no alert_chat is configured")
        return await self._say(None, self._alert_chat, alert_of(title, text, RULE))

    async def _say(self, call: Call | None, chat: str, text: str) -> Outcome:
        # No parse_mode: the text stays text. No preview: its fetch would open the buyer's pick-up link.
        body = {"chat_id": chat, "text": text, "link_preview_options": {"is_disabled": True}}
        reply = await self._post("sendMessage", self._url, msgspec.json.encode(body))
        return reply if isinstance(reply, Outcome) else _meaning(call, reply)


def _meaning(call: Call | None, reply: Reply) -> Outcome:
    answer = read(reply, _Answer)
    if answer is None:
        return by_status(reply, "sendMessage")
    if answer.ok:
        if answer.result is None:
            return unknown("ok without a message", {"status": reply.status})
        return confirmed(str(answer.result.message_id))
    words = said(call, answer.description)
    evidence: Evidence = {"status": reply.status, "code": answer.error_code, "said": words}
    hints = answer.parameters or _Hints()
    match answer.error_code:
        case 401 | 404:  # Bot API answers 404 to a token that never was
            return dead(evidence)
        case 429:
            return later("rate limit", float(max(hints.retry_after, 1)), evidence)
        case 403:
            return rejected(f"the buyer blocked the bot or never started it: {words}", evidence)
        case 400 if hints.migrate_to_chat_id:
            return rejected("the chat became a supergroup with another number", evidence)
        case 400:
            return rejected(f"Telegram refused the message: {words}", evidence)
    return unknown(f"Telegram error {answer.error_code}: {words}", evidence)


def _build(name: str, options: Options, clock: Clock) -> TelegramChannel:
    return TelegramChannel(
        name,
        clock,
        http_of(options),
        base_url(options, "https://api.telegram.org"),
        options["token"],
        options.get("alert_chat", ""),
        carries_of(options),
    )


KIND = Kind(frozenset({"token"}), frozenset({"url", "alert_chat", "carries", "connections"}), _build)
