"""The evidence pack of an order: all that Keydesk knows of it in one zip, with the part of the log's chain that covers it.

It carries no key and no secret. Each part's SHA-256 stands in the manifest, and the manifest's own in the log, so that
neither a part nor the manifest can be changed without a running core's seeing it.
"""

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from core.audit.evidence_raw import cleaned
from core.desk.deeds import Deed
from core.desk.detail import in_full
from core.desk.reads import Reader, Reads
from core.desk.rows import Frame
from core.desk.scrub import IsLink, Opener, Scrub, scrub_of
from core.desk.timeline import Event, as_text, events_of, story
from core.model.clock import iso_us

FORMAT = 1
MANIFEST = "manifest.json"
# There is no index over the events of a block; block numbers have no gap, so halving finds the one that holds an event.
BLOCK_OF = """
WITH RECURSIVE half(low, high) AS (
 SELECT 1, (SELECT max(n) FROM block)
 UNION ALL
 SELECT iif((SELECT last FROM block WHERE n = (low + high) / 2) < ?1, (low + high) / 2 + 1, low),
        iif((SELECT last FROM block WHERE n = (low + high) / 2) < ?1, high, (low + high) / 2)
 FROM half WHERE low < high)
SELECT b.n, b.first, b.last, b.at, b.hash, p.hash FROM block b LEFT JOIN block p ON p.n = b.n - 1
WHERE b.n = (SELECT low FROM half WHERE low = high) AND b.first <= ?1 AND b.last >= ?1
"""
README = """\
Evidence pack of order {ext_id} ({shop}), made by Keydesk {version} for {by} at {at}.

  order.json     the order: lines, money, holds, cases; amounts as decimal text with currency, times in UTC
  payments.json  payments and refunds as platform and payment provider told them
  keys.json      which slots of the order have a key and how each stands; no key is in this pack, nor a part of one
  attempts.json  every sending and write-back, each try with its evidence
  raw.json       the platform's own last payload; secrets and links are replaced by [removed], their places are listed
  events.json    the order's events from the log, each with its exact text
  chain.json     the blocks of the log's hash chain that hold these events
  timeline.txt   all of it in the order of time, for reading

How to check it
1. With Keydesk:   keydesk evidence verify FILE
   compares every part with the manifest, and computes each block that holds events of this order alone. Beside a running
   core it also asks the core: whether the manifest's own SHA-256 stands in the log, where the making of this pack was
   recorded; whether each event still stands there as it does here; whether each block still has the hash in chain.json,
   and follows from its events and the block before it. `keydesk audit` proves the rest of the chain.
2. By hand:        sha256sum each part and compare with manifest.json.
   A block's hash is SHA-256 over the previous block's 32 bytes and the msgpack form of its events, a list of
   [seq, at, order_id, kind, actor, body]. Most blocks hold events of several orders; those need the core to be computed.
"""


class Order(NamedTuple):
    """One order as it stood at one moment, keys and secrets already taken out. ``hidden``: events with a key in them."""

    told: dict[str, Any]
    events: list[Event]
    hidden: frozenset[int]
    cut: bool
    raw: dict[str, Any]
    blocks: list[dict[str, Any]]


class Pack(NamedTuple):
    """A finished pack. ``digest``: the manifest's SHA-256, which the log keeps."""

    data: bytes
    digest: str
    events: int


async def gather(
    reader: Reader, order: int, frame: Frame, deed: Deed, opener: Opener | None, is_link: IsLink | None
) -> Order:
    """Everything about an order from one read. Raises Refused without such an order."""
    async with reader.snapshot() as reads:
        detail = await in_full(reads, order, frame, deed, None)
        events, cut = await events_of(reads, order)
        scrub = await scrub_of(reads, [order], opener, is_link)
        raw = await reads.all("SELECT raw FROM order_raw WHERE order_id = ?", (order,))
        blocks = await _blocks(reads, events)
    told = scrub.value(story(detail, events))
    hidden = frozenset(event.seq for event in events if scrub.text(event.body) != event.body)
    payload = await asyncio.to_thread(_raw, bytes(raw[0][0]) if raw else b"", scrub)  # up to a megabyte to look through
    return Order(told, events, hidden, cut, payload, blocks)


def _raw(raw: bytes, scrub: Scrub) -> dict[str, Any]:
    if not raw:
        return {"payload": None, "removed": [], "note": "nothing was kept"}
    return cleaned(raw, scrub)._asdict()


async def _blocks(reads: Reads, events: Sequence[Event]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for event in events:
        if found and event.seq <= found[-1]["last"]:
            continue
        for n, first, last, at, digest, previous in await reads.all(BLOCK_OF, (event.seq,)):
            found.append(
                {
                    "n": n,
                    "first": first,
                    "last": last,
                    "at": iso_us(at),
                    "previous": bytes(previous or bytes(32)).hex(),
                    "hash": bytes(digest).hex(),
                }
            )
    return found


def pack(found: Order, by: str, at: int, version: str) -> Pack:
    """The zip of a gathered order, the same bytes for the same facts."""
    order = found.told["order"]
    of = {"id": order["id"], "ext_id": order["ext_id"], "shop": order["shop"], "platform": order["platform"]}
    words = {"ext_id": order["ext_id"], "shop": order["shop"], "version": version, "by": by, "at": iso_us(at)}
    head = {k: v for k, v in order.items() if k not in ("payments", "refunds", "keys", "intents")}
    parts = {
        "README.txt": README.format(**words).encode(),
        "order.json": _json(head),
        "payments.json": _json({"payments": order["payments"], "refunds": order["refunds"]}),
        "keys.json": _json([{k: v for k, v in key.items() if k != "mask"} for key in order["keys"]]),
        "attempts.json": _json(order["intents"]),
        "raw.json": _json(found.raw),
        "events.json": _json({"cut": found.cut, "events": [_event(e, e.seq in found.hidden) for e in found.events]}),
        "chain.json": _json({"algorithm": "sha256(previous + msgpack(events))", "blocks": found.blocks}),
        "timeline.txt": as_text(found.told).encode(),
    }
    manifest = _json(
        {
            "keydesk_evidence": FORMAT,
            "version": version,
            "made_at": iso_us(at),
            "made_by": by,
            "order": of,
            "parts": [
                {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                for name, data in parts.items()
            ],
        }
    )
    return Pack(_zip({**parts, MANIFEST: manifest}), hashlib.sha256(manifest).hexdigest(), len(found.events))


def _event(event: Event, hidden: bool) -> dict[str, Any]:
    about = {"seq": event.seq, "at": event.at, "time": iso_us(event.at), "order_id": event.order}
    about |= {"kind": event.kind, "name": event.name, "actor": event.actor}
    if hidden:  # not even its hash: a short key could be found from it by trying
        return {**about, "body_sha256": "", "body": None, "hidden": "a key stood in it"}
    return {**about, "body_sha256": hashlib.sha256(event.body.encode()).hexdigest(), "body": event.body}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def _zip(parts: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as box:
        for name, data in parts.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))  # the time is in the manifest; two zips stay comparable
            info.external_attr, info.compress_type = 0o600 << 16, zipfile.ZIP_DEFLATED
            box.writestr(info, data)
    return out.getvalue()


def recorded(made: Pack, reason: str) -> dict[str, Any]:
    """The body of the event that says that this pack was made."""
    body: dict[str, Any] = {"what": "evidence", "sha256": made.digest, "events": made.events}
    return body | ({"reason": reason} if reason else {})
