"""Channels by kind: the one place that finds the class behind a channel's ``kind``.

A kind's module is imported when a setting names it. Secrets arrive here as plain text, resolved by the caller, and go no
further than the channel.
"""

import importlib
from collections.abc import Mapping
from typing import Final

from connectors.channels.base import Kind
from connectors.options import Options, check, nearest
from core.model.clock import Clock
from core.ports import Channel

_HERE: Final = "connectors.channels"
CHANNELS: Final[Mapping[str, str]] = {
    "smtp": f"{_HERE}.email_kind",
    "email": f"{_HERE}.email_kind",
    "aliyun-sms": f"{_HERE}.aliyun_sms.channel",
    "dingtalk": f"{_HERE}.dingtalk.channel",
    "feishu": f"{_HERE}.feishu.channel",
    "telegram": f"{_HERE}.telegram.channel",
    "tencent-sms": f"{_HERE}.tencent_sms.channel",
    "webhook": f"{_HERE}.webhook.channel",
    "wechat": f"{_HERE}.wechat.channel",
    "wecom-app": f"{_HERE}.wecom_app.channel",
    "wecom-robot": f"{_HERE}.wecom_robot.channel",
}

# Suppliers are channels whose sending is buying: what the buyer gets comes from somebody else's account.
SUPPLIERS: Final[Mapping[str, str]] = {"kashangwl": "connectors.suppliers.kashangwl.channel"}


def build_channel(name: str, options: Options, clock: Clock) -> Channel:
    """The channel ``name``; ``options["kind"]`` (smtp when absent) chooses its class.

    Raises ValueError that names the channel, the key, and the nearest valid key; never a value of a key.
    """
    word = options.get("kind", "smtp")
    kind = kind_of(word)
    if kind is None:
        raise ValueError(f"channel {name}: unknown kind {word!r}{nearest(word, {**CHANNELS, **SUPPLIERS})}")
    given = {key: value for key, value in options.items() if key != "kind"}
    check(f"channel {name}", given, kind.required, kind.optional)
    try:
        return kind.build(name, given, clock)
    except ValueError as exc:
        raise ValueError(f"channel {name}: {exc}") from None


def kind_of(word: str) -> Kind | None:
    """The kind called ``word``, None when there is none."""
    module = CHANNELS.get(word) or SUPPLIERS.get(word)
    if module is None:
        return None
    kind = importlib.import_module(module).KIND
    assert isinstance(kind, Kind)
    return kind
