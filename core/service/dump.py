"""The database as one file over the socket: a copy is made beside the database, told, and taken away again."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from core import backup
from core.desk.refusals import Refused

_PIECE = 1 << 20
HEAD, KEY = "x-keydesk-head", "x-keydesk-key"


async def dump(database: Path, key_at: str) -> Response:
    """The answer of ``GET /v1/backup``. Raises Refused when no copy can be made.

    The headers give the log's head of the copy (``seq:hash``), and where the master key is: it is not in the copy.
    """
    made = database.with_name(f".{database.name}.told-{secrets.token_hex(4)}")
    try:
        await asyncio.to_thread(backup.copy, database, made)
        head = await asyncio.to_thread(backup.head_of, made)
        handle = os.open(made, os.O_RDONLY | os.O_CLOEXEC)
    except (backup.BackupError, OSError) as error:
        raise Refused(507, "no_copy", f"no copy could be made: {error}", "Is there room on the disk?") from None
    finally:
        made.unlink(missing_ok=True)  # the open handle keeps it until it is told, whatever happens to us
    assert head is not None  # we have just written it
    headers = {
        "content-length": str(os.fstat(handle).st_size),
        HEAD: f"{head.seq}:{head.hash}",
        KEY: quote(key_at),
    }
    return StreamingResponse(_pieces(handle), media_type="application/vnd.sqlite3", headers=headers)


async def _pieces(handle: int) -> AsyncIterator[bytes]:
    try:
        while piece := await asyncio.to_thread(os.read, handle, _PIECE):
            yield piece
    finally:
        os.close(handle)
