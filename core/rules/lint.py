"""What a condition may contain. It is refused before it is live, with the name that was probably meant."""

import re
from typing import Any

import cel

from core.rules.facts import FIELDS
from core.settings_files import nearest

MAX_BYTES = 2048  # of one condition
_MACRO = re.compile(r"\.\s*(map|filter|exists|exists_one|all)\s*\(\s*([A-Za-z_]\w*)")
_STRINGS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_METHODS = frozenset(("contains", "startsWith", "endsWith", "matches"))
_FUNCTIONS = _METHODS | {"chars", "int", "double", "string"}


def chars(text: str) -> int:
    """``chars(title)``: length in characters. The engine's own ``size`` counts UTF-8 bytes, against CEL's definition."""
    return len(text)


HELPERS = {"chars": chars}


def check(condition: str) -> tuple[Any, frozenset[str]]:
    """(program, facts it reads) of a condition. Raises ValueError that says what is wrong with it."""
    if not condition.strip():
        raise ValueError("an empty condition; write true for a rule that always applies")
    if len(condition.encode("utf-8", "replace")) > MAX_BYTES:
        raise ValueError(f"longer than {MAX_BYTES} bytes; split the rule")
    try:
        program = cel.compile(condition)
    except ValueError as error:
        raise ValueError(_syntax(str(error))) from None
    bound = _bound(condition)
    read = set(program.variables()) - bound
    for name in sorted(read):
        if name not in FIELDS:
            raise ValueError(f"there is no field {name!r}{nearest(name, FIELDS)}")
    for name in sorted(n for n in program.functions() if n[0].isalpha()):
        if name == "size":
            raise ValueError("size() counts bytes here, not characters; write chars(title)")
        if name not in _FUNCTIONS:
            raise ValueError(f"there is no function {name!r}{nearest(name, _FUNCTIONS)}")
    return program, frozenset(read)


def _bound(condition: str) -> set[str]:
    # One loop over a literal list is useful (any of these words); loops inside loops are how a condition gets slow.
    loops = _MACRO.findall(_STRINGS.sub("''", condition))
    if len(loops) > 1:
        raise ValueError("more than one exists/all/map/filter in a condition; use one, or two rules")
    for _macro, name in loops:
        if name in FIELDS:
            raise ValueError(f"the loop's variable {name!r} hides the field of that name; call it something else")
    return {name for _macro, name in loops}


def _syntax(message: str) -> str:
    place = re.search(r"<input>:(\d+):(\d+): (?:Syntax error: )?([^\n]{0,120})", message)
    if place is None:
        return "not a valid condition"
    return f"not a valid condition, at character {place[2]} of its line {place[1]}: {place[3]}"
