"""A plain client of the practice world, written from the protocols alone, and a way to have a world within a test."""

import hashlib
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx
import msgspec

from connectors.practice.mint import PRODUCTS
from connectors.practice.plans import Plan
from connectors.practice.setting import Setting, build, ready_line
from connectors.practice.stock import Supply
from connectors.practice.verdict import read

BEIJING = timezone(timedelta(hours=8))
ALL = ("taobao", "pinduoduo", "indie")


def plan(n: int, platform: str, *, qty: int = 1, product: int = 0, acts: Iterable[tuple[float, str]] = ((0.0, "pay"),),
         email: str = "", message: str = "", flag: int = 0, later: tuple[float, str] | None = None) -> Plan:  # fmt: skip
    """A buyer whose doings the test says itself."""
    made = Plan(
        n,
        platform,
        product,
        qty,
        PRODUCTS[product].price * qty,
        f"u{n:06d}",
        f"张三**{n % 10}",
        email,
        message,
        "simple",
    )
    made.acts, made.flag, made.later, made.typed_email = list(acts), flag, later, email
    return made


class Desk:
    """Calls the world as a desk would."""

    def __init__(self, setting: Setting, ready: dict[str, Any], client: httpx.AsyncClient) -> None:
        self.setting, self.ready, self.http = setting, ready, client
        self.shops: dict[str, dict[str, str]] = {
            name: {key: _open(value) for key, value in shop.items()} for name, shop in ready["shops"].items()
        }

    async def top(self, method: str, **params: str) -> dict[str, Any]:
        """One TOP call, signed with md5."""
        return (await self.http.post(self.shops["taobao-main"]["url"], data=self.top_form(method, **params))).json()

    def top_form(self, method: str, **params: str) -> dict[str, str]:
        shop = self.shops["taobao-main"]
        stamp = datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
        form = {
            "method": method, "app_key": shop["app_key"], "session": shop["session"], "timestamp": stamp,
            "format": "json", "v": "2.0", "sign_method": "md5", **params,
        }  # fmt: skip
        form.setdefault("sign", _md5(form, shop["secret"]))
        return form

    async def pdd(self, kind: str, **params: str) -> dict[str, Any]:
        """One Pinduoduo call."""
        return (await self.http.post(self.shops["pdd-main"]["url"], data=self.pdd_form(kind, **params))).json()

    def pdd_form(self, kind: str, **params: str) -> dict[str, str]:
        shop = self.shops["pdd-main"]
        form = {
            "type": kind, "client_id": shop["client_id"], "access_token": shop["access_token"],
            "timestamp": str(int(time.time())), "data_type": "JSON", **params,
        }  # fmt: skip
        form.setdefault("sign", _md5(form, shop["secret"]))
        return form

    async def stripe(self, path: str, method: str = "GET", key: str = "", **data: str) -> httpx.Response:
        """One Stripe call; ``data`` goes as a form."""
        shop = self.shops["indie"]
        headers = {"Authorization": f"Bearer {shop['api_key']}"} | ({"Idempotency-Key": key} if key else {})
        return await self.http.request(method, shop["url"] + path, data=data or None, headers=headers)

    async def control(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """One control call."""
        url, headers = f"{self.ready['control']}/{path}", {"X-Control": self.ready["control_token"]}
        return (await self.http.request(method, url, json=body or None, headers=headers, timeout=60)).json()

    async def mail(self, ref: str, text: str, to: str = "buyer@mail.example.com") -> None:
        """One mail to a buyer."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "shop@keydesk.example.com", to, "您的卡密"
        message["X-Order-Ref"] = ref
        message.set_content(text)
        await aiosmtplib.send(message, hostname="127.0.0.1", port=self.ready["smtp_port"])

    def keys(self, product: str) -> list[str]:
        """The merchant's keys of a product."""
        return Path(self.ready["products"][product]["keys"]).read_text().split()

    def ledger(self, *kinds: str) -> list[dict[str, Any]]:
        """What the ledger file says now, of those kinds."""
        return [record for record in read(self.setting.ledger.path) if record["kind"] in kinds]

    async def begin(self) -> None:
        """Lets the buyers act, and waits until all are done."""
        await self.control("POST", "begin")
        await self.until(lambda: self.setting.buyers.done)

    async def until(self, true: Any, seconds: float = 15.0) -> None:
        """Waits for a condition; fails when it does not come."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, "the condition did not come"
            await self.control("GET", "state")


@asynccontextmanager
async def world(folder: Path, plans: Iterable[Plan] = (), *, platforms: tuple[str, ...] = ALL, faults: str = "none",
                late: float = 2.0, stock: int = 400, seed: int = 7) -> AsyncIterator[Desk]:  # fmt: skip
    """A world with real sockets in this process, and a desk in front of it."""
    setting = build(
        folder=folder / "world", seed=seed, platforms=platforms, faults=faults, pdd_lag=0.0, source=iter(list(plans)),
        supply=Supply(PRODUCTS, (stock,) * len(PRODUCTS)), rate=0.0, late=late,
    )  # fmt: skip
    http, smtp = await setting.start()
    ready = msgspec.json.decode(msgspec.json.encode(ready_line(setting, http, smtp)))
    async with httpx.AsyncClient(timeout=10) as client:
        try:
            yield Desk(setting, ready, client)
        finally:
            await setting.stop()
    assert setting.buyers.failure() is None


def windows(seconds: int = 600, ahead: int = 60) -> dict[str, str]:
    """A Taobao window that ends ``ahead`` seconds from now."""
    now = datetime.now(BEIJING)
    low, high = now - timedelta(seconds=seconds), now + timedelta(seconds=ahead)
    return {"start_modified": low.strftime("%Y-%m-%d %H:%M:%S"), "end_modified": high.strftime("%Y-%m-%d %H:%M:%S")}


def _md5(form: dict[str, str], secret: str) -> str:
    text = "".join(key + form[key] for key in sorted(form))
    return hashlib.md5((secret + text + secret).encode()).hexdigest().upper()


def _open(value: str) -> str:
    return Path(value[5:]).read_text() if value.startswith("file:") else value
