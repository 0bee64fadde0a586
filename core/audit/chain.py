"""I13: the event log is without a gap and each block's hash follows from the one before."""

from typing import Any, NamedTuple

from core.audit.report import SAMPLE, VIOLATION, Finding
from core.store.tx import block_hash

_BLOCKS = "SELECT n, first, last, hash FROM block ORDER BY n"
_EVENTS = "SELECT seq, at, order_id, kind, actor, body FROM event WHERE seq > ? ORDER BY seq"
_CUT = "the log has a gap or a stray end: events or blocks are missing, or were added past the writer"
_CHANGED = "an event of the log was changed after it was written: the hash of its block does not follow"


class Chain(NamedTuple):
    """What walking the log found."""

    events: int
    seq: int
    hash: bytes
    findings: list[Finding]


def walk(connection: Any) -> Chain:
    """Recompute the chain block by block; holds one block in memory.

    A broken block is reported and the next one is judged by the stored hash, so that one change gives one finding.
    """
    blocks, events = connection.cursor(), connection.cursor()
    events.execute(_EVENTS, (0,))
    count, seq, number, previous = 0, 0, 0, bytes(32)
    cut = changed = 0
    where: dict[str, list[int]] = {_CUT: [], _CHANGED: []}
    for n, first, last, digest in blocks.execute(_BLOCKS):
        rows = events.fetchmany(max(last - first + 1, 0))
        whole = bool(rows) and rows[0][0] == first and rows[-1][0] == last and len(rows) == last - first + 1
        if n != number + 1 or first != seq + 1 or not whole:
            cut += 1
            inside = [row for row in rows if row[0] <= last]
            _sample(where[_CUT], inside)
            count += len(inside)
            events.execute(_EVENTS, (last,))
        else:
            count += len(rows)
            if block_hash(previous, rows) != bytes(digest):
                changed += 1
                _sample(where[_CHANGED], rows)
        number, seq, previous = n, last, bytes(digest)
    stray = events.fetchmany(SAMPLE)
    if stray:
        cut += 1
        _sample(where[_CUT], stray)
    pairs = ((cut, _CUT), (changed, _CHANGED))
    findings = [Finding("I13", VIOLATION, n, tuple(where[text]), text) for n, text in pairs if n]
    return Chain(count, seq, previous, findings)


def _sample(into: list[int], rows: list[tuple[Any, ...]]) -> None:
    for row in rows:
        if len(into) == SAMPLE:
            break
        if row[2] and row[2] not in into:
            into.append(int(row[2]))
