"""How the desk says no: a code, what is wrong, what to do. The service turns it into an answer."""

from typing import Any


class Refused(Exception):
    """A request that is not carried out. ``status`` is the HTTP status that fits; ``more`` stands beside the message."""

    def __init__(self, status: int, code: str, message: str, hint: str = "", **more: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.hint, self.more = status, code, message, hint, more


def bad_request(message: str, hint: str = "") -> Refused:
    """The request itself is wrong."""
    return Refused(400, "bad_request", message, hint)


def forbidden(role: str, needed: str) -> Refused:
    """The role does not reach."""
    return Refused(403, "forbidden", f"this needs the role {needed}; yours is {role}", "Ask a person with that role.")


def not_found(what: str) -> Refused:
    """There is no such thing."""
    return Refused(404, "not_found", f"there is no {what}", "It may be mistyped.")
