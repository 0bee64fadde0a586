"""How many keys the desk takes, counted in a real pseudo-terminal: a key is what one press sends."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.console.fixture_core import Core
from tests.console.fixture_server import Served
from tests.console.terminalkit import Terminal

ENTER = "\r"


class Counted:
    """A terminal whose presses are counted from ``start`` on. A step is the keys, and what must then be on the screen."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self.count = terminal, 0

    def press(self, keys: Sequence[str], until: str = "") -> str:
        """Presses one key after the other, then waits for the screen."""
        for key in keys:
            self.count += 1
            self.terminal.press(key)
        return self.terminal.until(until) if until else ""


@pytest.fixture
def counted(serve: Callable[..., Served]) -> Iterator[Callable[..., tuple[Counted, Served]]]:
    """Opens terminals on cores and ends them."""
    opened: list[Terminal] = []

    def open_one(orders: int, change: Callable[[Core], None]) -> tuple[Counted, Served]:
        served = serve(orders)
        served.do(change)
        terminal = Terminal(served)
        opened.append(terminal)
        terminal.until("why it is not moving")
        return Counted(terminal), served

    yield open_one
    for terminal in opened:
        terminal.child.kill(9)
        terminal.child.close()


def short_of_stock(core: Core) -> None:
    """Every order waits for stock and for nothing else."""
    for row in core.rows.values():
        row.update(cases=["no_stock"], holds=[], why="case:no_stock", stage="open")


def one_short(core: Core) -> None:
    """One order waits for stock."""
    for row in core.rows.values():
        row.update(cases=[], holds=[], why="at_gate", stage="open")
    row = core.rows[core.order[3][2]]
    row.update(cases=["no_stock"], why="case:no_stock")


def test_a_standard_exception_takes_two_keys(counted: Callable[..., tuple[Counted, Served]]) -> None:
    desk, served = counted(40, one_short)
    desk.press("e", "no stock")
    desk.press(ENTER, "decide")
    desk.count = 0  # it is on the screen
    desk.press("1", "enter applies")
    desk.press(ENTER, "retry: 1 done")
    assert desk.count <= 2
    assert [len(job["items"]) for job in served.core.jobs] == [1]


def test_a_hundred_exceptions_of_one_cause_take_six_keys(counted: Callable[..., tuple[Counted, Served]]) -> None:
    desk, served = counted(100, short_of_stock)
    desk.press("e", "no stock")
    desk.press(ENTER, "1/100")
    desk.count = 0
    desk.press("A", "a digit decides")
    desk.press("1", "type 100 to confirm")
    desk.press(["1", "0", "0", ENTER], "retry: 100 done 0 failed")
    assert desk.count <= 6
    assert len({item["order_id"] for item in served.core.jobs[0]["items"]}) == 100


def test_filter_mark_preview_apply_takes_twelve_keys(counted: Callable[..., tuple[Counted, Served]]) -> None:
    def held(core: Core) -> None:
        for row in core.rows.values():
            row.update(cases=[], holds=["confirm"], why="hold:confirm", stage="open", platform="pdd")

    desk, served = counted(300, held)
    desk.press("M", "mark by filter")
    desk.press(["@", "p", "d", "d", ENTER], "300 orders marked")
    desk.press("c", "type 300 to confirm")
    desk.press(["3", "0", "0", ENTER], "confirm: 300 done 0 failed")
    assert desk.count <= 12
    assert len(served.core.jobs[0]["items"]) == 300


def test_an_order_is_found_by_a_fragment_and_four_keys_at_most(counted: Callable[..., tuple[Counted, Served]]) -> None:
    desk, served = counted(300, lambda core: None)
    rows = sorted(served.core.rows.values(), key=lambda row: row["id"])
    wanted = rows[217]
    fragment = wanted["ext_id"][-6:]
    same = [row for row in rows if fragment in f"{row['id']} {row['ext_id']} {row['buyer']}"]
    assert len(same) == 1
    desk.press("f", "find an order by")
    desk.press([fragment, ENTER])
    desk.terminal.until(f"| {wanted['ext_id']}")
    assert desk.count - 1 <= 4, "the fragment counts for itself"
