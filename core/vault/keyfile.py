"""A file of keys, decoded: one key a line, byte for byte, with every doubtful line named by its number."""

import unicodedata

from msgspec import Struct

MAX_BYTES = 64 * 1024 * 1024
MAX_KEYS = 200_000  # one import is one transaction; more would keep other writes waiting for seconds
MAX_LENGTH = 512  # characters of one key
MAX_REPORTED = 100

_REFUSED = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


class LineError(Struct, frozen=True):
    """Why a line is refused; never what it says. ``line`` is 1-based, 0 for the whole file."""

    line: int
    why: str


class KeyFile(Struct, frozen=True):
    """What the file holds. ``lines`` pairs with ``keys``; ``errors`` is cut at 100, ``bad`` counts them all."""

    encoding: str
    keys: tuple[str, ...]
    lines: tuple[int, ...]
    total: int
    blank: int
    errors: tuple[LineError, ...]
    bad: int
    padded: tuple[int, ...]  # lines with white space around the key: kept as it is, but worth a look

    def __repr__(self) -> str:
        return f"KeyFile({self.encoding}, keys={len(self.keys)}, blank={self.blank}, bad={self.bad})"


def read(data: bytes, max_keys: int = MAX_KEYS) -> KeyFile:
    """Decode a file. Mistakes are in ``errors``, never raised: the operator sees all of them at once.

    UTF-8 (a byte-order mark is dropped), else GB18030, both strict. Only LF and CRLF end a line; they alone are cut.
    """
    if len(data) > MAX_BYTES:
        return _refuse("", f"larger than {MAX_BYTES // 1024 // 1024} MB; split it")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _refuse("utf-16", "UTF-16 text; save it as UTF-8")
    encoding, text, failed = _decode(data)
    if text is None:
        return _refuse("", "neither UTF-8 nor GB18030", failed)
    rows = text.split("\n")
    if rows[-1] == "":
        rows.pop()
    keys: list[str] = []
    numbers: list[int] = []
    errors: list[LineError] = []
    padded: list[int] = []
    blank = bad = 0
    for number, row in enumerate(rows, 1):
        key = row.removesuffix("\r")
        why = _fault(key)
        if why:
            bad += 1
            if len(errors) < MAX_REPORTED:
                errors.append(LineError(number, why))
        elif not key or key.isspace():
            blank += 1
        else:
            keys.append(key)
            numbers.append(number)
            if key[0].isspace() or key[-1].isspace():
                padded.append(number)
    if len(keys) > max_keys:
        return _refuse(encoding, f"more than {max_keys} keys; split it", 0, len(rows))
    return KeyFile(encoding, tuple(keys), tuple(numbers), len(rows), blank, tuple(errors), bad, tuple(padded))


def _refuse(encoding: str, why: str, line: int = 0, total: int = 0) -> KeyFile:
    return KeyFile(encoding, (), (), total, 0, (LineError(line, why),), 1, ())


def _decode(data: bytes) -> tuple[str, str | None, int]:
    # A decoding error carries the bytes it failed on, so it must not leave this function.
    try:
        return "utf-8", data.decode("utf-8-sig"), 0
    except UnicodeDecodeError as error:
        first = error.start
    try:
        return "gb18030", data.decode("gb18030"), 0
    except UnicodeDecodeError as error:
        # The later of the two is where the better guess at the encoding broke.
        return "", None, data.count(b"\n", 0, max(first, error.start)) + 1


def _fault(key: str) -> str:
    if len(key) > MAX_LENGTH:
        return f"longer than {MAX_LENGTH} characters"
    if key.isprintable():
        return ""
    for char in key:
        if unicodedata.category(char) in _REFUSED:
            kind = "control" if unicodedata.category(char) == "Cc" else "invisible or unassigned"
            hint = "; a tab between number and password becomes a space or ----" if char == "\t" else ""
            return f"{kind} character U+{ord(char):04X}{hint}"
    return ""
