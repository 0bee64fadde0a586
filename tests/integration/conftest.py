"""Tests against foreign servers. Those that fetch one run only when this folder is named on the command line; those
whose server is among the development packages run with the others."""

from pathlib import Path

import pytest

FETCHING = frozenset({"test_vendure_server.py"})


def pytest_configure(config: pytest.Config) -> None:
    """The marker of this folder."""
    config.addinivalue_line("markers", "integration: against a real server out of a public package")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What fetches is not collected on the way through ``tests``."""
    named = any("integration" in argument for argument in config.args)
    return True if collection_path.name in FETCHING and not named else None
