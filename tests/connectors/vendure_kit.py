"""A scripted Vendure that the tests of its shop share."""

import json
from collections.abc import Callable

from tests.connectors.kit import Json
from tests.connectors.server import Answer, Request, Scripted, reply
from tests.connectors.test_vendure_mapping import sample

PASSWORD = "sesame"


def error(code: str, status: int = 200) -> Answer:
    return status, {"errors": [{"message": "m", "extensions": {"code": code}}], "data": None}


class Api:
    """Answers by operation name."""

    def __init__(self) -> None:
        self.session = "session-1"
        self.logins = 0
        self.placed: list[Json] = []
        self.order = sample()
        self.state = "PaymentSettled"
        self.parts: list[Json] = []
        self.notes: list[str] = []
        self.override: dict[str, Callable[[Json], Answer]] = {}
        self.asked: list[tuple[str, Json]] = []
        self.headers: dict[str, str] = {}

    def names(self) -> list[str]:
        return [name for name, _ in self.asked]

    def __call__(self, request: Request) -> Answer:
        assert (request.method, request.path) == ("POST", "/admin-api")
        body = json.loads(request.body)
        name = body["query"].split("(")[0].split("{")[0].split()[-1]
        self.headers = request.headers
        if name == "Login":
            self.logins += 1
            if body["variables"] != {"username": "desk", "password": PASSWORD}:
                return 200, {
                    "data": {
                        "login": {"__typename": "InvalidCredentialsError", "errorCode": "INVALID_CREDENTIALS_ERROR"}
                    }
                }
            good = json.dumps({"data": {"login": {"__typename": "CurrentUser"}}}).encode()
            return reply(200, good, f"vendure-auth-token: {self.session}\r\n")
        known = request.headers.get("authorization") == f"Bearer {self.session}"
        if not known and request.headers.get("vendure-api-key") != "key-1":
            return error("FORBIDDEN")
        self.asked.append((name, body["variables"]))
        if name in self.override:
            return self.override[name](body["variables"])
        return 200, {"data": self.data(name, body["variables"])}

    def data(self, name: str, given: Json) -> Json:
        if name == "Precision":
            return {"globalSettings": {"serverConfig": {"moneyStrategyPrecision": 2}}}
        if name == "Placed":
            rows = [row for row in self.placed if given["start"] <= row["orderPlacedAt"] <= given["end"]]
            rows.sort(key=lambda row: str(row["orderPlacedAt"]), reverse=given["order"] == "DESC")
            page = rows[given["skip"] : given["skip"] + given["take"]]
            return {"orders": {"totalItems": len(rows), "items": page}}
        if name == "Order":
            return {"orders": {"totalItems": 1, "items": [self.order]}}
        if name == "Standing":
            notes = {"items": [{"data": {"note": note}} for note in self.notes]}
            lines = [{"id": "5", "quantity": 2}, {"id": "6", "quantity": 0}]
            one = {
                "id": "77",
                "code": given["code"],
                "state": self.state,
                "lines": lines,
                "fulfillments": self.parts,
                "history": notes,
            }
            return {"orders": {"items": [one]}}
        if name == "Fulfil":
            self.parts = [{"id": "3", "state": "Pending", "method": "Keydesk"}]
            return {"addFulfillmentToOrder": {"__typename": "Fulfillment", "id": "3", "state": "Pending"}}
        if name == "Ship":
            assert given == {"id": "3"}
            self.state = self.parts[0]["state"] = "Shipped"
            return {"transitionFulfillmentToState": {"__typename": "Fulfillment", "id": "3", "state": "Shipped"}}
        assert name == "Note"
        self.notes.append(given["note"])
        return {"addNoteToOrder": {"id": given["id"]}}


def options(server: Scripted, **more: str) -> dict[str, str]:
    return {
        "platform": "vendure", "url": f"{server.url}/admin-api", "username": "desk", "password": PASSWORD,
        "start_days": "0.01", **more,
    }  # fmt: skip
