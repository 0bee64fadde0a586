"""What this terminal can do: for ``keydesk doctor`` and for the desk's own doctor screen."""

import os
import sys
from collections.abc import Mapping

from core.model.checks import Check

LEAST = (80, 24)


def terminal_checks(size: tuple[int, int] | None, encoding: str, env: Mapping[str, str] = os.environ) -> list[Check]:
    """``size``: columns and lines, None where no terminal is attached."""
    term, colour = env.get("TERM", ""), _colours(env)
    columns, lines = size or (0, 0)
    facts: dict[str, str | int] = {"term": term or "-", "columns": columns, "lines": lines, "colours": colour}
    checks = [Check("terminal", "ok", "terminal" if colour != "none" else "terminal_plain", facts)]
    utf8 = encoding.lower().replace("-", "") == "utf8"
    code = "encoding" if utf8 else "encoding_other"
    checks.append(Check("encoding", "ok" if utf8 else "bad", code, {"encoding": encoding or "-"}))
    if size is not None:
        fits = columns >= LEAST[0] and lines >= LEAST[1]
        facts = {"columns": columns, "lines": lines}
        checks.append(Check("size", "ok" if fits else "bad", "size" if fits else "size_small", facts))
        # Ambiguous-width signs shift columns on terminals that draw them wide; the second bar shows it.
        checks.append(Check("ruler", "ok", "ruler", {"wide": "|────…●|", "narrow": "|0000000|"}))
    return checks


def own_encoding() -> str:
    """What this process writes its terminal in."""
    return getattr(sys.__stdout__, "encoding", "") or ""


def _colours(env: Mapping[str, str]) -> str:
    if "NO_COLOR" in env:
        return "none"
    if env.get("COLORTERM") in ("truecolor", "24bit"):
        return "truecolor"
    return "256" if "256" in env.get("TERM", "") else "16"
