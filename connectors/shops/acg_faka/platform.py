"""How the settings name an acg-faka shop that sells our goods on."""

import re
from typing import Final

from connectors.options import Options, Platform, http_of, poll_seconds
from connectors.shops.acg_faka.shop import NOTICE, AcgFakaShop
from connectors.wares import book_of, wares_of
from core.model.clock import Clock
from core.model.text import clean
from core.ports import Shop

_ID: Final = re.compile(r"[A-Za-z0-9._:@-]{1,32}\Z")  # what its own settings take


def _build(name: str, options: Options, clock: Clock) -> Shop:
    if not _ID.match(options["app_id"]):
        raise ValueError("app_id has up to 32 letters, digits or . _ : @ -")
    return AcgFakaShop(
        name,
        (options["app_id"], options["secret"]),
        wares_of(options["goods"]),
        book_of(options),
        clean(options.get("notice") or NOTICE, 300),
        clock,
        http_of(options),
        deliver=options.get("deliver", "email"),
        contact_field=options.get("contact_field") or "contact",
        poll_seconds=poll_seconds(options),
    )


PLATFORM = Platform(
    frozenset({"app_id", "secret", "goods", "orders_file", "credit"}),
    frozenset({"notice", "deliver", "contact_field", "connections"}),
    _build,
)
