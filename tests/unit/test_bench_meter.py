"""The terminal meter: which key an answer belongs to, when a change counts as seen, and a program of known slowness."""

import os
import sys
from pathlib import Path

import pytest

from console.commands.benches.desk import count, cursor_row
from console.commands.benches.pty_meter import Answers, Pressed, Replay, Terminal, Watch, quantile

SLOW = """
import sys, time, tty
tty.setraw(0)
n, held = 0, b""
sys.stdout.write("count=0;"); sys.stdout.flush()
while True:
    held += __import__("os").read(0, 3 - len(held))
    if len(held) < 3:
        continue
    n += {b"A": -1, b"B": 1}[held[2:]]
    held = b""
    time.sleep(0.04)
    sys.stdout.write("\\x1b[?2026h\\x1b[Hcount=%d;  " % n); sys.stdout.flush()
    time.sleep(0.03)
    sys.stdout.write("\\x1b[?2026l"); sys.stdout.flush()
"""


def _keys(*steps: int) -> list[Pressed]:
    return [Pressed(float(n), step) for n, step in enumerate(steps)]


def test_each_key_is_answered_by_its_own_number() -> None:
    book = Answers(_keys(1, 1, -1), 5)
    for value, at in ((6, 0.010), (7, 1.020), (6, 2.030)):
        book.shows(value, at)
    assert [round(took) for took in book.took] == [10, 20, 30]
    assert book.lost == 0


def test_a_joined_paint_answers_all_keys_before_it() -> None:
    book = Answers(_keys(1, 1), 0)
    book.shows(2, 1.5)
    assert [round(took) for took in book.took] == [1500, 500]


def test_a_move_by_the_data_answers_no_key_and_shifts_what_follows() -> None:
    book = Answers(_keys(1, 1), 10)
    book.shows(8, 0.2)  # two rows left above the cursor
    assert book.took == []
    book.shows(9, 0.3)
    book.shows(10, 1.4)
    assert [round(took) for took in book.took] == [300, 400]


def test_a_key_is_never_answered_before_it_was_pressed() -> None:
    book = Answers(_keys(1, 1), 0)
    book.shows(2, 0.5)
    assert book.took == []
    assert book.lost == 2


def test_sequences_cut_between_chunks_are_put_together() -> None:
    replay = Replay()
    for piece in (b"\x1b[?20", b"26h\x1b[", b"5;3H\xe5\x8d", b"\xa1x\x1b[>1", b"u\x1b[?2026$", b"p"):
        replay.feed(piece)
    assert replay.in_sync
    assert replay.text(4)[2:5] == "卡 x"
    replay.feed(b"\x1b[?2026l")
    assert not replay.in_sync
    assert replay.whole().strip() == "卡x"


def test_the_lit_row_is_found_and_ambiguity_is_not_guessed() -> None:
    replay = Replay()
    for y in range(2, 30):
        replay.feed(b"\x1b[%d;1H  KD%010d " % (y, y))
    assert cursor_row(replay) is None
    replay.feed(b"\x1b[9;1H\x1b[44m  KD0000000009 \x1b[0m")
    assert cursor_row(replay) == 8
    replay.feed(b"\x1b[11;1H\x1b[44m  KD0000000011 \x1b[0m")
    assert cursor_row(replay) is None


def test_a_program_of_known_slowness_is_measured_to_the_end_of_its_update(tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    terminal = Terminal([sys.executable, str(script)], {**os.environ, "TERM": "xterm-256color"})
    try:
        watch = Watch(terminal, count)
        assert 0 < watch.until_ready(10) < 10
        terminal.read(0.1)
        sent = terminal.press(["down", "down", "up"], 0.15, 0.01, 1)
        terminal.read(0.3)
        assert terminal.peak_mb() > 1
    finally:
        terminal.close()
    took, lost = watch.answers(sent)
    assert lost == 0
    assert len(took) == 3
    assert min(took) >= 69  # 40 ms of thought and 30 ms until the update ended
    with pytest.raises(ProcessLookupError):
        os.kill(terminal.pid, 0)


def test_a_program_that_ends_is_told_with_its_last_screen() -> None:
    terminal = Terminal(["/bin/echo", "no such option"], dict(os.environ))
    try:
        with pytest.raises(RuntimeError, match="no such option"):
            Watch(terminal, count).until_ready(5)
    finally:
        terminal.close()


def test_quantiles_lie_between_neighbours() -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert quantile([1.0], 0.99) == 1.0
    assert quantile([0.0, 100.0], 0.95) == 95.0
