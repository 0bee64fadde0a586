"""What this terminal can do: for ``keydesk doctor`` and for the desk's own doctor screen."""

import os
import sys
from collections.abc import Mapping

from core.model.checks import Check

LEAST = (80, 24)
DUMB = ("dumb", "unknown")


def terminal_checks(size: tuple[int, int] | None, encoding: str, env: Mapping[str, str] = os.environ) -> list[Check]:
    """``size``: columns and lines, None where no terminal is attached."""
    term, colour = env.get("TERM", ""), colours(env)
    columns, lines = size or (0, 0)
    facts: dict[str, str | int] = {"term": term or "-", "columns": columns, "lines": lines, "colours": colour}
    code = {"none": "terminal_plain", "16": "terminal_16"}.get(colour, "terminal")
    checks = [
        Check("terminal", "bad", "terminal_dumb", facts) if is_dumb(env) else Check("terminal", "ok", code, facts)
    ]
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


def colours(env: Mapping[str, str] = os.environ) -> str:
    """What the console sends: "truecolor", "256", "16" or "none". As Rich reads the environment, so that both agree."""
    if "NO_COLOR" in env:
        return "none"
    if env.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return "truecolor"
    return "256" if env.get("TERM", "").strip().lower().rpartition("-")[2] in ("256color", "kitty") else "16"


def is_dumb(env: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal says of itself that it cannot put a character where it is wanted."""
    return env.get("TERM", "").strip().lower() in DUMB
