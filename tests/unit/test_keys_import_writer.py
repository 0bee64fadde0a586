"""The same import through the running writer and the readers that the core uses."""

import asyncio
from pathlib import Path

from core.store.engines import reader_engine  # first: it puts the right SQLite in place

# isort: split
import pytest

from core.pipeline.setup import Setup
from core.products import Catalogue
from core.rules.rulefile import load_rules
from core.settings_files import package_root
from core.store.migrate import migrate
from core.store.writer import Writer
from core.vault import imports, keyfile
from core.vault.imports import ImportRefused, Plan, UndoWork, WriteWork
from core.vault.seal import KeyRow
from tests.unit.vaultkit import vault

CANARY = "CANARY-7KQ2-PLAIN"


async def test_preview_import_open_and_undo(tmp_path: Path) -> None:
    path = tmp_path / "keydesk.db"
    migrate(path)
    writer = Writer(path)
    await writer.start("test")
    readers = reader_engine(path)
    keys = vault()
    woken: list[frozenset[str]] = []
    writer.on_touched.append(lambda touched: woken.append(touched.wake))
    steps: list[tuple[int, int]] = []
    try:

        async def planned(data: bytes) -> Plan:
            made = Plan(keys, "steam", "a.txt", "Steam 50", keyfile.read(data))
            async with readers.connect() as connection:
                for sql, params in made.questions():
                    made.answer([tuple(row) for row in await connection.exec_driver_sql(sql, params)])
            return made

        async def sealed(data: bytes) -> Plan:
            made = await planned(data)
            ids = await writer.do(imports.reserve, made.ids_needed())
            await asyncio.to_thread(made.seal, ids)
            return made

        data = "\n".join([CANARY, *(f"K-{n}" for n in range(1200))]).encode()
        first, second = await asyncio.gather(sealed(data), sealed(data))
        answers = await asyncio.gather(
            writer.do(imports.write_imports, WriteWork(first, "ann", lambda a, b: steps.append((a, b)))),
            writer.do(imports.write_imports, WriteWork(second, "bob")),
            return_exceptions=True,
        )
        assert sorted(map(str, answers)) == ["all of these keys were imported meanwhile", "steam"]
        assert steps[-1:] in ([], [(1201, 1201)])
        assert frozenset({"stock", "cases", "gate"}) in woken
        assert (await planned(data)).preview()["duplicate_in_stock"] == 1201
        async with readers.connect() as connection:
            rows = await connection.exec_driver_sql(
                "SELECT k.id, k.product, k.batch, k.sealed, b.dek FROM key k JOIN batch b ON b.id = k.batch ORDER BY k.id"
            )
            opened = [keys.open_key(KeyRow(*tuple(row))) for row in rows]
        assert opened == data.decode().split("\n")
        batch = (first if first.imported else second).batch
        assert await writer.do(imports.undo_batches, UndoWork(batch, "ann")) == 1201
        with pytest.raises(ImportRefused, match="undone before"):
            await writer.do(imports.undo_batches, UndoWork(batch, "ann"))
        assert (await planned(data)).preview()["new"] == 1201
    finally:
        await readers.dispose()
        await writer.stop()
    assert not [p for p in tmp_path.iterdir() if p.is_file() and CANARY.encode() in p.read_bytes()]


def test_rules_and_catalogue_fit_what_the_stages_hold() -> None:
    setup = Setup(Catalogue(), rules=load_rules(package_root() / "rules.toml"))
    assert setup.rules.judge_rows([]) == []
