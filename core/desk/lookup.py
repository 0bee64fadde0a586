"""Orders by a list of the shops' own numbers, as a person pastes it from a sheet or a chat."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from core.desk.reads import Reads

_CHUNK = 1000  # numbers looked up at once: short reads let other windows through

NUMBERS = "SELECT o.id, o.due, o.currency, o.ext_id FROM json_each(?1) j CROSS JOIN orders o ON o.shop = ?2 AND o.ext_id = j.value"


async def lookup(reads: Reads, numbers: Sequence[str], shops: Iterable[int]) -> dict[str, Any]:
    """``{"orders": [[id, amount, currency]], "missing", "several"}``, in the order of ``numbers``; amounts in minor units.

    Only whole numbers of shops count, never our own ids: a sheet has other figures too. A number that several shops know
    is told and left out.
    """
    wanted = list(dict.fromkeys(numbers))
    found: dict[str, list[list[Any]]] = {}
    for at in range(0, len(wanted), _CHUNK):
        some = json.dumps(wanted[at : at + _CHUNK])
        for shop in shops:
            for order, due, currency, number in await reads.all(NUMBERS, (some, shop)):
                found.setdefault(number, []).append([order, due, currency])
    return {
        "orders": [found[one][0] for one in wanted if len(found.get(one, ())) == 1],
        "missing": [one for one in wanted if one not in found],
        "several": [one for one in wanted if len(found.get(one, ())) > 1],
    }
