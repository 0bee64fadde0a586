"""Who is at the other end of the socket: the kernel says it, nobody else."""

import socket
import struct
from asyncio import Transport
from typing import NamedTuple, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

SCOPE_KEY = "keydesk.peer"
_UCRED = struct.Struct("3i")


class Peer(NamedTuple):
    """Process, user and group of the peer, as they were when it connected."""

    pid: int
    uid: int
    gid: int


def peer_of(connection: socket.socket) -> Peer | None:
    """SO_PEERCRED of a connected Unix socket; None for any other kind."""
    try:
        if connection.family != socket.AF_UNIX:
            return None
        return Peer(*_UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)))
    except OSError:
        return None


class PeerProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol that writes the peer into each request's scope."""

    _peer: Peer | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Read the credentials once for the whole connection."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        self._peer = peer_of(connection) if connection is not None else None

    def on_message_begin(self) -> None:
        """A new request of this connection."""
        super().on_message_begin()
        cast(dict[str, object], self.scope)[SCOPE_KEY] = self._peer
