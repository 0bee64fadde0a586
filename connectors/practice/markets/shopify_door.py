"""A Shopify shop's Admin GraphQL API as the facts describe it: tokens of a day, a cost bucket, a list that lags."""

import hmac
import json
import random
import re
from typing import Any
from urllib.parse import parse_qsl

from connectors.practice.faults import Fate
from connectors.practice.gate import Call
from connectors.practice.graphql import GraphError, Operation, parse, run
from connectors.practice.markets.shopify_rows import fulfilment_of, gid, order_of, parse_stamp, part_of, row_of
from connectors.practice.mint import secret
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Shop, State, World

_PATH = re.compile(r"/shopify/admin/api/(20\d\d-(?:01|04|07|10))/graphql\.json\Z")
_SINCE = re.compile(r"updated_at:>='([^']+)'\Z")
_BUCKET, _RESTORE = 20_000.0, 1_000.0  # points of a Plus shop, and a second's worth of them
_MOST = 1_000.0  # points that one document may ask for
_DECKS = {"orders": "list", "order": "read", "fulfillmentCreate": "effect"}


class ShopifyApi:
    """Checks the token, meters the cost, answers a document."""

    platform = "shopify"

    def __init__(self, world: World, shop: Shop) -> None:
        self._world, self._shop = world, shop
        self._rng = random.Random(f"shopify/{world.seed}")
        self._left, self._at = _BUCKET, world.clock()

    def read(self, request: Request) -> Call | Answer:
        """Parses and checks one request; an Answer is the refusal."""
        if request.path == "/shopify/admin/oauth/access_token" and request.method == "POST":
            return Call("token", "token", dict(parse_qsl(request.body.decode("utf-8", "replace"))))
        if request.method != "POST" or not _PATH.match(request.path):
            return as_json({"errors": "Not Found"}, 404)
        try:
            body = json.loads(request.body)
            document, variables = body["query"], body.get("variables") or {}
            operation = parse(document)
        except (ValueError, KeyError, TypeError, AttributeError):
            return as_json({"errors": {"query": "Required parameter missing or invalid"}}, 400)
        except GraphError as error:
            return self._errors(str(error), error.code)
        deck = _DECKS.get(operation.inner[0].name, "read")
        return Call(
            document,
            deck,
            {"variables": json.dumps(variables), "token": request.headers.get("x-shopify-access-token", "")},
        )

    def act(self, call: Call, fate: Fate) -> Answer:
        """The document's answer; effects are in the ledger when this returns, though not yet on disk."""
        if call.deck == "token":
            return self._granted(call.params)
        if not hmac.compare_digest(call.params["token"].encode(), self._shop.token.encode()):
            return as_json(
                {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}, 401
            )
        operation, variables = parse(call.method), json.loads(call.params["variables"])
        asked = _asked(operation, variables)
        if asked > _MOST:
            return self._errors(
                f"Query cost is {asked:.0f}, which exceeds the single query max cost limit", "MAX_COST_EXCEEDED"
            )
        if self._level() < asked:
            return self._throttled(asked)
        done: list[int] = []
        try:
            roots = {
                "orders": lambda args: self._orders(args, fate),
                "order": lambda args: self._order(args),
                "fulfillmentCreate": lambda args: self._fulfil(args, done),
            }
            kinds = {"query": ("orders", "order"), "mutation": ("fulfillmentCreate",)}[operation.kind]
            data = run(operation, variables, {name: roots[name] for name in kinds})
        except GraphError as error:
            return self._errors(str(error), error.code)
        self._left -= float(_counted(data))
        return as_json({"data": data, "extensions": {"cost": self._cost(asked)}}, lsn=max(done, default=0))

    def refusal(self, kind: str) -> Answer:
        """The answer to a request that chaos turns away: both come under HTTP 200."""
        if kind == "rate":
            return self._throttled(500.0, available=0.0)
        return self._errors("Internal error. Looks like something went wrong on our end.", "INTERNAL_SERVER_ERROR")

    def expire_token(self) -> None:
        """The day is over; the app's own id and secret give a new token."""
        self._shop.token = secret(self._rng, "shpat_", 32)
        self._shop.spent_tokens += 1

    def _granted(self, form: dict[str, str]) -> Answer:
        if form.get("grant_type") != "client_credentials":
            return as_json({"error": "unsupported_grant_type"}, 400)
        pair = form.get("client_id", ""), form.get("client_secret", "")
        if pair != (self._shop.app_key, self._shop.app_secret):
            return as_json({"error": "invalid_client", "error_description": "Client authentication failed"}, 400)
        return as_json({"access_token": self._shop.token, "scope": "read_orders", "expires_in": 86_399})

    def _orders(self, args: dict[str, Any], fate: Fate) -> dict[str, Any]:
        first, since = args.get("first"), _SINCE.match(args.get("query") or "")
        if not isinstance(first, int) or not 1 <= first <= 250:
            raise GraphError("first must be between 1 and 250", "BAD_REQUEST")
        if since is None or args.get("sortKey") != "UPDATED_AT" or args.get("reverse"):
            raise GraphError("only changes since a time, oldest first, are played here", "BAD_REQUEST")
        try:
            low = parse_stamp(since[1])
        except ValueError:
            raise GraphError("updated_at is no time", "BAD_REQUEST") from None
        rows = self._shop.recent.where(low, 1 << 62, lambda order: True)[::-1]
        if args.get("after"):
            try:
                at, n = (int(part) for part in bytes.fromhex(str(args["after"])).decode().split(":"))
            except ValueError:
                raise GraphError("invalid cursor for current pagination sort.", "BAD_REQUEST") from None
            rows = [order for order in rows if (order.modified, order.n) > (at, n)]
        chosen = rows[:first]
        end = f"{chosen[-1].modified}:{chosen[-1].n}".encode().hex() if chosen else None
        nodes = [row_of(order) for order in chosen]
        if fate.kind == "overlap":
            nodes = nodes + nodes[:1]
        elif fate.kind == "reorder":
            nodes = nodes[::-1]
        return {"nodes": nodes, "pageInfo": {"hasNextPage": len(rows) > first, "endCursor": end}}

    def _order(self, args: dict[str, Any]) -> dict[str, Any] | None:
        head, _, number = str(args.get("id")).rpartition("/")
        if head != "gid://shopify/Order":
            raise GraphError("Invalid global id", "argumentLiteralsIncompatible")
        order = self._shop.orders.get(number)
        return order_of(order) if order else None

    def _fulfil(self, args: dict[str, Any], done: list[int]) -> dict[str, Any]:
        wanted = args.get("fulfillment") or {}
        groups = wanted.get("lineItemsByFulfillmentOrder")
        if (
            not isinstance(groups, list)
            or not groups
            or set(wanted) - {"lineItemsByFulfillmentOrder", "notifyCustomer", "trackingInfo"}
        ):
            raise GraphError("FulfillmentInput is not well formed", "INVALID_VARIABLE")
        orders = [self._by_part(str(group.get("fulfillmentOrderId"))) for group in groups]
        if len(orders) != 1 or orders[0] is None:
            return _refused("Fulfillment order does not exist.")
        order = orders[0]
        if part_of(order)["status"] != "OPEN":
            return _refused(
                f"Fulfillment order {order.n} has an unfulfillable status= {part_of(order)['status'].lower()}."
            )
        if order.state is not State.PAID:
            # Shopify would ship what is not paid for; a desk that asks for it has gone wrong.
            return _refused(f"order is {fulfilment_of(order)} and not paid")
        done.append(self._world.ship(order, "fulfillmentCreate", ""))
        made = {"id": gid("Fulfillment", order.n), "status": "SUCCESS"}
        return {"fulfillment": made, "userErrors": []}

    def _by_part(self, part: str) -> Order | None:
        number = part.removeprefix("gid://shopify/FulfillmentOrder/")
        return next((order for order in self._shop.orders.values() if str(order.n) == number), None)

    def _level(self) -> float:
        now = self._world.clock()
        self._left = min(_BUCKET, self._left + (now - self._at) / SECOND * _RESTORE)
        self._at = now
        return self._left

    def _cost(self, asked: float, available: float | None = None) -> dict[str, Any]:
        level = self._level() if available is None else available
        status = {"maximumAvailable": _BUCKET, "currentlyAvailable": int(level), "restoreRate": _RESTORE}
        return {"requestedQueryCost": int(asked), "actualQueryCost": None, "throttleStatus": status}

    def _throttled(self, asked: float, available: float | None = None) -> Answer:
        errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
        return as_json({"errors": errors, "extensions": {"cost": self._cost(asked, available)}})

    def _errors(self, message: str, code: str) -> Answer:
        return as_json({"errors": [{"message": message, "extensions": {"code": code} if code else {}}]})


def _asked(operation: Operation, variables: dict[str, Any]) -> float:
    """A document's price before it runs: a connection costs by its size, a mutation ten."""
    total = 10.0 if operation.kind == "mutation" else 0.0
    todo = [(one, 1.0) for one in operation.inner]
    while todo:
        one, times = todo.pop()
        size = one.args.get("first", 1)
        many = times * (size if isinstance(size, int) else float(variables.get("first") or 1))
        total += many if one.inner and one.name not in ("shopMoney", "pageInfo", "nodes") else 0.0
        todo += [(inner, many) for inner in one.inner if not one.name.endswith("Set")]
    return total


def _counted(value: Any) -> int:
    if isinstance(value, list):
        return sum(_counted(item) for item in value)
    if isinstance(value, dict):
        return 1 + sum(_counted(item) for name, item in value.items() if not name.endswith("Set"))
    return 0


def _refused(message: str) -> dict[str, Any]:
    return {"fulfillment": None, "userErrors": [{"field": ["fulfillment"], "message": message}]}
