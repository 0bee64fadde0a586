"""A core's service as a process of its own: ``python -m tests.end_to_end.service_process DIR``; prints ``ready``."""

import asyncio
import sys
from pathlib import Path

import uvloop

from core.service.options import Options
from core.service.server import CoreRefused, SocketServer, database_lock
from core.service.service import Service
from core.store.engines import reader_engine
from core.store.migrate import migrate
from core.store.writer import Writer
from tests.end_to_end.servicekit import setup


async def serve(folder: Path, database: Path) -> None:
    """Until a signal comes."""
    migrate(database)
    writer = Writer(database)
    await writer.start("process")
    engine = reader_engine(database)
    options = Options("test", owner=None, role_of=lambda user, owner: "operator" if user == "root" else "viewer")
    server = SocketServer(Service(writer, engine, setup(), options), folder / "run" / "core.sock")
    task = asyncio.create_task(server.serve())
    while not server.started and not task.done():
        await asyncio.sleep(0.01)
    print("ready", flush=True)
    await task
    await engine.dispose()
    await writer.stop()
    print("ended", flush=True)


def main() -> int:
    """Exit code 3 when refused."""
    folder, database = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        with database_lock(database):
            uvloop.run(serve(folder, database))
    except CoreRefused as refused:
        print(refused, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
