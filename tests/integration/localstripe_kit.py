"""localstripe (PyPI) as a process, a merchant that uses it, and a door that fills what it does not answer."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

import httpx

from tests.connectors.server import Request, reply

KEY = "sk_test_of_localstripe"
# Its own start() listens on every interface and keeps its objects in a fixed file that anyone may have put there.
_SERVER = """
import socket
from aiohttp import web
from localstripe.resources import Store
Store.dump_to_disk = lambda self: None
from localstripe.server import app
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
web.run_app(app, sock=listening, access_log=None, print=None)
"""


@contextmanager
def running() -> Iterator[str]:
    """The address of a localstripe that lives as long as the block."""
    child = subprocess.Popen([sys.executable, "-P", "-c", _SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        port = child.stdout.readline().strip()
        assert port.isdigit(), "localstripe did not start"
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(10)
        assert child.stdout is not None
        child.stdout.close()


class Buyers:
    """The shop's site and its buyers: they make intents and pay them, as a script would."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, headers={"authorization": f"Bearer {KEY}"}, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def post(self, path: str, expect: int = 200, **fields: object) -> Any:
        """One form; names with ``__`` for brackets."""
        flat = {_bracketed(name): str(value) for name, value in fields.items()}
        answer = self._http.post(path, data=flat)
        assert answer.status_code == expect, answer.text
        return answer.json()

    def card(self, number: str = "4242424242424242") -> str:
        given = {"card__number": number, "card__exp_month": 1, "card__exp_year": 2040, "card__cvc": "123"}
        return str(self.post("/v1/payment_methods", 200, type="card", **given)["id"])

    def intent(self, order: str, amount: int, card: str, expect: int = 200, **fields: object) -> Any:
        """An intent that says which order it pays."""
        about: dict[str, object] = {"metadata__order_no": order, "metadata__sku": "STEAM-50", "metadata__qty": 1}
        about["metadata__email"] = f"{order.lower()}@example.com"
        made: dict[str, object] = {"amount": amount, "currency": "usd", "payment_method": card}
        return self.post("/v1/payment_intents", expect, **made, **about, **fields)

    def hook(self, url: str, secret: str) -> None:
        answer = self._http.post("/_config/webhooks/desk", json={"url": url, "secret": secret})
        assert answer.status_code == 200


def _bracketed(name: str) -> str:
    first, *rest = name.split("__")
    return first + "".join(f"[{part}]" for part in rest)


class Door:
    """Stands before localstripe and adds, out of localstripe's own objects, what Stripe documents and it lacks.

    Those are ``amount_received`` of an intent, and of the event list ``types[]``, ``ending_before`` and the order
    (newest first). All else goes through as it is, and no event is added that localstripe does not make.
    """

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, trust_env=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def __call__(self, request: Request) -> bytes:
        kept = ("authorization", "content-type")
        headers: dict[str, str] = {name: text for name, text in request.headers.items() if name in kept}
        if request.method == "GET" and request.path == "/v1/events":
            return await self._events(request, headers)
        answer = await self._http.request(request.method, request.target, headers=headers, content=request.body)
        body = answer.content
        if answer.status_code == 200 and request.path.startswith("/v1/payment_intents/"):
            body = json.dumps(_received(answer.json())).encode()
        return reply(answer.status_code, body)

    async def _events(self, request: Request, headers: dict[str, str]) -> bytes:
        query = parse_qs(request.target.partition("?")[2])
        asked = {"limit": "10000"} | {name: query[name][0] for name in query if name.startswith("created[")}
        answer = await self._http.get(f"/v1/events?{urlencode(asked)}", headers=headers)
        if answer.status_code != 200:
            return reply(answer.status_code, answer.content)
        rows = [one for one in reversed(answer.json()["data"]) if one["type"] in query["types[]"]]
        for row in rows:
            if row["type"].startswith("payment_intent."):
                row["data"]["object"] = _received(row["data"]["object"])
        limit, ids = int(query["limit"][0]), [row["id"] for row in rows]
        if "ending_before" in query:  # the page that ends right before it, that is the oldest of what is newer
            newer = rows[: ids.index(query["ending_before"][0])]
            page, more = newer[-limit:], len(newer) > limit
        else:
            older = rows[ids.index(query["starting_after"][0]) + 1 :] if "starting_after" in query else rows
            page, more = older[:limit], len(older) > limit
        return reply(200, json.dumps({"object": "list", "data": page, "has_more": more}).encode())


def _received(intent: dict[str, Any]) -> dict[str, Any]:
    charge = intent["latest_charge"]
    taken = charge["amount"] if charge and charge["paid"] and charge["captured"] else 0
    return intent | {"amount_received": taken}
