"""How a console looks and behaves."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """How this console looks and behaves; nothing of it concerns the core."""

    ascii: bool = False
    read_only: bool = False
    mouse: bool = False
    direct: bool = True
    live: bool = True
    view: str = ""  # the first one shown, whatever was left
    resume: bool = False  # begin where the last console on this core was left, and remember where this one is
    bell: bool = False  # ring when more urgent work waits
    keymap: Path | None = None  # None: the user's own file
    wall: bool = False  # opens on the supervisor's wall
    kiosk: bool = False  # on a wall or in a browser: looks only, writes no file
    names: bool = True  # people's own figures on the wall
    auto_next: bool = False  # after a decision on an order that was taken, the next one comes by itself
    tour: bool = False  # whoever opens a desk here for the first time is shown around


USUAL = Options()
