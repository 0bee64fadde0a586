"""Settings of the interpreter that suit a process which handles orders by the thousand."""

import gc
import sys


def tune() -> None:
    """Call once at the start of a core.

    At its default pace the cyclic collector walks every live object again and again while batches are built, and a
    busy loop keeps the writer's thread from the interpreter for 5 ms at a time.
    """
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(0.0005)
