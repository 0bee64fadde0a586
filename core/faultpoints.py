"""Two places where tests may kill the core: after an attempt was opened, and before its outcome is recorded.

Armed only when the process was started with KEYDESK_FAULTPOINTS=1; then SIGUSR1 arms ``before_send`` and SIGUSR2
``before_record``: the next call that passes the point kills the process as ``kill -9`` would.
"""

import os
import signal

_armed: set[str] = set()


def install() -> bool:
    """Listen for the arming signals if the environment asks for it; returns whether it did."""
    if os.environ.get("KEYDESK_FAULTPOINTS") != "1":
        return False
    signal.signal(signal.SIGUSR1, lambda *_: _armed.add("before_send"))
    signal.signal(signal.SIGUSR2, lambda *_: _armed.add("before_record"))
    return True


def point(name: str) -> None:
    """Die here if armed."""
    if name in _armed:
        os.kill(os.getpid(), signal.SIGKILL)
