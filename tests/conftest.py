"""One profile for all generated examples: the same ones on every machine, and no clock that judges a busy one.

``KEYDESK_EXPLORE=N`` draws N fresh ones instead; what it finds becomes a test of its own.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("fixed", deadline=None, derandomize=True, database=None)
settings.register_profile("explore", deadline=None, max_examples=int(os.environ.get("KEYDESK_EXPLORE") or 100))
settings.load_profile("explore" if os.environ.get("KEYDESK_EXPLORE") else "fixed")


@pytest.fixture
def in_zone() -> Iterator[Callable[[str], None]]:
    """Sets the process's time zone, and puts it back: the C library keeps it until it is told again."""
    with pytest.MonkeyPatch.context() as patch:

        def set_zone(name: str) -> None:
            patch.setenv("TZ", name)
            time.tzset()

        yield set_zone
    time.tzset()


# Whole processes and long waits first: a long file that begins last leaves every other processor idle.
LONG_FIRST = ("end_to_end", "faults", "payments", "store", "console", "connectors")
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Orders the folders; within one nothing moves."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    folder = item.path.relative_to(_HERE).parts[0]
    return LONG_FIRST.index(folder) if folder in LONG_FIRST else len(LONG_FIRST)
