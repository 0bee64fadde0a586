"""What JD told is kept: over restarts, half-written lines and changes; and what the two protocols read alike."""

import os
from pathlib import Path

import pytest

from connectors.fields import Drift
from connectors.jd_called import Book, Facts, book_at, digits, failed, hand_over_again, prices_of, split, update_of
from connectors.tokens import no_renewal
from core.model.clock import HOUR
from core.model.effects import Result, Slot
from core.model.lifecycle import Stage
from core.model.order import PlatformState
from core.ports import Standing

NOW = 1_767_294_245_000_000


def test_what_was_told_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "told"
    book = Book(path)
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    first = book.add("7", b"one", NOW)
    assert book.add("7", b"one", NOW + 5) == first
    assert path.read_bytes().count(b"\n") == 1, "a repeat costs nothing"
    again = book.add("7", b"two", NOW + 5)
    assert (again.at, again.raw()) == (NOW, b"two")
    with path.open("ab") as file:
        file.write(b'{"number":"8","body":"')  # the process died here
    reborn = Book(path)
    assert reborn.of("7") == again
    assert reborn.of("8") is None
    reborn.add("8", b"three", NOW)
    assert Book(path).of("8") == reborn.of("8")
    assert "two" not in repr(again)


def test_a_look_beside_a_running_core_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "told"
    with no_renewal():
        assert book_at(os.fspath(path)).of("7") is None
        assert not path.exists()
        Book(path).add("7", b"one", NOW)
        with path.open("ab") as file:
            file.write(b'{"number":"8"')  # the core is writing it
        whole = path.read_bytes()
        looked = book_at(os.fspath(path))
        assert looked.of("7") is not None
        with pytest.raises(PermissionError):
            looked.add("9", b"two", NOW)
        assert path.read_bytes() == whole


def test_attempts_are_remembered_until_they_are_disproved(tmp_path: Path) -> None:
    path = tmp_path / "told"
    book = Book(path)
    assert book.sending("7", NOW) == 0, "an order that is not known has no memory"
    assert book.of("7") is None
    book.add("7", b"one", NOW)
    assert book.sending("7", NOW + 1) == 0
    assert Book(path).sending("7", NOW + 2) == NOW + 1
    assert book.sending("7", NOW + 3) == NOW + 1
    book.add("7", b"two", NOW + 4)
    assert Book(path).sending("7", NOW + 5) == NOW + 1, "a new telling forgets no attempt"
    book.not_sent("7")
    assert Book(path).sending("7", NOW + 6) == 0


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "told"
    book = Book(path, keep=3)
    for n in range(20):
        book.add(str(n), b"x", NOW)
        book.sending(str(n), NOW + n)
        assert path.read_bytes().count(b"\n") <= 13
    assert [book.of(str(n)) is not None for n in range(16, 20)] == [False, True, True, True]
    reborn = Book(path, keep=3)
    assert [reborn.sending(str(n), 1) for n in range(17, 20)] == [NOW + 17, NOW + 18, NOW + 19]
    for n in range(3, 6):
        Book(path).add("9", bytes([n]), NOW)
    assert Book(path, keep=1).of("9") is not None
    assert path.read_bytes().count(b"\n") == 1, "an old file is made small at the start"


def test_a_file_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "told"
    path.write_bytes(b"not json\n")
    with pytest.raises(ValueError, match="asked_file"):
        Book(path)
    with pytest.raises(ValueError, match="asked_file"):
        book_at(os.fspath(tmp_path / "no" / "such" / "folder"))


def test_prices() -> None:
    assert prices_of("") == {}
    assert prices_of(" A=22.90; B = 3 ;") == {"A": 2290, "B": 300}
    for wrong in ("A", "=5", "A=", "A=x", "A=1.234"):
        with pytest.raises(ValueError, match="prices"):
            prices_of(wrong)


def facts(sku: str = "A", qty: int = 2, total: int = 4580, forbid: str = "") -> Facts:
    return Facts(
        number="7", sku=sku, title=sku, qty=qty, total=total, paid_at=NOW, txn="t", shop="s", forbid=forbid,
        fields=("goods", "total"),
    )  # fmt: skip


def test_totals_are_held_against_listed_prices() -> None:
    prices = {"A": 2290}
    assert update_of(facts(), prices, b"").total == 4580
    assert update_of(facts(total=4000), prices, b"").total == 4000, "a discount"
    assert update_of(facts(sku="B", total=1), prices, b"").total == 1
    for total, why in ((458_000, "unit_suspect"), (46, "unit_suspect"), (5000, "price_mismatch")):
        with pytest.raises(Drift) as caught:
            update_of(facts(total=total), prices, b"")
        assert (caught.value.field, caught.value.why) == ("total", why)
    held = update_of(facts(forbid="x", total=0), {}, b"")
    assert (held.state, held.payments) == (PlatformState.FORBIDDEN, ())


@pytest.mark.parametrize("wrong", ["", "1.0", "-1", "x", "１", "1" * 21])
def test_numbers(wrong: str) -> None:
    assert digits("12", "f") == digits(12, "f") == "12"
    with pytest.raises(Drift):
        digits(wrong, "f")


@pytest.mark.parametrize(
    ("since", "code", "result"),
    [(0, "13", Result.REJECTED), (NOW - HOUR, "102", Result.CONFIRMED), (NOW - HOUR - 1, "13", Result.UNKNOWN)],
)
def test_what_a_refusal_of_cards_proves(since: int, code: str, result: Result) -> None:
    assert hand_over_again(since, NOW, code).result is result


def test_failed_is_said_only_of_what_ended_before_a_key_went_out() -> None:
    def standing(stage: Stage, waits: bool = False) -> Standing:
        return Standing(stage=stage, delivered=False, waits=waits)

    assert failed(standing(Stage.CANCELLED))
    assert not failed(None)
    assert not failed(standing(Stage.CANCELLED, waits=True))
    for stage in Stage:
        assert failed(standing(stage)) == (stage is Stage.CANCELLED)


def test_keys_with_and_without_numbers() -> None:
    def slot(secret: str) -> Slot:
        return Slot(line="1", slot=1, title="t", secret=secret)

    assert split(slot("ABC"), "") == ("-", "ABC")
    assert split(slot("NO1----PASS"), "----") == ("NO1", "PASS")
    assert split(slot("ABC"), "----") == ("-", "ABC")
