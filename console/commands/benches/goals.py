"""What each bench must hold and what it aims at, and how a result is shown beside it."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Goal(NamedTuple):
    """A figure with its floor. ``hold`` fails the bench when it is missed, ``aim`` is only shown.

    ``least``: more is better. ``floor`` names the key that holds the floor of the same run, "" when the figure has none.
    """

    figure: str
    floor: str
    ratio: str
    hold: float | None
    aim: float | None
    least: bool = False

    def held(self, found: Mapping[str, Any]) -> bool:
        """Whether the result holds it; a figure that is missing does not."""
        if self.hold is None:
            return True
        value = found.get(self.ratio)
        if not isinstance(value, int | float):
            return False
        return value >= self.hold if self.least else value <= self.hold

    def line(self, found: Mapping[str, Any]) -> str:
        """Figure, floor, ratio, goals."""
        shown = _text(found.get(self.figure)) if self.figure else ""
        floor = _text(found.get(self.floor)) if self.floor else ""
        sign = ">=" if self.least else "<="
        goals = [
            f"{word} {sign} {limit:g}" for word, limit in (("hold", self.hold), ("aim", self.aim)) if limit is not None
        ]
        state = "" if self.hold is None else "held" if self.held(found) else "MISSED"
        return f"{self.ratio:<28}{_text(found.get(self.ratio)):>9}  {shown:>10}  {floor:>10}  {', '.join(goals):<24}{state}"


HEAD = f"{'':<28}{'ratio':>9}  {'figure':>10}  {'floor':>10}  goal"

GOALS: Mapping[str, tuple[Goal, ...]] = {
    "pipeline": (Goal("pipeline_orders_per_cpu_s", "raw_rows_per_cpu_s", "pipeline_ratio", 0.20, 0.25, least=True),),
    "intake": (
        Goal("intake_orders_per_cpu_s", "raw_rows_per_cpu_s", "intake_ratio", 0.18, 0.22, least=True),
        Goal("webhook_answers_per_cpu_s", "raw_rows_by_100_per_cpu_s", "webhook_ratio", 0.5, 0.65, least=True),
    ),
    "queue": (
        Goal("head_1m_ms", "head_100k_ms", "head_1m_vs_100k_ratio", None, 1.2),
        Goal("deep_1m_ms", "deep_100k_ms", "deep_1m_vs_100k_ratio", None, 1.2),
        Goal("shop_1m_ms", "shop_100k_ms", "shop_1m_vs_100k_ratio", None, 1.2),
        Goal("", "", "window_1m_vs_100k_ratio", 1.2, None),
    ),
    "demo": (
        Goal("delivered_per_s", "bare_per_s", "e2e_ratio", None, 0.4, least=True),
        Goal("core_cpu_ms_per_order", "bare_cpu_ms_per_order", "core_cpu_ratio", None, None),
        Goal("", "", "delivered_per_s", 200, 600, least=True),
    ),
    "desk": (
        Goal("median_ms", "floor_median_ms", "median_ratio", 1.0, 0.4),
        Goal("p95_ms", "floor_p95_ms", "p95_ratio", 1.5, 0.6),
        Goal("p99_ms", "floor_p99_ms", "p99_ratio", None, 2.0),
        Goal("", "", "bytes_per_s", 20_000, 15_000),
        Goal("", "", "idle_bytes_per_s", 0, None),
        Goal("", "", "rss_mb", 90, None),
        Goal("rss_mb", "floor_rss_mb", "rss_ratio", 2.5, 1.5),
        Goal("start_s", "floor_start_s", "start_ratio", 2.0, 1.3),
    ),
    # A console that grows 4 MB an hour is twice its size after a shift of ten hours. 8 MB an hour of the core is two
    # bytes a change at 1,000 changes a second: whatever kept a thing for each change would be a hundred times that.
    "batch": (
        Goal("batch_orders_per_s", "bare_orders_per_s", "batch_ratio", None, 0.1, least=True),
        Goal("others_p99_ms", "calm_p99_ms", "others_p99_ratio", None, 10),
        Goal("", "", "others_longest_ms", 1000, 150),
    ),
    "soak": (
        Goal("console_rss_mb", "", "console_growth_mb_per_h", 4.0, 1.0),
        Goal("core_rss_mb", "", "core_growth_mb_per_h", 8.0, 2.0),
        *(Goal("", "", f"{name}_{what}_more", 2, None) for name in ("console", "core") for what in ("fds", "threads")),
        Goal("answers", "", "unanswered", 0, None),
        Goal("", "", "bytes_per_s", None, 20_000),
    ),
}


def missed(name: str, found: Mapping[str, Any]) -> list[str]:
    """The ratios whose hold goal was missed."""
    return [goal.ratio for goal in GOALS[name] if not goal.held(found)]


def table(name: str, found: Mapping[str, Any]) -> str:
    """The result for people."""
    goals = GOALS[name]
    told = {key for goal in goals for key in (goal.figure, goal.floor, goal.ratio)}
    rest = [f"{key:<28}{_text(value)}" for key, value in found.items() if key not in told]
    return "\n".join([HEAD, *(goal.line(found) for goal in goals), "", *rest])


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key} {_text(one)}" for key, one in value.items())
    if isinstance(value, list):
        return " ".join(map(_text, value))
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return (
        f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else "-" if value is None else str(value)
    )
