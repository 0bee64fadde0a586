"""References to secrets: ``file:PATH``, ``env:NAME``, ``credential:NAME``. No settings file holds the secret itself."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

SCHEMES = ("file:", "env:", "credential:")
_SECRET_WORDS = ("secret", "session", "token", "api_key", "password", "private_key", "passphrase")
MAX_BYTES = 64 * 1024


class SecretError(Exception):
    """A reference could not be resolved. The text names the reference, never what it leads to."""


def is_reference(value: object) -> bool:
    """Whether a settings value points at a secret instead of being one."""
    return isinstance(value, str) and value.startswith(SCHEMES)


def is_secret_name(name: str) -> bool:
    """Whether an option of this name holds a secret: ``secret``, ``access_token``, ``webhook_secret``, ``key``, ..."""
    name = name.lower().replace("-", "_")
    return name == "key" or any(name == word or name.endswith("_" + word) for word in _SECRET_WORDS)


def resolve(reference: str, base: Path, warn: Callable[[str], None]) -> SecretStr:
    """The secret behind a reference; surrounding white space is dropped. Relative files count from ``base``.

    ``warn`` hears of a file that others can read. Raises SecretError if there is nothing, or nothing usable.
    """
    return SecretStr(_decode(resolve_bytes(reference, base, warn), reference))


def resolve_bytes(reference: str, base: Path, warn: Callable[[str], None]) -> bytes:
    """As ``resolve``, byte for byte; for keys that are not text. Raises SecretError."""
    scheme, _, name = reference.partition(":")
    if not name:
        raise SecretError(f"{scheme}: names nothing; write {scheme}:NAME")
    if scheme == "env":
        value = os.environ.get(name, "")
        if not value:
            raise SecretError(f"{reference}: the environment variable is not set")
        return value.encode("utf-8", "surrogateescape")
    if scheme == "credential":
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder or "/" in name:
            raise SecretError(f"{reference}: no such systemd credential (LoadCredential= in the unit gives one)")
        return _read(Path(folder) / name, reference, lambda _text: None)
    if scheme == "file":
        return _read(base / Path(name).expanduser(), reference, warn)
    raise SecretError("a secret is given as file:PATH, env:NAME or credential:NAME")


def _read(path: Path, reference: str, warn: Callable[[str], None]) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise SecretError(f"{reference}: not a regular file")
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SecretError(f"{reference}: {error.strerror or 'cannot be read'}") from None
    if mode & 0o077:
        warn(f"{path} can be read by others (mode {stat.S_IMODE(mode):04o}); run: chmod 600 {path}")
    if not data.strip() or len(data) > MAX_BYTES:
        raise SecretError(f"{reference}: the file is empty or larger than {MAX_BYTES} bytes")
    return data


def _decode(data: bytes, reference: str) -> str:
    try:
        return data.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise SecretError(f"{reference}: not UTF-8 text") from None
