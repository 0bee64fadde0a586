"""How a core's process is set."""

import subprocess
import sys

import pytest

from core.tuning import HEAPS

# Threads that each hold some memory of their own, then what the C library says of its heaps, as XML on stdout.
_MANY = """
import ctypes, sys, threading
from core.tuning import tune
if sys.argv[1] == "tuned":
    tune()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
meet = threading.Barrier(9)
def hold():
    meet.wait()
    libc.malloc(50_000)
    meet.wait()
threads = [threading.Thread(target=hold) for _ in range(8)]
for one in threads:
    one.start()
meet.wait()
meet.wait()
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone has these heaps")
def test_many_threads_share_few_heaps() -> None:
    """Each would keep what its thread freed."""
    heaps = {}
    for way in ("plain", "tuned"):
        done = subprocess.run([sys.executable, "-c", _MANY, way], capture_output=True, text=True, check=True)
        heaps[way] = done.stdout.count("<heap nr=")
    if not heaps["plain"]:
        pytest.skip("no glibc")
    assert heaps["plain"] > HEAPS, "the threads must make heaps when nobody tunes"
    assert heaps["tuned"] <= HEAPS
