"""A Vendure server's Admin API as the facts and a run of 3.7.3 describe it: sessions, orders by placing, fulfilments."""

import hmac
import json
import random
from typing import Any

from connectors.practice.faults import Fate
from connectors.practice.gate import Call
from connectors.practice.graphql import GraphError, parse, run
from connectors.practice.markets.vendure_rows import order_of, parse_stamp, state_of
from connectors.practice.mint import secret
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import Order, Shop, World

_LIMIT = 1000  # rows a list gives at most
_DECKS = {
    "login": "token", "globalSettings": "read", "orders": "list", "addFulfillmentToOrder": "effect",
    "transitionFulfillmentToState": "effect", "addNoteToOrder": "effect",
}  # fmt: skip


class VendureApi:
    """Checks the session, answers a document. What is not placed yet is not listed: here that is what is not paid."""

    platform = "vendure"

    def __init__(self, world: World, shop: Shop) -> None:
        self._world, self._shop = world, shop
        self._rng = random.Random(f"vendure/{world.seed}")
        self._made: dict[str, dict[str, Any]] = {}  # order code -> its fulfilment
        self._notes: dict[str, list[str]] = {}

    def read(self, request: Request) -> Call | Answer:
        """Parses one request; an Answer is the refusal."""
        if request.path != "/vendure/admin-api" or request.method != "POST":
            return as_json({"statusCode": 404, "message": "Cannot POST"}, 404)
        try:
            body = json.loads(request.body)
            document, variables = str(body["query"]), body.get("variables") or {}
            operation = parse(document)
        except (ValueError, KeyError, TypeError):
            return _errors("POST body missing, invalid Content-Type, or JSON object has no keys.", "BAD_REQUEST", 400)
        except GraphError as error:
            return _errors(str(error), error.code, 400)
        field = operation.inner[0]
        deck = _DECKS.get(field.name, "read")
        if field.name == "orders" and "code" in field.args.get("options", {}).get("filter", {}):
            deck = "read"
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        return Call(document, deck, {"variables": json.dumps(variables), "token": token, "field": field.name})

    def act(self, call: Call, fate: Fate) -> Answer:
        """The document's answer; effects are in the ledger when this returns, though not yet on disk."""
        operation, variables = parse(call.method), json.loads(call.params["variables"])
        if call.params["field"] != "login" and not hmac.compare_digest(
            call.params["token"].encode(), self._shop.token.encode()
        ):
            return _errors("You are not currently authorized to perform this action", "FORBIDDEN", 200)
        done: list[int] = []
        headers: list[tuple[str, str]] = []
        config = {"serverConfig": {"moneyStrategyPrecision": 2}}
        roots = {
            "query": {
                "orders": lambda args: self._orders(args.get("options") or {}, fate),
                "globalSettings": lambda args: config,
            },
            "mutation": {
                "login": lambda args: self._login(args, headers),
                "addFulfillmentToOrder": lambda args: self._fulfil(args["input"]),
                "transitionFulfillmentToState": lambda args: self._transition(args, done),
                "addNoteToOrder": lambda args: self._note(args["input"], done),
            },
        }[operation.kind]
        try:
            data = run(operation, variables, roots)
        except GraphError as error:
            # A document that a schema does not allow is refused whole, under HTTP 400.
            code = "BAD_USER_INPUT" if error.code == "INVALID_VARIABLE" else "GRAPHQL_VALIDATION_FAILED"
            return _errors(str(error), code, 400)
        return as_json({"data": data}, lsn=max(done, default=0), headers=tuple(headers))

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away; the limit is that of a proxy before the server."""
        if kind == "rate":
            return Answer(429, b"Too Many Requests", 0, (("retry-after", "1"),))
        return _errors("Internal server error", "INTERNAL_SERVER_ERROR", 200)

    def expire_token(self) -> None:
        """The session ends; the user logs in again."""
        self._shop.token = secret(self._rng, "ses_", 64)
        self._shop.spent_tokens += 1

    def _login(self, args: dict[str, Any], headers: list[tuple[str, str]]) -> dict[str, Any]:
        if (args.get("username"), args.get("password")) != (self._shop.app_key, self._shop.app_secret):
            error = {"errorCode": "INVALID_CREDENTIALS_ERROR", "message": "The provided credentials are invalid"}
            return {"__typename": "InvalidCredentialsError", **error}
        headers.append(("vendure-auth-token", self._shop.token))
        return {"__typename": "CurrentUser", "id": "1", "identifier": self._shop.app_key}

    def _orders(self, options: dict[str, Any], fate: Fate) -> dict[str, Any]:
        take, skip, where = options.get("take", 100), options.get("skip", 0), options.get("filter", {})
        if not isinstance(take, int) or not 0 < take <= _LIMIT or not isinstance(skip, int):
            raise GraphError("Cannot take more than 1000 results from a list query", "USER_INPUT_ERROR")
        if "code" in where:
            code = where["code"].get("eq")
            found = [order] if (order := self._shop.orders.get(str(code))) is not None and order.paid_at else []
        else:
            found = self._between(where.get("orderPlacedAt", {}).get("between") or {}, options.get("sort") or {})
        rows = found[skip : skip + take]
        if fate.kind == "overlap":
            rows = rows + rows[:1]
        elif fate.kind == "reorder":
            rows = rows[::-1]
        return {"totalItems": len(found), "items": [self._shown(order) for order in rows]}

    def _between(self, bounds: dict[str, Any], sort: dict[str, Any]) -> list[Order]:
        try:
            low, high = parse_stamp(str(bounds.get("start"))), parse_stamp(str(bounds.get("end")))
        except ValueError:
            raise GraphError("only the time of placing is played here", "USER_INPUT_ERROR") from None
        found = [
            order
            for order in self._shop.orders.values()
            if order.paid_at and low <= order.paid_at // 1000 * 1000 <= high
        ]
        found.sort(key=lambda order: (order.paid_at, order.n), reverse=sort.get("orderPlacedAt") == "DESC")
        return found

    def _fulfil(self, wanted: dict[str, Any]) -> dict[str, Any]:
        lines, handler = wanted.get("lines"), wanted.get("handler") or {}
        if not lines:
            return _error("EmptyOrderLineSelectionError", "EMPTY_ORDER_LINE_SELECTION_ERROR")
        if handler.get("code") != "manual-fulfillment":
            return _error("InvalidFulfillmentHandlerError", "INVALID_FULFILLMENT_HANDLER_ERROR")
        orders = [one for one in self._shop.orders.values() if str(one.n * 5 + 2) == str(lines[0].get("orderLineId"))]
        if len(orders) != 1 or len(lines) != 1 or lines[0].get("quantity") != orders[0].qty:
            raise GraphError("no such lines", "USER_INPUT_ERROR")
        order = orders[0]
        if order.ext_id in self._made:
            return _error("ItemsAlreadyFulfilledError", "ITEMS_ALREADY_FULFILLED_ERROR")
        if state_of(order) != "PaymentSettled":
            return _error("CreateFulfillmentError", "CREATE_FULFILLMENT_ERROR")
        given = {one["name"]: one["value"] for one in handler.get("arguments", [])}
        made = {
            "__typename": "Fulfillment", "id": str(order.n + 100), "state": "Pending", "method": given.get("method", ""),
            "trackingCode": given.get("trackingCode", ""),
        }  # fmt: skip
        self._made[order.ext_id] = made
        return made

    def _transition(self, args: dict[str, Any], done: list[int]) -> dict[str, Any]:
        found = [(code, made) for code, made in self._made.items() if made["id"] == str(args.get("id"))]
        if not found:
            raise GraphError("No Fulfillment with the id could be found", "ENTITY_NOT_FOUND")
        code, made = found[0]
        if made["state"] != "Pending" or args.get("state") != "Shipped":
            return _error("FulfillmentStateTransitionError", "FULFILLMENT_STATE_TRANSITION_ERROR")
        if state_of(self._shop.orders[code]) != "PaymentSettled":
            return _error("FulfillmentStateTransitionError", "FULFILLMENT_STATE_TRANSITION_ERROR")
        done.append(self._world.ship(self._shop.orders[code], "transitionFulfillmentToState", made["trackingCode"]))
        made["state"] = "Shipped"
        return made

    def _note(self, wanted: dict[str, Any], done: list[int]) -> dict[str, Any]:
        found = [order for order in self._shop.orders.values() if str(order.n) == str(wanted.get("id"))]
        if not found or not isinstance(wanted.get("note"), str) or not isinstance(wanted.get("isPublic"), bool):
            raise GraphError("AddNoteToOrderInput is not well formed", "INVALID_VARIABLE")
        self._notes.setdefault(found[0].ext_id, []).append(wanted["note"])
        done.append(self._world.annotate(found[0], wanted["note"]))
        return self._shown(found[0])

    def _shown(self, order: Order) -> dict[str, Any]:
        return order_of(order, self._made.get(order.ext_id), self._notes.get(order.ext_id, []))


def _error(kind: str, code: str) -> dict[str, Any]:
    return {"__typename": kind, "errorCode": code, "message": f"errorResult.{code}"}


def _errors(message: str, code: str, status: int) -> Answer:
    return as_json({"errors": [{"message": message, "extensions": {"code": code}}], "data": None}, status)
