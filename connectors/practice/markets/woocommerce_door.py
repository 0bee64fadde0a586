"""A WooCommerce shop's REST API v3 as the facts describe it, on plain HTTP: OAuth 1.0a, orders, notes, status."""

import base64
import hashlib
import hmac
import json
import re
from typing import Any
from urllib.parse import parse_qsl, quote

from connectors.practice.faults import Fate
from connectors.practice.gate import Call, parse_count
from connectors.practice.markets.woocommerce_rows import order_row, parse_stamp, stamp, status_of
from connectors.practice.wire import Answer, Request, as_json
from connectors.practice.world import SECOND, Order, Shop, State, World

_BASE = "/wp-json/wc/v3"
_PATHS = (
    (re.compile(r"/orders\Z"), {"GET": ("orders", "list")}),
    (re.compile(r"/orders/(\d{1,18})\Z"), {"GET": ("order", "read"), "PUT": ("update", "effect")}),
    (re.compile(r"/orders/(\d{1,18})/notes\Z"), {"GET": ("notes", "read"), "POST": ("note", "effect")}),
)
_WINDOW = 15 * 60  # seconds that a timestamp may be off
_STATUSES = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed")


class WooError(Exception):
    """An error that goes out in WordPress's envelope, under its own HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Woocommerce:
    """The API. Over plain HTTP WooCommerce takes OAuth 1.0a and nothing else."""

    platform = "woocommerce"

    def __init__(self, world: World, shop: Shop, site: str = "/woo") -> None:
        self._world, self._shop, self._base = world, shop, site + _BASE
        self._nonces: dict[str, int] = {}
        self._notes: dict[str, list[dict[str, Any]]] = {}

    def read(self, request: Request) -> Call | Answer:
        """Checks the signature and finds what is asked for; an Answer is the refusal."""
        try:
            for pattern, methods in _PATHS:
                match = (
                    pattern.match(request.path.removeprefix(self._base))
                    if request.path.startswith(self._base)
                    else None
                )
                if match is None:
                    continue
                if request.method not in methods:
                    break
                self._check(request)
                name, deck = methods[request.method]
                params = dict(parse_qsl(request.query, keep_blank_values=True)) | {"id": (*match.groups(), "")[0]}
                return Call(name, deck, params | {"body": request.body.decode("utf-8", "replace")})
            raise WooError(404, "rest_no_route", "No route was found matching the URL and request method.")
        except WooError as error:
            return _error(error)

    def act(self, call: Call, fate: Fate) -> Answer:
        """What the call asks for; effects are in the ledger when this returns, though not yet on disk."""
        try:
            if call.method == "orders":
                return self._orders(call.params, fate)
            order = self._shop.orders.get(call.params["id"])
            if order is None:
                raise WooError(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
            if call.method == "order":
                return as_json(order_row(order))
            if call.method == "notes":
                return as_json(self._listed(order, call.params.get("type", "any")))
            body = _body(call.params["body"])
            return self._note(order, body) if call.method == "note" else self._update(order, body)
        except WooError as error:
            return _error(error)

    def refusal(self, kind: str) -> Answer:
        """WooCommerce limits nothing by itself; hosts do, in pages of their own."""
        if kind == "rate":
            return Answer(429, b"<html><h1>Too Many Requests</h1></html>", 0, (("retry-after", "1"),))
        return _error(WooError(500, "internal_server_error", "There has been a critical error on this website."))

    def expire_token(self) -> None:
        """A REST key does not expire."""

    def _orders(self, params: dict[str, str], fate: Fate) -> Answer:
        page, size = parse_count(params.get("page", "1"), 1_000_000), parse_count(params.get("per_page", "10"), 100)
        if page is None or size is None:
            raise WooError(400, "rest_invalid_param", f"Invalid parameter(s): {'page' if page is None else 'per_page'}")
        if params.get("orderby", "date") not in ("date", "id", "include", "title", "slug"):
            raise WooError(400, "rest_invalid_param", "Invalid parameter(s): orderby")
        if params.get("dates_are_gmt") != "true" and "modified_after" in params:
            raise WooError(400, "rest_invalid_param", "this shop's own time is not played: use dates_are_gmt")
        # The bounds are exclusive and of whole seconds, as rows carry them.
        low = _bound(params, "modified_after", 0) + SECOND
        high = _bound(params, "modified_before", 1 << 62) - 1
        rows = self._shop.recent.where(low, high, lambda order: True)
        rows.sort(key=lambda order: (order.created, order.n), reverse=params.get("order", "desc") != "asc")
        total, chosen = len(rows), rows[(page - 1) * size : page * size]
        if fate.kind == "overlap":
            chosen = chosen + chosen[:1]
        elif fate.kind == "reorder":
            chosen = chosen[::-1]
        only = [name for name in params.get("_fields", "").split(",") if name]
        shown = [order_row(order) for order in chosen]
        if only:
            shown = [{name: row[name] for name in only if name in row} for row in shown]
        pages = -(-total // size)
        counts = (("x-wp-total", str(total)), ("x-wp-totalpages", str(pages)))
        return as_json(shown, headers=counts)

    def _update(self, order: Order, body: dict[str, Any]) -> Answer:
        status = body.get("status", status_of(order))
        if not isinstance(status, str) or status not in _STATUSES:
            raise WooError(400, "rest_invalid_param", "Invalid parameter(s): status")
        if status == status_of(order):
            return as_json(order_row(order))
        if status != "completed":
            raise WooError(400, "woocommerce_rest_not_played", "only completing is played here")
        if order.state is not State.PAID:
            # WooCommerce lets anybody complete anything; a desk that does it to such an order has gone wrong.
            raise WooError(400, "woocommerce_rest_not_played", f"completing an order that is {status_of(order)}")
        lsn = self._world.ship(order, "PUT orders", "")
        return as_json(order_row(order), lsn=lsn)

    def _note(self, order: Order, body: dict[str, Any]) -> Answer:
        text, to_customer = body.get("note"), body.get("customer_note", False)
        if not isinstance(text, str) or not text.strip():
            raise WooError(400, "rest_missing_callback_param", "Missing parameter(s): note")
        if not isinstance(to_customer, bool):
            raise WooError(400, "rest_invalid_param", "Invalid parameter(s): customer_note")
        lsn = self._world.annotate(order, text)
        notes = self._notes.setdefault(order.ext_id, [])
        now = stamp(self._world.clock())
        note = {
            "id": order.n * 100 + len(notes), "author": "system", "date_created": now, "date_created_gmt": now,
            "note": text, "customer_note": to_customer,
        }  # fmt: skip
        notes.append(note)
        return as_json(note, 201, lsn)

    def _listed(self, order: Order, kind: str) -> list[dict[str, Any]]:
        notes = self._notes.get(order.ext_id, [])
        return [note for note in notes if kind == "any" or note["customer_note"] is (kind == "customer")]

    def _check(self, request: Request) -> None:
        params = parse_qsl(request.query, keep_blank_values=True)
        given = dict(params)
        if "oauth_consumer_key" not in given:
            raise WooError(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")
        if given["oauth_consumer_key"] != f"ck_{self._shop.app_key}":
            raise WooError(401, "woocommerce_rest_authentication_error", "Consumer key is invalid.")
        if given.get("oauth_signature_method") not in ("HMAC-SHA1", "HMAC-SHA256"):
            raise WooError(401, "woocommerce_rest_authentication_error", "Invalid signature - method is invalid.")
        url = f"http://{request.headers.get('host', '')}{request.path}"
        wanted = signature(request.method, url, params, f"cs_{self._shop.app_secret}", given["oauth_signature_method"])
        if not hmac.compare_digest(wanted.encode(), given.get("oauth_signature", "").encode()):
            raise WooError(401, "woocommerce_rest_authentication_error", "Invalid signature - does not match.")
        at, now, nonce = given.get("oauth_timestamp", ""), self._world.clock() // SECOND, given.get("oauth_nonce", "")
        if not at.isdigit() or abs(now - int(at)) > _WINDOW:
            raise WooError(401, "woocommerce_rest_authentication_error", "Invalid timestamp.")
        if not nonce or nonce in self._nonces:
            raise WooError(401, "woocommerce_rest_authentication_error", "Invalid nonce - has already been used.")
        if len(self._nonces) > 50_000:
            self._nonces = {old: then for old, then in self._nonces.items() if then > now - _WINDOW}
        self._nonces[nonce] = int(at)


def signature(method: str, url: str, params: list[tuple[str, str]], secret: str, how: str) -> str:
    """OAuth 1.0a without a token: the consumer secret alone is the key."""
    pairs = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in params if name != "oauth_signature")
    query = "&".join("=".join(pair) for pair in pairs)
    base = "&".join(quote(part, safe="") for part in (method, url, query))
    digest = hashlib.sha1 if how == "HMAC-SHA1" else hashlib.sha256
    return base64.b64encode(hmac.new(f"{secret}&".encode(), base.encode(), digest).digest()).decode()


def _error(error: WooError) -> Answer:
    return as_json({"code": error.code, "message": str(error), "data": {"status": error.status}}, error.status)


def _body(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        raise WooError(400, "rest_invalid_json", "Invalid JSON body passed.") from None
    if not isinstance(body, dict):
        raise WooError(400, "rest_invalid_json", "Invalid JSON body passed.")
    return body


def _bound(params: dict[str, str], name: str, default: int) -> int:
    if name not in params:
        return default
    try:
        return parse_stamp(params[name])
    except ValueError:
        raise WooError(400, "rest_invalid_param", f"Invalid parameter(s): {name}") from None
