"""A file comes to its place whole or not at all, for its owner alone, over nothing that stands there."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.export.file import FileRefused, NewFile, expand, free_name


@pytest.fixture(autouse=True)
def wide_umask() -> Iterator[None]:
    """Whatever the umask lets through must not matter."""
    before = os.umask(0)
    yield
    os.umask(before)


def put(path: Path, data: bytes = b"new", force: bool = False) -> None:
    with NewFile(path, force) as out:
        out.write(data)
        out.keep()


def test_it_is_private_from_its_first_byte(tmp_path: Path) -> None:
    with NewFile(tmp_path / "a.csv") as out:
        out.write(b"x")
        (part,) = tmp_path.iterdir()
        assert stat.S_IMODE(part.stat().st_mode) == 0o600
        assert part.name.startswith(".")
        out.keep()
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    with pytest.raises(FileRefused) as refused:
        put(path)
    assert refused.value.taken
    assert path.read_bytes() == b"old"
    put(path, force=True)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "the old one's mode does not stay"


def test_what_came_meanwhile_is_not_overwritten_either(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with NewFile(path) as out:
        path.write_bytes(b"meanwhile")
        with pytest.raises(FileRefused) as refused:
            out.keep()
    assert refused.value.taken
    assert path.read_bytes() == b"meanwhile"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_a_file_that_was_cut_off_leaves_nothing(tmp_path: Path) -> None:
    def cut_off() -> None:
        with NewFile(tmp_path / "a.csv") as out:
            out.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        cut_off()
    with NewFile(tmp_path / "b.csv") as out:
        out.write(b"half, and never kept")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("force", [False, True])
def test_only_plain_files_are_replaced(tmp_path: Path, force: bool) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "pipe", "none/a.csv"):
        with pytest.raises(FileRefused) as refused:
            put(tmp_path / name, force=force)
        assert not refused.value.taken
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"old")
    (tmp_path / "a.csv").symlink_to(tmp_path / "precious")
    with pytest.raises(FileRefused):
        put(tmp_path / "a.csv")
    put(tmp_path / "a.csv", force=True)
    assert (tmp_path / "precious").read_bytes() == b"old"
    assert not (tmp_path / "a.csv").is_symlink()


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert expand(" ~/a.csv ") == tmp_path / "a.csv"
    assert expand("a.csv") == tmp_path / "a.csv"
    assert free_name(tmp_path / "a.zip") == tmp_path / "a.zip"
    (tmp_path / "a.zip").touch()
    (tmp_path / "a-2.zip").symlink_to("nowhere")
    assert free_name(tmp_path / "a.zip") == tmp_path / "a-3.zip"
