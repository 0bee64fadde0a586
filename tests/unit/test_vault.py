"""The vault: master key, seals that fit one row alone, prints, masks; and no secret in any text it makes."""

import os
import pickle
import threading
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.vault.keyring import DEFAULT_NAME, Keyring, VaultError, load_keyring
from core.vault.seal import PRINT, KeyRow, mask, normal
from tests.unit.vaultkit import MASTER, vault

CANARY = "CANARY-7KQ2-PLAIN"
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=512)


def sealed_row(text: str, key_id: int = 5, product: str = "steam", batch: int = 9) -> KeyRow:
    seal = vault().new_batch(batch, product)
    return KeyRow(key_id, product, batch, seal.seal(key_id, text), seal.dek)


@given(TEXTS, st.integers(1, 2**63 - 1), TEXTS)
def test_what_was_sealed_opens_to_the_same_text(text: str, key_id: int, product: str) -> None:
    assert vault().open_key(sealed_row(text, key_id, product)) == text


@given(TEXTS)
def test_a_seal_is_small_random_and_shows_nothing(text: str) -> None:
    seal = vault().new_batch(1, "p")
    first, second = seal.seal(1, text), seal.seal(1, text)
    assert first != second
    assert len(first) == len(text.encode()) + 1 + 12 + 16
    if len(text.encode()) > 5:
        assert text.encode() not in first + seal.dek


def test_a_seal_fits_its_own_row_only() -> None:
    row = sealed_row(CANARY)
    other = sealed_row(CANARY, key_id=6)
    swaps = [
        row._replace(id=6),
        row._replace(product="xbox"),
        row._replace(batch=10),
        row._replace(sealed=other.sealed),
        row._replace(dek=other.dek),
        row._replace(sealed=row.sealed[:-1]),
        row._replace(sealed=b""),
        row._replace(dek=b""),
        row._replace(dek=row.dek[:5]),
        row._replace(sealed=b"\x02" + row.sealed[1:]),
    ]
    for swapped in swaps:
        with pytest.raises(VaultError) as caught:
            vault().open_key(swapped)
        assert CANARY not in str(caught.value)
        assert caught.value.__cause__ is None
    assert vault().open_key(row) == CANARY


@given(st.integers(0, 10_000))
def test_any_flipped_bit_is_seen(bit: int) -> None:
    row = sealed_row(CANARY)
    whole = bytearray(row.sealed + row.dek)
    whole[bit // 8 % len(whole)] ^= 1 << bit % 8
    changed = row._replace(sealed=bytes(whole[: len(row.sealed)]), dek=bytes(whole[len(row.sealed) :]))
    with pytest.raises(VaultError):
        vault().open_key(changed)


def test_another_master_key_opens_nothing_and_is_named() -> None:
    row = sealed_row(CANARY)
    other = vault(os.urandom(32))
    with pytest.raises(VaultError, match="batch 9: cannot be opened with this master key"):
        other.open_key(row)
    other.keyring.require(None)
    other.keyring.require(other.keyring.mark)
    with pytest.raises(VaultError, match="not the master key that sealed the stock"):
        other.keyring.require(vault().keyring.mark)


def test_an_opened_batch_stays_open_after_many_others() -> None:
    keys = vault()
    rows = []
    for batch in range(1, 300):
        seal = keys.new_batch(batch, "p")
        rows.append(KeyRow(batch, "p", batch, seal.seal(batch, f"k{batch}"), seal.dek))
    for row in rows + rows[::-1]:
        assert keys.open_key(row) == f"k{row.batch}"


@given(TEXTS)
def test_prints_see_through_width_and_padding_but_not_case_or_product(text: str) -> None:
    keys = vault()
    mark = keys.print_of("p", text)
    assert len(mark) == PRINT
    assert keys.print_of("p", f"  {text}\u3000") == mark
    assert keys.print_of("p", normal(text)) == mark
    assert keys.print_of("q", text) != mark
    assert keys.prints("p", [text, "x"]) == [mark, keys.print_of("p", "x")]


def test_prints_known_cases() -> None:
    keys = vault()
    assert keys.print_of("p", "ＡＢ１２") == keys.print_of("p", "AB12")
    assert keys.print_of("p", "ab12") != keys.print_of("p", "AB12")
    assert keys.print_of("p", "AB12") != vault(os.urandom(32)).print_of("p", "AB12")
    assert keys.print_of("ab", "c") != keys.print_of("a", "bc")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("AB12-CD34-EF56-GH78-IJ78M", "AB12-****-78M"),
        ("ABCDEFGHIJKL", "AB-****-KL"),
        ("ABCDEFGH", "AB-****-GH"),
        ("ABCDEFG", "A-****"),
        ("ABCD", "A-****"),
        ("ABC", "****"),
        ("", "****"),
        ("  A-CDEFGH  ", "A-****-GH"),
    ],
)
def test_mask(text: str, shown: str) -> None:
    assert mask(text) == shown


@given(TEXTS)
@example("-" * 20)
def test_a_mask_never_tells_much(text: str) -> None:
    shown = mask(text)
    assert "****" in shown
    told = len(shown.replace("****", "", 1).replace("-", ""))
    size = len(text.strip())
    assert told <= (7 if size >= 20 else 4)
    assert told <= size / 2


def test_the_master_key_is_made_once_with_mode_0600(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    made = load_keyring(folder, may_create=True)
    path = folder / DEFAULT_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert load_keyring(folder, may_create=True).mark == load_keyring(folder).mark == made.mark
    assert list(folder.iterdir()) == [path]


def test_cores_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    marks: list[str] = []
    gate = threading.Barrier(8)

    def start() -> None:
        gate.wait(10)
        marks.append(load_keyring(tmp_path / "data", may_create=True).mark)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(marks) == 8
    assert len(set(marks)) == 1


def test_a_lost_master_key_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match=r"master\.key is missing.*Restore that file"):
        load_keyring(tmp_path)
    assert not (tmp_path / DEFAULT_NAME).exists()


def test_a_master_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_keyring(tmp_path, may_create=True)
    (tmp_path / DEFAULT_NAME).chmod(0o640)
    with pytest.raises(VaultError, match="chmod 600"):
        load_keyring(tmp_path)


def test_the_master_key_by_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kek"
    path.write_bytes(MASTER)
    path.chmod(0o600)
    by_file = load_keyring(tmp_path, "file:kek")
    monkeypatch.setenv("TEST_KEK", MASTER.hex())
    assert load_keyring(tmp_path, "env:TEST_KEK").mark == by_file.mark == Keyring(MASTER).mark
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert load_keyring(tmp_path, "credential:kek").mark == by_file.mark
    path.chmod(0o644)
    assert "chmod 600" in load_keyring(tmp_path, "file:kek").warnings[0]
    with pytest.raises(VaultError, match="the master key cannot be read: file:gone"):
        load_keyring(tmp_path, "file:gone", may_create=True)


@pytest.mark.parametrize("text", ["", "xyz", CANARY, "ab" * 31, "ab" * 33, "00" * 32, "ab" * 32])
def test_what_is_not_a_random_key_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / DEFAULT_NAME).write_text(text)
    (tmp_path / DEFAULT_NAME).chmod(0o600)
    with pytest.raises(VaultError) as caught:
        load_keyring(tmp_path)
    assert not text or text not in str(caught.value)


def test_a_keyring_shows_and_gives_away_nothing() -> None:
    keyring = Keyring(MASTER)
    assert len({keyring.wrap_key, keyring.index_key, MASTER}) == 3
    for secret in (keyring.wrap_key, keyring.index_key, MASTER):
        assert secret.hex() not in repr(keyring)
        assert repr(secret) not in repr(keyring)
    with pytest.raises(TypeError):
        pickle.dumps(keyring)
