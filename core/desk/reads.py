"""Reads of the desk: short statements on the reading engine, values always bound, no transaction held for long."""

import contextlib
from array import array
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Row = tuple[Any, ...]
_FETCH = 5000


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

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator["Snapshot"]:
        """Reads of one moment, in a transaction that ends with the block. Keep it short: as long as it stands, the
        database's log cannot be folded in."""
        async with self._engine.connect() as connection:
            await connection.exec_driver_sql("BEGIN")  # ended by the pool, which rolls back what it takes back
            yield Snapshot(connection)


class Snapshot:
    """Statements that all see the same moment."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        result = await self._connection.exec_driver_sql(sql, tuple(params))
        return [tuple(row) for row in result.fetchall()]

    async def ids(self, sql: str, params: Sequence[Any] = ()) -> "array[int]":
        """The first column of a query that may be long, eight bytes a row."""

        def read(connection: Connection) -> "array[int]":
            found = array("q")
            # Said of this statement alone: on a connection the option would stay.
            with connection.exec_driver_sql(sql, tuple(params), {"stream_results": True}) as result:
                for rows in result.partitions(_FETCH):
                    found.extend(row[0] for row in rows)
            return found

        return await self._connection.run_sync(read)
