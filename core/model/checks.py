"""One finding about a terminal, a database or a configuration, as a code with facts: who shows it has the words."""

from typing import Literal

from msgspec import Struct

State = Literal["ok", "warn", "bad"]


class Check(Struct, frozen=True):
    """``code`` names the sentence, ``facts`` fill it in. ``subject`` is what was looked at, as a short word or a name."""

    subject: str
    state: State
    code: str
    facts: dict[str, str | int] = {}


class Examined(Struct, frozen=True):
    """What was found out about database and configuration; ``settings`` are (key, value, origin), without secrets."""

    checks: list[Check]
    settings: list[tuple[str, str, str]]
