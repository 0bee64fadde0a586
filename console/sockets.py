"""Where the core's socket is: told, system-wide, or this user's own. Light: the plain console starts through here."""

import os
import stat
from pathlib import Path

SYSTEM = Path("/run/keydesk/core.sock")
LONGEST = 100  # bytes; the kernel takes 107, and a suffix may be needed


class SocketError(RuntimeError):
    """No usable socket; the message says what to do."""


def private_path() -> Path:
    """This user's own socket: in the runtime directory, or in a directory of the user's that nobody else may enter."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/") and Path(runtime).is_dir():
        return Path(runtime) / "keydesk" / "core.sock"
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return base / "keydesk" / "run" / "core.sock"


def find(told: str | None = None) -> tuple[Path, bool]:
    """(path, private): private means that a core may be started there if none runs.

    Order: the option, KEYDESK_SOCKET, a configured system core, this user's own. Raises SocketError for a path that
    is too long for the kernel.
    """
    told = told or os.environ.get("KEYDESK_SOCKET")
    if told:
        return check_length(Path(told)), False
    # A system core that is configured but down is not replaced by a private one: two databases on the same shops
    # would sell the same keys twice.
    if SYSTEM.parent.is_dir():
        return SYSTEM, False
    return check_length(private_path()), True


def check_length(path: Path) -> Path:
    """Refuse what the kernel cannot bind. Raises SocketError."""
    if len(os.fsencode(path)) > LONGEST:
        raise SocketError(
            f"The socket path is {len(os.fsencode(path))} bytes, the kernel takes about {LONGEST}. Set a shorter one: --socket or KEYDESK_SOCKET."
        )
    return path


def answers(path: Path, timeout: float = 2.0) -> bool:
    """Whether a core accepts connections there."""
    import socket

    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return False
    except OSError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(timeout)
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
    return True
