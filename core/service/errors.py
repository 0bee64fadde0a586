"""Every error as one shape: ``{"error": {"code", "message", "hint"}}``. No traceback and no value leaves the core."""

import logging
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from core.desk.filter import FilterError
from core.desk.refusals import Refused
from core.store.writer import NotLeader, StoreBroken, StoreFull
from core.vault.imports import ImportRefused
from core.vault.keyring import VaultError

_log = logging.getLogger("keydesk.service")


def answer(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def error(status: int, code: str, message: str, hint: str = "", **more: Any) -> Response:
    """An error answer; ``more`` stands beside code, message and hint."""
    return answer({"error": {"code": code, "message": message, "hint": hint, **more}}, status)


def refused(request: Request, exc: Exception) -> Response:
    """What is said for each kind of failure that has a meaning."""
    if isinstance(exc, Refused):
        return error(exc.status, exc.code, exc.message, exc.hint, **exc.more)
    if isinstance(exc, FilterError):
        hint = f"Did you mean {exc.nearest}?" if exc.nearest else ""
        return error(400, "bad_filter", exc.message, hint, position=exc.position, nearest=exc.nearest)
    if isinstance(exc, ImportRefused):
        return error(409, "import_refused", str(exc), "", counts=exc.counts)
    if isinstance(exc, StoreFull):
        return error(507, "disk_full", str(exc), "Free some space.")
    if isinstance(exc, StoreBroken | NotLeader):
        return error(503, "store", str(exc), "The core stops; start it again when the cause is gone.")
    if isinstance(exc, VaultError):
        return error(500, "vault", str(exc), "Run keydesk audit.")
    if isinstance(exc, HTTPException):
        known = {404: ("not_found", "there is no such call"), 405: ("method", "this call does not take that method")}
        code, message = known.get(exc.status_code, ("http", str(exc.detail)))
        return error(exc.status_code, code, message, "docs/socket.md lists the calls.")
    # The text of an unforeseen error may hold anything, so only its kind is told, and logged.
    _log.error("%s %s failed: %s", request.method, request.url.path, type(exc).__name__)
    return error(500, "internal", f"the core failed at this ({type(exc).__name__})", "The core's log has the place.")
