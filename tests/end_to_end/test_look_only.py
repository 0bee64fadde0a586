"""Whoever says so is a viewer, whatever the core would take them for: held by the core, not by a console's manners."""

from pathlib import Path

from core.model.lifecycle import Stage
from tests.end_to_end.servicekit import desk
from tests.store.deskdata import Seed


async def test_the_core_takes_a_looker_for_a_viewer(tmp_path: Path) -> None:
    async with desk(tmp_path, [Seed(1), Seed(2, stage=Stage.DELIVERED)]) as d:
        assert (await d.client.get("/v1/health"))["role"] == "admin"
        d.client.http.headers["X-Keydesk-Look-Only"] = "1"
        health = await d.client.get("/v1/health")
        assert (health["role"], health["people"]) == ("viewer", [])
        assert (await d.client.get("/v1/wall"))["operators"] == []
        body = {"action": "hold", "args": {"note": ""}, "orders": [1]}
        status, error = await d.client.fails("POST", "/v1/preview", body)
        assert (status, error["code"]) == (403, "forbidden")
        status, error = await d.client.fails("POST", "/v1/orders/2/reveal", {"reason": "look"})
        assert status == 403
