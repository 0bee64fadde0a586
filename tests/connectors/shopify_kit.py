"""A scripted Shopify that the tests of its shop share."""

import json
from collections.abc import Callable

from tests.connectors.kit import Json
from tests.connectors.server import Answer, Request, Scripted
from tests.connectors.test_shopify_mapping import sample

SECRET = "shpss_sesame"
API = "/admin/api/2026-07/graphql.json"
INFO = {"hasNextPage": False, "endCursor": None}


def part(number: int, status: str, location: int = 1) -> Json:
    place = {"location": {"id": f"gid://shopify/Location/{location}"}}
    return {"id": f"gid://shopify/FulfillmentOrder/{number}", "status": status, "assignedLocation": place}


def error(code: str, cost: Json | None = None) -> Json:
    answer: Json = {"errors": [{"message": "m", "extensions": {"code": code}}]}
    return answer | ({"extensions": {"cost": cost}} if cost else {})


class Api:
    """Answers by operation name."""

    def __init__(self) -> None:
        self.token = "shpat_first"
        self.granted = 0
        self.rows: list[Json] = []
        self.order = sample()
        self.parts = [part(1, "OPEN")]
        self.shown = "UNFULFILLED"
        self.cancelled: str | None = None
        self.override: dict[str, Callable[[Json], Answer]] = {}
        self.asked: list[tuple[str, Json]] = []

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]

    def __call__(self, request: Request) -> Answer:
        assert SECRET not in request.target
        if request.path == "/admin/oauth/access_token":
            assert request.form == {"grant_type": "client_credentials", "client_id": "id-1", "client_secret": SECRET}
            self.granted += 1
            return 200, {"access_token": self.token, "scope": "", "expires_in": 86399}
        assert (request.method, request.path) == ("POST", API)
        if request.headers["x-shopify-access-token"] != self.token:
            return 401, {"errors": "[API] Invalid API key or access token"}
        body = json.loads(request.body)
        name = body["query"].split("(")[0].split()[-1]
        self.asked.append((name, body["variables"]))
        if name in self.override:
            return self.override[name](body["variables"])
        return 200, {"data": self.data(name, body["variables"])}

    def data(self, name: str, variables: Json) -> Json:
        if name == "Changed":
            return {"orders": {"nodes": self.rows, "pageInfo": INFO}}
        if name == "Order":
            return {"order": self.order}
        if name == "Open":
            parts = {"nodes": self.parts, "pageInfo": INFO}
            return {"order": {"id": variables["id"], "cancelledAt": self.cancelled, "displayFulfillmentStatus": self.shown, "fulfillmentOrders": parts}}  # fmt: skip
        assert name == "Fulfil"
        for one in variables["fulfillment"]["lineItemsByFulfillmentOrder"]:
            next(p for p in self.parts if p["id"] == one["fulfillmentOrderId"])["status"] = "CLOSED"
        self.shown = "FULFILLED"
        return {
            "fulfillmentCreate": {
                "fulfillment": {"id": "gid://shopify/Fulfillment/9", "status": "SUCCESS"},
                "userErrors": [],
            }
        }


def options(server: Scripted, **more: str) -> dict[str, str]:
    return {
        "platform": "shopify", "url": server.url, "access_token": "shpat_first", "client_id": "id-1",
        "client_secret": SECRET, **more,
    }  # fmt: skip
