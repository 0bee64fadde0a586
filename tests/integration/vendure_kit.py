"""A real Vendure server for a test: installed from npm, started on a free port, with a merchant who works in its Admin API."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.connectors.server import closed_port

VERSION, SQL_JS = "3.7.3", "1.16.0"
PASSWORD = "correct horse battery staple"
SERVER = Path(__file__).parent / "vendure_server.js"


def installed(folder: Path) -> Path:
    """The server's folder with its packages; skips the test, saying why, where that cannot be had."""
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"NOT RUN against a real Vendure: {' and '.join(missing)} not found")
    shutil.copy(SERVER, folder / SERVER.name)
    (folder / "package.json").write_text('{"name": "vendure-for-tests", "private": true}')
    # No package's own script is run: what is native in them comes built.
    packages = [f"@vendure/core@{VERSION}", f"sql.js@{SQL_JS}"]
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", *packages]
    with (folder / "npm.log").open("w") as log:
        done = subprocess.run(command, cwd=folder, stdout=log, stderr=log, timeout=400, check=False)
    if done.returncode:
        pytest.skip(f"NOT RUN against a real Vendure: npm could not install it (exit {done.returncode})")
    return folder


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The URL of its Admin API while it runs."""
    port = closed_port()
    # It says who uses it to its makers unless told not to.
    environment = os.environ | {"VENDURE_PASSWORD": PASSWORD, "VENDURE_DISABLE_TELEMETRY": "true"}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(["node", SERVER.name, str(port)], cwd=folder, stdout=log, stderr=log, env=environment)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(f"{url}/health", server, folder / "server.log")
            yield f"{url}/admin-api"
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(20)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()[-2000:]
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)  # between two looks at the condition
    raise AssertionError(f"Vendure did not start: {log.read_text()[-2000:]}")


class Merchant:
    """Sets up a shop that sells one product at 19.90 and 10 % tax, and plays its buyers and its staff."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(timeout=30)
        self._url = url
        login = 'mutation($p: String!) { login(username: "desk", password: $p) { __typename } }'
        self._http.headers["authorization"] = f"Bearer {self._post(login, p=PASSWORD).headers['vendure-auth-token']}"
        zone = self.do('mutation { it: createZone(input: { name: "Z" }) { id } }')["id"]
        country = self.do(
            'mutation { it: createCountry(input: { code: "CN", enabled: true, translations: [{ languageCode: en, name: "China" }] }) { id } }'
        )["id"]
        self.do(
            "mutation($z: ID!, $c: [ID!]!) { it: addMembersToZone(zoneId: $z, memberIds: $c) { id } }",
            z=zone,
            c=[country],
        )
        channel = 'mutation($z: ID!) { it: updateChannel(input: { id: "1", defaultTaxZoneId: $z, defaultShippingZoneId: $z }) { __typename } }'
        self.do(channel, z=zone)
        tax = self.do('mutation { it: createTaxCategory(input: { name: "standard", isDefault: true }) { id } }')["id"]
        rate = 'mutation($z: ID!, $t: ID!) { it: createTaxRate(input: { name: "r", enabled: true, value: 10, categoryId: $t, zoneId: $z }) { id } }'
        self.do(rate, z=zone, t=tax)
        self._method = self.do(
            """mutation { it: createShippingMethod(input: {
              code: "mail", fulfillmentHandler: "manual-fulfillment", translations: [{ languageCode: en, name: "mail", description: "" }],
              checker: { code: "default-shipping-eligibility-checker", arguments: [{ name: "orderMinimum", value: "0" }] },
              calculator: { code: "default-shipping-calculator", arguments: [
                { name: "rate", value: "0" }, { name: "includesTax", value: "auto" }, { name: "taxRate", value: "0" }] } }) { id } }"""
        )["id"]
        self.do(
            """mutation { it: createPaymentMethod(input: { code: "card", enabled: true, translations: [{ languageCode: en, name: "card" }],
              handler: { code: "dummy-payment-handler", arguments: [{ name: "automaticSettle", value: "true" }] } }) { id } }"""
        )
        product = self.do(
            'mutation { it: createProduct(input: { translations: [{ languageCode: en, name: "Steam", slug: "s", description: "" }] }) { id } }'
        )["id"]
        variant = """mutation($p: ID!, $t: ID!) { it: createProductVariants(input: [{ productId: $p, sku: "STEAM-50", price: 1990,
          taxCategoryId: $t, trackInventory: FALSE, translations: [{ languageCode: en, name: "Steam 50" }] }]) { id } }"""
        self._variant = self.do(variant, p=product, t=tax)[0]["id"]
        self._customer = self.do(
            """mutation { it: createCustomer(input: { emailAddress: "buyer@example.com", firstName: "San", lastName: "Zhang" }) {
              ... on Customer { id } } }"""
        )["id"]

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def do(self, document: str, **variables: Any) -> Any:
        """What ``it`` in the document came to."""
        answer = self._post(document, **variables).json()
        assert "errors" not in answer, answer
        return answer["data"]["it"]

    def order(self, quantity: int, paid: bool = True) -> tuple[str, str]:
        """A buyer's order: its id and its code."""
        made = self.do("mutation { it: createDraftOrder { id code } }")
        order = made["id"]
        steps: tuple[tuple[str, dict[str, Any]], ...] = (
            (
                "addItemToDraftOrder(orderId: $o, input: { productVariantId: $v, quantity: $n }) { __typename }",
                {"v": self._variant, "n": quantity},
            ),
            ("setCustomerForDraftOrder(orderId: $o, customerId: $v) { __typename }", {"v": self._customer}),
            (
                'setDraftOrderShippingAddress(orderId: $o, input: { streetLine1: "x", countryCode: "CN" }) { __typename }',
                {},
            ),
            ("setDraftOrderShippingMethod(orderId: $o, shippingMethodId: $v) { __typename }", {"v": self._method}),
            ('transitionOrderToState(id: $o, state: "ArrangingPayment") { __typename }', {}),
            (
                'addManualPaymentToOrder(input: { orderId: $o, method: "card", transactionId: "T1", metadata: {} }) { __typename }',
                {},
            ),
        )
        for step, given in steps if paid else steps[:-1]:
            head = (
                "mutation($o: ID!"
                + (", $v: ID!" if "v" in given else "")
                + (", $n: Int!" if "n" in given else "")
                + ")"
            )
            done = self.do(f"{head} {{ it: {step} }}", o=order, **given)
            assert done["__typename"] == "Order", done
        return str(order), str(made["code"])

    def seen(self, order: str) -> dict[str, Any]:
        """The order as the shop's staff sees it."""
        document = """query($o: ID!) { it: order(id: $o) {
          state updatedAt payments { id refunds { id state } } fulfillments { state method trackingCode lines { quantity } }
          history(options: { filter: { type: { eq: "ORDER_NOTE" } } }) { items { isPublic data } } } }"""
        found: dict[str, Any] = self.do(document, o=order)
        return found

    def _post(self, document: str, **variables: Any) -> httpx.Response:
        return self._http.post(self._url, json={"query": document, "variables": variables})
