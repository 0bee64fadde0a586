"""The answers of Vendure's Admin API as far as they are used, orders apart."""

import msgspec
from msgspec import Struct


class Config(Struct, rename="camel"):
    """``money_strategy_precision``: decimal digits of all amounts."""

    money_strategy_precision: int


class Settings(Struct, rename="camel"):
    """Of the whole server."""

    server_config: Config


class Precision(Struct, rename="camel"):
    """Answer to ``PRECISION``."""

    global_settings: Settings


class Rows(Struct, rename="camel"):
    """A page, and how many rows there are in all."""

    total_items: int
    items: list[msgspec.Raw]


class Listed(Struct):
    """Answer to ``PLACED`` and ``ORDER``."""

    orders: Rows


class Line(Struct):
    """What is left of a line; 0 when it was cancelled."""

    id: str
    quantity: int


class Part(Struct):
    """A fulfilment."""

    id: str
    state: str
    method: str


class NoteData(Struct):
    """The text of a note."""

    note: str = ""


class Entry(Struct):
    """One note of the history."""

    data: NoteData


class Notes(Struct):
    """The order's notes, public and private."""

    items: list[Entry]


class Standing(Struct):
    """What shipping depends on."""

    id: str
    code: str
    state: str
    lines: list[Line]
    fulfillments: list[Part] | None
    history: Notes


class Found(Struct):
    """The orders of one code."""

    items: list[Standing]


class Standings(Struct):
    """Answer to ``STANDING``."""

    orders: Found


class Made(Struct, rename={"typename": "__typename", "code": "errorCode"}):
    """A fulfilment, or why there is none."""

    typename: str
    id: str = ""
    state: str = ""
    code: str = ""
    message: str = ""


class Fulfilled(Struct, rename="camel"):
    """Answer to ``FULFIL``."""

    add_fulfillment_to_order: Made


class Moved(Struct, rename="camel"):
    """Answer to ``SHIP``."""

    transition_fulfillment_to_state: Made


class Only(Struct):
    """An id alone."""

    id: str


class Noted(Struct, rename="camel"):
    """Answer to ``NOTE``."""

    add_note_to_order: Only
