"""An evidence pack that somebody altered: every change is told, by the pack itself or by the log, and none is a crash."""

import hashlib
import io
import json
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from console.commands.evidence import evidence_command
from core.audit.evidence import MANIFEST
from core.audit.evidence_check import PackError, alone
from tests.end_to_end.servicekit import Client, desk
from tests.store.deskdata import Seed

SEEDS = [Seed(i, keys=i % 2 == 0) for i in range(1, 20)]
STRANGE: tuple[Any, ...] = (None, "", -1, 10**30, 2**63, [], {}, "zz", True, 1.5, [1], "\ud800", "\x1b[2J")


async def made(client: Client) -> bytes:
    answer = await client.http.post("/v1/orders/2/evidence", json={"reason": "a dispute"})
    assert answer.status_code == 200, answer.text
    return answer.content


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as box:
        return {name: box.read(name) for name in box.namelist()}


def zipped(parts: dict[str, bytes], sealed_anew: bool) -> bytes:
    """A pack of these parts; ``sealed_anew``: by somebody who wrote the manifest to fit."""
    if sealed_anew:
        manifest = json.loads(parts[MANIFEST])
        for part in manifest["parts"]:
            part["sha256"] = hashlib.sha256(parts[part["name"]]).hexdigest()
        parts = {**parts, MANIFEST: json.dumps(manifest).encode()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as box:
        for name, data in parts.items():
            box.writestr(name, data)
    return out.getvalue()


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*at, key)
        yield from places(value[key], (*at, key))


def changed(value: Any, at: tuple[Any, ...], to: Any) -> bytes | None:
    """JSON with one value exchanged; None when it stood there before."""
    copy = inner = json.loads(json.dumps(value))
    for key in at[:-1]:
        inner = inner[key]
    if type(inner[at[-1]]) is type(to) and inner[at[-1]] == to:
        return None
    inner[at[-1]] = to
    return json.dumps(copy).encode()


async def test_a_damaged_file_is_refused_or_has_the_same_content(tmp_path: Path) -> None:
    async with desk(tmp_path, SEEDS) as d:
        data = await made(d.client)
    whole, rng, refused = unzipped(data), random.Random(1), 0
    assert alone(data).problems == []
    for n in range(1500):
        bad = bytearray(data)
        for _ in range(1 + n % 3):
            bad[rng.randrange(len(bad))] = rng.randrange(256)
        try:
            found = alone(bytes(bad))
        except PackError:
            refused += 1
        else:
            assert found.problems or unzipped(bytes(bad)) == whole
    assert refused > 1000
    for cut in range(0, len(data), 97):
        with pytest.raises(PackError):
            alone(data[:cut])


async def test_whoever_writes_the_manifest_to_fit_is_found_out_by_the_log(tmp_path: Path) -> None:
    async with desk(tmp_path, SEEDS) as d:
        parts = unzipped(await made(d.client))
        judged = 0
        for name in ("order.json", "events.json", "chain.json", MANIFEST):
            value = json.loads(parts[name])
            for at in list(places(value))[:60]:
                for to in STRANGE:
                    new = changed(value, at, to)
                    if new is None:
                        continue
                    try:
                        found = alone(zipped({**parts, name: new}, sealed_anew=name != MANIFEST))
                    except PackError:
                        continue
                    if found.problems:
                        continue
                    if judged % 5 == 0:  # the log is asked about a part of them: each takes a call
                        answer = await d.client.http.post(
                            "/v1/evidence/check", content=msgspec.json.encode(found.claim)
                        )
                        assert answer.status_code == 200, (name, at, to, answer.text)
                        assert answer.json()["problems"], (name, at, to)
                        assert answer.json()["recorded"] is None
                    judged += 1
        assert judged > 100


async def test_a_claim_that_no_pack_makes_is_refused(tmp_path: Path) -> None:
    async with desk(tmp_path, SEEDS) as d:
        claim = msgspec.to_builtins(alone(await made(d.client)).claim)
        assert (await d.client.post("/v1/evidence/check", claim))["problems"] == []
        for at in list(places(claim)):
            for to in STRANGE[:-2]:
                new = changed(claim, at, to)
                # Fewer events, or one without its text, is less of a claim; that the pack has all of them its digest says.
                if new is None or (at[-1], to) in (("body_sha256", ""), ("events", []), ("blocks", [])):
                    continue
                answer = await d.client.http.post("/v1/evidence/check", content=new)
                told = answer.json()
                assert answer.status_code == 400 or (answer.status_code == 200 and told["problems"]), (at, to, told)


async def test_words_of_a_pack_do_not_reach_the_terminal_as_commands(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    async with desk(tmp_path / "d", SEEDS) as d:
        parts = unzipped(await made(d.client))
    manifest = json.loads(parts[MANIFEST])
    manifest["order"]["ext_id"] = "\x1b[2Jinnocent"
    manifest["parts"].append({"name": "\x1b]0;x\x07gone", "sha256": "0" * 64, "bytes": 1})
    file = tmp_path / "p.zip"
    file.write_bytes(zipped({**parts, MANIFEST: json.dumps(manifest).encode()}, sealed_anew=False))
    ran = CliRunner().invoke(evidence_command, ["verify", str(file), "--database", str(tmp_path / "d" / "keydesk.db")])
    assert "innocent" in ran.output
    assert "ALTERED" in ran.output
    assert not set(ran.output) & {"\x1b", "\x07"}
    assert ran.exception is None or isinstance(ran.exception, SystemExit)
