"""Every kind of channel with settings that build it, a call it would take, and its provider as a real local server."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from connectors.channel_kinds import build_channel
from connectors.channels.base import HttpChannel
from connectors.http import Http
from core.model.effects import Call
from tests.connectors.kit import ManualClock, send
from tests.connectors.server import Answer, Request, Scripted

LINK = "https://keys.example.com/p/Q7x2-M"
CODE = "Q7x2-M"
OPENID = "oABCDEFGHIJKLMNOPQRSTUVWXYZ1"
SESAME = "sesame-sesame-sesame-1"
BOT = f"123456:{SESAME}"

# What each kind needs to be built, and whom it writes to.
SETTINGS: dict[str, dict[str, str]] = {
    "aliyun-sms": {
        "access_key_id": "LTAI1",
        "access_key_secret": SESAME,
        "sign_name": "卡台",
        "template_code": "SMS_1",
        "fields": "code={code},order={order}",
    },
    "dingtalk": {"access_token": SESAME, "secret": "SEC" + SESAME},
    "feishu": {"hook_token": SESAME, "secret": SESAME},
    "tencent-sms": {
        "secret_id": "AKID1",
        "secret": SESAME,
        "sdk_app_id": "1400006666",
        "sign_name": "卡台",
        "template_id": "1110",
        "fields": "{code}",
    },
    "telegram": {"token": BOT, "alert_chat": "-100200"},
    "webhook": {"secret": SESAME},
    "wechat": {"app_id": "wx1", "secret": SESAME},
    "wecom-app": {"corp_id": "ww1", "secret": SESAME, "agent_id": "1000002", "alert_to": "boss"},
    "wecom-robot": {"key": SESAME},
}
PHONE = "13800138000"
RECIPIENTS = {"aliyun-sms": PHONE, "tencent-sms": PHONE, "telegram": "4711", "wechat": OPENID, "wecom-app": "zhang.san"}
ALERTING = [kind for kind in SETTINGS if kind not in ("wechat", "aliyun-sms", "tencent-sms")]
CARRYING = ALERTING


def call_for(kind: str, pickup: str = LINK, keys: tuple[str, ...] = ("KEY-1", "KEY-2"), **more: Any) -> Call:
    """A SEND that this kind would take."""
    made = send("2001-77", recipient=RECIPIENTS.get(kind, "buyer"), keys=keys)
    return msgspec.structs.replace(made, pickup=pickup, **more)


def is_token_request(request: Request) -> bool:
    """Whether WeChat or WeCom is asked for an access token."""
    return request.path in ("/cgi-bin/stable_token", "/cgi-bin/gettoken")


def lending(handler: Callable[[Request], Any]) -> Callable[[Request], Answer]:
    """The handler, behind a provider that lends tokens to whoever asks."""

    def handle(request: Request) -> Answer:
        if is_token_request(request):
            return (200, {"errcode": 0, "access_token": "lent-1", "expires_in": 7200})
        answer: Answer = handler(request)
        return answer

    return handle


def sends_of(server: Scripted) -> list[Request]:
    """The requests that carried a message."""
    return [request for request in server.requests if not is_token_request(request)]


def hurried(channel: HttpChannel) -> HttpChannel:
    """The same channel with a client that waits a moment only."""
    channel._http = Http(connections=4, connect=2.0, read=0.4, deadline=0.8, body_limit=20_000)
    return channel


def build(kind: str, url: str, clock: ManualClock | None = None, **more: str) -> HttpChannel:
    """The channel with its provider at ``url``."""
    options = {"kind": kind, "url": url, **SETTINGS[kind], **more}
    channel = build_channel("way", {k: v for k, v in options.items() if v}, clock or ManualClock())
    assert isinstance(channel, HttpChannel)
    return channel


@asynccontextmanager
async def provider(
    kind: str, handler: Callable[[Request], Any], clock: ManualClock | None = None, **more: str
) -> AsyncIterator[tuple[Any, Scripted]]:
    """(channel, server); the server lends tokens and leaves the messages to ``handler``."""
    async with Scripted(lending(handler)) as server:
        channel = hurried(build(kind, server.url, clock, **more))
        try:
            yield channel, server
        finally:
            await channel.close()
