"""These tests fetch packages and start foreign servers: they run only when this folder is named on the command line."""

from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """The marker of this folder."""
    config.addinivalue_line("markers", "integration: against a real server, fetched from a package registry")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Nothing here is collected on the way through ``tests``."""
    return None if any("integration" in argument for argument in config.args) else True
