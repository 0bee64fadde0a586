"""What ``keydesk doctor`` and the desk's doctor screen find out about database and settings: one home for both."""

from collections.abc import Container
from pathlib import Path

from connectors.tokens import no_renewal
from console.commands.compose import refused
from core.doctor import database_checks
from core.model.checks import Check, Examined
from core.model.text import clean
from core.settings import Settings, load
from core.store.migrate import schema_of


def examined(settings: Settings) -> Examined:
    """Database, shops, and every setting with its origin. It starts nothing and renews no token."""
    with no_renewal():
        bad = refused(settings)
    checks = database_checks(settings.database, schema_of(settings.database))
    if settings.shops:
        checks.append(Check("shops", "ok", "shops", {"names": ", ".join(settings.shops)}))
    else:
        checks.append(Check("shops", "ok", "shops_none"))
    file = str(settings.file)
    checks += [Check(name, "bad", "refused", {"file": file, "why": clean(why, 300)}) for name, why in bad.items()]
    rows = [(key, _shown(key, value, bad), origin) for key, value, origin in settings.origins()]
    return Examined(checks, rows)


def _shown(key: str, value: str, bad: Container[str]) -> str:
    """The value, unless its shop or channel was refused: under a misspelt name a secret does not look like one."""
    return "***" if key.rpartition(".")[0] in bad else value


class RunningSettings:
    """The settings that a core runs on, held against the file as it is now."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._mark = settings, _stamp(settings.file)
        self._kept: tuple[tuple[int, int], Check] | None = None

    def examine(self) -> Examined:
        """As ``examined``, and whether the file has changed since the start, and would be taken. Blocks on disks."""
        found = examined(self._settings)
        return Examined([*found.checks, self._file()], found.settings)

    def _file(self) -> Check:
        file, stamp = self._settings.file, _stamp(self._settings.file)
        if stamp == self._mark:
            return Check("settings", "ok", "settings", {"file": str(file)})
        if self._kept is None or self._kept[0] != stamp:
            self._kept = (stamp, _changed(file))
        return self._kept[1]


def _changed(file: Path) -> Check:
    try:
        with no_renewal():
            wrong = next(iter(refused(load(file=file)).items()), None)
    except Exception as error:  # whatever the file holds, the desk must be able to say it
        wrong = ("settings", str(error))
    if wrong is None:
        return Check("settings", "warn", "settings_changed", {"file": str(file)})
    facts: dict[str, str | int] = {"file": str(file), "why": clean(f"{wrong[0]}: {wrong[1]}", 300)}
    return Check("settings", "bad", "settings_refused", facts)


def _stamp(file: Path) -> tuple[int, int]:
    try:
        info = file.stat()
    except OSError:
        return (0, 0)
    return (info.st_mtime_ns, info.st_size)
