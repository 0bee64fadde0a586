"""Variables of a provider's approved template: what the settings put into each, and never a key among it.

Written ``name={order},other={code}`` or, where variables have no names, ``{code},{order}``. Known: ``{order}`` the
platform's order number, ``{code}`` and ``{link}`` of the pick-up, ``{count}`` of keys, ``{subject}``. Text around them stays.
"""

import re
from typing import Final

from msgspec import Struct

from connectors.channels.message import Unsendable, guard, pickup_of
from core.model.effects import Call
from core.model.text import clean

WORDS: Final = ("order", "code", "link", "count", "subject")
_WORD: Final = re.compile(r"\{([^{}]*)\}")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}\Z")


class Fields(Struct, frozen=True):
    """(name, pattern) of each variable, in order; the name is "" where variables have none."""

    pairs: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, text: str, names: bool = True) -> "Fields":
        """From a setting; ``names``: whether each variable has one. Raises ValueError."""
        pairs: list[tuple[str, str]] = []
        for piece in (p.strip() for p in text.split(",") if p.strip()):
            name, equals, pattern = piece.partition("=") if names else ("", "=", piece)
            if not equals or (names and not _NAME.match(name.strip())):
                raise ValueError("variables are written name={order},other={code}")
            for word in _WORD.findall(pattern):
                if word not in WORDS:
                    raise ValueError(f"{{{word}}} is not known; valid are {', '.join(f'{{{w}}}' for w in WORDS)}")
            pairs.append((name.strip(), pattern.strip()))
        if len({name for name, _ in pairs}) != len(pairs) and names:
            raise ValueError("a variable is named twice")
        return cls(tuple(pairs))

    @property
    def tells_pickup(self) -> bool:
        """Whether a buyer who reads them can find the keys."""
        return any("{code}" in pattern or "{link}" in pattern for _, pattern in self.pairs)

    def named(self, call: Call) -> dict[str, str]:
        """Name to value. Raises Unsendable."""
        return dict(zip((name for name, _ in self.pairs), self.values(call), strict=True))

    def values(self, call: Call) -> list[str]:
        """The values in order. Raises Unsendable: no pick-up page, a link that ends in no code, or a key inside."""
        pickup = pickup_of(call)
        known = {
            "order": clean(call.ext_id, 64),
            "code": pickup.code,
            "link": pickup.link,
            "count": str(len(call.slots)),
            "subject": clean(call.subject, 200),
        }
        if not pickup.code and any("{code}" in pattern for _, pattern in self.pairs):
            raise Unsendable("the pick-up link ends in no code that could be sent")
        values = [_WORD.sub(lambda hit: known[hit[1]], pattern) for _, pattern in self.pairs]
        guard(call, *values)
        return values
