"""acg-faka's requests and envelope: signed forms with PHP's brackets, answers that are always HTTP 200 (facts: A10)."""

from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from connectors.shops.acg_faka.sign import verify
from core.ports import Inbound, Reply

_FIELDS_MAX: Final = 100
Nested = dict[str, str]
Form = dict[str, str | Nested]


class Refusal(Exception):
    """A request that is not met. The text is shown to people at the other shop."""

    def reply(self) -> Reply:
        """In the envelope."""
        return answer(0, str(self))


def answer(code: int, message: str, data: Any = None) -> Reply:
    """``code`` 200 is good, 0 is not."""
    body = {"code": code, "msg": message, **({"data": data} if data is not None else {})}
    return Reply(body=msgspec.json.encode(body), content_type="application/json; charset=utf-8")


def good(data: Any) -> Reply:
    """What was asked for."""
    return answer(200, "success", data)


def read(request: Inbound, app_id: str, app_key: str) -> Form:
    """The fields of a request that the other shop signed. Raises Refusal.

    ``sku[区服]=亚服`` is a field of fields, in its own order. Deeper nesting has no meaning in this protocol.
    """
    try:
        pairs = parse_qsl(
            request.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX, separator="&"
        )
    except ValueError:
        raise Refusal("参数错误") from None
    form: Form = {}
    for name, value in pairs:
        top, bracket, rest = name.partition("[")
        if not bracket:
            form[top] = value
            continue
        inner = rest.removesuffix("]")
        if not rest.endswith("]") or not inner or "[" in inner or "]" in inner:
            raise Refusal("参数错误")
        held = form.get(top)
        if not isinstance(held, dict):
            held = form[top] = {}
        held[inner] = value
    if request.method != "POST" or form.get("app_id") != app_id:
        raise Refusal("商户ID不存在")
    given = form.get("sign")
    if not isinstance(given, str) or not verify(form, app_key):
        raise Refusal("密钥错误")
    return form


def text(form: Form, *names: str) -> str:
    """The first of these fields that is there, "" without one."""
    for name in names:
        value = form.get(name)
        if isinstance(value, str) and value:
            return value
    return ""
