"""Whether an evidence pack is as it was made: against its own manifest, and against the log of a database."""

import bisect
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec

from core.audit.evidence import FORMAT, MANIFEST
from core.audit.run import AuditError, opened
from core.model.clock import iso_us
from core.model.lifecycle import EventKind
from core.model.text import clean
from core.store import driver
from core.store.tx import block_hash

PACK_MAX = 64_000_000  # bytes, unpacked
PROBLEMS_MAX = 50
_Whole = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]  # what a database can be asked for
_Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


class PackError(ValueError):
    """This is no evidence pack that can be read; the message says why."""


class EventClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event as a pack has it, by the SHA-256 of its exact text; "" for one with a key in it."""

    seq: _Whole
    at: _Whole
    order_id: _Whole
    kind: _Whole
    actor: str
    body_sha256: str


class BlockClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A block as a pack has it; hashes in hex."""

    n: _Whole
    first: _Whole
    last: _Whole
    previous: _Hash
    hash: _Hash


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a pack says about a log."""

    order: _Whole
    digest: _Hash
    events: list[EventClaim]
    blocks: list[BlockClaim]


class _Of(msgspec.Struct, frozen=True):
    id: _Whole
    ext_id: str
    shop: str


class _Part(msgspec.Struct, frozen=True):
    name: str
    sha256: str


class _Manifest(msgspec.Struct, frozen=True):
    made_at: str
    made_by: str
    order: _Of
    parts: list[_Part]


class Alone(NamedTuple):
    """What the pack proves by itself. ``computed``: blocks whose hash could be computed from the pack alone."""

    manifest: dict[str, Any]
    claim: Claim
    problems: list[str]
    computed: int


def alone(data: bytes) -> Alone:
    """Check a pack against its manifest and within itself. Raises PackError when it cannot be read as one."""
    parts = _parts(data)
    if MANIFEST not in parts:
        raise PackError("there is no manifest in it")
    manifest = _object(parts[MANIFEST], MANIFEST)
    if manifest.get("keydesk_evidence") != FORMAT:
        raise PackError(f"its format is {manifest.get('keydesk_evidence')!r}, this Keydesk reads {FORMAT}")
    try:
        read = msgspec.convert(manifest, _Manifest)
        events = _object(parts["events.json"], "events.json")["events"]
        blocks = _object(parts["chain.json"], "chain.json")["blocks"]
        claim = Claim(
            read.order.id,
            hashlib.sha256(parts[MANIFEST]).hexdigest(),
            [msgspec.convert({k: e[k] for k in EventClaim.__struct_fields__}, EventClaim) for e in events],
            [msgspec.convert({k: b[k] for k in BlockClaim.__struct_fields__}, BlockClaim) for b in blocks],
        )
        texts = {event["seq"]: _text(event) for event in events}
    except (KeyError, TypeError, ValueError) as error:  # msgspec's own is a ValueError
        raise PackError(f"its manifest, events or chain cannot be read ({type(error).__name__})") from None
    problems = _against(read, parts)
    computed = _compute(claim, texts, problems)
    return Alone(manifest, claim, problems[:PROBLEMS_MAX], computed)


def _parts(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as box:
            infos = box.infolist()
            if sum(info.file_size for info in infos) > PACK_MAX or len(infos) > 100:
                raise PackError("it is larger than any pack")
            if len({info.filename for info in infos}) < len(infos):
                raise PackError("a part stands in it twice")
            return {info.filename: box.read(info) for info in infos}
    # What a damaged file makes of the parts of a zip is endless: zlib's, struct's and several of zipfile's own errors.
    except PackError:
        raise
    except Exception as error:
        raise PackError(f"it cannot be read as a zip ({type(error).__name__})") from None


def _object(data: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise PackError(f"{name} cannot be read")
    return found


def _text(event: Mapping[str, Any]) -> bytes | None:
    """An event's exact text; None when the pack hides it. Raises ValueError for what no log can hold."""
    body = event["body"]
    if body is not None and not isinstance(body, str):
        raise ValueError("body")
    return None if body is None else body.encode()


def _against(manifest: _Manifest, parts: Mapping[str, bytes]) -> list[str]:
    problems: list[str] = []
    for part in manifest.parts:
        name = clean(part.name, 80)
        if part.name not in parts:
            problems.append(f"{name} is missing")
        elif hashlib.sha256(parts[part.name]).hexdigest() != part.sha256:
            problems.append(f"{name} was changed: it has another SHA-256 than the manifest")
    listed = {part.name for part in manifest.parts}
    problems += [f"{clean(name, 80)} is not in the manifest" for name in parts if name not in listed | {MANIFEST}]
    return problems


def _compute(claim: Claim, texts: Mapping[int, bytes | None], problems: list[str]) -> int:
    """How many blocks hold nothing but events of the pack and follow from them; one that does not is a problem."""
    events = {event.seq: event for event in claim.events}
    for event in claim.events:
        text = texts[event.seq]
        if text is not None and hashlib.sha256(text).hexdigest() != event.body_sha256:
            problems.append(f"event {event.seq} has another text than its SHA-256 says")
    computed = 0
    for block in claim.blocks:
        if not 0 <= block.last - block.first < len(events):
            continue
        rows = []
        for seq in range(block.first, block.last + 1):
            text = texts.get(seq)
            if text is None:
                break
            e = events[seq]
            rows.append((e.seq, e.at, e.order_id, e.kind, e.actor, text.decode()))
        else:
            if block_hash(bytes.fromhex(block.previous), rows).hex() == block.hash:
                computed += 1
            else:
                problems.append(f"block {block.n} does not follow from its events")
    return computed


def against_log(path: Path, claim: Claim) -> dict[str, Any]:
    """Compare what a pack says with the log of the database at ``path``.

    ``{"recorded": {"seq", "at", "by"} or None, "events", "blocks", "problems"}``. Blocks its thread. Raises AuditError.
    """
    try:
        with opened(path) as connection:
            connection.execute("BEGIN")
            return _compared(connection, claim)
    except driver.swap().DatabaseError as error:
        raise AuditError(f"the database could not be read ({error})") from None


def _compared(connection: Any, claim: Claim) -> dict[str, Any]:
    problems: list[str] = []
    for event in claim.events:
        row = connection.execute(
            "SELECT at, order_id, kind, actor, body FROM event WHERE seq = ?", (event.seq,)
        ).fetchone()
        if row is None:
            problems.append(f"the log has no event {event.seq}")
        elif not _same(row, event):
            problems.append(f"event {event.seq} stands otherwise in the log")
    for block in claim.blocks:
        problems += _block(connection, block)
    firsts = sorted(claim.blocks, key=lambda block: block.first)
    for event in claim.events:
        at = bisect.bisect_right(firsts, event.seq, key=lambda block: block.first) - 1
        if at < 0 or event.seq > firsts[at].last:
            problems.append(f"no block of the pack holds event {event.seq}")
    found = _record(connection, claim)
    if found is None:
        problems.append("the log does not know this pack: it was changed, or made from another database")
    return {
        "recorded": found,
        "events": len(claim.events),
        "blocks": len(claim.blocks),
        "problems": problems[:PROBLEMS_MAX],
    }


def _same(row: Sequence[Any], event: EventClaim) -> bool:
    told = (event.at, event.order_id, event.kind, event.actor)
    if tuple(row[:4]) != told:
        return False
    return not event.body_sha256 or hashlib.sha256(row[4].encode()).hexdigest() == event.body_sha256


def _block(connection: Any, block: BlockClaim) -> list[str]:
    row = connection.execute("SELECT first, last, hash FROM block WHERE n = ?", (block.n,)).fetchone()
    if row is None or (row[0], row[1], bytes(row[2]).hex()) != (block.first, block.last, block.hash):
        return [f"block {block.n} stands otherwise in the log"]
    before = connection.execute("SELECT hash FROM block WHERE n = ?", (block.n - 1,)).fetchone()
    previous = bytes(before[0]) if before is not None else bytes(32)
    events = connection.execute(
        "SELECT seq, at, order_id, kind, actor, body FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq",
        (block.first, block.last),
    ).fetchall()
    if previous.hex() != block.previous or block_hash(previous, events).hex() != block.hash:
        return [f"block {block.n} does not follow from its events and the block before it: run keydesk audit"]
    return []


def _record(connection: Any, claim: Claim) -> dict[str, Any] | None:
    rows = connection.execute(
        "SELECT seq, at, actor, body FROM event WHERE order_id = ? AND kind = ? ORDER BY seq DESC LIMIT 1000",
        (claim.order, int(EventKind.EXPORTED)),
    )
    for seq, at, actor, body in rows:
        if json.loads(body).get("sha256") == claim.digest:
            return {"seq": seq, "at": iso_us(at), "by": actor}
    return None
