"""Reading a request: parameters and bodies checked before anything is done with them."""

from typing import Any

import msgspec
from starlette.requests import Request

from core.desk.refusals import Refused, bad_request
from core.model.text import clean

BODY_MAX = 4_000_000  # bytes of a JSON body: 100,000 order ids fit
FILE_MAX = 128_000_000  # bytes of an uploaded file: 200,000 keys of the greatest length fit
_ID_MAX = 2**63 - 1


def whole(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole-number parameter, held inside its bounds. Raises Refused when it is no number."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 19:
        raise bad_request(f"{name} must be a whole number")
    return max(low, min(high, int(text)))


def path_id(request: Request) -> int:
    """The id in the path. Raises Refused when it cannot be one."""
    number = int(request.path_params["id"])
    if number > _ID_MAX:
        raise bad_request("this id is too large")
    return number


def param(request: Request, name: str, limit: int = 1000) -> str:
    """A text parameter as it was given, with a bound on its length."""
    text = request.query_params.get(name, "")
    if len(text) > limit:
        raise bad_request(f"{name} has at most {limit} characters")
    return text


async def raw(request: Request, limit: int) -> bytes:
    """The whole body. Raises Refused as soon as it grows beyond ``limit`` bytes."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise Refused(413, "too_large", f"a body has at most {limit:,} bytes here", "Split it.")
        parts.append(part)
    return b"".join(parts)


async def body(request: Request, *allowed: str) -> dict[str, Any]:
    """A JSON object with no other members than ``allowed``. Raises Refused."""
    data = await raw(request, BODY_MAX)
    try:
        found = msgspec.json.decode(data) if data else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise bad_request("the body is not JSON") from None
    if not isinstance(found, dict):
        raise bad_request("the body must be a JSON object")
    strange = sorted(set(found) - set(allowed))
    if strange:
        raise bad_request(f"unknown member {strange[0][:40]!r}", f"This call takes {' '.join(allowed) or 'nothing'}.")
    return found


def text(found: dict[str, Any], name: str, limit: int = 500) -> str:
    """A text member, cleaned; "" when absent."""
    value = found.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise bad_request(f"{name} must be a text")
    return clean(value, limit)


def number(found: dict[str, Any], name: str) -> int | None:
    """A whole-number member, or None when absent."""
    value = found.get(name)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _ID_MAX):
        raise bad_request(f"{name} must be a whole number")
    return value


def ids(found: dict[str, Any], name: str) -> list[int]:
    """A member that is a list of ids."""
    value = found.get(name, [])
    if not isinstance(value, list) or not all(
        isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= _ID_MAX for v in value
    ):
        raise bad_request(f"{name} must be a list of ids")
    return value


def numbers(found: dict[str, Any], name: str, most: int) -> list[str]:
    """A member that is a list of at most ``most`` numbers as shops write them, cleaned."""
    value = found.get(name, [])
    if not isinstance(value, list) or len(value) > most or not all(isinstance(v, str) for v in value):
        raise bad_request(f"{name} must be a list of at most {most} texts")
    return [one for one in (clean(v, 120).strip() for v in value) if one]


def filter_text(found: dict[str, Any]) -> str:
    """The ``filter`` member as it was typed; "" when absent."""
    value = found.get("filter", "")
    if not isinstance(value, str) or len(value) > 2000:
        raise bad_request("filter must be a text of at most 2000 characters")
    return value
