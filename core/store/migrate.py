"""Brings a database to this code's schema: inside one immediate transaction, after a copy of what was there."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from core.private_files import private_file, private_folder
from core.store.engines import writer_engine

HEAD = "0004"


class SchemaError(RuntimeError):
    """The database cannot be brought to this code's schema; the message says what to do."""


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def known_schemas() -> frozenset[str]:
    """Every schema that this code can bring to its own."""
    return frozenset(script.revision for script in _scripts().walk_revisions())


def schema_of(path: Path) -> str | None:
    """The schema revision of the database at ``path``; None when it is new or empty."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    engine = writer_engine(path)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def migrate(path: Path) -> Path | None:
    """Create or upgrade the database at ``path``. Returns the copy made before an upgrade, or None.

    Raises SchemaError if the database was made by a newer Keydesk. A crash at any point leaves the old schema whole:
    SQLite's DDL runs inside the transaction, which Alembic alone would not do.
    """
    before = schema_of(path)
    if before == HEAD:
        return None
    scripts = _scripts()
    if before is not None and before not in known_schemas():
        raise SchemaError(
            f"{path.name} has schema {before}, newer than this Keydesk ({HEAD}). Install the newer version."
        )
    private_folder(path.parent)
    copy = _copy(path, before) if before is not None else None
    if before is None and not path.exists():
        private_file(path)
    engine = writer_engine(path)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            with EnvironmentContext(
                Config(),
                scripts,
                fn=lambda rev, context: scripts._upgrade_revs(HEAD, rev),
            ) as environment:
                environment.configure(connection=connection, transactional_ddl=False)
                environment.run_migrations()
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()
    return copy


def _copy(path: Path, before: str) -> Path:
    target = path.with_name(f"{path.name}.before-{HEAD}-from-{before}")
    target.unlink(missing_ok=True)
    private_file(target)  # SQLite fills an empty file, and would make its own for everybody to read
    engine = writer_engine(path)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(target),))
    finally:
        engine.dispose()
    return target
