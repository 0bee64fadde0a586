"""The way of a backup through real processes: taken beside a running core, put back, nothing sent until a person says go."""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from core import backup
from tests.end_to_end.processes import keydesk, place
from tests.end_to_end.test_core_process import SHOP, Bench

PRODUCTS = '[products.p1]\ntitle = "P"\nskus = ["s1"]\n'


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A merchant with one shop whose platform is not there, and one product."""
    with place() as folder, ExitStack() as stack:
        made = Bench(folder, stack)
        made.write(SHOP)
        (folder / "products.toml").write_text(PRODUCTS)
        yield made


def _orders(bench: Bench, *numbers: str) -> None:
    file = bench.folder / f"{numbers[0]}.csv"
    rows = "".join(f"closed,{n},s1,1,10,10,b@example.com\n" for n in numbers)
    file.write_text("shop,ext_id,sku,qty,amount,paid,contact\n" + rows)
    ran = keydesk("orders", "import", file, "--yes", "--socket", bench.socket, env=bench.env)
    assert ran.returncode == 0, ran.stderr


def test_taken_beside_a_core_put_back_and_held_until_go(bench: Bench) -> None:
    core = bench.core()
    _orders(bench, "O1")
    copy = bench.folder / "copy.db"
    ran = keydesk("backup", copy, "--socket", bench.socket, "--settings", bench.settings, env=bench.env)
    assert ran.returncode == 0, ran.stderr
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert os.fspath(bench.folder / "master.key") in ran.stdout
    assert "keep it apart" in ran.stdout
    key = (bench.folder / "master.key").read_bytes().strip()
    assert key not in copy.read_bytes()
    assert bytes.fromhex(key.decode()) not in copy.read_bytes()
    assert backup.check(copy).seq > 0
    assert [p.name for p in bench.folder.iterdir() if "told" in p.name or "part" in p.name] == []
    again = keydesk("backup", copy, "--socket", bench.socket, "--settings", bench.settings, env=bench.env)
    assert again.returncode != 0
    assert "there already" in again.stderr

    _orders(bench, "O2")
    busy = keydesk("restore", copy, "--yes", "--settings", bench.settings, env=bench.env)
    assert busy.returncode != 0
    assert "another core" in busy.stderr
    epoch = core.call().get("/v1/health")["epoch"]
    core.end()

    ran = keydesk("restore", copy, "--yes", "--settings", bench.settings, env=bench.env)
    assert ran.returncode == 0, ran.stderr
    assert "keydesk core go" in ran.stdout
    aside = [p for p in bench.folder.iterdir() if ".aside-" in p.name]
    assert len(aside) == 1
    assert aside[0].name in ran.stdout

    core = bench.core()
    assert core.call().get("/v1/health")["epoch"] > epoch
    assert [r["ext_id"] for r in core.call().get("/v1/queue", view="work")["rows"]] == ["O1"]
    assert core.call().get("/v1/counters")["sends_held_since"] > 0
    assert "NOTHING IS SENT" in keydesk("status", "--socket", bench.socket, env=bench.env).stdout
    no_reason = keydesk("core", "go", "--socket", bench.socket, env=bench.env)
    assert no_reason.returncode != 0
    ran = keydesk("core", "go", "--reason", "compared", "--socket", bench.socket, env=bench.env)
    assert ran.returncode == 0, ran.stderr
    assert core.call().get("/v1/counters")["sends_held_since"] == 0
    twice = keydesk("core", "go", "--reason", "compared", "--socket", bench.socket, env=bench.env)
    assert twice.returncode != 0
    assert "do not wait" in twice.stderr


def test_without_a_core_the_file_is_copied_and_a_bad_copy_is_refused(bench: Bench, tmp_path: Path) -> None:
    bench.core().end()
    copy = bench.folder / "copy.db"
    ran = keydesk("backup", copy, "--socket", bench.socket, "--settings", bench.settings, env=bench.env)
    assert ran.returncode == 0, ran.stderr
    bad = bench.folder / "bad.db"
    bad.write_bytes(copy.read_bytes()[:9000])
    before = (bench.folder / "keydesk.db").read_bytes()
    ran = keydesk("restore", bad, "--yes", "--settings", bench.settings, env=bench.env)
    assert ran.returncode != 0
    assert "Nothing was changed" in ran.stderr
    assert (bench.folder / "keydesk.db").read_bytes() == before
    ran = keydesk("restore", copy, "--yes", "--settings", bench.settings, env=bench.env)
    assert ran.returncode == 0, ran.stderr
    assert "core go" not in ran.stdout, "the copy is all that was known"
