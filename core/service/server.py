"""The server on its socket: one core a database, one socket a core, closed to everybody who is not let in."""

import asyncio
import contextlib
import errno
import fcntl
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from core.private_files import private_folder
from core.service.peer import PeerProtocol
from core.service.service import Service

PATH_MAX = 107  # bytes that the kernel keeps for a Unix socket's path
DIR_MODE = 0o750
SOCKET_MODE = 0o660
GRACE_S = 2
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class CoreRefused(RuntimeError):
    """This core cannot start; the message says why and what to do."""


@contextlib.contextmanager
def database_lock(database: Path) -> Iterator[None]:
    """Hold ``<database>.lock`` for the life of a core; taken before the database is opened.

    Raises CoreRefused while another core holds it. The kernel lets go of it however a process ends.
    """
    private_folder(database.parent)
    path = database.with_name(database.name + ".lock")
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            holder = os.read(handle, 20).decode("ascii", "replace").strip()
            who = f" (process {holder})" if holder.isdigit() else ""
            raise CoreRefused(
                f"another core{who} is working on {database}. Use it, or stop it first: keydesk core stop"
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def bind_socket(path: Path) -> socket.socket:
    """A listening Unix socket at ``path``: directory 0750 where we make it, socket 0660.

    A file that a dead core left is removed; a living one's is not. Raises CoreRefused.
    """
    text = os.fsencode(path)
    if len(text) > PATH_MAX:
        raise CoreRefused(
            f"the socket path has {len(text)} bytes; the system allows {PATH_MAX}: {path}. "
            "Choose a shorter one with --socket or KEYDESK_SOCKET, for example /run/keydesk/core.sock"
        )
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, mode=DIR_MODE)
        path.parent.chmod(DIR_MODE)  # whatever the umask is
    _clear(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    before = os.umask(0o117)  # never wider than 0660, not even for a moment
    try:
        listener.bind(text)
        path.chmod(SOCKET_MODE)
        listener.listen(256)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise CoreRefused(f"the socket {path} cannot be made: {error.strerror}") from None
    finally:
        os.umask(before)
    return listener


def _clear(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise CoreRefused(f"{path} exists and is no socket; move it away or choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(os.fsencode(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise CoreRefused(f"{path} belongs to another core that does not answer: {error.strerror}") from None
    raise CoreRefused(f"another core answers at {path}. Use it, or stop it first: keydesk core stop")


class _Server(uvicorn.Server):
    """Ends the feeds before it waits for connections, so that an open console does not delay a stop."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, end the streams, give the rest a moment."""
        self._service.feed.close()
        await super().shutdown(sockets)


class SocketServer:
    """``serve`` until ``ask_stop`` or a signal; the socket is unlinked at the end if it is still ours."""

    def __init__(self, service: Service, path: Path) -> None:
        self.service, self.path = service, path
        self._listener = bind_socket(path)
        made = path.lstat()
        self._made = (made.st_dev, made.st_ino)
        config = uvicorn.Config(
            service.app,
            http=PeerProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=75,
            backlog=256,
        )
        self._server = _Server(config, service)
        # uvicorn would raise the signal again when it is done, before the socket is removed and jobs are left in order.
        self._server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]

    @property
    def started(self) -> bool:
        """Whether it answers."""
        return bool(self._server.started)

    def ask_stop(self) -> None:
        """Begin the end; ``serve`` returns within about ``GRACE_S`` seconds."""
        self._server.should_exit = True

    async def serve(self, signals: bool = True) -> None:
        """Start the service, answer until told to stop, close the service, remove the socket.

        With ``signals``, SIGTERM and SIGINT end it; without, whoever runs more than this calls ``ask_stop``.
        """
        loop = asyncio.get_running_loop()
        for number in _SIGNALS if signals else ():
            loop.add_signal_handler(number, self.ask_stop)
        try:
            await self.service.start()
            try:
                await self._server.serve(sockets=[self._listener])
            finally:
                await self.service.close()
        finally:
            for number in _SIGNALS if signals else ():
                loop.remove_signal_handler(number)
            self._listener.close()
            with contextlib.suppress(OSError):
                now = self.path.lstat()
                if (now.st_dev, now.st_ino) == self._made:
                    self.path.unlink()
