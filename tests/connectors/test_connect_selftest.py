"""The command `keydesk connect selftest`, run as a process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parent.parent / "data" / "signatures.json"


def selftest(*words: str, given: bytes | None = None) -> tuple[int, str, str]:
    """Exit code, output, errors."""
    command = [sys.executable, "-P", "-m", "console.cli", "connect", "selftest", *words]
    done = subprocess.run(command, input=given, capture_output=True, timeout=60)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_all_vectors_hold() -> None:
    code, out, _ = selftest(str(FILE))
    lines = out.splitlines()
    assert code == 0
    assert lines[0].split() == ["#", "scheme", "refused", "done"]
    assert [line[:4] for line in lines[1:-1]] == ["ok  "] * 51
    assert lines[-1].startswith("51 vectors of 42 schemes: 51 hold, 0 do not; ")


def test_machines_get_one_object(tmp_path: Path) -> None:
    entries = json.loads(FILE.read_text())
    entries[3]["expected"] = "0" + entries[3]["expected"][1:]
    entries[5] = {"scheme": "no\x1bne\u202e"}
    bad = tmp_path / "vectors.json"
    bad.write_text(json.dumps(entries))
    code, out, _ = selftest(str(bad), "--json")
    told = json.loads(out)
    assert code == 1
    assert (told["entries"], told["failed"], len(told["results"])) == (51, 2, 51)
    assert [result["index"] for result in told["results"]] == list(range(51))
    assert [result["index"] for result in told["results"] if not result["ok"]] == [3, 5]
    assert told["results"][3]["why"] == "first difference at character 1 of 32"
    assert told["results"][5]["why"] == "scheme is not supported"
    assert "signed" in told["results"][0]["did"]
    code, out, _ = selftest(str(bad), "--failed")
    assert code == 1
    assert len(out.splitlines()) == 4
    assert "FAIL    3  taobao-tmc" in out
    assert not {"\x1b", "\u202e"} & set(out)


def test_standard_input_and_the_list_of_schemes() -> None:
    code, out, _ = selftest("-", given=FILE.read_bytes())
    assert code == 0
    assert "51 hold" in out
    code, out, _ = selftest("--schemes")
    assert code == 0
    assert {entry["scheme"] for entry in json.loads(FILE.read_text())} == set(out.split())


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "not a JSON list"), (b"{}", "not a JSON list"), (b"[", "not a JSON list"), (b"[]", "holds no vectors"),
     (b"\xff\xfe", "not a JSON list"), (b"[" * 100_000, "not a JSON list")],
)  # fmt: skip
def test_a_file_that_is_none_is_told_from_one_that_fails(content: bytes, why: str) -> None:
    code, out, err = selftest("-", given=content)
    assert (code, out) == (2, "")
    assert why in err


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        code, out, err = selftest(str(path))
        assert (code, out) == (2, "")
        assert err.startswith(f"{path}: cannot be read: ")


def test_help_teaches() -> None:
    code, out, _ = selftest("--help")
    assert code == 0
    for word in ("expected", "verifier", "Exit code", "--json", "no secret is printed"):
        assert word in out.replace("\n  ", " ")
