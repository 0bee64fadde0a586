"""Suppliers whom keys are bought from, by kind: the one place that finds the class behind a supplier's ``kind``.

Secrets arrive here as plain text, resolved by the caller, and go no further than the supplier's own module.
"""

import importlib
from collections.abc import Mapping
from typing import Final

from connectors.options import Options, check, nearest
from core.model.clock import Clock
from core.ports import Stocker

STOCKERS: Final[Mapping[str, str]] = {"kashangwl": "connectors.suppliers.kashangwl.cards"}


def build_stocker(name: str, options: Options, clock: Clock) -> Stocker:
    """The supplier ``name``; ``options["kind"]`` chooses its class.

    Raises ValueError that names the supplier, the key, and the nearest valid key; never a value of a key.
    """
    word = options.get("kind", "")
    if word not in STOCKERS:
        raise ValueError(f"supplier {name}: unknown kind {word!r}{nearest(word, frozenset(STOCKERS))}")
    module = importlib.import_module(STOCKERS[word])
    given = {key: value for key, value in options.items() if key != "kind"}
    check(f"supplier {name}", given, module.REQUIRED, module.OPTIONAL)
    try:
        made: Stocker = module.build(name, given, clock)
    except ValueError as exc:
        raise ValueError(f"supplier {name}: {exc}") from None
    return made
