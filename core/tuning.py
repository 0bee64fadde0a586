"""Settings of the interpreter that suit a process which handles orders by the thousand."""

import contextlib
import ctypes
import gc
import sys
from typing import Any

# Names of malloc.h in glibc.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
HEAPS = 2
_LARGE = 256 * 1024
_SPARE = 8 * 1024 * 1024


def tune() -> None:
    """Call once at the start of a core, before it has threads.

    At its default pace the cyclic collector walks every live object again and again while batches are built, and a
    busy loop keeps the writer's thread from the interpreter for 5 ms at a time.
    """
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(0.0005)
    _few_heaps()


def give_back() -> None:
    """Free memory of the C library goes back to the system: 40 ms at 50 MB, without the interpreter's lock. glibc alone."""
    trim = _of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _few_heaps() -> None:
    """glibc gives every thread a heap, and what a thread frees there no other can use: the pages of SQLite that readers
    and writer let go made a core grow for hours. Large blocks go back to the system at once. Elsewhere: nothing."""
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        for name, value in ((_M_ARENA_MAX, HEAPS), (_M_MMAP_THRESHOLD, _LARGE), (_M_TRIM_THRESHOLD, _SPARE)):
            mallopt(name, value)


def _of_glibc(name: str) -> Any:
    """A function of the C library, or None where there is none such."""
    with contextlib.suppress(OSError, TypeError):
        return getattr(ctypes.CDLL(None), name, None)
    return None
