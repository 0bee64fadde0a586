"""The buyers' mailboxes: an SMTP sink that reads each mail and notes the keys in it before it says 250."""

import asyncio
import re
import socket
import struct
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from connectors.practice.faults import Faults
from connectors.practice.kills import Kills
from connectors.practice.mint import KEY
from connectors.practice.world import World

_MAIL = "mail"
_REF = re.compile(r"([^/\s]{1,60})/(\S{1,80})\Z")


class Mailbox:
    """Handler of one SMTP conversation after the other; the header ``X-Order-Ref: SHOP/EXT_ID`` names the order."""

    def __init__(self, world: World, faults: Faults, kills: Kills) -> None:
        self._world, self._faults, self._kills = world, faults, kills

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        """One mail has arrived whole."""
        fate = self._faults.fate(_MAIL, "smtp", "smtp")
        if fate.kind == "smtp_451":
            self._faults.strike(fate, _MAIL, "smtp")
            return "451 4.7.1 greylisted, try again later"
        if fate.kind == "smtp_drop":
            self._faults.strike(fate, _MAIL, "smtp")
            _reset(server)
            return "421 4.3.0 closing"
        if self._kills.in_flight():
            _reset(server)
            return "421 4.3.0 closing"
        lsn = self._take(envelope)
        if fate.kind:
            lsn = self._faults.strike(fate, _MAIL, "smtp")
        await self._world.ledger.sync(lsn)
        if self._kills.after_acted() or fate.kind == "smtp_reset_after":
            _reset(server)
            return "421 4.3.0 closing"
        if fate.kind == "slow":
            await asyncio.sleep(fate.seconds)
        return "250 2.0.0 accepted"

    def _take(self, envelope: Envelope) -> int:
        content = envelope.content
        mail = message_from_bytes(content if isinstance(content, bytes) else (content or "").encode())
        found = _REF.match(str(mail.get("X-Order-Ref", "")).strip())
        shop, ext_id = (found[1], found[2]) if found else ("", "")
        keys = KEY.findall(body_text(mail))  # whatever has a key's form, minted or not
        recipient = ",".join(envelope.rcpt_tos)
        return self._world.send(shop, ext_id, keys, recipient, "email", str(mail.get("Message-ID", ""))[:200])


def body_text(mail: "Message[str, str]") -> str:
    """All text parts of a mail, decoded; what claims a wrong charset is read as far as it goes."""
    texts: list[str] = []
    for part in mail.walk():
        if part.get_content_maintype() != "text":
            continue
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            continue
        try:
            texts.append(payload.decode(part.get_content_charset() or "utf-8", "replace"))
        except LookupError:
            texts.append(payload.decode("utf-8", "replace"))
        if part.get_content_subtype() == "plain":
            break  # the other parts of a multipart/alternative say the same again
    return "\n".join(texts)


def _reset(server: SMTP) -> None:
    transport: Any = server.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class MailServer:
    """Listens on loopback."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Returns the port it listens on. Raises OSError when it cannot."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self._mailbox, hostname="mailbox.example.com", enable_SMTPUTF8=True, loop=loop),
            "127.0.0.1",
            port,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Closes the door."""
        if self._server is not None:
            self._server.close()
