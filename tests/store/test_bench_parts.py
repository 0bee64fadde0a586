"""What the benches stand on: the made-up merchant, the traffic on it, the windows, the goals."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from console.commands.bench import NAMES, _filesystem, bench_command
from console.commands.benches.demo import _bare, _speed
from console.commands.benches.goals import GOALS, missed, table
from core.bench.live_core import Traffic
from core.bench.merchant import build
from core.bench.queue import measure
from core.store.writer import Writer
from tests.store.deskdata import query


def _kept(path: Path) -> tuple[object, object]:
    counted = query(path, "SELECT shop, stage, count(*) FROM orders GROUP BY shop, stage ORDER BY 1, 2")
    return counted, query(path, "SELECT shop, stage, n FROM tally WHERE n <> 0 ORDER BY 1, 2")


def test_half_of_the_made_up_orders_are_open_and_counters_are_right(tmp_path: Path) -> None:
    build(tmp_path / "a.db", 5000)
    assert query(tmp_path / "a.db", "SELECT count(*), sum(stage < 4) FROM orders") == [(5000, 2500)]
    counted, kept = _kept(tmp_path / "a.db")
    assert counted == kept


async def test_traffic_keeps_counters_and_moves_the_list(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    build(path, 3000)
    before = query(path, "SELECT sum(version), count(*) FROM orders")[0]
    writer = Writer(path)
    await writer.start("test")
    touched: set[int] = set()
    writer.on_touched.append(lambda told: touched.update(told.orders))
    traffic = Traffic()
    for _ in range(40):
        await writer.do(traffic.apply, 15)
    await writer.stop()
    after = query(path, "SELECT sum(version), count(*) FROM orders")[0]
    assert after[0] - before[0] > 300
    assert after[1] > before[1]
    assert len(touched) > 100
    counted, kept = _kept(path)
    assert counted == kept
    assert query(path, "SELECT nprio FROM orders WHERE stage < 4 ORDER BY nprio, due_at, id LIMIT 2") == [(-9,), (-9,)]


async def test_windows_are_measured_at_two_sizes(tmp_path: Path) -> None:
    found = await measure(tmp_path, 1, 3000, 6000)
    assert found["orders"] == [3000, 6000]
    for kind in ("head", "deep", "shop"):
        assert found[f"{kind}_1m_ms"] > 0
    assert found["window_1m_vs_100k_ratio"] == max(found["head_1m_vs_100k_ratio"], found["deep_1m_vs_100k_ratio"])


def test_the_bare_loop_delivers_through_the_practice_world(tmp_path: Path) -> None:
    assert _bare(tmp_path / "w", 60, 40) > 0
    assert _speed(tmp_path / "w", 40) > 0


@pytest.mark.parametrize("name", list(GOALS))
def test_a_missing_figure_misses_its_goal(name: str) -> None:
    holding = [goal.ratio for goal in GOALS[name] if goal.hold is not None]
    assert missed(name, {}) == holding
    assert "MISSED" in table(name, {})


def test_goals_point_the_right_way() -> None:
    assert missed("pipeline", {"pipeline_ratio": 0.2}) == []
    assert missed("pipeline", {"pipeline_ratio": 0.19}) == ["pipeline_ratio"]
    assert missed("queue", {"window_1m_vs_100k_ratio": 1.2}) == []
    assert missed("queue", {"window_1m_vs_100k_ratio": 1.21}) == ["window_1m_vs_100k_ratio"]


def test_without_a_name_the_benches_are_listed() -> None:
    shown = CliRunner().invoke(bench_command, [])
    assert shown.exit_code == 0
    assert [line.split()[0] for line in shown.output.splitlines()] == list(NAMES) == list(GOALS)


@pytest.mark.skipif(_filesystem(Path("/dev/shm")) != "tmpfs", reason="no memory file system here")
def test_a_folder_in_memory_is_refused() -> None:
    shown = CliRunner().invoke(bench_command, ["queue", "--dir", "/dev/shm"])
    assert shown.exit_code == 1
    assert "lies in memory" in shown.output
