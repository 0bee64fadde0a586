"""Starts the practice world and speaks with its director's door."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from console.commands.calls import loopback
from core.private_files import open_log


class WorldError(RuntimeError):
    """The practice world did not start or stopped."""


class World:
    """One practice world in a process of its own."""

    def __init__(self, folder: Path, arguments: list[str], log: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-P", "-m", "connectors.practice", "--dir", os.fspath(folder), *arguments]
        self._log = open_log(log)
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log, start_new_session=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise WorldError(f"the practice world did not start; its log is {log}")
        self.ready: dict[str, Any] = msgspec.json.decode(line)
        self._headers = {"X-Control": str(self.ready["control_token"])}

    def get(self, path: str) -> dict[str, Any]:
        """Ask the world something."""
        answer: dict[str, Any] = loopback("GET", f"{self.ready['control']}/{path}", headers=self._headers)
        return answer

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """Tell the world something."""
        answer: dict[str, Any] = loopback("POST", f"{self.ready['control']}/{path}", body, self._headers)
        return answer

    def stop(self) -> None:
        """End the world."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()


def write_files(ready: dict[str, Any], folder: Path, rules: Path, language: str, fresh: int) -> Path:
    """The settings, products and rules that make a core the merchant of this world. Returns the settings file.

    ``fresh``: seconds after which news of an order is old. Buyers of this world get their money back within seconds,
    where real ones wait for hours, so it is shorter here than a merchant would set it.
    """
    lines = ["[core]", f"data_dir = {_toml(os.fspath(folder))}", f"language = {_toml(language)}"]
    lines += [f"fresh_seconds = {fresh}", f"webhook_port = {ready.get('hook_port', 0)}", ""]
    for section in ("shops", "channels", "payments"):
        for name, options in ready.get(section, {}).items():
            lines += [f"[{section}.{name}]", *(f"{key} = {_toml(value)}" for key, value in options.items()), ""]
    settings = folder / "settings.toml"
    settings.write_text("\n".join(lines), "utf-8")
    lines = []
    for product, told in ready["products"].items():
        skus = [f"{shop}:{sku}" for shop, sku in told["skus"]]
        lines += [f"[products.{product}]", f"title = {_toml(told['title'])}", 'kind = "key"', f"skus = {_toml(skus)}"]
        lines += ["hot = true"] if told.get("hot") else []
        lines.append("")
    (folder / "products.toml").write_text("\n".join(lines), "utf-8")
    (folder / "rules.toml").write_text(rules.read_text("utf-8"), "utf-8")
    return settings


def _toml(value: Any) -> str:
    """A TOML literal; JSON strings, numbers and flat lists are TOML as they stand."""
    return json.dumps(value, ensure_ascii=False)


def wait_gone(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Whether the process ended within that time."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return process.poll() is not None
