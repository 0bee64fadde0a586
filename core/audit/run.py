"""Runs all checks in one read transaction on a connection of its own, beside the writer of a live database."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.audit.chain import walk
from core.audit.counts import guards, tallies
from core.audit.invariants import INVARIANTS, Invariant, params
from core.audit.report import SAMPLE, Finding, Report
from core.model.clock import now_us
from core.store import driver
from core.store.migrate import HEAD


class AuditError(RuntimeError):
    """The audit could not be run; the message says what to do. It says nothing about the promises."""


def audit(source: Path | Any, now: int | None = None) -> Report:
    """Check everything. ``source``: the database's path, or an open driver connection outside a transaction.

    ``now`` in UTC microseconds, for ages; the system clock if None. Blocks its thread for a few seconds per 100,000
    orders; writers go on meanwhile. Raises AuditError for what is not a database of this schema.
    """
    with contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(opened(source)) if isinstance(source, Path) else source
            return _run(connection, now_us() if now is None else now)
        except driver.swap().DatabaseError as error:
            raise AuditError(f"the database could not be read ({error}): keep the file, restore a backup") from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A connection of its own that changes nothing. Raises AuditError when there is no such file."""
    if not path.is_file():
        raise AuditError(f"there is no database at {path}")
    sqlite = driver.swap()
    connection = sqlite.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA cache_size = -65536")
        yield connection
    finally:
        connection.close()


def _run(connection: Any, now: int) -> Report:
    began = time.monotonic()
    try:
        connection.execute("BEGIN")
        _refuse_other_schemas(connection)
        findings = guards(connection)
        for invariant in INVARIANTS:
            findings += _check(connection, invariant, now)
        orders, differ = tallies(connection)
        chain = walk(connection)
    finally:
        with contextlib.suppress(Exception):
            connection.execute("ROLLBACK")
    findings += differ + chain.findings
    seconds = time.monotonic() - began
    return Report(seconds, orders, chain.events, (chain.seq, chain.hash.hex()), tuple(findings))


def _refuse_other_schemas(connection: Any) -> None:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
        raise AuditError("this file is not a Keydesk database")
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None or row[0] != HEAD:
        raise AuditError(f"the database has schema {row and row[0]}, this Keydesk audits {HEAD}: run `keydesk migrate`")


def _check(connection: Any, invariant: Invariant, now: int) -> list[Finding]:
    given = {name: value for name, value in params(now).items() if f":{name}" in invariant.sql}
    count = 0
    orders: list[int] = []
    for (order,) in connection.execute(invariant.sql, given):
        count += 1
        if order and len(orders) < SAMPLE and order not in orders:
            orders.append(int(order))
    if not count:
        return []
    return [Finding(invariant.name, invariant.severity, count, tuple(orders), invariant.sentence)]
