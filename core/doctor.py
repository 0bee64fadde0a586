"""What can be told of a database without owning it: the SQLite under it, its schema, the room beside it."""

import shutil
from pathlib import Path
from typing import Final

from core.model.checks import Check
from core.store import driver
from core.store.migrate import HEAD

FREE_GOOD: Final = 500  # MB on the database's disk
FREE_LEAST: Final = 64  # MB, below which writes will soon fail


def database_checks(database: Path, schema: str | None) -> list[Check]:
    """``schema``: the revision that was found in it, None when it is new."""
    version = str(driver.swap().sqlite_version)
    fixed = driver.is_fixed(version)
    checks = [Check("sqlite", "ok" if fixed else "bad", "sqlite" if fixed else "sqlite_old", {"version": version})]
    facts: dict[str, str | int] = {"path": str(database), "schema": schema or "", "head": HEAD}
    if schema is None:
        checks.append(Check("database", "ok", "database_new", facts))
    else:
        known = schema == HEAD
        checks.append(Check("database", "ok" if known else "bad", "database" if known else "database_other", facts))
    free = _free(database)
    if free >= FREE_GOOD:
        checks.append(Check("disk", "ok", "disk", {"mb": free}))
    else:
        checks.append(Check("disk", "bad" if free < FREE_LEAST else "warn", "disk_low", {"mb": free}))
    return checks


def _free(database: Path) -> int:
    place = next((folder for folder in database.parents if folder.exists()), Path("/"))
    free = shutil.disk_usage(place).free // 2**20
    return free if free < FREE_GOOD else free - free % 100  # where there is plenty, a screen need not follow each file
