"""Every fault kind fires on every target, and does on the socket what its name says."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx
import pytest

from connectors.practice.faults import HANG_SECONDS, Faults
from connectors.practice.ledger import Ledger
from tests.connectors.practice_client import Desk, plan, world

EFFECTS = {"reset_after", "drop", "half", "rate", "error", "slow"}


def faults(
    tmp_path: Path, seed: int = 1, name: str = "chaos", platforms: tuple[str, ...] = ("taobao", "pinduoduo")
) -> Faults:
    return Faults(name, seed, Ledger(tmp_path / f"{seed}.jsonl", lambda: 1), lambda: 1, platforms)


def test_decks_give_every_kind_to_every_target(tmp_path: Path) -> None:
    chaos = faults(tmp_path)
    for deck, target, wanted in (
        ("effect", "taobao", EFFECTS), ("effect", "pinduoduo", EFFECTS), ("effect", "stripe-shop", EFFECTS),
        ("smtp", "smtp", {"smtp_reset_after", "smtp_451", "smtp_drop", "slow"}),
        ("list", "", {"overlap", "reorder", "token", "rate", "error", "half", "drop", "slow"}),
        ("read", "", {"token", "error", "half", "rate", "drop", "slow"}),
        ("webhook", "webhook", {"hook_doubled", "hook_delayed", "hook_reordered"}),
    ):  # fmt: skip
        kinds = Counter(chaos.fate(target or "taobao", deck, target).kind for _ in range(600))
        assert set(kinds) - {""} == wanted
        assert kinds[""] > 450


def test_the_seed_decides(tmp_path: Path) -> None:
    def run(seed: int, folder: str) -> list[str]:
        (tmp_path / folder).mkdir()
        chaos = faults(tmp_path / folder, seed)
        return [chaos.fate("taobao", "effect", "taobao").kind for _ in range(300)]

    assert run(1, "a") == run(1, "b") != run(2, "c")


def test_none_means_none(tmp_path: Path) -> None:
    calm = faults(tmp_path, name="none")
    calm.begin()
    assert {calm.fate("taobao", "effect", "taobao").kind for _ in range(500)} == {""}
    assert calm.armed(True) == []
    with pytest.raises(ValueError, match="chaos"):
        faults(tmp_path, seed=2, name="mayhem")


def test_one_platform_at_a_time_falls_silent(tmp_path: Path) -> None:
    now = 0
    chaos = Faults("chaos", 3, Ledger(tmp_path / "l", lambda: now), lambda: now, ("taobao", "pinduoduo"))
    chaos.begin()
    silent: dict[str, set[int]] = {"taobao": set(), "pinduoduo": set()}
    for now in range(0, 90_000_000, 250_000):
        for name, seconds in silent.items():
            if chaos.fate(name, "read", "").kind == "hang":
                seconds.add(now)
    assert not silent["taobao"] & silent["pinduoduo"]
    for seconds in silent.values():
        assert len(seconds) * 0.25 >= HANG_SECONDS - 0.5


def test_stripe_keys_do_not_expire(tmp_path: Path) -> None:
    chaos = faults(tmp_path, platforms=("stripe-shop",))
    assert "token" not in chaos.armed(False)
    assert "token" not in {chaos.fate("stripe-shop", "list", "").kind for _ in range(500)}


class Seen:
    """What a client saw, by the fault that the ledger says has struck."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.by_kind = desk, {}

    async def call(self, work: Any, acted: Any) -> None:
        before = dict(self.desk.setting.faults.fired)
        try:
            answer = await work
            seen = "429" if isinstance(answer, httpx.Response) and answer.status_code == 429 else "answer"
        except httpx.RemoteProtocolError:
            seen = "cut"
        except httpx.ReadError:
            seen = "reset"
        except httpx.ReadTimeout:
            seen = "silence"
        fired = [kind for kind, count in self.desk.setting.faults.fired.items() if count > before.get(kind, 0)]
        for kind in fired:
            self.by_kind.setdefault(kind, set()).add((seen, acted()))


async def test_what_faults_do_to_vouchers(tmp_path: Path) -> None:
    count = 420
    async with world(
        tmp_path, [plan(n, "pinduoduo") for n in range(1, count)], platforms=("pinduoduo",), faults="chaos", stock=count
    ) as desk:
        await desk.begin()
        desk.setting.faults._hangs = None  # silence has its own test
        seen, orders = Seen(desk), desk.setting.world.shops["pdd-main"].orders
        for key, (order_sn, order) in zip(desk.keys("steam50"), orders.items(), strict=False):
            vouchers = json.dumps([{"voucher_id": "1", "voucher_no": key}])
            call = desk.pdd(
                "pdd.voucher.voucher.info.send", order_sn=order_sn, out_biz_no=order_sn, voucher_list=vouchers
            )
            await seen.call(call, lambda order=order: order.shipped_at > 0)
        assert seen.by_kind == {
            "drop": {("reset", False)}, "reset_after": {("reset", True)}, "half": {("cut", True)},
            "rate": {("answer", False)}, "error": {("answer", False)}, "slow": {("answer", True)},
        }  # fmt: skip
        assert len(desk.ledger("send")) == sum(1 for order in orders.values() if order.shipped_at)
        assert {record["fault"] for record in desk.ledger("fault")} == EFFECTS


async def test_too_many_requests_at_stripe(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "stripe-shop")], platforms=("indie",), faults="chaos") as desk:
        await desk.begin()
        desk.setting.faults._hangs = None
        path = f"/v1/payment_intents/{next(iter(desk.setting.provider.intents))}"
        told: list[httpx.Response] = []
        while desk.setting.faults.fired.get("rate", 0) < 1:
            try:
                told.append(await desk.stripe(path, "POST", **{"metadata[keydesk_delivered]": "r"}))
            except httpx.TransportError:
                continue
        assert (told[-1].status_code, told[-1].headers["retry-after"]) == (429, "1")


async def test_mail_that_is_taken_and_not_acknowledged(tmp_path: Path) -> None:
    count = 330
    async with world(
        tmp_path,
        [plan(n, "taobao", email="buyer@mail.example.com") for n in range(1, count)],
        platforms=("taobao",),
        faults="chaos",
        stock=count,
    ) as desk:
        await desk.begin()
        seen: dict[str, set[tuple[str, bool]]] = {}
        for key, tid in zip(desk.keys("steam50"), desk.setting.world.shops["taobao-main"].orders, strict=False):
            before, sent = dict(desk.setting.faults.fired), len(desk.ledger("send"))
            try:
                await desk.mail(f"taobao-main/{tid}", f"卡密 {key}")
                told = "ok"
            except aiosmtplib.SMTPDataError as error:
                told = str(error.code)
            except (aiosmtplib.SMTPServerDisconnected, ConnectionError):
                told = "gone"
            for kind, times in desk.setting.faults.fired.items():
                if times > before.get(kind, 0):
                    seen.setdefault(kind, set()).add((told, len(desk.ledger("send")) > sent))
        assert seen == {
            "smtp_451": {("451", False)}, "smtp_drop": {("gone", False)}, "smtp_reset_after": {("gone", True)},
            "slow": {("ok", True)},
        }  # fmt: skip


async def test_silence(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "taobao")], platforms=("taobao",), faults="chaos") as desk:
        await desk.begin()
        now = desk.setting.world.clock()
        desk.setting.faults._hangs = ("taobao", now, now + 60_000_000)
        (tid,) = desk.setting.world.shops["taobao-main"].orders
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await desk.top("taobao.logistics.dummy.send", tid=tid)
        await desk.setting.ledger.sync(desk.setting.ledger.count)
        assert not desk.ledger("ship")
        assert [record["fault"] for record in desk.ledger("fault")] == ["hang"]
        assert (await desk.control("GET", "state"))["failures"] == 0  # the director is still heard


async def test_a_session_that_ends_comes_back(tmp_path: Path) -> None:
    async with world(tmp_path, [plan(1, "taobao")], platforms=("taobao",)) as desk:
        await desk.begin()
        (tid,) = desk.setting.world.shops["taobao-main"].orders
        desk.setting.front._gates["taobao"].expire_token()
        answer = await desk.top("taobao.trade.fullinfo.get", tid=tid, fields="tid")
        assert answer["error_response"]["code"] == 27
        shop = desk.setting.world.shops["taobao-main"]
        await desk.until(lambda: desk.setting.world.clock() > shop.token_dead_until)
        assert "trade_fullinfo_get_response" in await desk.top("taobao.trade.fullinfo.get", tid=tid, fields="tid")
