"""A channel that must not carry keys: the core gives it the buyer's link, or says what to set."""

import json
from pathlib import Path

from core.vault.keyring import Keyring
from core.vault.pickup import PickupLinks
from tests.connectors.channel_kit import build
from tests.connectors.server import Request, Scripted
from tests.end_to_end.waykit import MASTER, Works

URL = "https://keys.example.com/p"


def taken(request: Request) -> tuple[int, dict[str, str]]:
    """The receiver's word that it has this delivery."""
    return 200, {"id": json.loads(request.body)["id"]}


async def test_the_channel_gets_the_link_and_no_key(tmp_path: Path) -> None:
    async with Scripted(taken) as server:
        way = build("webhook", server.url)
        async with Works(tmp_path, "way", {"way": way}, URL) as works:
            works.shop.place("A1")
            await works.delivered("A1")
            ((intent,),) = await works.all("SELECT id FROM intent WHERE effect = 1")
            (request,) = server.requests
            assert b"P1-0000" not in request.body
            link = PickupLinks(Keyring(MASTER), URL).link(intent)
            assert link in json.dumps(json.loads(request.body))
            written = " ".join(str(row) for row in await works.all("SELECT evidence, why FROM attempt"))
            written += " ".join(str(row) for row in await works.all("SELECT body FROM event"))
            assert link.rsplit("/", 1)[-1] not in written, "the link is a secret: nothing keeps it"


async def test_without_a_page_a_person_is_told_what_to_set(tmp_path: Path) -> None:
    async with Scripted(taken) as server, Works(tmp_path, "way", {"way": build("webhook", server.url)}) as works:
        works.shop.place("A1")
        assert await works.case("A1") == "delivery_rejected"
        ((fact,),) = await works.all("SELECT fact FROM case_ WHERE closed_at IS NULL")
        assert "[pickup] port and public_url" in json.loads(fact)["why"]
        assert not server.requests


async def test_a_channel_that_carries_keys_gets_no_link(tmp_path: Path) -> None:
    async with Scripted(taken) as server:
        way = build("webhook", server.url, carries="keys")
        async with Works(tmp_path, "way", {"way": way}, URL) as works:
            works.shop.place("A1")
            await works.delivered("A1")
            (request,) = server.requests
            assert b"P1-00000" in request.body
            assert URL.encode() not in request.body
