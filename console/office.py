"""The back office's calls: stock with its imports, rules, connections, the doctor. They go through the client."""

from collections.abc import AsyncGenerator
from typing import cast

from console.client import Client
from console.wire import Facts
from console.wire_office import (
    Batches,
    Connection,
    Examination,
    KeyPreview,
    Replayed,
    RulesInForce,
    Stocked,
    Tried,
    Unread,
)

UPLOAD_S = 180.0  # a file of 200,000 keys is compared with the stock in seconds; a busy disk makes it longer
REPLAY_S = 120.0  # each item of a page may be asked of its platform


class Office:
    """Typed calls. Every method raises ClientError and nothing else."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def stock(self) -> list[Stocked]:
        """Stock of every product of the catalogue."""
        return cast(list[Stocked], (await self._client.call("GET", "/v1/stock/products"))["products"])

    async def batches(self, product: str, after: int = 0, limit: int = 100) -> Batches:
        """A page of the imports of a product, newest first."""
        query = {"product": product, "after": after or None, "limit": limit}
        return cast(Batches, await self._client.call("GET", "/v1/stock/batches", query))

    async def preview_keys(self, product: str, name: str, data: bytes) -> KeyPreview:
        """Compares a key file with the stock; nothing is stored."""
        query = {"product": product, "name": name}
        return cast(KeyPreview, await self._client.call("POST", "/v1/keys/preview", query, data, UPLOAD_S))

    def import_keys(self, token: str) -> AsyncGenerator[Facts, None]:
        """Imports a previewed file: {done, total} as it goes, then the result or {error}."""
        return self._client.lines("POST", "/v1/keys/import", {"token": token}, UPLOAD_S)

    async def undo_batch(self, batch: int) -> int:
        """Withdraws an unused import; answers how many keys left the stock."""
        return int((await self._client.call("POST", "/v1/keys/undo", body={"batch": batch}))["withdrawn"])

    async def rules(self) -> RulesInForce:
        """The rules in force."""
        return cast(RulesInForce, await self._client.call("GET", "/v1/rules"))

    async def try_rules(self, name: str, data: bytes) -> Tried:
        """Checks a rule file against what is in force; no data: the core's own file as it is now."""
        return cast(Tried, await self._client.call("POST", "/v1/rules/try", {"name": name}, data, UPLOAD_S))

    async def reload_rules(self) -> str:
        """Makes the core take its own file now; answers the fingerprint that is in force."""
        return str((await self._client.call("POST", "/v1/rules/reload", body={}))["mark"])

    async def shops(self) -> list[Connection]:
        """Every shop's connector, then the payment gateways."""
        return cast(list[Connection], (await self._client.call("GET", "/v1/shops"))["shops"])

    async def unread(self, shop: str) -> Unread:
        """What of a shop waits unread."""
        return cast(Unread, await self._client.call("GET", "/v1/quarantine", {"shop": shop}))

    async def replay(self, shop: str, after: int, dry: bool) -> Replayed:
        """Reads the next items again; with ``dry`` nothing is taken in."""
        body = {"shop": shop, "after": after, "dry": dry}
        return cast(Replayed, await self._client.call("POST", "/v1/quarantine/replay", None, body, REPLAY_S))

    async def release_shop(self, shop: str, reason: str) -> None:
        """Lets a shop go on that was found silent."""
        await self._client.call("POST", "/v1/shops/release", body={"shop": shop, "reason": reason})

    async def examine(self) -> Examination:
        """What the core finds out about its database and settings."""
        return cast(Examination, await self._client.call("GET", "/v1/doctor"))
