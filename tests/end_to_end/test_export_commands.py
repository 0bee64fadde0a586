"""keydesk orders export and timeline, evidence and history, as typed, on a real core's socket."""

import asyncio
import csv
import io
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.commands.group import run
from core.desk import export
from core.model.lifecycle import EventKind, IntentState, Stage
from tests.end_to_end.servicekit import Desk, desk
from tests.store.deskdata import Seed, query

Say = Callable[..., Any]


@pytest.fixture(autouse=True)
def in_utc(in_zone: Callable[[str], None]) -> None:
    """Local times are the same wherever the tests run."""
    in_zone("UTC")


async def keydesk(d: Desk, *words: object) -> int:
    """One command line; its exit code."""
    return await asyncio.to_thread(run, [*map(str, words), "--socket", str(d.path)])


def events(folder: Path) -> int:
    """How many exports the log knows."""
    rows = query(folder / "keydesk.db", "SELECT count(*) FROM event WHERE kind = ?", (int(EventKind.EXPORTED),))
    return int(rows[0][0])


async def test_a_view_to_csv_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = [Seed(i, due=100 * i, note="=1+1" if i == 7 else "") for i in range(1, 1203)]
    async with desk(tmp_path, seeds) as d:
        file = tmp_path / "a.csv"
        assert await keydesk(d, "orders", "export", "--filter", "amount>=2", "--to", file) == 0
        assert capsys.readouterr().err.endswith(f"1201 orders: {file}\n")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8"), newline="")))
        assert [int(row["id"]) for row in rows] == list(range(2, 1203))
        assert (rows[5]["note"], rows[5]["amount"], rows[5]["currency"]) == ("'=1+1", "7.00", "CNY")
        assert rows[5]["created_at"].endswith("+00:00")
        other = tmp_path / "a.json"
        assert await keydesk(d, "orders", "export", "--filter", "id=7", "--utc", "--to", other) == 0
        told = json.loads(other.read_text("utf-8"))
        assert (told["export"]["rows"], told["orders"][0]["note"]) == (1, "=1+1")
        assert told["orders"][0]["created_at"].endswith("Z")
        assert await keydesk(d, "orders", "export", "--excel", "--view", "recent", "--to", tmp_path / "x.csv") == 0
        assert (tmp_path / "x.csv").read_bytes().startswith(b"\xef\xbb\xbfid,ext_id,")
        assert events(tmp_path) == 3


async def test_to_the_output(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    async with desk(tmp_path, [Seed(1), Seed(2)]) as d:
        assert await keydesk(d, "orders", "export", "--to", "-") == 0
        out = capsysbinary.readouterr().out.decode()
        assert [row["ext_id"] for row in csv.DictReader(io.StringIO(out, newline=""))] == ["T1", "T2"]


async def test_a_file_that_stands_there_stays_and_nothing_is_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        file = tmp_path / "a.csv"
        file.write_text("mine")
        assert await keydesk(d, "orders", "export", "--to", file) == 1
        assert "(--force)" in capsys.readouterr().err
        assert await keydesk(d, "orders", "timeline", "T1", "--to", file) == 1
        assert await keydesk(d, "evidence", "T1", "--to", file) == 1
        assert (file.read_text(), events(tmp_path)) == ("mine", 0)
        assert await keydesk(d, "orders", "export", "--to", file, "--force") == 0
        assert file.read_text().startswith("id,ext_id")


async def test_an_export_that_is_cut_off_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    whole = export.rows_by_id

    async def breaks(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RuntimeError("the database went away")
        return await whole(*given)

    monkeypatch.setattr(export, "rows_by_id", breaks)
    async with desk(tmp_path, [Seed(i) for i in range(1, 2001)]) as d:
        folder = tmp_path / "out"
        folder.mkdir()
        assert await keydesk(d, "orders", "export", "--to", folder / "a.csv") == 2
        assert "no file was kept" in capsys.readouterr().err
        assert list(folder.iterdir()) == []


async def test_a_wrong_filter_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        assert await keydesk(d, "orders", "export", "--filter", "amuont>1", "--to", tmp_path / "a.csv") == 2
        assert "Did you mean amount?" in capsys.readouterr().err
        assert not (tmp_path / "a.csv").exists()


async def test_timeline_as_text_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seed = Seed(1, stage=Stage.DELIVERED, keys=True, intent=IntentState.CONFIRMED)
    async with desk(tmp_path, [seed]) as d:
        assert await keydesk(d, "orders", "timeline", "T1", "--to", tmp_path / "t.txt") == 0
        text = (tmp_path / "t.txt").read_text("utf-8")
        assert text.startswith("ORDER T1  taobao-main (taobao)  id 1\n")
        assert "\nTIMELINE\n" in text
        assert await keydesk(d, "orders", "timeline", "1", "--to", tmp_path / "t.json") == 0
        told = json.loads((tmp_path / "t.json").read_text("utf-8"))
        assert "text" not in told
        assert told["timeline"][-1]["what"] == "event.exported", "the first of the two is in the second"
        assert await keydesk(d, "orders", "timeline", "none", "--to", tmp_path / "n.txt") == 1
        assert "0 orders have the number 'none'" in capsys.readouterr().err


async def test_evidence_is_made_and_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with desk(tmp_path, [Seed(1, ext_id="../T/1"), Seed(2)]) as d:
        file = tmp_path / "e.zip"
        assert await keydesk(d, "evidence", "../T/1", "--to", file, "--reason", "dispute") == 0
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert await keydesk(d, "evidence", "verify", file) == 0
        assert "the log knows it" in capsys.readouterr().out
        assert await keydesk(d, "evidence", "verify", file, "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["unaltered"], told["problems"], told["order"]["ext_id"]) == (True, [], "../T/1")
        file.write_bytes(file.read_bytes().replace(b"manifest.json", b"manifesto.txt"))
        assert await keydesk(d, "evidence", "verify", file) == 1
        assert "is not an evidence pack" in capsys.readouterr().err


async def test_a_default_name_stays_in_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    async with desk(tmp_path, [Seed(1, ext_id="../T/1")]) as d:
        assert await keydesk(d, "evidence", "../T/1") == 0
        (made,) = (tmp_path / "here").iterdir()
        assert made.name == "evidence-___T_1.zip"
    capsys.readouterr()


async def test_verify_without_a_core_and_against_a_database(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, [Seed(1)]) as d:
        assert await keydesk(d, "evidence", "T1", "--to", tmp_path / "e.zip") == 0
    monkeypatch.setenv("KEYDESK_SOCKET", str(tmp_path / "nobody.sock"))
    words = ["evidence", "verify", str(tmp_path / "e.zip")]
    assert await asyncio.to_thread(run, words) == 1
    assert "the log was not asked" in capsys.readouterr().out
    assert await asyncio.to_thread(run, [*words, "--database", str(tmp_path / "keydesk.db")]) == 0
    assert "the log knows it" in capsys.readouterr().out
    (tmp_path / "other").mkdir()
    async with desk(tmp_path / "other", [Seed(1)]):
        pass
    assert await asyncio.to_thread(run, [*words, "--database", str(tmp_path / "other" / "keydesk.db")]) == 2
    assert "ALTERED" in capsys.readouterr().out


async def test_history_for_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with desk(tmp_path, [Seed(i) for i in range(1, 701)]) as d:
        await d.client.act("note", [5], note="hello")
        assert await keydesk(d, "history", "--by", "me", "--kind", "decision", "--json") == 0
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert "note" in {event["kind"] for event in found}
        assert await keydesk(d, "history", "--limit", 600, "--kind", "received") == 0
        assert len(capsys.readouterr().out.splitlines()) == 600
        assert await keydesk(d, "history", "--order", "T5", "--since", "2h") == 0
        shown = capsys.readouterr().out.splitlines()
        assert [line.split()[1] for line in shown] == ["note", "received"]
        assert "note=hello" in shown[0]
        assert await keydesk(d, "history", "--since", "soon") == 2
        assert "how long ago" in capsys.readouterr().err
