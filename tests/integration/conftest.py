"""Tests against foreign servers and a real browser. Those that fetch one, or take what this machine has, run only when this
folder is named on the command line; those whose server is among the development packages run with the others."""

from pathlib import Path

import pytest

ASKED_FOR = frozenset({"test_vendure_server.py", "test_wall_in_browser.py"})


def pytest_configure(config: pytest.Config) -> None:
    """The marker of this folder."""
    config.addinivalue_line("markers", "integration: against a real server out of a public package")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What was not asked for is not collected on the way through ``tests``."""
    named = any("integration" in argument for argument in config.args)
    return True if collection_path.name in ASKED_FOR and not named else None
