"""Ten thousand hostile numbers at once: whoever pastes them waits, and nobody else does."""

import asyncio
import time
from pathlib import Path

from tests.end_to_end.servicekit import desk
from tests.store.deskdata import Seed


async def test_the_core_goes_on_while_a_great_list_is_read(tmp_path: Path) -> None:
    numbers = ["\x7fa" * 190 + str(n) for n in range(9_900)]  # what is cleaned sign by sign, as long as a body may be
    async with desk(tmp_path, [Seed(1, ext_id="A1")]) as d:
        call = asyncio.create_task(d.client.post("/v1/lookup", {"numbers": [*numbers, "A1"]}))
        longest, last = 0.0, time.monotonic()
        while not call.done():
            await asyncio.sleep(0.005)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        assert [row[0] for row in (await call)["orders"]] == [1]
        assert longest < 0.4, "the loop stood still"
