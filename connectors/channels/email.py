"""Keys by e-mail: one message a call over a small pool of SMTP connections (RFC 5321).

Class A: a repeat carries the same Message-ID and the same keys to the same address. A server has taken a message when
it answers 250 to the data; a connection lost after the data went out and before that answer proves nothing.
"""

import asyncio
import base64
import hashlib
import socket
import ssl
from collections.abc import Mapping
from email.header import Header
from email.utils import formatdate
from typing import Final

import aiosmtplib

from connectors.fields import is_email
from core.model.clock import SECOND, Clock
from core.model.contact import EMAIL_ONLY
from core.model.effects import Call, Effect, EffectClass, EffectSpec, Outcome, Result
from core.model.text import clean

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_LOST: Final = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, ConnectionError, TimeoutError, OSError)


class EmailChannel:
    """Implements core.ports.Channel. ``starttls``: "yes", "tls" (implicit TLS), or "no", which only loopback may have.

    ``timeout`` in seconds bounds the wait for a connection and each command, ``deadline`` the whole exchange.
    """

    reaches, needs_pickup = EMAIL_ONLY, False
    specs: Mapping[Effect, EffectSpec] = {
        Effect.SEND: EffectSpec(
            effect=Effect.SEND,
            cls=EffectClass.A,
            source="RFC 5321 and effect classes: the same mail with the same key to the same address may go twice",
        )
    }

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        sender: str,
        clock: Clock,
        user: str = "",
        password: str = "",
        starttls: str = "",
        connections: int = 8,
        timeout: float = 10.0,
        deadline: float = 20.0,
    ) -> None:
        mode = starttls or ("no" if host in _LOOPBACK else "yes")
        if mode not in ("yes", "no", "tls"):
            raise ValueError(f"starttls must be yes, no or tls, not {starttls!r}")
        if mode == "no" and host not in _LOOPBACK:
            raise ValueError("keys do not travel in clear text: starttls = no is for loopback only")
        if not is_email(sender):
            raise ValueError("from is not a plain e-mail address")
        self.name = name
        self._host, self._port, self._sender, self._clock = host, port, sender, clock
        self._user, self._password, self._mode = user, password, mode
        self._timeout, self._deadline = timeout, deadline
        self._slots = asyncio.Semaphore(connections)
        # Twice the connections: one mail on each, one ready behind it. An attempt that is open and waits is an unknown
        # outcome if the core dies.
        self.room = 2 * connections
        self._idle: list[aiosmtplib.SMTP] = []
        self._tls: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        return f"EmailChannel({self.name!r}, {self._host!r})"

    async def perform(self, call: Call) -> Outcome:
        """SEND: one mail to ``call.recipient``. Never raises for what the server or the network does."""
        if call.effect is not Effect.SEND:
            return Outcome(result=Result.REJECTED, why=f"e-mail cannot {call.effect.name.lower()}")
        if not is_email(call.recipient):
            return Outcome(result=Result.REJECTED, why="recipient_invalid")
        message = self._message(call)
        phase = _Phase()
        try:
            async with asyncio.timeout(self._timeout):
                await self._slots.acquire()
        except TimeoutError:
            return Outcome(result=Result.LATER, why="busy", retry_after=1.0)
        try:
            async with asyncio.timeout(self._deadline):
                return await self._send(call.recipient, message, phase)
        except TimeoutError:
            return phase.outcome("timeout")
        finally:
            self._slots.release()

    async def ask(self, call: Call) -> Outcome:
        """SMTP cannot be asked what became of a message."""
        return Outcome(result=Result.UNKNOWN, why="not askable")

    async def close(self) -> None:
        """Say goodbye on idle connections."""
        while self._idle:
            client = self._idle.pop()
            try:
                await client.quit(timeout=1.0)
            except (aiosmtplib.SMTPException, OSError):
                client.close()

    async def _send(self, recipient: str, message: bytes, phase: "_Phase") -> Outcome:
        for fresh in (False, True):
            client = None if fresh or not self._idle else self._idle.pop()
            reused = client is not None
            try:
                client = client or await self._connect()
                outcome = await self._transact(client, recipient, message, phase)
                if client.is_connected:
                    self._idle.append(client)
                client = None
                return outcome
            except aiosmtplib.SMTPResponseException as refusal:
                # The half-built envelope goes with the connection; refusals are rare enough to reconnect after.
                return _refused(refusal, phase)
            except _LOST as error:
                # A server may have closed an idle connection; nothing of this message was on it yet.
                if reused and phase.name == "connect":
                    continue
                return phase.outcome(type(error).__name__)
            except aiosmtplib.SMTPException as error:
                return phase.outcome(type(error).__name__)
            finally:
                if client is not None:
                    client.close()
        raise AssertionError("unreachable")

    async def _transact(self, client: aiosmtplib.SMTP, recipient: str, message: bytes, phase: "_Phase") -> Outcome:
        await client.mail(self._sender)
        phase.name = "envelope"
        await client.rcpt(recipient)
        phase.name = "data"
        answer = await client.data(message)
        return Outcome(
            result=Result.CONFIRMED,
            remote_ref=clean(answer.message, 120),
            evidence={"code": answer.code},
        )

    async def _connect(self) -> aiosmtplib.SMTP:
        if self._tls is None and self._mode != "no":
            self._tls = ssl.create_default_context()
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user or None,
            password=self._password or None,
            local_hostname=socket.gethostname() or "localhost",
            timeout=self._timeout,
            use_tls=self._mode == "tls",
            start_tls=self._mode == "yes",
            tls_context=self._tls,
        )
        await client.connect()
        return client

    def _message(self, call: Call) -> bytes:
        """The mail as bytes. Built by hand from encoded pieces: email.message.EmailMessage takes 30 times as long."""
        shop = call.reference.rpartition(":")[0]
        digest = hashlib.sha256(f"{call.reference}|{call.recipient}".encode()).hexdigest()[:40]
        head = (
            ("From", self._sender),
            ("To", call.recipient),
            ("Subject", clean(call.subject, 200) or "Your order"),
            ("Date", formatdate(self._clock() / SECOND)),
            ("Message-ID", f"<{digest}@{self._sender.rpartition('@')[2]}>"),
            ("X-Order-Ref", clean(f"{shop}/{call.ext_id}", 200)),
            ("Auto-Submitted", "auto-generated"),
            ("MIME-Version", "1.0"),
            ("Content-Type", 'text/plain; charset="utf-8"'),
            ("Content-Transfer-Encoding", "base64"),
        )
        lines = "".join(f"{name}: {_header(name, value)}\r\n" for name, value in head)
        # Base64 keeps keys byte for byte whatever a relay does to long lines, dots or trailing spaces.
        body = base64.encodebytes("\r\n".join(call.text.split("\n")).encode()).replace(b"\n", b"\r\n")
        return lines.encode("ascii") + b"\r\n" + body


def _header(name: str, value: str) -> str:
    """The value as ASCII: as it stands, or in encoded words (RFC 2047). It was cleaned, so it has no line ends."""
    return value if value.isascii() else Header(value, "utf-8", header_name=name).encode(linesep="\r\n")


class _Phase:
    """How far an attempt came: connect, envelope, data. Only from ``data`` on is the outcome in doubt."""

    def __init__(self) -> None:
        self.name = "connect"

    def outcome(self, error: str) -> Outcome:
        result = Result.UNKNOWN if self.name == "data" else Result.NOT_SENT
        return Outcome(result=result, why=f"{self.name}: {error}", evidence={"phase": self.name, "error": error})


def _refused(refusal: aiosmtplib.SMTPResponseException, phase: _Phase) -> Outcome:
    """A reply code is definite at every step: the message was not taken."""
    evidence: dict[str, str | int | float | bool | None] = {"code": refusal.code, "phase": phase.name}
    why = f"{phase.name}: {refusal.code} {clean(refusal.message, 200)}"
    if isinstance(refusal, aiosmtplib.SMTPAuthenticationError):
        return Outcome(result=Result.LATER, why="token_dead", retry_after=5.0, evidence=evidence)
    if phase.name == "connect" or 400 <= refusal.code < 500:
        # Before the envelope a refusal is about us and this hour, not about the recipient.
        return Outcome(result=Result.LATER, why=why, retry_after=5.0, evidence=evidence)
    if 500 <= refusal.code < 600:
        return Outcome(result=Result.REJECTED, why=why, evidence=evidence)
    result = Result.UNKNOWN if phase.name == "data" else Result.LATER
    return Outcome(result=result, why=why, evidence=evidence)
