"""Reads of the desk: short statements on the reading engine, values always bound, no transaction held."""

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncEngine

Row = tuple[Any, ...]


class Reads(Protocol):
    """Whatever answers a statement with rows."""

    async def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        ...


class Reader:
    """Reads through SQLAlchemy async."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        async with self._engine.connect() as connection:
            result = await connection.exec_driver_sql(sql, tuple(params))
            return [tuple(row) for row in result.fetchall()]

    async def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        rows = await self.all(sql, params)
        return rows[0] if rows else None
