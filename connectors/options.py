"""Options of a shop or channel as connectors read them: checked words in, numbers and clients out.

Every failure is a ValueError that names the key and the nearest valid one; never a value, for it may be a secret.
"""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from connectors.http import Http
from connectors.tokens import Tokens, only_looking
from core.model.clock import Clock
from core.ports import Shop

Options = Mapping[str, str]
_LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})
COMMON: Final = frozenset({"poll_seconds", "start_days"})
WINDOWS: Final = frozenset({"overlap_seconds", "deep_seconds", "connections", "refresh_token", "token_file"})


class Platform(Struct, frozen=True):
    """How to build one platform's shop: the keys it must have, those it may have, and the builder."""

    required: frozenset[str]
    optional: frozenset[str]
    build: Callable[[str, Options, Clock], Shop]


def check(what: str, given: Options, required: frozenset[str], optional: frozenset[str]) -> None:
    """Refuse unknown keys and missing ones."""
    for key in given:
        if key not in required | optional:
            raise ValueError(f"{what}: unknown key {key!r}{nearest(key, required | optional)}")
    for key in sorted(required):
        if not given.get(key, "").strip():
            raise ValueError(f"{what}: key {key!r} is missing or empty")


def nearest(word: str, known: Mapping[str, object] | frozenset[str] | tuple[str, ...]) -> str:
    """A hint for a word that is not known."""
    near = difflib.get_close_matches(word, list(known), 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; valid are {', '.join(sorted(known))}"


def number(options: Options, key: str, default: float, low: float, high: float) -> float:
    """The number under ``key``, within ``low`` and ``high``."""
    text = options.get(key, "")
    try:
        value = float(text) if text else default
    except ValueError:
        raise ValueError(f"{key} is not a number") from None
    if not low <= value <= high:
        raise ValueError(f"{key} must be between {low:g} and {high:g}")
    return value


def poll_seconds(options: Options) -> float:
    """How long to wait after a pull that brought nothing more."""
    return number(options, "poll_seconds", 1.0, 0.05, 3600)


def start_days(options: Options) -> float:
    """How far back the first pull reaches."""
    return number(options, "start_days", 1.0, 0, 90)


def http_of(options: Options) -> Http:
    """The leased-connection client of one shop."""
    return Http(connections=int(number(options, "connections", 32, 1, 256)))


def tokens_of(options: Options, key: str) -> Tokens:
    """The access token under ``key``, with its refresh token where there is one."""
    file = options.get("token_file", "")
    return Tokens(options[key], options.get("refresh_token", ""), Path(file) if file else None, only_looking())


def url_of(options: Options) -> str:
    """Https, or http to this machine alone: signatures do not hide what they sign."""
    parts = urlsplit(options["url"])
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOCAL):
        raise ValueError("url must be https (http is for this machine alone)")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("url must not carry credentials, a query or a fragment")
    return options["url"]
