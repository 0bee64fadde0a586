"""How long things took, while a backlog grows: a figure must not look the better the more is left lying."""

from pathlib import Path

from core.desk.reads import Row
from core.desk.wall_look import Look, look
from core.desk.wall_sample import spread
from core.desk.wall_sql import EVENTS, SAMPLE
from core.model.clock import HOUR, MINUTE, SECOND
from core.model.ids import first_id
from core.model.lifecycle import EventKind, IntentState, Stage
from core.store.tx import Tx
from tests.store.deskdata import query, writer_on

Made = tuple[int, int, int | None]  # number, us since it was received, us it took; None: it waits


class _Reads:
    def __init__(self, path: Path) -> None:
        self.path = path

    async def all(self, sql: str, params: object = ()) -> list[Row]:
        return [tuple(row) for row in query(self.path, sql, tuple(params))]  # type: ignore[arg-type]


def _fill(made: list[Made], tail: int, again: bool) -> object:
    """A writer handler: these orders, all of them sent ``again`` now, then ``tail`` events of another kind."""

    def fill(tx: Tx, items: list[None]) -> list[int]:
        now, ends = tx.now, []
        orders, intents = [], []
        for number, ago, took in made:
            at = now - ago
            id, done = first_id(at) + number, None if took is None else at + took
            stage = Stage.ALLOCATED if done is None else Stage.DELIVERED
            orders.append((id, 1, f"B{number}", at, at, stage, at, 100, 100, at, at, at, done, at))
            state = IntentState.PENDING if done is None else IntentState.CONFIRMED
            intents.append((id, id, int(state), at, done or at))
            if done is not None:
                ends.append((done, id))
        tx.many(
            "INSERT INTO orders(id, shop, ext_id, rev, seen_at, stage, pstate, nprio, due_at, due, paid, refunded, "
            "refund_open, currency, qty, product, title, buyer, buyer_name, contact, message, tag, created_at, paid_at, "
            "received_at, delivered_at, changed_at) VALUES(?, ?, ?, ?, ?, ?, 1, 0, ?, ?, ?, 0, 0, 'CNY', 1, 'p', 'p', "
            "'', '', '', '', '', ?, ?, ?, ?, ?)",
            orders,
        )
        tx.many(
            "INSERT INTO intent(id, order_id, shop, effect, via, cls, state, gen, recipient, next_at, epoch, created_at, "
            "changed_at) VALUES(?, ?, 1, 1, 'email', 'A', ?, 1, '', 0, 1, ?, ?)",
            intents,
        )
        log = [(at, id, int(EventKind.SENT)) for at, id in sorted(ends)]
        log += [(now, id, int(EventKind.SENT)) for _, id in ends if again]
        log += [(now, 0, int(EventKind.NOTE))] * tail
        tx.many(
            "INSERT INTO event(seq, at, order_id, kind, actor, body) "
            "VALUES((SELECT coalesce(max(seq), 0) + 1 FROM event), ?, ?, ?, 'effects', '')",
            log,
        )
        return [now for _ in items]

    return fill


async def _seen(folder: Path, made: list[Made], tail: int = 0, again: bool = False) -> Look:
    writer = await writer_on(folder)
    now = await writer.do(_fill(made, tail, again), None)  # type: ignore[arg-type]
    await writer.stop()
    return await look(_Reads(writer.path), now)


def _behind() -> list[Made]:
    """More came in the last hour than is looked at, and of those only the quick ones are done; what was finished
    meanwhile had waited for five hours."""
    late: list[Made] = [(n, 5 * HOUR + n * SECOND, 5 * HOUR - 10 * MINUTE) for n in range(300)]
    new = [(1000 + n, HOUR - n * 100_000, SECOND if n % 100 == 0 else None) for n in range(SAMPLE + 1000)]
    return late + new


async def test_a_backlog_does_not_make_handling_look_quick(tmp_path: Path) -> None:
    seen = await _seen(tmp_path, _behind())
    machine = seen.told["measured"]["by_machine"]
    assert machine["n"] == 360, "all that was finished in the day"
    assert machine["median"] == 5 * HOUR - 10 * MINUTE, "not the second that the newest orders took"
    assert seen.told["measured"]["notification"]["median"] == 5 * HOUR - 10 * MINUTE
    assert spread(seen.shops[1].spans)["median"] == 5 * HOUR - 10 * MINUTE
    assert spread(seen.channels["email"].spans)["median"] == 5 * HOUR - 10 * MINUTE
    assert seen.told["finished"]["whole"]


async def test_what_waits_is_told_beside_it(tmp_path: Path) -> None:
    seen = await _seen(tmp_path, _behind())
    waiting = seen.told["waiting"]
    assert waiting["n"] == 5940
    assert waiting["oldest"] == HOUR - 100_000
    assert 54 * MINUTE < waiting["median"] < 56 * MINUTE
    assert len(seen.shops[1].ages) == 5940
    assert seen.channels["email"].waits == 5940, "the older sends wait too"


async def test_only_so_many_are_looked_at_and_the_answer_says_so(tmp_path: Path) -> None:
    finished: list[Made] = [(n, 2 * HOUR, n * SECOND // 10) for n in range(SAMPLE + 5)]
    seen = await _seen(tmp_path, finished)
    told = seen.told["finished"]
    assert (told["orders"], told["whole"]) == (SAMPLE, False)
    assert seen.told["measured"]["by_machine"]["n"] == SAMPLE


async def test_events_of_other_kinds_end_the_walk_and_that_is_said(tmp_path: Path) -> None:
    seen = await _seen(tmp_path, [(1, HOUR, SECOND)], tail=EVENTS)
    assert seen.told["finished"] == {"orders": 0, "since": None, "whole": False}


async def test_sent_again_is_not_finished_again(tmp_path: Path) -> None:
    told = (await _seen(tmp_path, [(1, 30 * HOUR, HOUR), (2, 2 * HOUR, HOUR)], again=True)).told
    assert (told["finished"]["orders"], told["measured"]["by_machine"]["n"]) == (1, 1)
