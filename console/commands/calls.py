"""Short blocking calls for commands: JSON to the core's socket, and to the practice world on loopback."""

import http.client
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode, urlsplit

import click
import msgspec

from console import identity, sockets


class CallError(click.ClickException):
    """A refusal, or no answer; shown to the person as it stands. Exit code 2."""

    exit_code = 2

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(f"{message}{' ' + hint if hint else ''}")
        self.code = code


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("keydesk", timeout=timeout)
        self._path = os.fspath(path)

    def connect(self) -> None:
        """Connect to the socket file instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Core:
    """The running core, for scripts."""

    def __init__(self, told: str | None = None, timeout: float = 60.0) -> None:
        try:
            self.path, _ = sockets.find(told)
        except sockets.SocketError as error:
            raise click.ClickException(str(error)) from None
        self._timeout = timeout

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """One call; returns the decoded JSON. Raises CallError."""
        raw = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        answer, connection = self._request(method, path, raw, query)
        data = answer.read()
        connection.close()
        return _decode(answer.status, data)

    def get(self, path: str, **query: Any) -> Any:
        """GET."""
        return self.call("GET", path, **query)

    def post(self, path: str, **body: Any) -> Any:
        """POST a JSON object."""
        return self.call("POST", path, body)

    def fetch(self, path: str, into: BinaryIO) -> dict[str, str]:
        """A GET whose body goes to a file; returns the headers, lower case. Raises CallError."""
        answer, connection = self._request("GET", path, None, {})
        try:
            if answer.status >= 400:
                _decode(answer.status, answer.read())
            shutil.copyfileobj(answer, into, 1 << 20)
            if answer.length:
                raise CallError("offline", "The core went away before it had told all.")
            return {name.lower(): value for name, value in answer.getheaders()}
        except (OSError, http.client.HTTPException) as error:
            raise CallError("offline", f"The copy was cut off ({type(error).__name__}).") from None
        finally:
            connection.close()

    def file(self, path: str, **body: Any) -> bytes:
        """A POST whose answer is a file. Raises CallError."""
        answer, connection = self._request("POST", path, msgspec.json.encode(body), {})
        try:
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise CallError("offline", f"The file was cut off ({type(error).__name__}).") from None
        finally:
            connection.close()
        if answer.status >= 400:
            _decode(answer.status, data)
        return data

    def lines(self, method: str, path: str, body: Any = None, **query: Any) -> Iterator[dict[str, Any]]:
        """An NDJSON answer, line by line. Raises CallError."""
        raw = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        answer, connection = self._request(method, path, raw, query)
        try:
            if answer.status >= 400:
                _decode(answer.status, answer.read())
            while line := answer.readline():
                if line.strip():
                    yield msgspec.json.decode(line)
        finally:
            connection.close()

    def _request(
        self, method: str, path: str, raw: bytes | None, query: dict[str, Any]
    ) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        given = {key.rstrip("_"): value for key, value in query.items() if value not in (None, "")}
        target = f"{path}?{urlencode(given)}" if given else path
        connection = _UnixConnection(self.path, self._timeout)
        kind = (
            "application/octet-stream" if isinstance(raw, bytes) and method == "POST" and query else "application/json"
        )
        try:
            headers = {"Content-Type": kind} if raw is not None else {}
            connection.request(method, target, raw, headers | dict(_who()))
            return connection.getresponse(), connection
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise CallError(
                "offline", f"No core answers at {self.path} ({type(error).__name__}).", "Start one with: keydesk core"
            ) from None


def order_of(core: Core, number: str) -> dict[str, Any]:
    """The row of the one order with this number or id. Raises ClickException when there is not exactly one."""
    rows = [row for row in core.get("/v1/find", q=number)["rows"] if number in (row["ext_id"], str(row["id"]))]
    if len(rows) != 1:
        raise click.ClickException(f"{len(rows)} orders have the number {number!r}; give it in full.")
    found: dict[str, Any] = rows[0]
    return found


def _who() -> tuple[tuple[str, str], ...]:
    """Whoever KEYDESK_PERSON names, once the PIN was typed; a script without a terminal is the OS user alone."""
    name = os.environ.get("KEYDESK_PERSON", "")
    if name and not identity.fields() and sys.stdin.isatty():
        identity.become(name, click.prompt(f"PIN of {name}", hide_input=True, err=True))
    return identity.fields()


def _decode(status: int, data: bytes) -> Any:
    try:
        decoded = msgspec.json.decode(data) if data else {}
    except msgspec.DecodeError:
        raise CallError("protocol", f"The core answered {status} with something that is not JSON.") from None
    if status >= 400:
        error = decoded.get("error", {}) if isinstance(decoded, dict) else {}
        if not isinstance(error, dict):
            error = {"message": str(error)}
        raise CallError(str(error.get("code", status)), str(error.get("message", status)), str(error.get("hint", "")))
    return decoded


def loopback(
    method: str, url: str, body: Any = None, headers: dict[str, str] | None = None, timeout: float = 120.0
) -> Any:
    """One JSON call to a server on this machine. Raises CallError."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=timeout)
    try:
        raw = None if body is None else msgspec.json.encode(body)
        connection.request(method, parts.path, raw, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return _decode(answer.status, answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise CallError("offline", f"{parts.netloc} does not answer ({type(error).__name__}).") from None
    finally:
        connection.close()
