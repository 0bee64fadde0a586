"""Which rules are in force: from which file, since when, and why a newer text of it was not taken."""

from pathlib import Path
from typing import Any

from msgspec import to_builtins

from core.model.clock import Clock
from core.model.text import clean
from core.pipeline.setup import Setup
from core.rules.rulefile import load_rules, mark_of
from core.rules.ruleset import RuleSet
from core.rules.watcher import Report, Watcher
from core.settings_files import SettingsError, read_text


class RuleBook:
    """Follows one file with a ``watcher`` and remembers how that went. ``report`` is told as the watcher tells."""

    def __init__(self, file: Path, setup: Setup, clock: Clock, report: Report) -> None:
        self.file, self._setup, self._clock, self._report = file, setup, clock, report
        self.watcher: Watcher[RuleSet] = Watcher(file, load_rules, self._swap, self._told)
        self._loaded_at = clock()
        self._refused: tuple[int, str] | None = None

    @property
    def rules(self) -> RuleSet:
        """The rules in force; none of them where the core was set up with none."""
        held = self._setup.rules
        return held if isinstance(held, RuleSet) else RuleSet()

    def reload(self) -> bool:
        """Read the file now; True when it went live. What is in force stays when it did not."""
        return self.watcher.reload()

    def standing(self) -> dict[str, Any]:
        """For ``GET /v1/rules``. ``on_disk``: the fingerprint of the file as it lies there, None when unreadable."""
        rules = self.rules
        try:
            on_disk = mark_of(read_text(self.file))
        except SettingsError:
            on_disk = None
        return {
            "file": str(self.file),
            "version": rules.version,
            "mark": rules.mark,
            "on_disk": on_disk,
            "loaded_at": self._loaded_at,
            "refused": None if self._refused is None else {"at": self._refused[0], "why": self._refused[1]},
            "rules": [to_builtins(rule) for rule in rules.rules],
        }

    def _swap(self, rules: RuleSet) -> None:
        self._setup.rules = rules
        self._loaded_at = self._clock()

    def _told(self, file: Path, error: Exception | None) -> None:
        self._refused = None if error is None else (self._clock(), clean(str(error), 500))
        self._report(file, error)
