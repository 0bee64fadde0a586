"""How the settings name a mail server."""

from connectors.channels.base import Kind
from connectors.channels.email import EmailChannel
from connectors.options import Options, number
from core.model.clock import Clock


def _build(name: str, options: Options, clock: Clock) -> EmailChannel:
    return EmailChannel(
        name,
        options["host"],
        int(number(options, "port", 25, 1, 65_535)),
        options["from"],
        clock,
        user=options.get("user", ""),
        password=options.get("password", ""),
        starttls=options.get("starttls", ""),
        connections=int(number(options, "connections", 8, 1, 64)),
    )


KIND = Kind(frozenset({"host", "port", "from"}), frozenset({"user", "password", "starttls", "connections"}), _build)
