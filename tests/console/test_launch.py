"""Plain ``keydesk`` where there is no terminal: it says so, and leaves nothing behind."""

import os
import subprocess
import sys
from pathlib import Path


def test_without_a_terminal_no_core_is_started(tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("KEYDESK_", "XDG_"))}
    env |= {"XDG_RUNTIME_DIR": os.fspath(tmp_path / "run"), "HOME": os.fspath(tmp_path / "home")}
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "home").mkdir()
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "console.cli"], stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=60
    )
    assert ran.returncode == 2
    assert b"needs a terminal" in ran.stderr
    assert [p for p in tmp_path.rglob("*") if p.name not in ("run", "home")] == []
