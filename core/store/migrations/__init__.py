"""Numbered migrations, run by Alembic inside one immediate transaction."""
