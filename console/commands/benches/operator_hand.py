"""A scripted operator at a console in a pty: walks through all that the desk can do, and times every answer."""

import random
import re
import time
from collections.abc import Callable

from console.commands.benches.desk import cursor_row
from console.commands.benches.pty_meter import COLUMNS, LINES, Replay, Terminal, quantile

ANSWER_S = 2.0  # a key that shows nothing for so long counts as unanswered
REST_S = 0.2  # between two keys, on average
SIZES = ((80, 24), (100, 30), (200, 50), (60, 20))
ESCAPE, ENTER = "\x1b", "\r"
_ORDER = re.compile(r"K[DN]\d{10}")
_POSITION = re.compile(r"(?:[\d,]+|-)/(?:[\d,]+|\?) *$", re.M)
# Where a key leads, and what only that place says. Each is left by escape.
PLACES = (
    ("W", "all by hand"), ("S", "Stock ·"), ("L", "Messages ·"), ("m", "my last decisions"), ("?", "esc closes"),
    ("J", "stop job"), ("\x10", "enter does it"), (":rules\r", "reload"), (":connections\r", "let shop go on"),
    (":doctor\r", "Doctor"), ("H", "my decisions"), ("x", "timeline"), ("a", "then one more key"),
)  # fmt: skip
FILTERS = ("amount>=500", "tag:VIP", "age>1h -tag:VIP", "KD00000001")


class Hand:
    """Presses, waits until the screen says what it must, keeps the time that took."""

    def __init__(self, terminal: Terminal, seed: int) -> None:
        self._terminal, self._rng = terminal, random.Random(seed)
        self._seen = Replay()
        self.took: list[float] = []  # milliseconds of each answer
        self.unanswered: list[str] = []
        self.bytes = self.screens = 0
        self._scenes: tuple[tuple[int, Callable[[], None]], ...] = (
            (8, self._move), (3, self._page), (3, self._view), (3, self._filter), (14, self._place), (2, self._marks),
            (2, self._exceptions), (2, self._resize), (1, self._end_and_home),
        )  # fmt: skip

    def look(self, seconds: float) -> str:
        """What stands on the screen after reading for a while. Raises RuntimeError when the console is gone."""
        alive = self._terminal.read(seconds)
        for data in self._terminal.take():
            self.bytes += len(data)
            self._seen.feed(data)
        if not alive:
            raise RuntimeError(f"the console ended; its last screen:\n{self._seen.whole()}")
        return self._seen.whole()

    def until(self, sees: Callable[[str], bool], seconds: float = ANSWER_S) -> bool:
        """Reads until the screen shows it; False when it does not in time."""
        end = time.monotonic() + seconds
        while not sees(self.look(0.02)):
            if time.monotonic() > end:
                return False
        return True

    def press(self, keys: str, sees: Callable[[str], bool], what: str) -> bool:
        """Keys, and what they must bring on the screen."""
        begun = time.monotonic()
        self._terminal.type(keys)
        if self.until(sees):
            self.took.append((time.monotonic() - begun) * 1000)
            self._rest()
            if keys.endswith(ESCAPE):
                self.look(0.15)  # a key right behind it would be read as one with Alt
            return True
        self.unanswered.append(f"{what}\n{self._seen.whole()}")
        self.home()
        return False

    def home(self) -> None:
        """Out of whatever is open, to the queue's first view without marks or filter."""
        for _ in range(5):
            self._terminal.type(ESCAPE)
            self.look(0.15)
        self._terminal.type("1U")
        self.look(0.3)

    def scene(self) -> None:
        """One thing that an operator does, begun and ended on the queue."""
        weights = [weight for weight, _ in self._scenes]
        self._rng.choices([scene for _, scene in self._scenes], weights)[0]()

    def percentile(self, share: float) -> float:
        """Of the answers, in milliseconds."""
        return round(quantile(self.took, share), 1) if self.took else 0.0

    def _rest(self) -> None:
        self.look(REST_S * self._rng.uniform(0.3, 1.7))

    def _position(self) -> str:
        found = _POSITION.search(self._seen.whole())
        return found[0].split("/")[0] if found else ""

    def _move(self) -> None:
        for key in ["j"] * self._rng.randint(3, 12) + ["k"] * self._rng.randint(2, 10):
            self._step(key, "a row on")

    def _here(self) -> tuple[str, str]:
        """Place and order under the cursor. An order that leaves above keeps the place as it was, another one comes under it."""
        row = cursor_row(self._seen)
        found = _ORDER.search(self._seen.text(row)) if row is not None else None
        return self._position(), found[0] if found else ""

    def _step(self, keys: str, what: str) -> None:
        place, order = self._here()
        if place == "1" and keys in ("k", "\x1b[5~"):
            return

        def moved(_: str) -> bool:
            now = self._here()
            return now[0] not in (place, "") or (order != "" and now[1] not in (order, ""))

        self.press(keys, moved, what)

    def _page(self) -> None:
        for key in ["\x1b[6~"] * self._rng.randint(2, 8) + ["\x1b[5~"] * self._rng.randint(1, 5):
            self._step(key, "a page on")

    def _end_and_home(self) -> None:
        self._step("G", "the last row")
        self.press("g", lambda _: self._position() == "1", "the first row")

    def _view(self) -> None:
        for key in self._rng.sample("345678", 2):
            self._terminal.type(key)
            self.look(0.4)
        self.press("1g", lambda _: self._position() == "1", "the first view")

    def _filter(self) -> None:
        text = self._rng.choice(FILTERS)
        if self.press("/", _shows("enter accepts"), "the filter's box"):
            self.press(f"{text}{ENTER}", _shows(f"filter: {text}"), f"filter {text}")
            self._terminal.type("jjj")
            self._rest()
            self.press(ESCAPE, _lacks("filter: "), "no filter")

    def _place(self) -> None:
        keys, words = self._rng.choice(PLACES)
        if not self.press(keys, _shows(words), words):
            return
        self.screens += 1
        for _ in range(self._rng.randint(0, 4)):
            self._terminal.type("jj" if keys != "\x10" else "o")
            self._rest()
        self._leave(words)

    def _leave(self, words: str) -> None:
        # Some places have levels: each escape leaves one.
        for _ in range(3):
            self._terminal.type(ESCAPE)
            self.look(0.15)  # a key right behind it would be read as one with Alt
            if self.until(_lacks(words), 0.7):
                return
        self.unanswered.append(f"leaving {words}\n{self._seen.whole()}")
        self.home()

    def _marks(self) -> None:
        self.press("  V\x1b[6~V", _shows(" marked"), "marks")
        if self.press("h", _shows("enter accepts"), "the note of a hold"):
            if self.press(f"look again{ENTER}", _shows("enter applies"), "the preview"):
                self.press(ESCAPE, _lacks("enter applies"), "leaving the preview")
            self.press("U", _lacks(" marked"), "no marks")

    def _exceptions(self) -> None:
        if self.press("e", _shows("decide all of this kind"), "exceptions"):
            self.press(ENTER, _shows("K"), "a group's cases")
            self._terminal.type("jjj")
            self._rest()
            for _ in range(2):
                self._terminal.type(ESCAPE)
                self.look(0.3)
        self.press("1", _lacks("decide all of this kind"), "the queue again")

    def _resize(self) -> None:
        for size in (*self._rng.sample(SIZES, 2), (COLUMNS, LINES)):
            self._terminal.resize(*size)
            self._seen.resize(*size)
            self.look(0.6)
            self._step("j", f"a row on at {size[0]}x{size[1]}")


def _shows(words: str) -> Callable[[str], bool]:
    return lambda screen: words in screen


def _lacks(words: str) -> Callable[[str], bool]:
    return lambda screen: words not in screen
