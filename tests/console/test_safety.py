"""No string from outside reaches an API that reads markup, no clock is asked behind the injected one's back."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.sources import ROOT, SOURCES

# These read markup from a plain string unless they are told not to, or take one for a tooltip, title or option.
MARKUP = {"Static", "Label", "Button", "Option", "notify", "from_markup", "add_row", "DataTable", "Markdown", "Tooltip"}
TITLES = {"border_title", "border_subtitle", "tooltip"}
CLOCKS = {"now", "time", "time_ns", "now_us", "utcnow", "today"}


def calls() -> Iterator[tuple[Path, ast.Call, str]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                func = node.func
                yield path, node, func.id if isinstance(func, ast.Name) else getattr(func, "attr", "")


def test_no_markup_api_is_used() -> None:
    found = 0
    for path, node, name in calls():
        found += 1
        assert name not in MARKUP, f"{path.name}:{node.lineno} {name}"
    assert found > 500


def test_no_titles_or_tooltips_from_strings() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                assert node.attr not in TITLES, f"{path.name}:{node.lineno}"


def test_the_only_static_is_without_markup() -> None:
    text = (ROOT / "console" / "widgets" / "plain.py").read_text(encoding="utf-8")
    assert "markup=False" in text
    users = [p.name for p in SOURCES if "import Static" in p.read_text(encoding="utf-8")]
    assert users == ["plain.py"]


def test_time_comes_from_the_injected_clock() -> None:
    for path, node, name in calls():
        if name in CLOCKS and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            assert node.func.value.id not in ("time", "datetime", "date"), f"{path.name}:{node.lineno}"


def test_only_the_client_opens_connections() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.partition(".")[0]
                assert top not in (
                    "sqlalchemy",
                    "pydantic",
                    "structlog",
                    "aiosqlite",
                    "connectors",
                    "socket",
                    "httpx",
                ), path
                assert name != "console.exchange" or path.name == "client.py", path
                assert top != "core" or name.startswith("core.model"), path
    for path, node, name in calls():
        if "connection" in name:
            assert path.name == "exchange.py", f"{path.name}:{node.lineno}"


@pytest.mark.parametrize(
    "module",
    [
        "sqlalchemy",
        "pydantic",
        "structlog",
        "httpx",
        "connectors",
        "starlette",
        "console.screens.wall",
        "console.wall_svg",
    ],
)
def test_importing_the_app_stays_light(module: str) -> None:
    code = f"import sys, console.app; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
