"""The wheel works where no checkout is: it holds every file it needs, and its commands run from it alone."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.processes import CoreProcess, Pty, environment, keydesk, place, until

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Installed:
    """The wheel, unpacked into a folder of its own, and an environment that finds it before everything else."""

    wheel: Path
    site: Path
    home: Path
    env: dict[str, str]

    def run(self, *arguments: object, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
        """``keydesk ARGUMENTS`` far from the checkout."""
        return keydesk(*arguments, env=self.env, cwd=self.home, seconds=seconds)

    def python(self, code: str) -> Any:
        """What ``code`` prints as JSON, in the interpreter that the commands get."""
        out = subprocess.check_output([sys.executable, "-P", "-c", code], env=self.env, cwd=self.home, text=True)
        return json.loads(out)


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    """Built and installed once, without touching an index."""
    with place() as home:
        site, env = home / "site", environment(home)
        tool = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", os.fspath(home / "dist")]
        subprocess.run(tool, cwd=ROOT, env=env, check=True, capture_output=True)
        (wheel,) = (home / "dist").glob("*.whl")
        pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", site, wheel], cwd=home, env=env, check=True, capture_output=True)
        yield Installed(wheel, site, home, env | {"PYTHONPATH": os.fspath(site)})


def test_it_holds_every_module_and_every_data_file(installed: Installed) -> None:
    held = set(zipfile.ZipFile(installed.wheel).namelist())
    paths = [path for top in ("console", "core", "connectors") for path in (ROOT / top).rglob("*") if path.is_file()]
    code = {path.relative_to(ROOT).as_posix() for path in paths if path.parent.name != "__pycache__"}
    assert code
    assert code - held == set()
    data = {f"console/_data/{path.relative_to(ROOT)}" for path in (ROOT / "styles").iterdir() if path.is_file()}
    data |= {f"console/_data/{name}.toml" for name in ("settings", "rules", "products")}
    assert data - held == set()
    tops = {name.partition("/")[0] for name in held}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"console", "core", "connectors"}


def test_what_is_imported_is_the_wheel(installed: Installed) -> None:
    code = (
        "import json, console, core, connectors; print(json.dumps([m.__file__ for m in (console, core, connectors)]))"
    )
    assert all(Path(file).is_relative_to(installed.site) for file in installed.python(code))
    code = (
        "import json; from console.themes import style_paths; from core.settings_files import find; "
        "print(json.dumps([str(p) for p in (*style_paths(), find('settings.toml'), find('rules.toml'))]))"
    )
    found = [Path(file) for file in installed.python(code)]
    assert all(file.is_relative_to(installed.site / "console" / "_data") and file.is_file() for file in found)


def test_the_command_says_its_version(installed: Installed) -> None:
    ran = installed.run("--version")
    assert ran.returncode == 0, ran.stderr
    version = installed.wheel.name.split("-")[1]
    assert version in ran.stdout
    script = installed.site / "bin" / "keydesk"
    said = subprocess.check_output([script, "--version"], env=installed.env, cwd=installed.home, text=True)
    assert said == ran.stdout


def test_the_doctor_finds_nothing_wrong(installed: Installed) -> None:
    ran = installed.run("doctor", "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    assert all(row["ok"] for row in told["checks"])
    origins = {row["from"] for row in told["settings"]}
    assert os.fspath(ROOT) not in " ".join(origins)


def test_a_practice_runs_from_it(installed: Installed) -> None:
    ran = installed.run("demo", "--headless", "--orders", 20, "--late", 3, "--json", seconds=120)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    assert (told["ok"], told["orders"], told["settled"]) == (True, 20, 20)
    assert told["delivered"] > 0


def test_a_core_and_the_console_run_from_it(installed: Installed) -> None:
    settings, socket = installed.home / "settings.toml", installed.home / "s.sock"
    settings.write_text(f'[core]\ndata_dir = "{installed.home / "data"}"\n', "utf-8")
    core = CoreProcess(installed.home, settings, socket, installed.env)
    try:
        desk = Pty("--socket", socket, env=installed.env, cols=120, rows=36)
        try:
            until(lambda: "卡台" in desk.text() or "Keydesk" in desk.text(), "the console shows itself", 40)
            assert "Traceback" not in desk.text()
            assert len({line.strip() for line in desk.screen.display if line.strip()}) > 5
        finally:
            desk.end()
    finally:
        core.end()
    assert core.process.returncode == 0
