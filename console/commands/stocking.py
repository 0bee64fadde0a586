"""Imports key files straight into a database that no core owns at the moment: for the demo and for first set-ups."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from core.pipeline.upkeep import mark_master_key, restocked
from core.store.migrate import migrate
from core.store.tx import Tx
from core.store.writer import Writer
from core.vault import imports
from core.vault.plan import plan
from core.vault.seal import Vault

Progress = Callable[[str, int, int], None]


async def stock_up(database: Path, vault: Vault, files: dict[str, Path], actor: str, progress: Progress) -> int:
    """Import each product's file; returns how many keys became stock. Raises ImportRefused."""
    migrate(database)
    writer = Writer(database)
    await writer.start("stocking")
    total = 0

    def _import(tx: Tx, items: list[tuple[str, Path]]) -> list[Any]:
        answers = []
        for product, file in items:
            made = plan(tx, vault, product, file.name, file.read_bytes())
            made.seal(tx.new_ids(made.ids_needed()), partial(progress, product))
            imports.write(tx, made, actor)
            mark_master_key(tx, [vault.keyring.mark])
            answers.append(made.imported)
        return answers

    try:
        for product, file in files.items():
            total += await writer.do(_import, (product, file))
            await writer.do(restocked, product)
    finally:
        await writer.stop()
    return total
