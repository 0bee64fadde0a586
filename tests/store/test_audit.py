"""Every invariant finds the damage it is there for, and nothing else; a database that was only worked with has none."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.audit import AuditError, audit
from core.audit.counts import GUARDS
from core.audit.invariants import INVARIANTS, NEVER, params
from core.audit.report import PROMISES, Finding, verdict_of
from core.desk.holds import HoldRow, open_holds
from core.model.clock import MINUTE
from core.model.effects import Effect, Result
from core.model.lifecycle import HoldReason
from core.model.order import PaymentKind, RefundState
from core.pipeline import outcomes
from core.store.migrations.versions.v0001_initial import statements
from tests.rig import T0, Rig, order, pay, refund
from tests.store.damage import DAMAGE, V, W

NOW = T0 + 1_000_000


async def _lived_in(folder: Path) -> Path:
    """Orders in every stage, with every kind of row that the audit reads."""
    async with Rig(folder) as rig:
        await rig.stock("p1", 20)
        await rig.stock("p2", 1)
        await rig.pull(order("done", paid=1000), order("allocated", paid=2000, qty=2, total=2000))
        await rig.pull(order("unpaid"), order("short", paid=500), order("unmapped", sku="?x", paid=1000))
        await rig.pull(order("unknown", paid=1000), order("sending", paid=1000), shop=3)
        await rig.pull(order("nostock", paid=2000, sku="p2", qty=2, total=2000), order("refunded", paid=1000))
        await rig.pull(order("gone", paid=1000), order("asked", paid=1000), order("held", paid=1000))
        await rig.pull(pay("loose", 700))
        await rig.pass_gate()
        await rig.deliver(await rig.intent("done"))
        await rig.deliver(await rig.intent("done", Effect.SHIP))
        await rig.open(await rig.intent("unknown"))
        await rig.come(await rig.intent("unknown"), 1, Result.UNKNOWN)
        await rig.open(await rig.intent("sending"))
        await rig.deliver(await rig.intent("refunded"))
        await rig.pull(pay("refunded", 1000, kind=PaymentKind.REFUND), pay("gone", 1000, kind=PaymentKind.REFUND))
        await rig.pull(refund("asked", RefundState.OPEN))
        held = await rig.one("SELECT id FROM orders WHERE ext_id = 'held'")

        def _hold(tx, items):  # type: ignore[no-untyped-def]
            return [open_holds(tx, [HoldRow(held, HoldReason.MANUAL, "wang")])] * len(items)

        await rig.writer.do(_hold, None)
    return rig.path


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(_lived_in(tmp_path_factory.mktemp("audit")))


@pytest.fixture
def path(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "keydesk.db"))


def _damage(path: Path, *sql: str) -> None:
    """Run statements with the schema's triggers out of the way, then put those back."""
    connection = sqlite3.connect(path, isolation_level=None)
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in sql:
        assert connection.execute(statement).rowcount != 0, f"touched nothing: {statement}"
    for _, ddl in triggers:
        connection.execute(ddl)
    connection.close()


def _found(path: Path, now: int = NOW) -> set[tuple[str, str]]:
    return {(f.invariant, f.severity) for f in audit(path, now).findings}


def test_a_database_that_was_only_worked_with_is_clean(path: Path) -> None:
    report = audit(path, NOW)
    assert report.findings == ()
    assert report.exit == 0
    assert report.orders == 12
    told = report.as_dict()
    assert told["promises"] == {f"P{i}": "proved" for i in range(1, 7)}
    assert (told["ok"], told["exit"], told["findings"], told["violations"]) == (True, 0, [], 0)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT max(seq), count(*) FROM event").fetchone() == (report.head[0], report.events)
    (last,) = connection.execute("SELECT hash FROM block ORDER BY n DESC").fetchone()
    connection.close()
    assert last.hex() == report.head[1]


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_and_nothing_else_is(path: Path, name: str) -> None:
    expected, statements_ = DAMAGE[name]
    _damage(path, *statements_)
    assert {f"{invariant} {severity}" for invariant, severity in _found(path)} == expected
    report = audit(path, NOW)
    assert report.exit == (2 if any(V in item for item in expected) else 1)
    assert min(report.promises().values(), key=lambda said: said == "proved") != "proved"


def test_every_invariant_has_its_damage_and_its_promise(path: Path) -> None:
    said = {item.split()[0] for expected, _ in DAMAGE.values() for item in expected}
    all_names = {i.name for i in INVARIANTS} | {"I0", "I13", "I15", "I-tally", "I-case_tally"}
    assert said == all_names
    assert {name for names in PROMISES.values() for name in names} == all_names
    # Every statement, not only every name, is hit by some damage.
    hit: set[str] = set()
    for _, statements_ in DAMAGE.values():
        copy = Path(shutil.copy(path, path.with_name("copy.db")))
        _damage(copy, *statements_)
        hit |= {f.sentence for f in audit(copy, NOW).findings}
    old = audit(path, NOW + 11 * MINUTE).findings
    assert {i.sentence for i in INVARIANTS} <= hit | {f.sentence for f in old} | {_AT_GATE}


_AT_GATE = next(i.sentence for i in INVARIANTS if "ready for the gate" in i.sentence)


def test_what_lies_still_too_long_is_a_warning(path: Path) -> None:
    report = audit(path, NOW + 11 * MINUTE)
    assert report.exit == 1
    assert {(f.invariant, f.severity) for f in report.findings} == {("I4", W), ("I11", W)}
    assert report.promises()["P3"] == "warning"
    assert report.promises()["P1"] == "proved"


async def test_ready_but_not_taken_for_long_is_a_warning(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order())
        await rig.pull(pay("A1", 1000))
        assert audit(rig.path, rig.clock()).findings == ()
        (finding,) = audit(rig.path, rig.clock() + 11 * MINUTE).findings
        assert finding.sentence == _AT_GATE


async def test_the_audit_runs_beside_the_writer_and_changes_nothing(tmp_path: Path) -> None:
    """Live: audits while a writer commits, each on one snapshot."""
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 300)
        stop = False
        reports = []

        def _audits() -> None:
            while not stop:
                reports.append(audit(rig.path, rig.clock()))

        task = asyncio.get_running_loop().run_in_executor(None, _audits)
        for n in range(60):
            await rig.pull(order(f"A{n}", paid=1000))
            await rig.deliver(await rig.intent(f"A{n}"))
        stop = True
        await task
        assert [r.findings for r in reports if r.findings] == []
        assert len({r.orders for r in reports}) > 2
        connection = sqlite3.connect(rig.path)
        assert audit(connection, rig.clock()).orders == 60
        connection.close()


async def test_open_attempts_of_a_dead_core_are_clean_once_taken_as_unknown(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await rig.stock("p1", 1)
        await rig.pull(order(paid=1000))
        await rig.open(await rig.intent())
        await rig.writer.stop()
        await rig.writer.start("second")
        assert _found(rig.path, rig.clock()) == {("I11", V)}

        def _left(tx, items):  # type: ignore[no-untyped-def]
            return [outcomes.left_open(tx, rig.setup)] * len(items)

        assert await rig.writer.do(_left, None) == 1
        assert _found(rig.path, rig.clock()) == set()


def test_what_is_not_our_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="no database"):
        audit(tmp_path / "none.db")
    (tmp_path / "text.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(AuditError, match="could not be read"):
        audit(tmp_path / "text.db")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE alembic_version(version_num)").connection.close()
    with pytest.raises(AuditError, match="has schema None"):
        audit(tmp_path / "other.db")
    (tmp_path / "empty.db").touch()
    with pytest.raises(AuditError, match="not a Keydesk database"):
        audit(tmp_path / "empty.db")


def test_a_damaged_page_is_an_error_not_a_clean_report(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * (path.stat().st_size - 4096 * 3))
    with pytest.raises(AuditError, match="could not be read"):
        audit(path, NOW)


def test_the_guards_are_those_of_the_schema() -> None:
    made = [s.split()[2 if " TRIGGER " in s else 3] for s in statements() if "UNIQUE INDEX" in s or " TRIGGER " in s]
    assert sorted(made) == sorted(GUARDS)


def test_never_is_the_pipelines_never() -> None:
    assert NEVER == outcomes.NEVER


def test_a_violation_outweighs_a_warning() -> None:
    both = [Finding("I4", W, 1, (), ""), Finding("I4", V, 1, (), "")]
    assert verdict_of(both, ["I4"]) == "violated"
    assert verdict_of(both, ["I5"]) == "proved"


@pytest.fixture
def plan(path: Path) -> Iterator[Callable[[str], list[str]]]:
    connection = sqlite3.connect(path)

    def _plan(sql: str) -> list[str]:
        given = {name: value for name, value in params(1).items() if f":{name}" in sql}
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", given)]

    yield _plan
    connection.close()


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda i: f"{i.name}:{i.sentence[:30]}")
def test_statements_walk_one_table_once_and_look_up_the_rest(
    plan: Callable[[str], list[str]], invariant: object
) -> None:
    """The missing index that made an audit take minutes would show as a scan inside, a sort or an index made for it."""
    steps = plan(invariant.sql)  # type: ignore[attr-defined]
    assert not [s for s in steps if "TEMP B-TREE" in s or "AUTOMATIC" in s]
    inside = False
    for step in steps:
        inside = inside or ("SUBQUERY" in step and "LEFT-MOST" not in step)
        if step.startswith("SCAN") and "VIRTUAL TABLE" not in step:
            assert not inside
    walks = [s for s in steps if s.startswith("SCAN") and "VIRTUAL TABLE" not in s]
    assert len(walks) <= (2 if "UNION ALL" in invariant.sql else 1)  # type: ignore[attr-defined]
