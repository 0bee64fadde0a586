"""The file of orders that other shops place: durable, whole, in order, and what it says of money."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from connectors.sold import Book, Sale, update_of
from connectors.wares import wares_of
from core.model.order import PaymentKind, PlatformState


def sale(n: int, amount: int = 100, **more: object) -> Sale:
    made = Sale(
        ext_id=f"A{n}", number=0, sku="S", title="t", qty=1, amount=amount, currency="CNY", at=1_000_000 + n,
        notify="https://shop.example.com/cb",
    )  # fmt: skip
    return replace(made, **more)


def test_orders_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    first = Book(path, 1000)
    one, two = first.place(sale(1)), first.place(sale(2, 250))
    assert (one.number, two.number, first.balance) == (1, 2, 650)
    assert path.stat().st_mode & 0o777 == 0o600
    first.change(replace(two, done=7_000_000))
    second = Book(path, 1000)
    assert second.balance == 650
    assert (second.of("A1"), second.numbered(2)) == (one, replace(two, done=7_000_000, change=3))
    assert (second.of("A3"), second.numbered(9)) == (None, None)
    assert second.place(sale(3)).number == 3


def test_a_line_that_was_cut_off_was_promised_to_nobody(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    Book(path, 1000).place(sale(1))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    looking = Book(path, 1000)
    assert path.stat().st_size > len(whole), "to look is not to write: another process may be at it"
    assert looking.balance == 900
    looking.place(sale(2))
    assert Book(path, 1000).balance == 800
    assert path.read_bytes().startswith(whole)


@pytest.mark.parametrize("damage", [b"{}\n", b"x\n", b"\xff\n"])
def test_a_file_that_is_not_ours_is_refused(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    path.write_bytes(damage)
    with pytest.raises(ValueError, match="not ours"):
        Book(path, 0)


def test_lines_that_stand_twice_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.jsonl"
    Book(path, 1000).place(sale(1))
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(ValueError, match="order"):
        Book(path, 0)


def test_what_cannot_be_written_is_not_held(tmp_path: Path) -> None:
    book = Book(tmp_path / "orders.jsonl", 1000)
    os.unlink(tmp_path / "orders.jsonl")
    (tmp_path / "orders.jsonl").mkdir()
    with pytest.raises(OSError, match="directory"):
        book.place(sale(1))
    assert (book.of("A1"), book.balance) == (None, 1000)


def test_changes_are_read_in_their_order_and_none_is_lost(tmp_path: Path) -> None:
    book = Book(tmp_path / "orders.jsonl", 10_000)
    placed = [book.place(sale(n)) for n in range(1, 6)]
    found, reached = book.after(0, 3)
    assert ([one.ext_id for one in found], reached) == (["A1", "A2", "A3"], 3)
    book.change(replace(placed[0], done=9))
    found, reached = book.after(reached, 100)
    assert [(one.ext_id, one.done) for one in found] == [("A4", 0), ("A5", 0), ("A1", 9)]
    assert book.after(reached, 100) == ([], reached)
    assert len(book.after(99, 100)[0]) == 5, "a cursor of another file: everything is told again"


def test_an_order_is_paid_out_of_the_credit(tmp_path: Path) -> None:
    placed = Book(tmp_path / "orders.jsonl", 1000).place(sale(1, 250, contact="a@example.com"))
    update = update_of(placed, "dj")
    (paid,) = update.payments
    assert (update.state, update.total, update.currency) == (PlatformState.PAID, 250, "CNY")
    assert (paid.account, paid.txn_id, paid.amount, paid.kind) == ("dj", "credit-A1", 250, PaymentKind.CHARGE)
    assert (update.contact, update.paid_at, update.lines[0].amount) == ("a@example.com", placed.at, 250)
    assert b"shop.example.com" not in update.raw
    shipped = update_of(replace(placed, done=5_000_000), "dj")
    assert (shipped.state, shipped.rev) == (PlatformState.SHIPPED, 5_000_000)


def test_goods() -> None:
    wares = wares_of(" 7|A-1|100|-1|苹果 ; 8|B|250|0|b;")
    assert [(one.id, one.sku, one.price, one.stock, one.name) for one in wares.all] == [
        (7, "A-1", 100, -1, "苹果"), (8, "B", 250, 0, "b"),
    ]  # fmt: skip
    assert wares.by_id[8] is wares.by_sku["B"]


@pytest.mark.parametrize(
    "text",
    [
        "", ";", "1|A|100|1", "1||100|1|n", "x|A|100|1|n", "1|A|1.5|1|n", "1|A|0|1|n", "0|A|100|1|n", "1|A|100|-2|n",
        "1|A|100|1|n;1|B|100|1|n", "1|A|100|1|n;2|A|100|1|n", "1|A|-5|1|n", "1|A|9999999999|1|n", "1|A\x07|1|1|n",
    ],
)  # fmt: skip
def test_goods_that_are_misspelt(text: str) -> None:
    with pytest.raises(ValueError, match="goods"):
        wares_of(text)


def test_an_order_is_on_disk_before_it_is_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "orders.jsonl"
    book, real = Book(path, 1000), os.fsync
    synced: list[int] = []

    def spy(handle: int) -> None:
        real(handle)
        synced.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", spy)
    book.place(sale(1))
    assert synced == [path.stat().st_size]
