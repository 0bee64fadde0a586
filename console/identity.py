"""Who sits here, where several people share one OS user: told to the core with every request, kept in memory alone."""

import json
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote

_told: tuple[tuple[str, str], ...] = ()


def become(name: str, pin: str) -> None:
    """From now on every request of this process says so. The PIN goes nowhere but over the core's socket."""
    global _told
    _told = (("X-Keydesk-Person", quote(name, safe="")), ("X-Keydesk-Pin", quote(pin, safe=""))) if name else ()


def look_only() -> None:
    """From now on every request of this process asks to be taken for a viewer, whoever sits here."""
    global _told
    _told = (("X-Keydesk-Look-Only", "1"),)


def fields() -> tuple[tuple[str, str], ...]:
    """Header fields of a request; quoted, so that nothing in them ends a line."""
    return _told


def health(path: Path, timeout: float = 5.0) -> dict[str, Any]:
    """Who the core takes us for. Light, since every console starts through here. Raises OSError, also for nonsense."""
    lines = ["GET /v1/health HTTP/1.1", "Host: keydesk", "Connection: close", *(f"{n}: {v}" for n, v in fields())]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout)
        line.connect(os.fspath(path))
        line.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        answer = b""
        while part := line.recv(65_536):
            answer += part
    try:
        found = json.loads(answer.partition(b"\r\n\r\n")[2])
    except ValueError:
        raise OSError("the core's answer cannot be read") from None
    if not isinstance(found, dict):
        raise OSError("the core's answer cannot be read")
    return found
