"""How a core's process is set."""

import ctypes
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


_FREED = """
import ctypes, re
from pathlib import Path
from core.tuning import give_back, tune
tune()
def own():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
taken = [libc.malloc(4300) for _ in range(10_000)]
for at in taken:
    ctypes.memset(at, 1, 4300)
for at in taken[:-1]:
    libc.free(at)
before = own()
give_back()
print(before - own())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc alone can")
def test_what_lies_free_below_one_block_that_stays_is_given_back() -> None:
    """As the pages of a reader do that lets them go at every commit."""
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("no glibc")
    done = subprocess.run([sys.executable, "-c", _FREED], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 20_000, "KiB"
