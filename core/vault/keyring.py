"""The master key: 32 bytes outside the database. Whoever has the database without it has noise; so has its owner."""

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.private_files import private_folder
from core.secret_refs import SecretError, resolve_bytes

SIZE = 32
DEFAULT_NAME = "master.key"


class VaultError(Exception):
    """Keys cannot be sealed or opened. The text says what to do and holds no key material."""


class Keyring:
    """The keys derived from the master key (HKDF-SHA256, RFC 5869): one wraps, one makes prints, one pick-up links.

    They are separate so that a leak of the blind index's key opens nothing, and the master key itself is used for
    nothing else.
    """

    __slots__ = ("index_key", "link_key", "mark", "warnings", "wrap_key")

    def __init__(self, master: bytes, warnings: tuple[str, ...] = ()) -> None:
        if len(master) != SIZE:
            raise VaultError(f"a master key has {SIZE} bytes")
        if len(set(master)) < 8:
            raise VaultError("this master key is a pattern, not a random key; make one with: openssl rand -hex 32")
        self.wrap_key = _derive(master, b"keydesk/wrap/1")
        self.index_key = _derive(master, b"keydesk/index/1")
        self.link_key = _derive(master, b"keydesk/pickup/1")
        self.mark = _derive(master, b"keydesk/mark/1")[:8].hex()  # safe to store: tells which master key it was
        self.warnings = warnings

    def __repr__(self) -> str:
        return f"Keyring(mark={self.mark!r})"

    def __reduce__(self) -> str:
        raise TypeError("a keyring is not pickled")

    def require(self, mark: str | None) -> None:
        """Refuse to work on a database that was sealed under another master key. Raises VaultError."""
        if mark is not None and mark != self.mark:
            raise VaultError(
                f"this is not the master key that sealed the stock (its mark is {mark}, this one's {self.mark}). "
                "Put the right key back (core.master_key, or master.key in the data directory); without it the stock "
                "cannot be opened"
            )


def load_keyring(data_dir: Path, reference: str = "", base: Path | None = None, may_create: bool = False) -> Keyring:
    """The keyring from ``reference`` (``file:``, ``env:``, ``credential:``) or from data_dir/master.key.

    With ``may_create`` a missing master.key is made: pass it only when the database holds no batch yet, since a new
    key cannot open old stock. Raises VaultError when the key is lost, readable by others or not a key.
    """
    if reference:
        warnings: list[str] = []
        try:
            data = resolve_bytes(reference, base or data_dir, warnings.append)
        except SecretError as error:
            raise VaultError(f"the master key cannot be read: {error}") from None
        return Keyring(_decode(data, reference), tuple(warnings))
    path = data_dir / DEFAULT_NAME
    if not path.exists():
        if not may_create:
            raise VaultError(
                f"{path} is missing, and this database holds keys that were sealed with it. Restore that file from "
                "where you keep it (it is not part of a database backup); without it the stock cannot be opened"
            )
        _create(path)
    return Keyring(_decode(_read_own(path), str(path)))


def _create(path: Path) -> None:
    private_folder(path.parent)
    part = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(SIZE).hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # A link never replaces: of two cores that start at once, both read the one key that was first.
        try:
            os.link(part, path)
        except FileExistsError:
            return
        # Stock is sealed with this key at once, so the name must survive a power cut too.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        part.unlink()


def _read_own(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & 0o077:
                raise VaultError(
                    f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}). Run: chmod 600 {path}; if it may "
                    "have been copied, treat the stock as known"
                )
            return file.read(1024)
    except OSError as error:
        raise VaultError(f"{path}: {error.strerror or 'cannot be read'}") from None


def _decode(data: bytes, where: str) -> bytes:
    if len(data) == SIZE:
        return data
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:  # UnicodeDecodeError is one too
        key = b""
    if len(key) != SIZE:
        raise VaultError(f"{where}: not a master key; it is {SIZE} raw bytes or {SIZE * 2} hex digits")
    return key


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=SIZE, salt=None, info=purpose).derive(master)
