"""What strangers write into names, titles and messages to get at a terminal, and how to see that it stayed text.

``PAYLOADS`` are 60 of them. ``Poison`` puts one into every text of the core's answers, a new one at each turn, with a
sign before it by which it is found on the screen again. ``assert_harmless`` judges what was written to the terminal.
"""

import re
from collections import Counter
from typing import Any

PAYLOADS = (
    # strings for the terminal: clipboard, title, links, notifications, files, colours, DCS, APC, PM, SOS
    "\x1b]52;c;ZXZpbA==\x07", "\x1b]0;pwned-title\x07", "\x1b]8;;http://evil.test\x1b\\here\x1b]8;;\x1b\\",
    "\x1b]1337;File=inline=1:AAAA\x07", "\x1b]9;pay me\x07", "\x1b]777;notify;a;b\x1b\\", "\x1b]4;1;rgb:ff/00/00\x1b\\",
    "\x1bP1$r0m\x1b\\", "\x1bP+q544e\x1b\\", "\x1b_Gf=24,s=1,v=1;AAAA\x1b\\", "\x1b^private\x1b\\", "\x1bXsos-string\x1b\\",
    # control sequences: erase, move, colours, modes, scroll region, insert, repeat, reset
    "\x1b[2J\x1b[1;1H", "\x1b[31;41;5m", "\x1b[?1049l\x1b[?25l", "\x1b[3;5r", "\x1b[99@\x1b[9P", "x\x1b[5000b", "\x1bc", "\x1b#8",
    "\x1b[!p", "\x1b[?5h", "\x1b(0lqk", "\x0e\x0f", "\x1b[38;2;1;2;3m\x1b[48:5:9m", "\x1b[0;0;0", "\x1b", "\x1b[200~q\x1b[201~",
    # questions whose answers would be typed as keys
    "\x1b[6n\x1b[5n", "\x1b[c\x1b[>c\x1b[=c", "\x1bP$qm\x1b\\", "\x1b[>1u\x1b[?u", "\x1b[21t\x1b[18t", "\x1b]10;?\x07\x05",
    # one-byte controls: C1, bells, NUL, DEL, moves of the cursor
    "\x9b31mred", "\x9d0;title\x9c", "\x90q\x9c\x85\x8d", "\x07\x07\x07", "\x00\x7f\x00", "a\tb\nc\r\nd\v\f", "a\b\b\bb\r#",
    # what Unicode hides, turns, joins and piles up
    "\u202eevil\u202c", "\u2066a\u2067b\u2068c\u2069", "\u200ba\u200cb\u200dc\u2060\ufeff", "\u200e\u200f\u061c",
    "e" + "\u0301" * 40, "Z\u0336\u0489\u20dd" * 9, "\U000e0001\U000e0041tag\U000e007f", "a\ufe0f\ufe0e\u845b\U000e0100",
    "\u2764\ufe0f1\ufe0f\u20e3\U0001f44d\U0001f3fd", "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1e8\U0001f1f3",
    "\u2028line\u2029\x85", "\u3164\uffa0\u115f\u00ad\u034f", "\ud83d!\udc00\udfff", "\ue000\U000f0000\ufffe\ufdd0",
    # look-alikes, markup, shell, and what was broken before it came
    "ｐａｙＰａ１\uff76\uff9e", "[/][red", "[@click=app.quit]go[/] [bold", "$(reboot)`id`;--", "Ã\ufffd\ufffd" + "长" * 300 + "W" * 600,
)  # fmt: skip
# Codes that decide what is shown where, marks that go back to the core as they came, and who we are.
CODES = frozenset({
    "token", "first", "last", "next", "operator", "role", "language", "kind", "action", "state",
})  # fmt: skip
PLACES = re.compile(r"Zq(\d\d)")
# What the desk itself sends: where, in which ink, synchronized updates, the cursor's sight, the pointer's shape.
_OWN = re.compile(r"\x1b\[(?:\d*(?:;\d+)*[Hm]|\d*[GABCDJK]|\?(?:2026|25)[hl])|\x1b\]22;default\x07")
_RAW = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff"
    "\U000f0000-\U0010ffff]"
)
_PILED = re.compile("[\u0300-\u036f\u0483-\u0489\u20d0-\u20f0]{4}")


class Poison:
    """Changes an answer of the core: every text that is no code of its own, lists long enough for all payloads."""

    def __init__(self) -> None:
        self._turn: Counter[str] = Counter()

    def text(self, name: str) -> str:
        """The next payload for a field of this name, behind its sign."""
        self._turn[name] += 1
        n = (self._turn[name] + 7 * len(name)) % len(PAYLOADS)
        return f"Zq{n:02}{PAYLOADS[n]}"

    def __call__(self, value: Any, name: str = "") -> Any:
        """The answer as a hostile shop would have it."""
        if isinstance(value, dict):
            return {self._key(k, name): self(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self(one, name) for one in self._stretched(value, name)]
        if isinstance(value, str) and name and name not in CODES:
            return self.text(name)
        return value

    def _key(self, key: str, name: str) -> str:
        return self.text(f"{name}.") if name in ("claims", "body", "facts", "args") and key != "kind" else key

    def _stretched(self, value: list[Any], name: str) -> list[Any]:
        if name in ("rows", "jobs", "events") or not value or not isinstance(value[0], dict | str):
            return value
        out = [dict(one) if isinstance(one, dict) else one for one in value]
        while len(out) < len(PAYLOADS) and name not in ("stages",):
            more = value[len(out) % len(value)]
            out.append({**more, "id": 9_000 + len(out)} if isinstance(more, dict) and isinstance(more.get("id"), int) else
                       dict(more) if isinstance(more, dict) else more)  # fmt: skip
        return out


def assert_harmless(written: str | bytes) -> None:
    """Fails when anything but the desk's own sequences and plain characters was written."""
    text = written.decode("utf-8", "replace") if isinstance(written, bytes) else written
    text.encode()  # half a character is no character
    rest = _OWN.sub("\x00", text).replace("\x00", "\ufffc")
    assert (found := _RAW.search(rest)) is None, _around(rest, found)
    assert (found := _PILED.search(rest)) is None, _around(rest, found)


def _around(text: str, found: re.Match[str]) -> str:
    return ascii(text[max(found.start() - 60, 0) : found.end() + 60])
