"""Alembic's entry; the caller (core.store.migrate) brings the connection and the transaction."""

from alembic import context

context.run_migrations()
