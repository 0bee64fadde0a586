"""Importing keys: decoding, preview, one transaction, undo, return of withdrawn keys, and counters that stay true."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.lifecycle import EventKind, KeyState
from core.store.tx import Tx
from core.vault import imports, keyfile
from core.vault.imports import ImportRefused, UndoWork, WriteWork
from tests.unit.vaultkit import Stockroom, vault

CANARY = "CANARY-7KQ2-PLAIN"
KEYS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Co", "Cn", "Zl", "Zp")), min_size=1, max_size=60)


@pytest.fixture
def room(tmp_path: Path) -> Stockroom:
    return Stockroom(tmp_path)


# ---- decoding


@given(st.lists(KEYS.filter(lambda k: bool(k.strip())), min_size=1, max_size=20), st.sampled_from(["\n", "\r\n"]))
def test_keys_survive_byte_for_byte(keys: list[str], end: str) -> None:
    data = end.join(keys).encode()
    for variant in (data, data + end.encode(), b"\xef\xbb\xbf" + data):
        file = keyfile.read(variant)
        # A first key that itself starts with U+FEFF cannot occur: it is refused as invisible.
        assert file.keys == tuple(keys)
        assert (file.encoding, file.bad, file.blank) == ("utf-8", 0, 0)
        assert file.lines == tuple(range(1, len(keys) + 1))


@given(st.binary(max_size=300))
def test_no_bytes_make_it_raise_or_let_a_control_character_in(data: bytes) -> None:
    file = keyfile.read(data)
    assert len(file.keys) == len(file.lines)
    for key in file.keys:
        assert not any(ord(c) < 32 or ord(c) == 127 for c in key)
    if not file.errors:
        assert file.total == len(file.keys) + file.blank


def test_gb18030_is_read_and_named() -> None:
    file = keyfile.read("卡号一----密码\n卡号二----密码\n".encode("gb18030"))
    assert file.encoding == "gb18030"
    assert file.keys == ("卡号一----密码", "卡号二----密码")


@pytest.mark.parametrize(
    ("data", "line", "why"),
    [
        (b"ok\nA\x1bB\n", 2, "control character U+001B"),
        (b"ok\nA\tB\n", 2, "becomes a space or ----"),
        (b"A\rB\n", 1, "control character U+000D"),
        (b"A\x00\n", 1, "control character U+0000"),
        ("ok\nok\nA\u200bB\n".encode(), 3, "invisible or unassigned character U+200B"),
        ("A\u202eB".encode(), 1, "U+202E"),
        (b"x" * 513, 1, "longer than 512 characters"),
        (b"ok\nok\n\xff\xff\xff\n", 3, "neither UTF-8 nor GB18030"),
        ("A\n".encode("utf-16"), 0, "save it as UTF-8"),
    ],
)
def test_a_doubtful_line_is_named(data: bytes, line: int, why: str) -> None:
    (error,) = keyfile.read(data).errors
    assert error.line == line
    assert why in error.why


def test_blank_and_padded_lines_are_counted() -> None:
    file = keyfile.read(b"A1\n\n  \n B2\nC3 \r\n")
    assert file.keys == ("A1", " B2", "C3 ")
    assert (file.total, file.blank, file.padded) == (5, 2, (4, 5))


def test_limits() -> None:
    assert keyfile.read(b"x" * 512).bad == 0
    assert keyfile.read(b"a\nb\nc", max_keys=2).errors[0].why == "more than 2 keys; split it"
    assert keyfile.read(bytes(keyfile.MAX_BYTES + 1)).bad == 1
    many = keyfile.read(b"\x01\n" * 500)
    assert (many.bad, len(many.errors)) == (500, 100)


# ---- preview and import


def test_preview_counts_each_kind(room: Stockroom) -> None:
    keys = vault()
    room.imported(keys, b"OLD-1\nOLD-2\nOLD-3\n")
    room.sell(room.rows()[0].id)
    made = room.planned(keys, " OLD-1\nOLD-2\nNEW-1\nNEW-1\n\nＮＥＷ-1\nNEW-2".encode())
    shown = made.preview()
    assert {k: shown[k] for k in ("lines", "new", "duplicate_in_file", "duplicate_in_stock", "already_sold")} == {
        "lines": 7,
        "new": 2,
        "duplicate_in_file": 2,
        "duplicate_in_stock": 1,
        "already_sold": 1,
    }
    assert (shown["blank"], shown["encoding"], shown["padded_lines"], shown["errors"]) == (1, "utf-8", [1], [])
    assert room.planned(keys, b"OLD-1", product="xbox").preview()["new"] == 1


def test_import_stores_sealed_rows_counters_batch_product_and_event(room: Stockroom) -> None:
    keys = vault()
    made = room.imported(keys, f"{CANARY}\n B2 \n卡密三\n".encode())
    assert [keys.open_key(row) for row in room.rows()] == [CANARY, " B2 ", "卡密三"]
    assert room.stock() == room.counted() == {"free": 3, "sold": 0, "suspect": 0, "burnt": 0, "withdrawn": 0}
    assert room.all("SELECT id, product, source, by, size, undone_at FROM batch") == [
        (made.batch, "steam", "a.txt", "ann", 3, None)
    ]
    assert room.all("SELECT id, title, kind FROM product") == [("steam", "steam", "key")]
    ((kind, actor, body),) = room.all("SELECT kind, actor, body FROM event")
    assert (kind, actor) == (EventKind.KEYS_IMPORTED, "ann")
    assert str(made.batch) in body
    assert room.last is not None
    assert room.last.touched.wake == {"stock", "cases", "gate"}
    assert made.new == 3


def test_no_plain_key_reaches_the_disk_a_repr_or_an_error(room: Stockroom, tmp_path: Path) -> None:
    keys = vault()
    made = room.planned(keys, f"{CANARY}\nB\x1b{CANARY}\n".encode())
    with pytest.raises(ImportRefused) as caught:
        made.seal(room.new_id.many(made.ids_needed()))
    assert "line 2" in str(caught.value)
    good = room.imported(keys, f"{CANARY}\n".encode())
    texts = [str(caught.value), repr(made), repr(made.file), repr(made.preview()), repr(good), repr(vars(good))]
    assert not [t for t in texts if CANARY in t]
    files = [p.read_bytes() for p in tmp_path.iterdir()]
    assert files
    assert not any(CANARY.encode() in f for f in files)


def test_bad_lines_or_nothing_new_import_nothing(room: Stockroom) -> None:
    keys = vault()
    for data, why in ((b"A1\nB\x02\n", "1 lines cannot be imported"), (b"\n\n", "nothing new")):
        made = room.planned(keys, data)
        with pytest.raises(ImportRefused, match=why):
            made.seal(room.new_id.many(made.ids_needed()))
        with room.tx() as tx, pytest.raises(ImportRefused, match="not sealed"):
            imports.write(tx, made, "ann")
    assert room.rows() == []
    assert room.stock() == {}


def test_two_imports_of_one_file_at_once_store_each_key_once(room: Stockroom) -> None:
    keys = vault()
    first, second = room.planned(keys, b"A\nB\nC"), room.planned(keys, b"B\nC\nD")
    third = room.planned(keys, b"A\nB")
    for made in (first, second, third):
        made.seal(room.new_id.many(made.ids_needed()))
    with room.tx() as tx:
        answers = imports.write_imports(tx, [WriteWork(m, "ann") for m in (first, second, third)])
    assert answers[:2] == ["steam", "steam"]
    assert isinstance(answers[2], ImportRefused)
    assert sorted(keys.open_key(row) for row in room.rows()) == ["A", "B", "C", "D"]
    assert (first.imported, second.imported) == (3, 1)
    assert room.stock() == room.counted()
    assert room.all("SELECT size FROM batch ORDER BY id") == [(3,), (1,)]


def test_a_transaction_that_fails_between_chunks_leaves_nothing(room: Stockroom) -> None:
    keys = vault()
    made = room.planned(keys, "\n".join(f"K{i}" for i in range(imports.CHUNK + 10)).encode())
    made.seal(room.new_id.many(made.ids_needed()))

    def stop(done: int, total: int) -> None:
        if done < total:
            raise OSError("power cut")

    with pytest.raises(OSError, match="power cut"), room.tx() as tx:
        imports.write(tx, made, "ann", stop)
    assert room.rows() == []
    assert room.all("SELECT count(*) FROM batch") == [(0,)]
    seen: list[tuple[int, int]] = []
    with room.tx() as tx:
        imports.write(tx, made, "ann", lambda done, total: seen.append((done, total)))
    assert seen == [(5000, 5010), (5010, 5010)]
    assert room.stock()["free"] == made.imported == 5010


# ---- undo


def test_undo_withdraws_and_the_same_file_can_come_back(room: Stockroom) -> None:
    keys = vault()
    first = room.imported(keys, b"A\nB\nC")
    ids = [row.id for row in room.rows()]
    with room.tx() as tx:
        assert imports.undo_batches(tx, [UndoWork(first.batch, "sue")]) == [3]
    assert room.stock() == room.counted() == {"free": 0, "sold": 0, "suspect": 0, "burnt": 0, "withdrawn": 3}
    assert room.all("SELECT kind, actor FROM event ORDER BY seq DESC LIMIT 1") == [(EventKind.IMPORT_UNDONE, "sue")]
    again = room.planned(keys, b"B\nC\nD")
    assert again.preview()["new"] == 3
    again.seal(room.new_id.many(again.ids_needed()))
    with room.tx() as tx:
        imports.write(tx, again, "ann")
    assert (again.imported, again.revived) == (3, 2)
    assert room.stock() == room.counted() == {"free": 3, "sold": 0, "suspect": 0, "burnt": 0, "withdrawn": 1}
    free = [row for row in room.rows() if row.batch == again.batch]
    assert sorted(keys.open_key(row) for row in free) == ["B", "C", "D"]
    assert [row.id for row in free][:2] == ids[1:]
    with room.tx() as tx:
        assert imports.undo(tx, again.batch, "sue") == 3
    assert room.stock() == room.counted()


@pytest.mark.parametrize("state", [KeyState.SOLD, KeyState.SUSPECT, KeyState.BURNT])
def test_undo_is_refused_once_a_key_was_used(room: Stockroom, state: KeyState) -> None:
    made = room.imported(vault(), b"A\nB\nC")
    key_id = room.rows()[0].id
    room.sell(key_id)
    with room.tx() as tx:
        tx.run("UPDATE key SET state = ? WHERE id = ?", (int(state), key_id))
    with room.tx() as tx, pytest.raises(ImportRefused, match="1 keys of batch") as caught:
        imports.undo(tx, made.batch, "sue")
    assert caught.value.counts == {"used": 1, "free": 2}
    assert room.counted()["free"] == 2


def test_undo_twice_or_of_nothing_is_refused(room: Stockroom) -> None:
    made = room.imported(vault(), b"A")
    with room.tx() as tx:
        imports.undo(tx, made.batch, "sue")
    with room.tx() as tx, pytest.raises(ImportRefused, match="undone before"):
        imports.undo(tx, made.batch, "sue")
    with room.tx() as tx, pytest.raises(ImportRefused, match="no batch 1"):
        imports.undo(tx, 1, "sue")


def test_reserve_gives_each_its_own_ids(room: Stockroom) -> None:
    with room.tx() as tx:
        first, second = imports.reserve(tx, [3, 2])
    assert (len(first), len(second), len({*first, *second})) == (3, 2, 5)


def test_a_hundred_thousand_keys_take_seconds(room: Stockroom, record_property: Callable[[str, object], None]) -> None:
    keys = vault()
    data = "\n".join(f"{i:05d}-{i * 7919 % 99991:05d}-QWERTY-{i:06X}" for i in range(100_000)).encode()
    clock = time.perf_counter
    t0 = clock()
    made = room.planned(keys, data)
    t1 = clock()
    made.seal(room.new_id.many(made.ids_needed()))
    t2 = clock()
    with room.tx() as tx:
        imports.write(tx, made, "ann")
    t3 = clock()
    again = room.planned(keys, data)
    t4 = clock()
    assert made.imported == 100_000
    assert again.preview()["duplicate_in_stock"] == 100_000
    parts = {"plan": t1 - t0, "seal": t2 - t1, "write": t3 - t2, "plan_again": t4 - t3}
    for name, seconds in parts.items():
        record_property(name, round(seconds, 2))
    print(parts)
    assert t3 - t0 < 30  # seconds on two shared cores; a quadratic look-up would take minutes
    assert isinstance(room.last, Tx)
